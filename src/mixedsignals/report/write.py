"""Writes the report: sections, clips and media into one folder whose `index.html` opens from a file path,
offline.

The page is written last and whole; a report that is written again keeps the media that are still right.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, get_args
from urllib.parse import quote

from mixedsignals.errors import UsageError
from mixedsignals.progress import SILENT, Progress
from mixedsignals.report.clips import ClipList, choose
from mixedsignals.report.inputs import ReportInput, ReportOptions
from mixedsignals.report.page import DataTable, Section, plural
from mixedsignals.report.playback import Media, Player, prepare
from mixedsignals.report.records import describe
from mixedsignals.report.render import asset, render
from mixedsignals.report.sections import AFTER_CLIPS, SECTIONS, build_sections
from mixedsignals.report.sections.dominated import case_clips
from mixedsignals.report.sections.facts import facts, public
from mixedsignals.report.theme import unchecked
from mixedsignals.report.views import Views
from mixedsignals.store import atomic

__all__ = ["write_report"]

DEFAULTS = ReportOptions()


def write_report(
    run: ReportInput,
    out: Path | str,
    *,
    media: Media = "copy",
    options: ReportOptions = DEFAULTS,
    progress: Progress = SILENT,
) -> Path:
    """Write `out/index.html` from saved tables and return its path.

    Args:
        run: the tables, sentences and manifest; an absent table leaves out its section, never raises.
        out: folder of the report; made if needed, and only files that a report makes are replaced in it.
        media: `copy` puts the listed clips' media (transcoded where browsers need it, cut to their spans)
            into `out/media`;
            `link` points to the files where they are; `none` leaves playback out.
        options: how much the page carries; the page says what was left out.
        progress: told about media, the only slow part.

    Raises:
        UsageError: an unknown `media`.
        CannotFinish: the disk is full or the folder cannot be written.
    """
    if media not in get_args(Media):
        raise UsageError(f"media is {media!r}; legal are {', '.join(get_args(Media))}")
    out = Path(out)
    views = Views(run)
    with unchecked():
        before = build_sections(SECTIONS, views, options)
        after = build_sections(AFTER_CLIPS, views, options)
    cases = case_clips(views)
    chosen = choose(views, options.listed).making_room(cases)
    players = _players(run, chosen, cases, out, media, options, progress)
    context = {
        "run": run,
        "subject": "Where the models part ways" if views.sources else "How people judged",
        "facts": facts(run),
        "manifest": public(run.manifest),
        "sections": before,
        "after": after,
        "clips_lead": _clips_lead(run, chosen, players, media, options),
        "listed": len(chosen.ids),
        "figures": {
            figure.key: dict(figure.spec) for section in before + after for figure in section.figures
        },
        "tables": {table.key: _saved(table) for section in before + after for table in _tables(section)},
        "data": describe(views, chosen, players),
        "links": _links(run, out),
        "noticed": _noticed(before),
    }
    page = render("report.html.j2", context)
    with atomic(out / "charts.licences.txt") as partial:
        partial.write_text(asset("charts.licences.txt"), encoding="utf-8")
    with atomic(out / "index.html") as partial:
        partial.write_text(page, encoding="utf-8")
    return out / "index.html"


def _players(
    run: ReportInput,
    chosen: ClipList,
    cases: list[str],
    out: Path,
    media: Media,
    options: ReportOptions,
    progress: Progress,
) -> dict[str, list[Player]]:
    """Players of the first clips, and of those that a table of cases names."""
    if run.clips is None:
        return {}
    first = dict.fromkeys([*chosen.ids[: options.media_clips], *(c for c in cases if options.media_clips)])
    wanted = chosen.ids if media == "link" else list(first)
    rows = {row["clip_id"]: row for row in run.clips.filter(run.clips["clip_id"].is_in(wanted)).to_dicts()}
    ordered = [rows[clip_id] for clip_id in wanted if clip_id in rows]
    return prepare(ordered, run.media_root, out, media=media, height=options.height, progress=progress)


def _clips_lead(
    run: ReportInput, chosen: ClipList, players: dict[str, list[Player]], media: Media, options: ReportOptions
) -> list[str]:
    if not chosen.ids:
        return []
    some = (
        f"{len(chosen.ids):,} of {chosen.total:,} clips"
        if len(chosen.ids) < chosen.total
        else f"All {plural(chosen.total, 'clip')}"
    )
    last = (
        f"; the last {chosen.further:,} are cases in which a dominant signal misleads"
        if chosen.further
        else ""
    )
    lines = [f"{some}, ordered by {chosen.order}{last}."]
    if media == "none" or run.media_root is None:
        lines.append("This report carries no media.")
    elif media == "copy" and len(chosen.ids) > options.media_clips:
        more = len(players) - options.media_clips
        further = f", and for {plural(more, 'case')} in which a dominant signal misleads" if more > 0 else ""
        lines.append(f"Playback is carried for the first {options.media_clips:,}{further}.")
    broken = sum(all(player.kind == "none" for player in several) for several in players.values())
    if broken:
        lines.append(f"{plural(broken, 'clip')} of them cannot be played; each says why.")
    return lines


def _noticed(sections: list[Section]) -> str:
    """How many issues and tips there are, in words; empty without any."""
    found = [finding for section in sections for finding in section.findings]
    counts = [(one, sum(len(f.said) for f in found if f.status == one)) for one in ("issue", "tip")]
    told = " and ".join(plural(count, one) for one, count in counts if count)
    return f"The checks found {told}." if told else ""


def _tables(section: Section) -> list[DataTable]:
    return [*(figure.table for figure in section.figures), *section.tables]


def _saved(table: DataTable) -> dict[str, Any]:
    """What a reader saves as CSV or JSON: raw values, not the printed ones."""
    keys = [column.key for column in table.columns]
    return {"columns": keys, "rows": [[row.get(key) for key in keys] for row in table.rows]}


def _links(run: ReportInput, out: Path) -> list[tuple[str, str]]:
    """Name and relative address of the run's saved tables; none when they lie on another drive."""
    if run.tables is None or not run.tables.is_dir():
        return []
    try:
        folder = os.path.relpath(run.tables.resolve(), out.resolve())
    except ValueError:
        return []
    return [
        (path.stem, quote(Path(folder, path.name).as_posix()))
        for path in sorted(run.tables.glob("*.parquet"))
    ]
