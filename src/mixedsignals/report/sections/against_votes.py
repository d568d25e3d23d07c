"""Models held against the votes themselves: how far calibrated distributions lie from what people said."""

from __future__ import annotations

from mixedsignals.report.dots import Dots, dot_figure
from mixedsignals.report.names import estimate_rows
from mixedsignals.report.page import Figure, Section
from mixedsignals.report.views import Views

__all__ = ["against_votes"]

_DISTANCES = {
    "cross_entropy_to_votes": ("Cross-entropy of the votes", "nats; less is nearer"),
    "manhattan_to_votes": ("Distance of the shares", "sum of absolute differences, 0 to 2; less is nearer"),
    "wasserstein_to_votes": ("Distance in ranks", "ranks; less is nearer"),
    "entropy_calibration_error": ("As sure as people are", "difference of entropies in bits; less is nearer"),
    "distribution_calibration_error": (
        "Distributions as people's",
        "total variation, 0 to 1; less is nearer",
    ),
}


def against_votes(views: Views) -> Section | None:
    """A figure for each distance that was computed; None without models or votes."""
    figures = [f for measure, words in _DISTANCES.items() if (f := _distance(views, measure, *words))]
    if not figures:
        return None
    return Section(
        key="against-votes",
        title="Models against people's votes",
        lead=[
            "Where people differ, a confident answer is no good one. Calibrated probabilities are held against the "
            "shares of the votes for each clip; the grey tick is what a model would reach that always says the shares "
            "of all votes of the corpus, so only what lies left of it knows anything about single clips."
        ],
        figures=figures,
    )


def _distance(views: Views, measure: str, title: str, axis: str) -> Figure | None:
    rows = estimate_rows(views, measure)
    key = measure.replace("_", "-")
    return dot_figure(Dots(key, title, axis, rows, baseline="the shares of all votes", width="half"))
