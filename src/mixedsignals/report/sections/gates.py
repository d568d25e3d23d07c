"""How far fusion listened to each modality: the spread of gates and of attention weights over clips."""

from __future__ import annotations

from typing import Any

import altair as alt
import polars as pl

from mixedsignals.report.page import Column, DataTable, Figure, Section, number
from mixedsignals.report.theme import drawn, finish, source_scale
from mixedsignals.report.views import Views, given_size, source_order

__all__ = ["clip_gates", "gates"]

_QUANTILES = {"q05": 0.05, "q25": 0.25, "q50": 0.5, "q75": 0.75, "q95": 0.95}
_WHAT = {
    "gate": ("Gates", "gate, 0 shut to 1 open"),
    "weight": ("Attention weights", "weight, sums to 1 over the modalities"),
}


def clip_gates(views: Views) -> pl.DataFrame:
    """Gate and weight of fusion's fullest input, averaged over seeds: clip_id, modality, gate, weight."""
    table = views.run.gates
    empty = pl.DataFrame(
        schema={"clip_id": pl.String, "modality": pl.String, "gate": pl.Float64, "weight": pl.Float64}
    )
    if table is None:
        return empty
    own = table.filter(pl.col("source") == views.run.fusion)
    if own.is_empty():
        return empty
    widest = own.select(pl.col("given").sort_by(given_size(pl.col("given")), "given").last()).item()
    own = own.filter(pl.col("given") == widest)
    return (
        own.group_by("clip_id", "modality").agg(pl.col("gate", "weight").mean()).sort("clip_id", "modality")
    )


def gates(views: Views) -> Section | None:
    """One figure for gates and one for weights; None where the fused model has none."""
    table = clip_gates(views)
    if table.is_empty():
        return None
    return Section(
        key="gates",
        title="What fusion listened to",
        lead=[
            "Each modality has a gate of its own, which says how much of it is let through on a clip, and "
            "an attention weight, its share among those let through. Thick: the middle half of the clips; "
            "thin: 5 to 95 %; mark: the median. An open gate is no proof of use: a model can let a signal "
            "in and ignore it."
        ],
        figures=[_figure(table, which) for which in _WHAT],
    )


def _figure(table: pl.DataFrame, which: str) -> Figure:
    title, axis = _WHAT[which]
    stats = table.group_by("modality").agg(
        *(pl.col(which).quantile(q, interpolation="linear").alias(name) for name, q in _QUANTILES.items()),
        pl.len().alias("clips"),
    )
    order = source_order(stats["modality"].to_list())
    rows = sorted(stats.to_dicts(), key=lambda row: order.index(row["modality"]))
    words = (
        f"{title} over clips: " + "; ".join(f"{r['modality']} median {number(r['q50'])}" for r in rows) + "."
    )
    columns = [
        Column("modality", "modality"),
        *(Column(name, f"{q:.0%}", "number") for name, q in _QUANTILES.items()),
    ]
    return Figure(
        key=f"gates-{which}",
        title=title,
        alt=words,
        spec=finish(_chart(rows, order, axis), alt=words, height={"step": 38}),
        table=DataTable(
            f"gates-{which}",
            f"{title}, quantiles over clips",
            [*columns, Column("clips", "clips", "count")],
            rows,
        ),
        width="half",
    )


def _chart(rows: list[dict[str, Any]], order: list[str], axis: str) -> dict[str, Any]:
    domain, colours, shapes = source_scale(order)
    base = alt.Chart(alt.InlineData(values=rows)).encode(
        y=alt.Y("modality:N", sort=order, title=None),
        color=alt.Color("modality:N", scale=alt.Scale(domain=domain, range=colours), legend=None),
    )
    x = alt.X("q05:Q", title=axis, scale=alt.Scale(domain=[0, 1]), axis=alt.Axis(tickCount=5, format=".2~f"))
    tips = [
        alt.Tooltip("modality:N"),
        *(alt.Tooltip(f"{n}:Q", format=".3f", title=f"{q:.0%}") for n, q in _QUANTILES.items()),
    ]
    point = base.mark_point(filled=True, size=120, opacity=1, stroke="var(--paper)", strokeWidth=1.5)
    return drawn(
        alt.layer(
            base.mark_rule(strokeWidth=2).encode(x=x, x2="q95:Q"),
            base.mark_rule(strokeWidth=9, opacity=0.45).encode(x=alt.X("q25:Q"), x2="q75:Q"),
            point.encode(
                x=alt.X("q50:Q"),
                shape=alt.Shape("modality:N", scale=alt.Scale(domain=domain, range=shapes), legend=None),
                tooltip=tips,
            ),
        )
    )
