"""The paper's confidence plot: probability of the true class by one modality against fusion, one plot per
modality.

Dots are clips; bars at the edges count all clips. Above a limit the dots are a fixed random choice, and the
page says so.
"""

from __future__ import annotations

from typing import Any

import altair as alt
import polars as pl

from mixedsignals.report.page import Column, DataTable, Figure, Section, number, plural
from mixedsignals.report.theme import OUTCOMES, drawn, finish
from mixedsignals.report.views import Views

__all__ = ["confidence"]

_BINS = 20
_EDGE, _DEPTH = 1.03, 0.17
_ROWS = 15


def confidence(views: Views, points: int) -> Section | None:
    """One plot per single modality; None without targets or a fused source."""
    fusion = views.run.fusion
    if fusion not in views.sources or views.targets.is_empty() or not views.singles:
        return None
    figures = [figure for source in views.singles if (figure := _plot(views, source, points)) is not None]
    if not figures:
        return None
    return Section(
        key="confidence",
        title="How sure, and of what",
        lead=[
            "The probability that a single modality gives to the true label, against the one that fusion "
            "gives. Under the diagonal, fusion takes confidence away from a modality that had it right; "
            "above it, fusion adds to it. Choose a dot to see its clip.",
        ],
        figures=figures,
        notes=["These plots use the truth: they show what happened, and are no way to predict it."],
    )


def _plot(views: Views, source: str, points: int) -> Figure | None:
    fusion = views.run.fusion
    columns = {f"p_target:{source}": "x", f"p_target:{fusion}": "y"}
    frame = views.wide.select(
        "clip_id",
        "target",
        *(pl.col(k).alias(v) for k, v in columns.items()),
        outcome_of(source, fusion).alias("outcome"),
    )
    frame = frame.drop_nulls()
    if frame.is_empty():
        return None
    shown = frame if frame.height <= points else frame.sample(points, seed=0, shuffle=False).sort("clip_id")
    dots = (
        shown.with_columns(pl.col("x", "y").round(4))
        .rename({"clip_id": "clip", "target": "label"})
        .to_dicts()
    )
    gap = (frame["y"] - frame["x"]).mean()
    gap = gap if isinstance(gap, float) else 0.0
    words = (
        f"{plural(frame.height, 'clip')}: probability of the true label by {source} (across) against {fusion} (up). "
        f"On average {fusion} gives {number(abs(gap))} {'more' if gap >= 0 else 'less'} than {source}."
    )
    note = (
        ""
        if shown.height == frame.height
        else f"{shown.height:,} of {frame.height:,} clips are drawn, at random; the edges count all."
    )
    return Figure(
        key=f"confidence-{source}".replace("~", "-"),
        title=f"{source} against {fusion}",
        alt=words,
        spec=finish(_chart(dots, _edges(frame), source, fusion), alt=words, height=340),
        table=_table(frame, source, fusion),
        note=note,
        width="third",
        clips=True,
        key_items=tuple(OUTCOMES.values()),
    )


def outcome_of(source: str, fusion: str) -> pl.Expr:
    """Outcome of one source beside fusion, from the columns of `Views.wide`; null where one of them or the
    target is missing.
    """
    own, fused = pl.col(f"right:{source}"), pl.col(f"right:{fusion}")
    return (
        pl.when(own.is_null() | fused.is_null())
        .then(None)
        .when(own & fused)
        .then(pl.lit("both right"))
        .when(own)
        .then(pl.lit("misled"))
        .when(fused)
        .then(pl.lit("rescued"))
        .otherwise(pl.lit("both wrong"))
    )


def _edges(frame: pl.DataFrame) -> list[dict[str, float]]:
    """Bars of both marginal histograms in the coordinates of the plot, beyond 1."""
    bars = []
    for column, across in (("x", True), ("y", False)):
        place = (frame[column] * _BINS).floor().clip(0, _BINS - 1).cast(pl.Int64)
        counts = dict(place.value_counts().iter_rows())
        most = max(counts.values())
        for position, count in sorted(counts.items()):
            low, high = position / _BINS + 0.004, (position + 1) / _BINS - 0.004
            near, far = _EDGE, _EDGE + _DEPTH * count / most
            box = (low, high, near, far) if across else (near, far, low, high)
            bars.append(
                dict(zip(("x", "x2", "y", "y2"), box, strict=True))
                | {"clips": count, "from": position / _BINS}
            )
    return bars


def _chart(
    dots: list[dict[str, Any]], edges: list[dict[str, float]], source: str, fusion: str
) -> dict[str, Any]:
    scale = alt.Scale(domain=[0, _EDGE + _DEPTH], nice=False)
    axis = alt.Axis(values=[0, 0.25, 0.5, 0.75, 1], format=".2~f", grid=True)
    across = alt.X("x:Q", scale=scale, axis=axis, title=f"probability of the true label, {source}")
    up = alt.Y("y:Q", scale=scale, axis=axis, title=f"{fusion}")
    diagonal = alt.Chart(alt.InlineData(values=[{"x": 0, "y": 0, "x2": 1, "y2": 1}])).mark_rule(
        color="var(--c-base)", strokeDash=[4, 4]
    )
    bars = alt.Chart(alt.InlineData(values=edges)).mark_rect(color="var(--c-base)", opacity=0.55)
    names = list(OUTCOMES)
    points = (
        alt.Chart(alt.InlineData(values=dots))
        .mark_point(filled=True, size=34, opacity=0.75, cursor="pointer")
        .encode(
            x=across,
            y=up,
            color=alt.Color(
                "outcome:N", scale=alt.Scale(domain=names, range=[OUTCOMES[n][0] for n in names]), legend=None
            ),
            shape=alt.Shape(
                "outcome:N", scale=alt.Scale(domain=names, range=[OUTCOMES[n][1] for n in names]), legend=None
            ),
            tooltip=[
                alt.Tooltip("clip:N", title="clip"),
                alt.Tooltip("label:N", title="true label"),
                alt.Tooltip("x:Q", format=".3f", title=source),
                alt.Tooltip("y:Q", format=".3f", title=fusion),
                alt.Tooltip("outcome:N", title="outcome"),
            ],
        )
    )
    counts = [
        alt.Tooltip("clips:Q", format=",", title="clips"),
        alt.Tooltip("from:Q", format=".2f", title="from"),
    ]
    return drawn(
        alt.layer(
            diagonal.encode(x="x:Q", y="y:Q", x2="x2:Q", y2="y2:Q"),
            bars.encode(x="x:Q", x2="x2:Q", y="y:Q", y2="y2:Q", tooltip=counts),
            points,
        )
    )


def _table(frame: pl.DataFrame, source: str, fusion: str) -> DataTable:
    far = (
        frame.with_columns((pl.col("y") - pl.col("x")).alias("gap"))
        .sort(pl.col("gap").abs(), descending=True)
        .head(_ROWS)
    )
    columns = [
        Column("clip_id", "clip", "clip"),
        Column("target", "true label"),
        Column("x", source, "number"),
        Column("y", fusion, "number"),
    ]
    columns += [Column("gap", "difference", "number"), Column("outcome", "outcome")]
    return DataTable(
        f"confidence-{source}", f"The {len(far)} clips farthest from the diagonal", columns, far.to_dicts()
    )
