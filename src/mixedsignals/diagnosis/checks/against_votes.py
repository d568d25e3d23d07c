"""Models against the votes themselves: where people differ, a confident answer is not a good one.

Distances between calibrated distributions and vote shares per clip, averaged with grouped intervals, beside what a
model reaches that always says the corpus's own vote shares.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from mixedsignals.diagnosis.calibrating import sure
from mixedsignals.diagnosis.evidence import Case, Floats, Source
from mixedsignals.diagnosis.results import NotApplicable, Outcome
from mixedsignals.diagnosis.words import sentence, with_interval
from mixedsignals.measures.inference import Estimate, Limits, Resampling, mean
from mixedsignals.measures.softlabels import (
    brier_to_votes,
    cross_entropy_to_votes,
    distribution_calibration_error,
    entropy_calibration_error,
    manhattan_to_votes,
    wasserstein_to_votes,
)

__all__ = ["models_against_votes"]

Distance = Callable[[ArrayLike, ArrayLike], Floats]
DISTANCES: dict[str, Distance] = {
    "cross_entropy_to_votes": cross_entropy_to_votes,
    "brier_to_votes": brier_to_votes,
    "manhattan_to_votes": manhattan_to_votes,
    "entropy_calibration_error": entropy_calibration_error,
    "distribution_calibration_error": distribution_calibration_error,
}


def models_against_votes(case: Case) -> Outcome:
    """MS601: fires for a source that is no closer to people's votes than the corpus's own shares are."""
    counts = case.votes[case.fullest_votes]
    if not case.sources:
        raise NotApplicable("There are no predictions, so there is no model to hold against the votes.")
    outcome = Outcome()
    voted = counts.sum(1) > 0
    base = np.broadcast_to(counts.sum(0) / counts.sum(), counts.shape)
    references = {name: distance(base, counts) for name, distance in _measures(case).items()}
    for source in case.fullest.values():
        both = voted & source.present
        if not both.any():
            message = f"No clip was predicted by {source.name} and judged by people."
            outcome.find("not_applicable", message, source=source.name)
            continue
        near, gain = _distances(case, outcome, source, counts, references)
        told = (
            f"{source.name} is {with_interval(near)} nats from people's votes (cross-entropy), {with_interval(gain)} "
            "closer than the shares of all votes"
        )
        if gain.low is None:
            message = sentence(f"{told}: whether it knows more than their average cannot be told")
            outcome.find("not_applicable", message, source=source.name)
            continue
        status = "passed" if gain.low > 0 else "issue"
        said = (
            told
            if status == "passed"
            else f"{told}: it knows no more about what people say than their average"
        )
        outcome.find(status, sentence(said), source=source.name, measure="cross_entropy_to_votes")  # type: ignore[arg-type]
    return outcome


def _measures(case: Case) -> dict[str, Distance]:
    ordered = {"wasserstein_to_votes": wasserstein_to_votes} if case.labels.kind == "ordinal" else {}
    return DISTANCES | ordered


def _limits(name: str, labels: int) -> Limits:
    """Least and largest value of a distance."""
    bits = float(np.log2(labels))
    ranges = {
        "brier_to_votes": (0.0, 2.0),
        "manhattan_to_votes": (0.0, 2.0),
        "wasserstein_to_votes": (0.0, labels - 1.0),
        "entropy_calibration_error": (-bits, bits),
        "distribution_calibration_error": (0.0, 1.0),
    }
    return ranges.get(name, (0.0, float("inf")))


def _distances(
    case: Case, outcome: Outcome, source: Source, counts: Floats, references: dict[str, Floats]
) -> tuple[Estimate, Estimate]:
    """All distances of one source into the outcome; the cross-entropy, and the gain over the corpus's shares."""
    options = Resampling(level=case.options.level)
    probability = sure(case, source)
    found, closer = {}, np.empty(0)
    for name, distance in _measures(case).items():
        values = distance(probability, counts)
        found[name] = mean(values, case.groups, limits=_limits(name, len(case.labels)), options=options)
        outcome.estimate(name, source.name, found[name])
        reference = np.where(np.isfinite(values), references[name], np.nan)
        if name == "cross_entropy_to_votes":
            closer = reference - values
        at_base = mean(reference, case.groups, options=options)
        outcome.value(
            f"chance:{name}",
            source.name,
            at_base.value,
            method="the shares of all votes",
            n_clips=at_base.n_clips,
            n_groups=at_base.n_groups,
        )
    gain = mean(closer, case.groups, options=options)
    outcome.estimate("gain_over_vote_shares", source.name, gain)
    return found["cross_entropy_to_votes"], gain
