"""Gates and attention weights beside what each modality really added to the decision, clip by clip."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import altair as alt
import polars as pl

from mixedsignals.labels import MODALITIES
from mixedsignals.report.dots import Dots, dot_figure
from mixedsignals.report.page import Column, DataTable, Figure, number, plural
from mixedsignals.report.sections.gates import clip_gates
from mixedsignals.report.theme import colour, drawn, finish, shape
from mixedsignals.report.views import Views

__all__ = ["ATTRIBUTION_SCORES", "clip_values", "gate_figures"]

ATTRIBUTION_SCORES = tuple(f"shapley_predicted:{modality}" for modality in MODALITIES)
"""The measures in `scores` that these figures and the clips are drawn from."""

_ROWS = 15


def clip_values(views: Views) -> pl.DataFrame:
    """What each modality added to fusion's decision on a clip, in nats: clip_id, modality, value."""
    table = views.run.scores
    schema = {"clip_id": pl.String, "modality": pl.String, "value": pl.Float64}
    if table is None:
        return pl.DataFrame(schema=schema)
    own = table.filter(pl.col("measure").is_in(ATTRIBUTION_SCORES), pl.col("source") == views.run.fusion)
    modality = pl.col("measure").str.strip_prefix("shapley_predicted:").alias("modality")
    return own.select("clip_id", modality, "value")


def gate_figures(views: Views, table: pl.DataFrame, sources: Sequence[str], points: int) -> list[Figure]:
    """A scatter of gate against Shapley value for each modality, and the rank correlations of all of them."""
    both = clip_values(views).join(clip_gates(views), on=["clip_id", "modality"])
    found = [_scatter(both.filter(modality=m), table, views.run.fusion, m, points) for m in MODALITIES]
    ranks = [_ranks(table, source) for source in sources]
    return [figure for figure in (*ranks, *found) if figure is not None]


def _ranks(table: pl.DataFrame, source: str) -> Figure | None:
    rows = [
        {
            **{key: row[key] for key in ("value", "low", "high", "n_clips", "n_groups", "method")},
            "name": f"{words} of {modality}",
            "source": modality,
            "base": 0.0,
            "base_low": None,
            "base_high": None,
        }
        for modality in MODALITIES
        for kind, words in (("gate", "gate"), ("weight", "weight"))
        for row in table.filter(measure=f"{kind}_rank:{modality}", source=source, slice="all").iter_rows(
            named=True
        )
    ]
    return dot_figure(
        Dots(
            key=f"gate-ranks-{source}",
            title=f"{source}: do gates go with what a modality adds?",
            axis="rank correlation across clips, with its Shapley value",
            rows=rows,
            baseline="nothing to do with it",
            width="half",
        )
    )


def _scatter(
    both: pl.DataFrame, table: pl.DataFrame, fusion: str, modality: str, points: int
) -> Figure | None:
    frame = both.drop_nulls(["gate", "value"]).sort("clip_id")
    if frame.is_empty():
        return None
    rank = table.filter(measure=f"gate_rank:{modality}", source=fusion, slice="all")
    told = "its gate does not vary"
    if rank.height:
        row = rank.row(0, named=True)
        ends = "" if row["low"] is None else f" ({number(row['low'], 2)} to {number(row['high'], 2)})"
        told = f"rank correlation {number(row['value'], 2)}{ends}"
    words = (
        f"{plural(frame.height, 'clip')} by the gate of {modality} (across) and what {modality} adds to the "
        f"decision of {fusion} (up): {told}."
    )
    shown = frame if frame.height <= points else frame.sample(points, seed=0).sort("clip_id")
    some = (
        ""
        if shown.height == frame.height
        else f" {shown.height:,} of {frame.height:,} clips are drawn, at random."
    )
    columns = [
        Column("clip_id", "clip", "clip"),
        Column("gate", "gate", "number"),
        Column("weight", "weight", "number"),
        Column("value", "adds, nats", "number"),
    ]
    most = frame.sort(pl.col("value").abs(), descending=True).head(_ROWS)
    caption = f"{modality}: the {plural(most.height, 'clip')} to whose decision it adds most"
    rows = most.select(column.key for column in columns).to_dicts()
    return Figure(
        key=f"gate-{modality}",
        title=f"{modality}: gate, and what it adds",
        alt=words,
        spec=finish(_chart(shown, modality), alt=words, height=260),
        table=DataTable(f"gate-{modality}", caption, columns, rows),
        note=f"{told[0].upper()}{told[1:]}.{some}",
        width="third",
        clips=True,
    )


def _chart(frame: pl.DataFrame, modality: str) -> dict[str, Any]:
    rounded = [pl.col("gate").round(3).alias("x"), pl.col("value").round(3).alias("y")]
    dots = frame.select(pl.col("clip_id").alias("clip"), *rounded).to_dicts()
    axis = alt.Axis(format=".2~f", tickCount=5)
    return drawn(
        alt.Chart(alt.InlineData(values=dots))
        .mark_point(
            filled=True, size=28, opacity=0.6, cursor="pointer", color=colour(modality), shape=shape(modality)
        )
        .encode(
            x=alt.X("x:Q", title="gate, 0 shut to 1 open", scale=alt.Scale(domain=[0, 1]), axis=axis),
            y=alt.Y("y:Q", title="adds, nats", axis=axis),
            tooltip=[
                alt.Tooltip("clip:N", title="clip"),
                alt.Tooltip("x:Q", format=".3f", title="gate"),
                alt.Tooltip("y:Q", format=".3f", title="nats"),
            ],
        )
    )
