"""Where models part ways: rates against chance, in which pattern, and what it does to fusion."""

from __future__ import annotations

from typing import Any

import altair as alt
import polars as pl

from mixedsignals.report.dots import Dots, dot_figure
from mixedsignals.report.names import estimate_rows
from mixedsignals.report.page import Column, DataTable, Figure, Section, percent
from mixedsignals.report.theme import OUTCOMES, drawn, finish
from mixedsignals.report.views import Views

__all__ = ["disagreement"]

_PARTS = {
    "both_right": "both right",
    "part_only_right": "misled",
    "fusion_only_right": "rescued",
    "both_wrong": "both wrong",
}
_FATES = {
    "right_rate": "right",
    "rescued_rate": "rescued",
    "misled_rate": "misled",
    "lost_rate": "lost",
}


def disagreement(views: Views) -> Section | None:
    """Rates, patterns and outcomes; None where a run has none of them."""
    rates = estimate_rows(views, "disagreement_rate")
    figures = [
        _rates(
            "disagreement-rates",
            "How often each model parts from fusion",
            [r for r in rates if "|" not in r["source"]],
        ),
        _rates(
            "disagreement-pairs", "How often two single models part", [r for r in rates if "|" in r["source"]]
        ),
        _patterns(views),
        _fates(views),
        _outcomes(views),
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
            "given the label.",
        ],
        figures=shown,
    )


def _rates(key: str, title: str, rows: list[dict[str, Any]]) -> Figure | None:
    if not rows:
        return None
    words = "; ".join(f"{r['name']} {percent(r['value'])}, expected {percent(r['base'])}" for r in rows)
    return dot_figure(
        Dots(
            key=key,
            title=title,
            alt=f"{title}, as a share of clips: {words}.",
            axis="share of clips",
            rows=rows,
            baseline="expected from independent errors",
            share=True,
            zero=True,
            width="half",
        )
    )


def _fates(views: Views) -> Figure | None:
    """What becomes of clips in fusion: right, rescued, misled, lost, with what chance would give for two of
    them.
    """
    rows = [
        row | {"name": name} for measure, name in _FATES.items() for row in estimate_rows(views, measure)[:1]
    ]
    if not rows:
        return None
    words = "; ".join(f"{r['name']} {percent(r['value'])}" for r in rows)
    return dot_figure(
        Dots(
            key="fates",
            title="What becomes of a clip in fusion",
            alt=f"Share of clips by what becomes of them in fusion: {words}.",
            axis="share of clips",
            rows=rows,
            baseline="expected from models permuted within label",
            share=True,
            zero=True,
            width="half",
            note=(
                "Right: with at least one single model. Rescued: right where every single model is wrong. "
                "Misled: wrong where one of them is right. Lost: all wrong. Misled contains disagreement by "
                "definition, so only its excess over the grey tick says something."
            ),
        )
    )


def _patterns(views: Views) -> Figure | None:
    """How often each pattern occurs, with the sources named; of seed-mean probabilities."""
    table = views.patterns
    if table.is_empty():
        return None
    counted = table.group_by("pattern").agg(pl.len().alias("clips"), pl.col("right").mean())
    rows = (
        counted.with_columns((pl.col("clips") / table.height).alias("share"))
        .sort("clips", "pattern", descending=[True, False])
        .to_dicts()
    )
    first, most = rows[0]["pattern"], percent(rows[0]["share"])
    words = f"The most frequent pattern is “{first}”, on {most} of {table.height:,} clips."
    bars = (
        alt.Chart(alt.InlineData(values=rows))
        .mark_bar(height=13, cornerRadiusEnd=2, color="var(--c-other)")
        .encode(
            x=alt.X("share:Q", title="share of clips", axis=alt.Axis(format="%", tickCount=5)),
            y=alt.Y(
                "pattern:N", sort=[row["pattern"] for row in rows], title=None, axis=alt.Axis(labelLimit=230)
            ),
            tooltip=[
                alt.Tooltip("pattern:N", title="pattern"),
                alt.Tooltip("clips:Q", format=",", title="clips"),
                alt.Tooltip("share:Q", format=".1%", title="share"),
                *(
                    [alt.Tooltip("right:Q", format=".1%", title="fusion right")]
                    if views.targets.height
                    else []
                ),
            ],
        )
    )
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
        spec=finish(drawn(bars), alt=words, height={"step": 26}),
        table=DataTable("patterns", "Patterns of agreement, by the mean over seeds", columns, rows),
        width="half",
    )


def _outcomes(views: Views) -> Figure | None:
    """The four outcomes of each single source beside fusion, as shares."""
    rows = [
        row | {"outcome": outcome, "order": place}
        for place, (measure, outcome) in enumerate(_PARTS.items())
        for row in estimate_rows(views, measure)
    ]
    if not rows:
        return None
    share = {(row["source"], row["outcome"]): row["value"] for row in rows}
    sources = list(dict.fromkeys(row["source"] for row in rows))
    words = "; ".join(
        f"{s} alone right {percent(share.get((s, 'misled')))}, fusion alone right {percent(share.get((s, 'rescued')))}"
        for s in sources
    )
    words = f"Each single model beside fusion, right and wrong. {words}."
    columns = [
        Column("source", "model"),
        Column("outcome", "outcome"),
        Column("value", "share", "share"),
        Column("low", "from", "share"),
    ]
    columns += [Column("high", "to", "share"), Column("n_clips", "clips", "count")]
    return Figure(
        key="outcomes",
        title="Right and wrong, beside fusion",
        alt=words,
        spec=finish(_stack(rows, sources), alt=words, height={"step": 34}),
        table=DataTable("outcomes", "Outcomes of each model beside fusion", columns, rows),
        width="half",
        key_items=tuple((colour, "square", words) for colour, _, words in OUTCOMES.values()),
    )


def _stack(rows: list[dict[str, Any]], sources: list[str]) -> dict[str, Any]:
    scale = alt.Scale(domain=list(OUTCOMES), range=[colour for colour, _, _ in OUTCOMES.values()])
    axis = alt.Axis(format="%", tickCount=5)
    return drawn(
        alt.Chart(alt.InlineData(values=rows))
        .mark_bar(height=18, stroke="var(--paper)", strokeWidth=1)
        .encode(
            x=alt.X(
                "value:Q",
                stack="zero",
                title="share of clips",
                axis=axis,
                scale=alt.Scale(domain=[0, 1], clamp=True),
            ),
            y=alt.Y("source:N", sort=sources, title=None),
            color=alt.Color("outcome:N", scale=scale, legend=None),
            order=alt.Order("order:Q"),
            tooltip=[
                alt.Tooltip("source:N", title="model"),
                alt.Tooltip("outcome:N", title="outcome"),
                *(
                    alt.Tooltip(f"{k}:Q", format=".1%", title=t)
                    for k, t in (("value", "share"), ("low", "from"), ("high", "to"))
                ),
            ],
        )
    )
