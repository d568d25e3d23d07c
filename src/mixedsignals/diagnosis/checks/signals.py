"""Soft signals of single clips: how far the calibrated probabilities of the sources lie apart, and how sure they are.

The Jensen-Shannon divergence of the unimodal distributions is the headline signal, named beforehand. Seed
disagreement is kept apart from it: what retraining alone changes is not what modalities disagree about.
"""

from __future__ import annotations

import numpy as np

from mixedsignals.diagnosis.calibrating import sure
from mixedsignals.diagnosis.checks.performance import at_chance
from mixedsignals.diagnosis.evidence import Case
from mixedsignals.diagnosis.results import NotApplicable, Outcome
from mixedsignals.diagnosis.words import count, listed, number, sentence
from mixedsignals.measures.divergence import (
    collision_disagreement,
    confidence,
    conflict,
    entropy,
    fusion_gap,
    jensen_shannon,
    mean_total_variation,
    seed_disagreement,
    true_class_gap,
)

__all__ = ["signals"]

MODELS = "models"


def signals(case: Case) -> Outcome:
    """MS205: the soft disagreement of every clip, from calibrated probabilities; p of the target per source."""
    if not case.sources:
        raise NotApplicable("There are no predictions, so models have no distributions to compare.")
    outcome = Outcome()
    for source in case.fullest.values():
        _of_source(case, outcome, source.name)
    if len(case.parts) < 2:
        outcome.find(
            "not_applicable", "Fewer than two sources of one modality: there is no divergence among them."
        )
        return outcome
    parts = np.stack([sure(case, part) for part in case.parts])
    headline = jensen_shannon(parts)
    outcome.score(case.clip_ids, MODELS, "jsd", headline)
    outcome.score(case.clip_ids, MODELS, "mean_total_variation", mean_total_variation(parts))
    outcome.score(case.clip_ids, MODELS, "collision_disagreement", collision_disagreement(parts))
    outcome.score(case.clip_ids, MODELS, "conflict", conflict(parts))
    if case.fusion is not None:
        outcome.score(case.clip_ids, MODELS, "fusion_gap", fusion_gap(sure(case, case.fusion), parts))
    known = headline[np.isfinite(headline)]
    if len(known):
        middle, high = np.quantile(known, [0.5, 0.9])
        message = (
            f"the calibrated distributions of {len(parts)} sources lie {number(float(middle))} bits apart on the "
            f"median clip and {number(float(high))} on the ninth decile (Jensen-Shannon; {count(len(known), 'clip')})"
        )
        idle = [part.name for part in at_chance(case)]
        message += f"; {listed(idle)} cannot be told from chance, so that part of it is noise" if idle else ""
        outcome.find("passed", sentence(message), source=MODELS, measure="jsd")
    return outcome


def _of_source(case: Case, outcome: Outcome, name: str) -> None:
    source = case.fullest[name]
    probability = sure(case, source)
    rows = np.arange(len(case))
    at_target = probability[rows, np.maximum(case.target, 0)]
    outcome.score(case.clip_ids, name, "p_target", np.where(case.target >= 0, at_target, np.nan))
    outcome.score(case.clip_ids, name, "confidence", confidence(probability))
    outcome.score(case.clip_ids, name, "entropy", entropy(probability))
    if case.fusion is not None and source is not case.fusion:
        gap = true_class_gap(sure(case, case.fusion), probability, case.target)
        outcome.score(case.clip_ids, name, "true_class_gap", gap)
    if len(source.seeds) > 1:
        outcome.score(case.clip_ids, name, "seed_disagreement", seed_disagreement(source.probability))
