"""Data maps: one per source, every clip by how sure the source became of it and how much it wavered meanwhile."""

from __future__ import annotations

from typing import Any

import altair as alt
import polars as pl

from mixedsignals.report.page import Column, DataTable, Figure, Section, number, plural
from mixedsignals.report.theme import drawn, finish
from mixedsignals.report.views import Views, source_order

__all__ = ["MAP_SCORES", "maps"]

MAP_SCORES = (
    *("training_confidence", "training_variability", "training_correctness", "training_region", "forgotten"),
)
"""Measures of `scores` that the maps are drawn from."""

_REGIONS = {1: "easy", 0: "ambiguous", -1: "hard to learn"}
_LOOKS = {
    "easy": ("var(--c-rescued)", "circle"),
    "ambiguous": ("var(--c-quiet)", "diamond"),
    "hard to learn": ("var(--c-misled)", "triangle-up"),
}
_ROWS = 15


def maps(views: Views, points: int) -> Section | None:
    """One map per source; None where the run has no training dynamics."""
    table = views.run.scores
    if table is None:
        return None
    own = table.filter(pl.col("measure").is_in(MAP_SCORES))
    if own.is_empty():
        return None
    wide = own.pivot(on="measure", index=["clip_id", "source"], values="value", maintain_order=True)
    wide = wide.join(views.targets, on="clip_id", how="left")
    for name in MAP_SCORES:
        if name not in wide.columns:
            wide = wide.with_columns(pl.lit(None, pl.Float64).alias(name))
    sources = source_order(wide["source"].unique().to_list(), views.run.fusion)
    return Section(
        key="maps",
        title="How each source learned",
        lead=[
            "Every clip by the probability that a source gave its label while it trained on it (up) and by how "
            "much that changed over epochs (across). High on the left: easy. On the right: ambiguous, learned and "
            "lost again. Low on the left: hard to learn, and more often than others wrongly labelled. Choose a dot "
            "to see its clip.",
        ],
        figures=[_map(wide.filter(source=source), source, at, points) for at, source in enumerate(sources)],
        key_items=tuple((colour, shape, name) for name, (colour, shape) in _LOOKS.items()),
        notes=[
            "These are clips that a source was trained on: a map shows how they were learned, not how well they "
            "would be predicted."
        ],
    )


def _map(frame: pl.DataFrame, source: str, at: int, points: int) -> Figure:
    frame = frame.sort("clip_id").with_columns(
        pl.col("training_region")
        .cast(pl.Int64)
        .replace_strict(_REGIONS, default=None, return_dtype=pl.String)
        .alias("region")
    )
    frame = frame.drop_nulls(["training_confidence", "training_variability", "region"])
    shown = frame if frame.height <= points else frame.sample(points, seed=0).sort("clip_id")
    names = {"x": "training_variability", "y": "training_confidence", "right": "training_correctness"}
    dots = shown.select(
        pl.col("clip_id").alias("clip"),
        pl.col("target").alias("label"),
        *(pl.col(of).round(3).alias(name) for name, of in names.items()),
        pl.col("forgotten").round(2),
        "region",
    ).to_dicts()
    means = {name: frame[of].mean() for name, of in names.items()}
    words = (
        f"{plural(frame.height, 'clip')} by variability (across) and confidence (up) while {source} trained: on "
        f"average confidence {number(_float(means['y']))}, variability {number(_float(means['x']))}, right in "
        f"{number(_float(means['right']), 2)} of the epochs."
    )
    some = (
        ""
        if shown.height == frame.height
        else f"{shown.height:,} of {frame.height:,} clips are drawn, at random."
    )
    return Figure(
        key=f"map-{at}",
        title=source,
        alt=words,
        spec=finish(_chart(dots), alt=words, height=300),
        table=_table(frame, source),
        note=some,
        width="half",
        clips=True,
    )


def _float(value: Any) -> float | None:
    return None if value is None else float(value)


def _chart(dots: list[dict[str, Any]]) -> dict[str, Any]:
    names = list(_LOOKS)
    colours, shapes = ([_LOOKS[name][part] for name in names] for part in (0, 1))
    axis = alt.Axis(format=".2~f", tickCount=5)
    chart = (
        alt.Chart(alt.InlineData(values=dots))
        .mark_point(filled=True, size=30, opacity=0.7, cursor="pointer")
        .encode(
            x=alt.X("x:Q", title="variability", scale=alt.Scale(domainMin=0, nice=True), axis=axis),
            y=alt.Y("y:Q", title="confidence", scale=alt.Scale(domain=[0, 1]), axis=axis),
            color=alt.Color("region:N", scale=alt.Scale(domain=names, range=colours), legend=None),
            shape=alt.Shape("region:N", scale=alt.Scale(domain=names, range=shapes), legend=None),
            tooltip=[
                alt.Tooltip("clip:N", title="clip"),
                alt.Tooltip("label:N", title="label"),
                alt.Tooltip("y:Q", format=".3f", title="confidence"),
                alt.Tooltip("x:Q", format=".3f", title="variability"),
                alt.Tooltip("right:Q", format=".0%", title="epochs right"),
                alt.Tooltip("forgotten:Q", format=".2f", title="forgotten"),
            ],
        )
    )
    return drawn(chart)


def _table(frame: pl.DataFrame, source: str) -> DataTable:
    hardest = frame.sort("training_confidence", "clip_id").head(_ROWS)
    columns = [
        Column("clip_id", "clip", "clip"),
        Column("target", "label"),
        Column("training_confidence", "confidence", "number"),
        Column("training_variability", "variability", "number"),
        Column("training_correctness", "epochs right", "share"),
        Column("forgotten", "times forgotten", "number"),
    ]
    caption = f"{source}: the {plural(len(hardest), 'clip')} of least confidence"
    return DataTable(f"map-{source}", caption, columns, hardest.select(c.key for c in columns).to_dicts())
