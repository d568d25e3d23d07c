"""What in the clip goes with disagreement and with being misled: the strongest cues of each question."""

from __future__ import annotations

from typing import Any

import polars as pl

from mixedsignals.report.dots import Dots, dot_figure
from mixedsignals.report.page import Column, DataTable, Figure, Section, number
from mixedsignals.report.views import Views

__all__ = ["cues"]

_SHOWN = 14
_QUESTIONS = {
    "disagreement": "Cues where a source parts from fusion",
    "misled": "Cues where fusion is misled, of the clips on which it parts",
}
_MODEL = {
    "auroc:cues->misled": "cues, speakers never met",
    "auroc:fused_doubt->misled:same_clips": "doubt of fusion alone",
}


def cues(views: Views) -> Section | None:
    """One figure per question, one for the model of when fusion is misled; None where no cue was compared."""
    table = views.run.estimates
    if table is None or table.is_empty():
        return None
    found = [_figure(views, table, question) for question in _QUESTIONS]
    figures = [figure for figure in [*found, _model(views, table)] if figure is not None]
    if not figures:
        return None
    weights = _weights(table)
    return Section(
        key="cues",
        title="What in the clip goes with it",
        lead=[
            "Cues of voice, face and words, compared between two kinds of clips: the difference of their means "
            "in standard deviations, each cue centred on its speaker where speakers are known. The tick is the "
            "same within labels: where it lies near zero, the cue stood for the label. Cues go together, and "
            "none of this says what causes what.",
        ],
        figures=figures,
        tables=[weights] if weights is not None else [],
        notes=["p-values are adjusted by Benjamini-Hochberg over all cues of a question, drawn here or not."],
    )


def _modalities(views: Views) -> dict[str, str]:
    table = views.run.cues
    if table is None or table.is_empty():
        return {}
    return dict(table.select("cue", "modality").unique("cue", maintain_order=True).iter_rows())


def _figure(views: Views, table: pl.DataFrame, question: str) -> Figure | None:
    own = table.filter(measure=f"cue_difference:{question}")
    if own.is_empty():
        return None
    inside = table.filter(measure=f"cue_difference_within_label:{question}")
    within = {row["slice"]: row for row in inside.iter_rows(named=True)}
    modality = _modalities(views)
    strongest = own.sort(pl.col("value").abs(), descending=True).head(_SHOWN)
    rows = [_row(row, within.get(row["slice"], {}), modality) for row in strongest.iter_rows(named=True)]
    left = own.height - strongest.height
    return dot_figure(
        Dots(
            key=f"cues-{question}",
            title=_QUESTIONS[question],
            axis="difference, standard deviations",
            rows=rows,
            baseline="within labels",
            width="half",
            note=f"{left} weaker cues are in the table of estimates. * p < .05 after adjustment."
            if left
            else "* p < .05 after adjustment.",
        )
    )


def _row(row: dict[str, Any], within: dict[str, Any], modality: dict[str, str]) -> dict[str, Any]:
    name = row["slice"].removeprefix("cue=")
    sure = row["p_adjusted"] is not None and row["p_adjusted"] < 0.05
    return {
        **{key: row[key] for key in ("value", "low", "high", "n_clips", "n_groups", "method")},
        "name": f"{name} *" if sure else name,
        "source": modality.get(name, "cue"),
        "base": within.get("value"),
        "base_low": within.get("low"),
        "base_high": within.get("high"),
    }


def _model(views: Views, table: pl.DataFrame) -> Figure | None:
    rows = [
        {
            **{key: row[key] for key in ("value", "low", "high", "n_clips", "n_groups", "method")},
            "name": words,
            "source": "cues" if measure.startswith("auroc:cues") else views.run.fusion,
            "base": 0.5,
            "base_low": None,
            "base_high": None,
        }
        for measure, words in _MODEL.items()
        for row in table.filter(measure=measure).iter_rows(named=True)
    ]
    return dot_figure(
        Dots(
            key="cues-model",
            title="Can cues tell when fusion is misled?",
            axis="AUROC",
            rows=rows,
            width="half",
        )
    )


def _weights(table: pl.DataFrame) -> DataTable | None:
    own = table.filter(measure="cue_weight:misled").sort(pl.col("value").abs(), descending=True).head(_SHOWN)
    if own.is_empty():
        return None
    rows = [
        {
            "cue": row["slice"].removeprefix("cue="),
            "weight": number(row["value"]),
            "kept": row["method"].partition("kept in ")[2].removesuffix(" of them"),
        }
        for row in own.iter_rows(named=True)
    ]
    columns = [
        Column("cue", "cue"),
        Column("weight", "weight per standard deviation (log odds of being misled)"),
        Column("kept", "folds that keep it"),
    ]
    return DataTable("cue-weights", "What the model of when fusion is misled looks at", columns, rows)
