"""Can the probabilities be believed: accuracy against confidence per source, raw and after calibration out of
fold.
"""

from __future__ import annotations

import math
from typing import Any

import altair as alt

from mixedsignals.report.dots import Dots, dot_figure
from mixedsignals.report.names import estimate_rows
from mixedsignals.report.page import Column, DataTable, Figure, Section, number
from mixedsignals.report.theme import colour, drawn, finish, shape, source_scale
from mixedsignals.report.views import Views, source_order

__all__ = ["calibration"]

_TITLES = {"": "Raw probabilities", ":calibrated": "After calibration out of fold"}


def calibration(views: Views) -> Section | None:
    """Reliability curves from the saved bins; None where a run has none."""
    found = (*(_figure(views, tag) for tag in _TITLES), _divergence(views), _labels(views))
    figures = [figure for figure in found if figure is not None]
    if not figures:
        return None
    return Section(
        key="calibration",
        title="Can the probabilities be believed",
        lead=[
            "Clips are put in bins of equal size by the probability of the label that a model chose; a "
            "model that says .8 should be right on 80 % of them. Points under the diagonal are "
            "overconfident, and a gap between models may be nothing but that: what calibration takes away of "
            "their disagreement was a difference of confidence."
        ],
        figures=figures,
    )


def _divergence(views: Views) -> Figure | None:
    """The mean divergence of the single models, raw and calibrated."""
    places = {"calibrated=no": "raw probabilities", "all": "after calibration"}
    rows = [
        row | {"name": words, "base": None}
        for place, words in places.items()
        for row in estimate_rows(views, "jsd", slices=(place,))
    ]
    title = "Soft disagreement before and after"
    axis = "mean Jensen-Shannon divergence, bits"
    return dot_figure(Dots("divergence-calibrated", title, axis, rows, zero=True, width="half"))


def _labels(views: Views) -> Figure | None:
    """How often labels part from those of fusion once vector scaling may change them, beside before."""
    before = {row["source"]: row for row in estimate_rows(views, "disagreement_rate")}
    rows = [
        row | {f"base{end}": before.get(row["source"], {}).get(of) for end, of in _ENDS.items()}
        for row in estimate_rows(views, "disagreement_rate:vector_scaled")
    ]
    title = "Labels that part from fusion, before and after"
    return dot_figure(
        Dots(
            "labels-calibrated",
            title,
            "share of clips, after vector scaling",
            rows,
            baseline="before, mean over seeds",
            share=True,
            zero=True,
            width="half",
        )
    )


_ENDS = {"": "value", "_low": "low", "_high": "high"}


def _figure(views: Views, tag: str) -> Figure | None:
    rows = _bins(views, tag)
    if not rows:
        return None
    sources = source_order([row["source"] for row in rows], views.run.fusion)
    errors = [
        f"{row['source']} {number(row['value'])} [{number(row['low'])}, {number(row['high'])}]"
        for row in estimate_rows(views, f"calibration_error{tag}")
    ]
    told = f"Calibration error: {', '.join(errors)}." if errors else ""
    words = f"{_TITLES[tag]}: share of clips that are right against the mean probability of the chosen label. {told}"
    key = f"reliability{tag.replace(':', '-')}"
    columns = [
        Column("source", "model"),
        Column("confidence", "mean probability", "number"),
        Column("accuracy", "share right", "number"),
        Column("n_clips", "clips", "count"),
    ]
    return Figure(
        key=key,
        title=_TITLES[tag],
        alt=words,
        spec=finish(_chart(rows, sources), alt=words, height=320),
        table=DataTable(key, f"{_TITLES[tag]}, by bin", columns, rows),
        note=told,
        width="half",
        key_items=tuple((colour(source), shape(source), source) for source in sources),
    )


def _bins(views: Views, tag: str) -> list[dict[str, Any]]:
    """Stated and seen probability of each source and bin, from `reliability_stated` and `reliability_seen`."""
    seen = {
        (r["source"], r["slice"]): r for r in estimate_rows(views, f"reliability_seen{tag}", slices=("bin=",))
    }
    rows = [
        {
            "source": row["source"],
            "bin": row["slice"],
            "confidence": row["value"],
            "accuracy": seen[row["source"], row["slice"]]["value"],
            "n_clips": row["n_clips"],
        }
        for row in estimate_rows(views, f"reliability_stated{tag}", slices=("bin=",))
        if (row["source"], row["slice"]) in seen
    ]
    order = source_order([row["source"] for row in rows], views.run.fusion)
    return sorted(rows, key=lambda row: (order.index(row["source"]), row["confidence"]))


def _chart(rows: list[dict[str, Any]], sources: list[str]) -> dict[str, Any]:
    domain, colours, shapes = source_scale(sources)
    least = min(min(row["confidence"], row["accuracy"]) for row in rows)
    low = max(0.0, math.floor(10 * least - 0.5) / 10)
    scale = alt.Scale(domain=[low, 1], nice=False, zero=False)
    axis = alt.Axis(tickCount=5, format=".2~f")
    across = alt.X("confidence:Q", scale=scale, axis=axis, title="mean probability of the chosen label")
    up = alt.Y("accuracy:Q", scale=scale, axis=axis, title="share of clips that are right")
    own = alt.Color("source:N", scale=alt.Scale(domain=domain, range=colours), legend=None)
    base = alt.Chart(alt.InlineData(values=rows)).encode(x=across, y=up, color=own)
    diagonal = alt.Chart(alt.InlineData(values=[{"confidence": low, "accuracy": low, "x2": 1, "y2": 1}]))
    return drawn(
        alt.layer(
            diagonal.mark_rule(color="var(--c-base)", strokeDash=[4, 4]).encode(
                x=across, y=up, x2="x2:Q", y2="y2:Q"
            ),
            base.mark_line(strokeWidth=1.5, opacity=0.6),
            base.mark_point(filled=True, size=60, opacity=1).encode(
                shape=alt.Shape("source:N", scale=alt.Scale(domain=domain, range=shapes), legend=None),
                tooltip=[
                    alt.Tooltip("source:N", title="model"),
                    alt.Tooltip("confidence:Q", format=".3f", title="says"),
                    alt.Tooltip("accuracy:Q", format=".3f", title="is right"),
                    alt.Tooltip("n_clips:Q", format=",", title="clips"),
                ],
            ),
        )
    )
