"""The nine questions of the audit: which checks answer each, and which figures of the report show it.

The list is for readers and for tests: every check that can fire belongs to a question, and no question is without a
check, a page and a figure.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["GROUND", "QUESTIONS", "Question"]


@dataclass(frozen=True)
class Question:
    """What is asked in one sentence, the codes of the checks that answer, and the keys of the figures that show it."""

    asks: str
    checks: tuple[str, ...]
    figures: tuple[str, ...]


QUESTIONS: tuple[Question, ...] = (
    Question(
        "How often, on which clips and in which pattern do the models part ways; more than independent errors would?",
        ("MS201", "MS202", "MS203", "MS204", "MS205", "MS206"),
        ("disagreement-rates", "disagreement-pairs", "patterns", "fates", "beside-fusion"),
    ),
    Question(
        "Is it calibration? Reliability and disagreement before and after.",
        ("MS301", "MS302"),
        ("reliability", "reliability-calibrated", "divergence-calibrated", "labels-calibrated"),
    ),
    Question(
        "Is it seeds? What retraining alone changes, apart from the modalities.",
        ("MS002", "MS303"),
        ("disagreement-seeds", "beyond-seeds"),
    ),
    Question(
        "How sure were the people, how good are the raters, and how well could anything follow them?",
        ("MS401", "MS403", "MS404", "MS405", "MS406"),
        (
            "people-krippendorff-alpha-given",
            "people-rater-disagreement-given",
            "people-vote-entropy-given",
            "people-majority-accuracy-given",
            "limits",
            "raters",
        ),
    ),
    Question(
        "Does disagreement track people's uncertainty, error, and being misled, beyond what confidence says?",
        ("MS402", "MS501", "MS502"),
        (
            "auroc-annotator-uncertainty",
            "auroc-fused-error",
            "auroc-misled",
            "beyond-confidence",
            "risk-coverage",
            "people-rater-disagreement-models",
        ),
    ),
    Question(
        "How near are models to the votes, rather than to their majority?",
        ("MS601",),
        ("cross-entropy-to-votes", "entropy-calibration-error", "distribution-calibration-error"),
    ),
    Question(
        "Which clips and slices are challenging, of what kind, and how precise is that?",
        ("MS701", "MS702"),
        ("precision", "kinds", "slices", "slices-part"),
    ),
    Question(
        "What do people gain from more modalities, whom do they follow, and what do models gain?",
        ("MS801", "MS802", "MS803", "MS804"),
        ("people-accuracy", "human-gain", "hurt-by-more", "follow-rate", "people-beside-models"),
    ),
    Question(
        "Which faults of the data imitate disagreement?",
        ("MS001", "MS003", "MS004", "MS005", "MS006", "MS007", "MS008", "MS009"),
        ("faults",),
    ),
)

GROUND: tuple[str, ...] = ("MS101", "MS102", "MS103", "MS104")
"""Checks that all answers stand on: performance, chance, and how many speakers there are."""
