"""Can the probabilities be believed: accuracy against confidence per source, raw and after calibration out of
fold.
"""

from __future__ import annotations

import math
from typing import Any

import altair as alt
import polars as pl

from mixedsignals.report.page import Column, DataTable, Figure, Section, number
from mixedsignals.report.theme import colour, drawn, finish, shape, source_scale
from mixedsignals.report.views import Views

__all__ = ["calibration"]

_BINS = 10
_PER_BIN = 10


def calibration(views: Views) -> Section | None:
    """Reliability curves in bins of equal size; None without targets or predictions."""
    if views.targets.is_empty() or views.fullest.is_empty():
        return None
    figures = [f for f in (_figure(views, "probability"), _figure(views, "calibrated")) if f]
    if not figures:
        return None
    return Section(
        key="calibration",
        title="Can the probabilities be believed",
        lead=[
            "Clips are put in ten bins of equal size by the probability of the label that a model chose; a "
            "model that says .8 should be right on 80 % of them. Points under the diagonal are "
            "overconfident, and a gap between models may be nothing but that."
        ],
        figures=figures,
    )


def _figure(views: Views, column: str) -> Figure | None:
    rows = _bins(views, column)
    if not rows:
        return None
    sources = [s for s in views.sources if any(row["source"] == s for row in rows)]
    gaps = {s: _gap([row for row in rows if row["source"] == s]) for s in sources}
    what = "as the models say them" if column == "probability" else "after calibration out of fold"
    words = f"Reliability {what}. Mean gap between confidence and accuracy: "
    words += "; ".join(f"{source} {number(gap)}" for source, gap in gaps.items()) + "."
    columns = [
        Column("source", "model"),
        Column("confidence", "mean confidence", "number"),
        Column("accuracy", "accuracy", "number"),
    ]
    return Figure(
        key="reliability" if column == "probability" else "reliability-calibrated",
        title="Raw probabilities" if column == "probability" else "After calibration",
        alt=words,
        spec=finish(_chart(rows, sources), alt=words, height=320),
        table=DataTable(
            f"reliability-{column}",
            f"Reliability {what}",
            [*columns, Column("clips", "clips", "count")],
            rows,
        ),
        note="Mean gap: " + ", ".join(f"{source} {number(gap)}" for source, gap in gaps.items()) + ".",
        width="half",
        key_items=tuple((colour(s), shape(s), s) for s in sources),
    )


def _bins(views: Views, column: str) -> list[dict[str, Any]]:
    frame = views.fullest.drop_nulls(column)
    best = frame.sort(column, "label", descending=[True, False]).group_by(
        "clip_id", "source", maintain_order=True
    )
    chosen = best.agg(pl.col("label", column).first()).join(views.targets, on="clip_id")
    rows = []
    for source in views.sources:
        own = chosen.filter(pl.col("source") == source).sort(column, "clip_id")
        bins = min(_BINS, own.height // _PER_BIN)
        if bins < 2:
            continue
        cut = own.with_columns((pl.int_range(pl.len()) * bins // pl.len()).alias("bin"))
        means = cut.group_by("bin").agg(
            pl.col(column).mean().alias("confidence"),
            (pl.col("label") == pl.col("target")).mean().alias("accuracy"),
            pl.len().alias("clips"),
        )
        rows += [{"source": source, **row} for row in means.sort("bin").to_dicts()]
    return rows


def _gap(rows: list[dict[str, Any]]) -> float:
    total = sum(row["clips"] for row in rows)
    return float(sum(row["clips"] * abs(row["confidence"] - row["accuracy"]) for row in rows) / total)


def _chart(rows: list[dict[str, Any]], sources: list[str]) -> dict[str, Any]:
    domain, colours, shapes = source_scale(sources)
    least = min(min(row["confidence"], row["accuracy"]) for row in rows)
    low = max(0.0, math.floor(10 * least - 0.5) / 10)
    scale = alt.Scale(domain=[low, 1], nice=False, zero=False)
    axis = alt.Axis(tickCount=5, format=".2~f")
    diagonal = alt.Chart(alt.InlineData(values=[{"confidence": low, "accuracy": low, "x2": 1, "y2": 1}]))
    across = alt.X("confidence:Q", scale=scale, axis=axis, title="mean probability of the chosen label")
    up = alt.Y("accuracy:Q", scale=scale, axis=axis, title="share of clips that are right")
    base = alt.Chart(alt.InlineData(values=rows)).encode(
        x=across,
        y=up,
        color=alt.Color("source:N", scale=alt.Scale(domain=domain, range=colours), legend=None),
    )
    tips = [
        alt.Tooltip("source:N", title="model"),
        *(alt.Tooltip(f"{k}:Q", format=".3f") for k in ("confidence", "accuracy")),
    ]
    return drawn(
        alt.layer(
            diagonal.mark_rule(color="var(--c-base)", strokeDash=[4, 4]).encode(
                x=across, y=up, x2="x2:Q", y2="y2:Q"
            ),
            base.mark_line(strokeWidth=1.5, opacity=0.6),
            base.mark_point(filled=True, size=60, opacity=1).encode(
                shape=alt.Shape("source:N", scale=alt.Scale(domain=domain, range=shapes), legend=None),
                tooltip=[*tips, alt.Tooltip("clips:Q", format=",")],
            ),
        )
    )
