"""The paper's confidence plot: probability of the true class by one modality against fusion, one plot per
modality.

Dots are clips; bars at the edges count all clips. Above a limit the dots are a fixed random choice, and the
page says so. Where probabilities were calibrated out of fold, the reader can switch between both.
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
_SWITCH = "calibrated"


def confidence(views: Views, points: int) -> Section | None:
    """One plot per single modality; None without targets or a fused source."""
    fusion = views.run.fusion
    if fusion not in views.sources or views.targets.is_empty() or not views.singles:
        return None
    plots = [_plot(views, source, points) for source in views.singles]
    figures = [figure for figure in plots if figure is not None]
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
        key_items=tuple(OUTCOMES.values()),
        switch=(_SWITCH, "as the models say", "calibrated out of fold") if views.calibrated else None,
        notes=["These plots use the truth: they show what happened, and are no way to predict it."],
    )


def outcome_of(source: str, fusion: str) -> pl.Expr:
    """Outcome of one source beside fusion, from the columns of `Views.wide`; null where one or the target is
    missing.
    """
    own, fused = pl.col(f"right:{source}"), pl.col(f"right:{fusion}")
    known = pl.when(own.is_null() | fused.is_null()).then(None)
    words = known.when(own & fused).then(pl.lit("both right")).when(own).then(pl.lit("misled"))
    return words.when(fused).then(pl.lit("rescued")).otherwise(pl.lit("both wrong"))


def _plot(views: Views, source: str, points: int) -> Figure | None:
    fusion = views.run.fusion
    columns = {
        "x": f"p_target:{source}",
        "y": f"p_target:{fusion}",
        "cx": f"c_target:{source}",
        "cy": f"c_target:{fusion}",
    }
    chosen = [pl.col(of).alias(name) for name, of in columns.items()]
    frame = views.wide.select("clip_id", "target", *chosen, outcome_of(source, fusion).alias("outcome"))
    frame = frame.drop_nulls(["target", "x", "y", "outcome"]).sort("clip_id")
    if frame.is_empty():
        return None
    shown = frame if frame.height <= points else frame.sample(points, seed=0).sort("clip_id")
    rounded = shown.with_columns(pl.col(*columns).round(3)).rename({"clip_id": "clip", "target": "label"})
    gap = float((frame["y"] - frame["x"]).to_numpy().mean())
    words = (
        f"{plural(frame.height, 'clip')}: probability of the true label by {source} (across) against {fusion} (up). "
        f"On average {fusion} gives {number(abs(gap))} {'more' if gap >= 0 else 'less'} than {source}."
    )
    some = f"{shown.height:,} of {frame.height:,} clips are drawn, at random; the edges count all."
    return Figure(
        key=f"confidence-{views.sources.index(source)}",
        title=f"{source} against {fusion}",
        alt=words,
        spec=finish(_chart(rounded.to_dicts(), _edges(frame), source, fusion), alt=words, height=340),
        table=_table(frame, source, fusion),
        note="" if shown.height == frame.height else some,
        width="third",
        clips=True,
    )


def _edges(frame: pl.DataFrame) -> list[dict[str, Any]]:
    """Bars of the marginal histograms, raw and calibrated, in the coordinates of the plot, beyond 1."""
    bars: list[dict[str, Any]] = []
    for column, across, calibrated in (
        ("x", True, False),
        ("y", False, False),
        ("cx", True, True),
        ("cy", False, True),
    ):
        place = (frame[column].drop_nulls() * _BINS).floor().clip(0, _BINS - 1).cast(pl.Int64)
        counts = dict(place.value_counts().iter_rows())
        most = max(counts.values(), default=1)
        for position, count in sorted(counts.items()):
            low, high = position / _BINS + 0.004, (position + 1) / _BINS - 0.004
            far = round(_EDGE + _DEPTH * count / most, 4)
            box = (low, high, _EDGE, far) if across else (_EDGE, far, low, high)
            bar = dict(zip(("x", "x2", "y", "y2"), box, strict=True))
            bars.append(bar | {"clips": count, "from": position / _BINS, _SWITCH: calibrated})
    return bars


def _chart(
    dots: list[dict[str, Any]], edges: list[dict[str, Any]], source: str, fusion: str
) -> dict[str, Any]:
    scale = alt.Scale(domain=[0, _EDGE + _DEPTH], nice=False)
    axis = alt.Axis(values=[0, 0.25, 0.5, 0.75, 1], format=".2~f", grid=True)
    names = list(OUTCOMES)
    colours, shapes = ([OUTCOMES[name][part] for name in names] for part in (0, 1))
    switch = alt.param(name=_SWITCH, value=False)
    diagonal = alt.Chart(alt.InlineData(values=[{"x": 0, "y": 0, "x2": 1, "y2": 1}]))
    bars = alt.Chart(alt.InlineData(values=edges)).transform_filter(f"datum.{_SWITCH} == {_SWITCH}")
    points = alt.Chart(alt.InlineData(values=dots)).transform_calculate(
        across=f"{_SWITCH} ? datum.cx : datum.x", up=f"{_SWITCH} ? datum.cy : datum.y"
    )
    counts = [
        alt.Tooltip("clips:Q", format=",", title="clips"),
        alt.Tooltip("from:Q", format=".2f", title="from"),
    ]
    told = [
        alt.Tooltip("clip:N", title="clip"),
        alt.Tooltip("label:N", title="true label"),
        alt.Tooltip("across:Q", format=".3f", title=source),
        alt.Tooltip("up:Q", format=".3f", title=fusion),
        alt.Tooltip("outcome:N", title="outcome"),
    ]
    layers = alt.layer(
        diagonal.mark_rule(color="var(--c-base)", strokeDash=[4, 4]).encode(
            x="x:Q", y="y:Q", x2="x2:Q", y2="y2:Q"
        ),
        bars.mark_rect(color="var(--c-base)", opacity=0.55).encode(
            x="x:Q", x2="x2:Q", y="y:Q", y2="y2:Q", tooltip=counts
        ),
        points.mark_point(filled=True, size=34, opacity=0.75, cursor="pointer").encode(
            x=alt.X("across:Q", scale=scale, axis=axis, title=f"probability of the true label, {source}"),
            y=alt.Y("up:Q", scale=scale, axis=axis, title=fusion),
            color=alt.Color("outcome:N", scale=alt.Scale(domain=names, range=colours), legend=None),
            shape=alt.Shape("outcome:N", scale=alt.Scale(domain=names, range=shapes), legend=None),
            tooltip=told,
        ),
    )
    return drawn(layers.add_params(switch))


def _table(frame: pl.DataFrame, source: str, fusion: str) -> DataTable:
    gap = (pl.col("y") - pl.col("x")).alias("gap")
    far = frame.with_columns(gap).sort(pl.col("gap").abs(), "clip_id", descending=[True, False]).head(_ROWS)
    columns = [
        Column("clip_id", "clip", "clip"),
        Column("target", "true label"),
        Column("x", source, "number"),
        Column("y", fusion, "number"),
        Column("gap", "difference", "number"),
        Column("outcome", "outcome"),
    ]
    caption = f"{source} against {fusion}: the {len(far)} clips farthest from the diagonal"
    return DataTable(f"confidence-{source}", caption, columns, far.select(c.key for c in columns).to_dicts())
