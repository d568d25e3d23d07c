"""What fusion makes of the models' disagreement: who is misled, who is rescued, and what each model alone had
right.
"""

from __future__ import annotations

from typing import Any

import altair as alt

from mixedsignals.report.dots import Dots, dot_figure
from mixedsignals.report.names import estimate_rows
from mixedsignals.report.page import Column, DataTable, Figure, Section, percent
from mixedsignals.report.theme import OUTCOMES, drawn, finish
from mixedsignals.report.views import Views

__all__ = ["outcomes"]

_PARTS = {
    "both_right": "both right",
    "part_only_right": "misled",
    "fusion_only_right": "rescued",
    "both_wrong": "both wrong",
}
_FATES = {"right_rate": "right", "rescued_rate": "rescued", "misled_rate": "misled", "lost_rate": "lost"}


def outcomes(views: Views) -> Section | None:
    """What becomes of a clip in fusion, and the 2 x 2 of each model beside it; None without targets or
    fusion.
    """
    figures = [figure for figure in (_fates(views), _beside(views)) if figure is not None]
    if not figures:
        return None
    return Section(
        key="outcomes",
        title="Misled and rescued",
        lead=[
            "Right: fusion and at least one single model are right. Rescued: fusion is right where every "
            "single model is wrong. Misled: fusion is wrong where one of them is right. Lost: all are "
            "wrong. Misled contains disagreement by definition, so only its excess over the grey tick says "
            "something.",
        ],
        figures=figures,
    )


def _fates(views: Views) -> Figure | None:
    rows = [
        row | {"name": name} for measure, name in _FATES.items() for row in estimate_rows(views, measure)[:1]
    ]
    return dot_figure(
        Dots(
            "fates",
            "What becomes of a clip in fusion",
            "share of clips",
            rows,
            baseline="expected from models permuted within label",
            share=True,
            zero=True,
            width="half",
        )
    )


def _beside(views: Views) -> Figure | None:
    rows = [
        row | {"outcome": outcome, "order": place}
        for place, (measure, outcome) in enumerate(_PARTS.items())
        for row in estimate_rows(views, measure)
    ]
    if not rows:
        return None
    sources = list(dict.fromkeys(row["source"] for row in rows))
    told = "; ".join(f"{row['source']}, {row['outcome']} {percent(row['value'])}" for row in rows)
    words = f"Right and wrong of each single model beside fusion, as shares of clips: {told}."
    columns = [
        Column("source", "model"),
        Column("outcome", "outcome"),
        Column("value", "share", "share"),
        Column("low", "from", "share"),
        Column("high", "to", "share"),
        Column("n_clips", "clips", "count"),
    ]
    return Figure(
        key="beside-fusion",
        title="Right and wrong, beside fusion",
        alt=words,
        spec=finish(_stack(rows, sources), alt=words, height={"step": 34}),
        table=DataTable("beside-fusion", "Outcomes of each model beside fusion", columns, rows),
        width="half",
        key_items=tuple((colour, "square", words) for colour, _, words in OUTCOMES.values()),
    )


def _stack(rows: list[dict[str, Any]], sources: list[str]) -> dict[str, Any]:
    scale = alt.Scale(domain=list(OUTCOMES), range=[colour for colour, _, _ in OUTCOMES.values()])
    share = alt.Scale(domain=[0, 1], clamp=True)
    interval = (("value", "share"), ("low", "from"), ("high", "to"))
    bars = alt.Chart(alt.InlineData(values=rows)).mark_bar(height=18, stroke="var(--paper)", strokeWidth=1)
    return drawn(
        bars.encode(
            x=alt.X(
                "value:Q",
                stack="zero",
                title="share of clips",
                axis=alt.Axis(format="%", tickCount=5),
                scale=share,
            ),
            y=alt.Y("source:N", sort=sources, title=None),
            color=alt.Color("outcome:N", scale=scale, legend=None),
            order=alt.Order("order:Q"),
            tooltip=[
                alt.Tooltip("source:N", title="model"),
                alt.Tooltip("outcome:N", title="outcome"),
                *(alt.Tooltip(f"{key}:Q", format=".1%", title=title) for key, title in interval),
            ],
        )
    )
