"""Shapley values on drawn corpora: a fusion that adds log-odds with weights that differ between seeds, asked with every
subset of its modalities, by the code that the diagnosis uses.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from scipy.special import softmax

from benchmarks.simulated.corpora import Corpus
from benchmarks.simulated.swapped import Shown, shown_by
from mixedsignals.diagnosis.attribution import Attribution
from mixedsignals.diagnosis.prior import Prior
from mixedsignals.measures.correlation import spearman_statistic
from mixedsignals.measures.crossed import across_seeds
from mixedsignals.measures.divergence import confidence
from mixedsignals.measures.dominance import naming_excess
from mixedsignals.measures.groups import Groups
from mixedsignals.measures.inference import SIGNED, UNBOUNDED, Estimate, Limits, ratio

MODALITIES = ("text", "audio", "video")
FAVOURED = 1.2
"""How many times more often the first label was trained on than each other: what is said given nothing."""


def attributed(shown: Shown, labels: int) -> Attribution:
    """The fusion of a drawn corpus given every subset: the log-odds of what is missing are left out."""
    prior = np.ones(labels)
    prior[0] = FAVOURED
    subsets = [np.array([number >> at & 1 for at in range(3)]) for number in range(1, 8)]
    said = tuple(softmax(np.tensordot(shown.weights * kept, shown.logits, 1), axis=-1) for kept in subsets)
    clips = len(shown.target)
    return Attribution(
        source="fusion",
        handling="token",
        modalities=MODALITIES,
        seeds=tuple(range(len(shown.weights))),
        probability=said,
        prior=Prior(np.tile(prior / prior.sum(), (clips, 1)), "drawn"),
        target=shown.target,
        lacking=np.zeros(clips, dtype=np.bool_),
    )


@lru_cache(maxsize=2)
def _of(made: Corpus) -> tuple[Attribution, Groups]:
    shown = shown_by(made)
    return attributed(shown, made.labels), shown.groups


def _mean(values: np.ndarray, groups: Groups, limits: Limits = UNBOUNDED) -> Estimate:
    """Mean over clips and seeds of values (seeds, clips)."""
    return across_seeds([ratio(one, np.ones(len(one)), groups) for one in values], limits=limits)


def right(made: Corpus) -> Estimate:
    """What the first modality adds to the share of clips right."""
    one, groups = _of(made)
    return _mean(one.shapley_right[0], groups, SIGNED)


def right_more(made: Corpus) -> Estimate:
    """How much more the first modality adds to it than the second."""
    one, groups = _of(made)
    return _mean(one.shapley_right[0] - one.shapley_right[1], groups, (-2.0, 2.0))


def predicted(made: Corpus) -> Estimate:
    """What the first modality adds to the log-odds of the label predicted."""
    one, groups = _of(made)
    return _mean(one.shapley_own[0], groups)


def predicted_more(made: Corpus) -> Estimate:
    """How much more the first modality adds to them than the second."""
    one, groups = _of(made)
    return _mean(one.shapley_own[0] - one.shapley_own[1], groups)


def together(made: Corpus) -> Estimate:
    """The interaction of the first two modalities on the share of clips right."""
    one, groups = _of(made)
    return _mean(one.interactions_right[0, 1], groups, (-2.0, 2.0))


def flips(made: Corpus) -> Estimate:
    """Clips whose label changes when the first modality is left out."""
    one, groups = _of(made)
    changed = (one.predicted(7) != one.without("text")).astype(np.float64)
    return across_seeds([ratio(row, np.ones(len(row)), groups) for row in changed], scale="logit")


def gate_rank(made: Corpus) -> Estimate:
    """Rank correlation across clips of a gate that follows the first modality's confidence with what it adds."""
    one, groups = _of(made)
    gate = confidence(softmax(shown_by(made).logits[0], axis=-1))
    return across_seeds(
        [spearman_statistic(gate, values, groups) for values in one.shapley_true[0]],
        scale="fisher",
        limits=SIGNED,
    )


def gates_name(made: Corpus) -> Estimate:
    """How much more often than by chance the surest modality is the one that adds most to the truth."""
    one, groups = _of(made)
    surest = np.stack([confidence(softmax(logits, axis=-1)) for logits in shown_by(made).logits]).argmax(
        axis=0
    )
    most = one.shapley_true.argmax(axis=0)
    return across_seeds([naming_excess(surest, row, groups) for row in most], limits=SIGNED)
