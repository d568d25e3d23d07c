"""Whom fusion follows: one modality from another clip, how that goes with being sure, and what other changes do."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import polars as pl

from mixedsignals.labels import MODALITIES
from mixedsignals.report.dots import Dots, dot_figure
from mixedsignals.report.page import Column, DataTable, Figure, Section, number
from mixedsignals.report.sections.lines import Axis, lines
from mixedsignals.report.theme import colour, shape
from mixedsignals.report.views import Views, source_order

__all__ = ["followed"]

_KEPT = ("value", "low", "high", "n_clips", "n_groups", "method")
_MOST_LABELS = 12
_NOISE = re.compile(r"^(media:)?noise:(-?\d+(?:\.\d+)?)$")
_WORDS = {
    "mute": "withheld",
    "mismatch": "of the same label",
    "media:mute": "muted recording",
    "media:mismatch": "spliced, same label",
    "media:freeze": "frozen",
    "media:negate": "negated",
}


def followed(views: Views) -> Section | None:
    """Figures of every fused source that was probed; None where none was."""
    table = views.run.estimates
    if table is None or table.is_empty():
        return None
    probed = table.filter(pl.col("measure").is_in(["follow_decisions", "probe_change"]))
    sources = source_order(probed["source"].unique().to_list(), views.run.fusion)
    sources.sort(key=lambda name: name != views.run.fusion)
    if not sources:
        return None
    return Section(
        key="followed",
        title="Whom fusion follows",
        lead=[
            "One modality of a clip is taken from another clip with another label, and nothing else is changed. The "
            "follow rate is how much the probability of that other label grows: 1, fusion goes wherever the modality "
            "points; 0, it does not care. Gates say what a model lets through; this says what it does.",
            "A fusion that weighs evidence follows a modality less where that is unsure and the others are not. Noise, "
            "withheld modalities and altered recordings are held against the unaltered clip.",
        ],
        figures=[
            figure for at, source in enumerate(sources) for figure in _of_source(views, table, source, at)
        ],
        notes=[
            "Intervals leave out a speaker both as the one who receives a modality and as the one who lends it. "
            "A swapped clip is one that nobody recorded, so fusion answers for clips unlike those that it learned."
        ],
    )


def _of_source(views: Views, table: pl.DataFrame, source: str, at: int) -> Iterator[Figure]:
    own, end = table.filter(source=source), f"-{at}" if at else ""
    made = (
        _rates(own, source, f"followed-rates{end}"),
        _by_label(views, own, source, f"followed-labels{end}"),
        _by_entropy(own, source, f"followed-entropy{end}"),
        _by_noise(own, source, f"followed-noise{end}"),
        _changes(own, source, f"followed-changes{end}"),
        _lost(own, source, f"followed-lost{end}"),
    )
    yield from (figure for figure in made if figure is not None)


def _rows(own: pl.DataFrame, measure: str, start: str) -> dict[str, dict[str, Any]]:
    """Estimates of a measure whose slice begins so, by the rest of the slice, modalities in the usual order."""
    held = own.filter(pl.col("measure") == measure, pl.col("slice").str.starts_with(start))
    rows = {row["slice"].removeprefix(start): row for row in held.iter_rows(named=True)}
    return {name: rows[name] for name in source_order(list(rows))}


def _row(row: dict[str, Any], name: str, modality: str, base: dict[str, Any] | None = None) -> dict[str, Any]:
    held = base or {}
    return {
        **{key: row[key] for key in _KEPT},
        "name": name,
        "source": modality,
        "base": held.get("value"),
        "base_low": held.get("low"),
        "base_high": held.get("high"),
    }


def _interval(row: Mapping[str, Any]) -> str:
    """`.31 [.25, .37]`."""
    return f"{number(row['value'], 2)} [{number(row['low'], 2)}, {number(row['high'], 2)}]"


def _rates(own: pl.DataFrame, source: str, key: str) -> Figure | None:
    decisions = _rows(own, "follow_decisions", "swapped=")
    rows = [
        _row(row, modality, modality, decisions.get(modality))
        for modality, row in _rows(own, "follow_rate", "swapped=").items()
    ]
    rows += [
        _row(row, f"{modality}, spliced recording", modality)
        for modality, row in _rows(own, "follow_rate", "media:swap=").items()
    ]
    told = []
    for row in own.filter(measure="follow_difference").iter_rows(named=True):
        more, less = row["slice"].removeprefix("swapped=").split("|")
        told.append(f"{more} {_interval(row)} over {less}")
    return dot_figure(
        Dots(
            key,
            f"{source}: whom it follows",
            "follow rate",
            rows,
            baseline="in predicted labels",
            zero=True,
            width="half",
            note=f"Differences on the same clips: {'; '.join(told)}." if told else "",
        )
    )


def _by_label(views: Views, own: pl.DataFrame, source: str, key: str) -> Figure | None:
    """The follow rate towards each label of the lending clip, one mark per modality."""
    labels = list(views.run.labels.names)
    if len(labels) > _MOST_LABELS:
        return None
    rows = [
        {**{name: row[name] for name in _KEPT}, "what": label, "series": modality, "place": label}
        for modality in MODALITIES
        for label, row in _rows(own, f"follow_rate:{modality}", "label=").items()
    ]
    title = f"{source}: towards which label"
    order = [label for label in labels if any(row["place"] == label for row in rows)]
    axis = Axis("place", "label of the clip that lends", order=order)
    return _figure(key, title, "follow rate", axis, rows, note="")


def _by_entropy(own: pl.DataFrame, source: str, key: str) -> Figure | None:
    rows = []
    for modality in MODALITIES:
        places = _rows(own, f"relative_entropy:{modality}", "bin=")
        for bin_name, row in sorted(_rows(own, f"follow_at_entropy:{modality}", "bin=").items()):
            if bin_name in places:
                x = places[bin_name]["value"]
                what = f"{modality}, bin {int(bin_name)}"
                rows.append(
                    {**{name: row[name] for name in _KEPT}, "what": what, "series": modality, "place": x}
                )
    held = own.filter(pl.col("measure").str.starts_with("follow_by_entropy:"), slice="all")
    slopes = [f"{row['measure'].partition(':')[2]} {_interval(row)}" for row in held.iter_rows(named=True)]
    note = f"Slopes per unit of relative entropy: {'; '.join(slopes)}." if slopes else ""
    axis = Axis("place", "relative entropy (−1: it alone is sure)")
    return _figure(key, f"{source}: does it follow what is sure?", "follow rate", axis, rows, note=note)


def _by_noise(own: pl.DataFrame, source: str, key: str) -> Figure | None:
    """Decisions changed against the level of noise, from the faintest on; unaltered is no change by definition."""
    rows, levels = [], {}
    for row in own.filter(measure="probe_change").iter_rows(named=True):
        probe, _, modality = row["slice"].rpartition("=")
        level = _NOISE.match(probe)
        if level and not level[1]:
            levels[f"{level[2]} dB"] = -float(level[2])
            rows.append(
                {**{name: row[name] for name in _KEPT}, "what": f"{modality}, {level[2]} dB"}
                | {"series": modality, "place": f"{level[2]} dB"}
            )
    order = sorted(levels, key=lambda name: levels[name])
    axis = Axis("place", "signal to noise in the embedding", order=order)
    title = f"{source}: what noise in one modality changes"
    return _figure(key, title, "share of decisions changed", axis, rows, note="", share=True)


def _probes(own: pl.DataFrame, measure: str) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Probe in words, modality and row, noise in embeddings apart."""
    held = list(own.filter(pl.col("measure") == measure).iter_rows(named=True))
    for row in held:
        probe, _, modality = row["slice"].rpartition("=")
        level = _NOISE.match(probe)
        if level and level[1]:
            yield f"noise at {level[2]} dB, recording", modality, row
        elif probe.startswith("media:shift:"):
            yield f"sound shifted {probe.rpartition(':')[2]} ms", modality, row
        elif probe in _WORDS:
            yield _WORDS[probe], modality, row


def _changes(own: pl.DataFrame, source: str, key: str) -> Figure | None:
    again = own.filter(pl.col("measure") == "probe_change", pl.col("slice").str.starts_with("media:plain="))
    base = next(again.iter_rows(named=True), None)
    rows = [
        _row(
            row,
            f"{'' if '+' in modality else modality + ' '}{words}",
            modality,
            base if _of_media(row) else None,
        )
        for words, modality, row in _probes(own, "probe_change")
    ]
    return dot_figure(
        Dots(
            key,
            f"{source}: what other changes do",
            "share of decisions changed",
            rows,
            baseline="encoding again, unchanged",
            share=True,
            zero=True,
            width="half",
        )
    )


def _of_media(row: dict[str, Any]) -> bool:
    return str(row["slice"]).startswith("media:")


def _lost(own: pl.DataFrame, source: str, key: str) -> Figure | None:
    rows = [
        _row(row, f"{'' if '+' in modality else modality + ' '}{words}", modality) | {"base": 0.0}
        for words, modality, row in _probes(own, "probe_loss")
    ]
    return dot_figure(
        Dots(key, f"{source}: what that costs", "accuracy lost", rows, baseline="nothing", width="half")
    )


def _figure(
    key: str,
    title: str,
    up: str,
    across: Axis,
    rows: list[dict[str, Any]],
    *,
    note: str,
    share: bool = False,
) -> Figure | None:
    """Lines of one or more modalities with their intervals and the table behind them."""
    if not rows:
        return None
    names = source_order([row["series"] for row in rows])
    words = [
        f"{row['series']} {number(row['value'], 2)} at {row['place'] if across.order else number(row['place'], 2)}"
        for row in rows
    ]
    told = f"{title}; {up} against {across.title}: {'; '.join(words)}."
    kind: Any = "share" if share else "number"
    columns = [
        Column("series", "modality"),
        Column("place", across.title, "text" if across.order else "number"),
        Column("value", up, kind),
        Column("low", "from", kind),
        Column("high", "to", kind),
        Column("n_clips", "clips", "count"),
        Column("n_groups", "groups", "count"),
        Column("method", "interval"),
    ]
    return Figure(
        key=key,
        title=title,
        alt=told,
        spec=lines(rows, names, across, up, alt_text=told, share=share),
        table=DataTable(key, title, columns, rows),
        note=note,
        width="half",
        key_items=tuple((colour(name), shape(name), name) for name in names),
    )
