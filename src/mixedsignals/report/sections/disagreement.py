"""Where models part ways: rates against chance and other seeds, and in which pattern."""

from __future__ import annotations

from typing import Any

import altair as alt
import polars as pl

from mixedsignals.report.dots import Dots, dot_figure
from mixedsignals.report.names import estimate_rows
from mixedsignals.report.page import Column, DataTable, Figure, Section, percent
from mixedsignals.report.theme import drawn, finish
from mixedsignals.report.views import Views

__all__ = ["disagreement"]

_INDEPENDENT = "expected from independent errors"


def disagreement(views: Views) -> Section | None:
    """Rates and patterns; None where a run has none of them."""
    rates = estimate_rows(views, "disagreement_rate")
    seeds = estimate_rows(views, "seed_disagreement_rate")
    figures = [
        _rates(
            "disagreement-rates",
            "How often each model parts from fusion",
            [r for r in rates if "|" not in r["source"]],
        ),
        _rates(
            "disagreement-pairs", "How often two single models part", [r for r in rates if "|" in r["source"]]
        ),
        _rates("disagreement-seeds", "How often two seeds of one model part", seeds),
        _beyond(views),
        _patterns(views),
    ]
    shown = [figure for figure in figures if figure is not None]
    if not shown:
        return None
    return Section(
        key="disagreement",
        title="Where the models part ways",
        lead=[
            "Two models part on a clip when their most probable labels differ. Weak models part often by "
            "accident alone, so each rate stands beside the rate expected from errors that are independent "
            "given the label; and a model trained again with another seed parts from itself.",
        ],
        figures=shown,
    )


def _rates(key: str, title: str, rows: list[dict[str, Any]]) -> Figure | None:
    return dot_figure(
        Dots(key, title, "share of clips", rows, baseline=_INDEPENDENT, share=True, zero=True, width="half")
    )


def _beyond(views: Views) -> Figure | None:
    """Disagreement with fusion less that of two seeds of the noisier of both."""
    rows = [row | {"base": 0.0} for row in estimate_rows(views, "beyond_seeds")]
    title = "Disagreement with fusion beyond that of seeds"
    baseline = "no more than two seeds part"
    return dot_figure(
        Dots("beyond-seeds", title, "share of clips", rows, baseline, share=True, zero=True, width="half")
    )


def _patterns(views: Views) -> Figure | None:
    """How often each pattern occurs, with the sources named; of seed-mean probabilities."""
    table = views.patterns
    if table.is_empty():
        return None
    counted = table.group_by("pattern").agg(pl.len().alias("clips"), pl.col("right").mean())
    shares = counted.with_columns((pl.col("clips") / table.height).alias("share"))
    rows = shares.sort("clips", "pattern", descending=[True, False]).to_dicts()
    told = "; ".join(f"{row['pattern']} {percent(row['share'])}" for row in rows)
    words = f"Patterns of agreement over {table.height:,} clips: {told}."
    columns = [
        Column("pattern", "pattern"),
        Column("clips", "clips", "count"),
        Column("share", "share", "share"),
    ]
    columns += [Column("right", "fusion right", "share")] if views.targets.height else []
    return Figure(
        key="patterns",
        title="In which pattern",
        alt=words,
        spec=finish(_bars(rows, with_right=bool(views.targets.height)), alt=words, height={"step": 26}),
        table=DataTable("patterns", "Patterns of agreement, by the mean over seeds", columns, rows),
        width="half",
    )


def _bars(rows: list[dict[str, Any]], *, with_right: bool) -> dict[str, Any]:
    told = [
        alt.Tooltip("pattern:N", title="pattern"),
        alt.Tooltip("clips:Q", format=",", title="clips"),
        alt.Tooltip("share:Q", format=".1%", title="share"),
    ]
    bars = alt.Chart(alt.InlineData(values=rows)).mark_bar(
        height=13, cornerRadiusEnd=2, color="var(--c-other)"
    )
    order = [row["pattern"] for row in rows]
    return drawn(
        bars.encode(
            x=alt.X("share:Q", title="share of clips", axis=alt.Axis(format="%", tickCount=5)),
            y=alt.Y("pattern:N", sort=order, title=None, axis=alt.Axis(labelLimit=230)),
            tooltip=[*told, alt.Tooltip("right:Q", format=".1%", title="fusion right")]
            if with_right
            else told,
        )
    )
