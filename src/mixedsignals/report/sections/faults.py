"""Faults of the data that imitate disagreement: how much of it each concerns, those that concern nothing included."""

from __future__ import annotations

from typing import Any

from mixedsignals.report.dots import Dots, dot_figure
from mixedsignals.report.names import estimate_rows
from mixedsignals.report.page import Section
from mixedsignals.report.views import Views

__all__ = ["faults"]

_WORDS = {
    "rows-that-do-not-join": "rows that do not join",
    "missing-seeds": "clips that lack a seed",
    "training-clips": "clips that were trained on",
    "duplicated-clips": "copies of other clips",
    "misaligned-source": "rows of other clips",
    "source-ignores-input": "input ignored",
    "label-of-one-rater": "a label of one rater",
    "targets-against-votes": "targets against unanimous votes",
    "label-nobody-predicts": "labels that nobody predicts",
}


def faults(views: Views) -> Section | None:
    """The share that each fault concerns, the worst source of each; None where nothing was looked at."""
    figure = dot_figure(
        Dots(
            "faults",
            "What is concerned by faults of the data",
            "share of the clips (or votes) that were looked at",
            _rows(views),
            share=True,
            zero=True,
            note="Of faults that are looked for in every source, the source that is concerned most is shown.",
        )
    )
    if figure is None:
        return None
    return Section(
        key="faults",
        title="Faults that imitate disagreement",
        lead=[
            "Rows that belong to other clips, copies, a source that does not look: each makes models part without any "
            "conflict of modalities. Zero is what one hopes for; a fault that is missing here could not be looked for, "
            "and the findings below say why."
        ],
        figures=[figure],
    )


def _rows(views: Views) -> list[dict[str, Any]]:
    worst: dict[str, dict[str, Any]] = {}
    for row in estimate_rows(views, "fault_rate", slices=("fault=",)):
        fault = row["slice"].removeprefix("fault=")
        if fault not in worst or row["value"] > worst[fault]["value"]:
            worst[fault] = row
    found = []
    for fault in [*_WORDS, *(name for name in worst if name not in _WORDS)]:
        if fault in worst:
            row = worst[fault]
            where = (
                f", {row['source']}"
                if row["value"] and row["source"] not in ("all", "models", "people")
                else ""
            )
            found.append(row | {"name": f"{_WORDS.get(fault, fault)}{where}", "source": "fault"})
    return found
