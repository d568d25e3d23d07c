"""Where models part ways: rates against chance, who is misled or rescued, and in which pattern."""

from __future__ import annotations

from typing import Any

import altair as alt
import polars as pl

from mixedsignals.report.dots import Dots, dot_figure
from mixedsignals.report.names import BASELINES, named_rows
from mixedsignals.report.page import Column, DataTable, Figure, Section, percent
from mixedsignals.report.theme import OUTCOMES, finish
from mixedsignals.report.views import Views, estimate_rows, source_order

__all__ = ["disagreement"]


def disagreement(views: Views) -> Section | None:
    """Rates and patterns; None where there is no fused source to part from and no estimate of it."""
    figures = [figure for figure in (_rates(views), _patterns(views), _outcomes(views)) if figure]
    figures += [f for f in (_errors(views, "misled_rate"), _errors(views, "rescued_rate")) if f]
    if not figures:
        return None
    return Section(
        key="disagreement",
        title="Where the models part ways",
        lead=[
            "A model parts from fusion on a clip when their most probable labels differ. Weak models part often by accident alone, so "
            "each rate stands beside the rate expected from models that err independently given the label.",
            "Misled means that fusion is wrong where at least one single modality is right; rescued, that fusion is right where all "
            "are wrong.",
        ],
        figures=figures,
    )


def _estimates(views: Views, measure: str) -> list[dict[str, Any]]:
    rows = named_rows(
        estimate_rows(views.run.estimates, [measure]), estimate_rows(views.run.estimates, BASELINES.get(measure, ()))
    )
    order = source_order([row["source"] for row in rows], views.run.fusion)
    return sorted(rows, key=lambda row: order.index(row["source"]))


def _rates(views: Views) -> Figure | None:
    rows = _estimates(views, "disagreement_rate")
    if not rows:
        return None
    words = "; ".join(f"{r['name']} {percent(r['value'])}, expected {percent(r['base'])}" for r in rows)
    return dot_figure(
        Dots(
            key="disagreement-rates",
            title="How often each model parts from fusion",
            alt=f"Share of clips on which each model parts from fusion: {words}.",
            axis="share of clips",
            rows=rows,
            baseline="expected from independent errors",
            share=True,
            zero=True,
            width="half",
        )
    )


def _errors(views: Views, measure: str) -> Figure | None:
    rows = _estimates(views, measure)
    if not rows:
        return None
    what = "misled" if measure == "misled_rate" else "rescued"
    words = "; ".join(f"{r['name']} {percent(r['value'])}, by chance {percent(r['base'])}" for r in rows)
    return dot_figure(
        Dots(
            key=f"outcome-{what}",
            title=f"How often fusion is {'misled' if what == 'misled' else 'the rescue'}",
            alt=f"Share of clips {what}: {words}.",
            axis="share of clips",
            rows=rows,
            baseline="expected by chance",
            share=True,
            zero=True,
            width="half",
        )
    )


def _patterns(views: Views) -> Figure | None:
    table = views.patterns
    if table.is_empty():
        return None
    counted = (
        table.group_by("pattern")
        .agg(pl.len().alias("clips"), pl.col("right").mean())
        .with_columns((pl.col("clips") / table.height).alias("share"))
        .sort("clips", descending=True)
    )
    rows = counted.to_dicts()
    top = rows[0]
    words = f"The most frequent pattern is “{top['pattern']}” ({percent(top['share'])} of {table.height:,} clips)."
    bars = (
        alt.Chart(alt.InlineData(values=rows))
        .mark_bar(height=14, cornerRadiusEnd=2, color="var(--c-fusion)")
        .encode(
            x=alt.X("share:Q", title="share of clips", axis=alt.Axis(format="%", tickCount=5)),
            y=alt.Y("pattern:N", sort=[row["pattern"] for row in rows], title=None, axis=alt.Axis(labelLimit=230)),
            tooltip=[
                alt.Tooltip("pattern:N", title="pattern"),
                alt.Tooltip("clips:Q", format=",", title="clips"),
                alt.Tooltip("share:Q", format=".1%", title="share"),
                alt.Tooltip("right:Q", format=".1%", title="fusion right"),
            ],
        )
    )
    columns = [Column("pattern", "pattern"), Column("clips", "clips", "count"), Column("share", "share", "share")]
    columns += [Column("right", "fusion right", "share")] if views.targets.height else []
    return Figure(
        key="patterns",
        title="In which pattern",
        alt=words,
        spec=finish(bars.to_dict(), alt=words, height={"step": 30}),
        table=DataTable("patterns", "Patterns of agreement", columns, rows),
        width="half",
    )


def outcome_of(source: str, fusion: str) -> pl.Expr:
    """Outcome of one source beside fusion, from the columns of `Views.wide`; null where either or the target is missing."""
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


def _outcomes(views: Views) -> Figure | None:
    fusion = views.run.fusion
    if fusion not in views.sources or not views.singles or views.targets.is_empty():
        return None
    rows = []
    for source in views.singles:
        outcomes = views.wide.select(outcome_of(source, fusion).alias("outcome")).drop_nulls()
        counts = dict(outcomes.group_by("outcome").len().iter_rows())
        total = outcomes.height
        rows += [
            {"source": source, "outcome": name, "clips": counts.get(name, 0), "share": counts.get(name, 0) / total, "order": place}
            for place, name in enumerate(OUTCOMES)
            if total
        ]
    if not rows:
        return None
    by = {(row["source"], row["outcome"]): row["share"] for row in rows}
    words = "; ".join(f"{s}: misled {percent(by[s, 'misled'])}, rescued {percent(by[s, 'rescued'])}" for s in views.singles if (s, "misled") in by)
    alt_text = f"Each single model beside fusion, right and wrong. {words}."
    scale = alt.Scale(domain=list(OUTCOMES), range=[colour for colour, _, _ in OUTCOMES.values()])
    chart = (
        alt.Chart(alt.InlineData(values=rows))
        .mark_bar(height=18)
        .encode(
            x=alt.X("share:Q", stack="zero", title="share of clips", axis=alt.Axis(format="%", tickCount=5), scale=alt.Scale(domain=[0, 1])),
            y=alt.Y("source:N", sort=views.singles, title=None),
            color=alt.Color("outcome:N", scale=scale, legend=None),
            order=alt.Order("order:Q"),
            tooltip=[
                alt.Tooltip("source:N", title="model"),
                alt.Tooltip("outcome:N"),
                alt.Tooltip("clips:Q", format=","),
                alt.Tooltip("share:Q", format=".1%"),
            ],
        )
    )
    columns = [Column("source", "model"), Column("outcome", "outcome"), Column("clips", "clips", "count"), Column("share", "share", "share")]
    return Figure(
        key="outcomes",
        title="Right and wrong, beside fusion",
        alt=alt_text,
        spec=finish(chart.to_dict(), alt=alt_text, height={"step": 34}),
        table=DataTable("outcomes", "Outcomes of each model beside fusion", columns, rows),
        width="half",
        key_items=tuple((colour, shape, words) for colour, shape, words in OUTCOMES.values()),
    )
