"""The verb `report`: the HTML folder of a run, a view of its saved tables."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal
from urllib.parse import quote

import polars as pl

from mixedsignals.api.diagnosing import read_answer
from mixedsignals.errors import InputError, Problem
from mixedsignals.labels import Labels
from mixedsignals.progress import SILENT, Progress
from mixedsignals.store import RunFolder
from mixedsignals.tables import TABLES, read_table

__all__ = ["media_shown", "report"]

Media = Literal["copy", "link", "none"]


def report(run: Path | str, *, media: Media = "copy", progress: Progress = SILENT) -> Path:
    """Write `RUN/report/index.html`, and say where it is.

    Args:
        media: `copy` the clips' media into the report (transcoded where browsers cannot play them), `link` to where
            they lie, or leave them out (`none`).

    Raises:
        InputError: the folder is no run, or has not been diagnosed.
    """
    from mixedsignals.diagnosis import explanations
    from mixedsignals.report import Explanation, ReportInput, write_report

    folder = RunFolder(Path(run))
    manifest = folder.read_manifest()
    shown = (
        "clips",
        "predictions",
        "scores",
        "estimates",
        "findings",
        "targets",
        "votes",
        "gates",
        "splits",
        "cues",
    )
    tables = {name: _read(folder, name) for name in shown if folder.table(name).is_file()}
    if "findings" not in tables:
        problem = Problem(
            "not-diagnosed", "has no findings yet", f"Run `mixedsignals diagnose {run}` first.", file=str(run)
        )
        raise InputError(problem)
    corpus = manifest["corpus"]
    given = ReportInput(
        labels=Labels(tuple(corpus["labels"]), corpus["kind"]),
        answer=read_answer(folder),
        manifest=manifest,
        media_root=Path(corpus["media_root"]) if "media_root" in corpus else None,
        tables=folder.tables,
        explanations={code: Explanation(title, text) for code, (title, text) in explanations().items()},
        title=corpus["name"],
        fusion=manifest.get("diagnosis", {}).get("fusion", "fusion"),
        **{name: tables.get(name) for name in shown},
    )
    return write_report(given, folder.report, media=media, progress=progress)


def media_shown(folder: RunFolder) -> Media:
    """How the report that is there shows media, for one that takes its place; `copy` where there is none."""
    page, root = folder.report / "index.html", folder.read_manifest().get("corpus", {}).get("media_root")
    if not page.is_file() or (folder.report / "media").is_dir():
        return "copy"
    if root is None:
        return "none"
    near = quote(Path(os.path.relpath(root, folder.report.resolve())).as_posix())
    return "link" if f"{near}/" in page.read_text(encoding="utf-8") else "none"


def _read(folder: RunFolder, name: str) -> pl.DataFrame:
    """What the report needs of one table."""
    from mixedsignals.report import COLUMNS, SCORES

    where = pl.col("measure").is_in(SCORES) if name == "scores" else None
    return read_table(TABLES[name], folder.table(name), columns=COLUMNS.get(name), where=where)
