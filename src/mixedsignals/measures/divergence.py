"""How far apart probability distributions are: the soft signals, clip by clip, in bits unless said otherwise.

Give them calibrated probabilities, else a gap in confidence reads as disagreement. Arrays are
(sources, clips, labels); a row with NaN is a source that is missing for that clip and is left out.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from .arrays import FloatArray, floats, plogp

__all__ = [
    "collision_disagreement",
    "confidence",
    "conflict",
    "entropy",
    "fusion_gap",
    "jensen_shannon",
    "mean_entropy",
    "mean_total_variation",
    "seed_disagreement",
    "true_class_gap",
]


def entropy(probabilities: ArrayLike) -> FloatArray:
    """Shannon entropy −Σ p log₂ p over the last axis, (…, C) → (…), bits in [0, log₂ C]; NaN stays NaN.

    >>> entropy([[0.5, 0.5], [1.0, 0.0]]).tolist()
    [1.0, 0.0]
    """
    return floats(np.maximum(plogp(probabilities).sum(axis=-1), 0.0))


def confidence(probabilities: ArrayLike) -> FloatArray:
    """The largest probability, (…, C) → (…), in [1/C, 1]."""
    return np.asarray(floats(probabilities).max(axis=-1))


def _present(probabilities: ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Zero-filled probabilities (M, n, C) and 1.0 where a source is present (M, n)."""
    given = floats(probabilities)
    present = np.asarray(np.isfinite(given).all(axis=-1))
    return floats(np.where(present[..., None], given, 0.0)), floats(present)


def _mean_of(values: FloatArray, present: FloatArray, fewest: int) -> FloatArray:
    """Mean over the sources that are present, (M, n, …) → (n, …); NaN below `fewest` sources."""
    count = present.sum(axis=0)
    shape = count.shape + (1,) * (values.ndim - count.ndim - 1)
    weight = present.reshape(present.shape + (1,) * (values.ndim - present.ndim))
    total = np.where(weight > 0, values, 0.0).sum(axis=0)
    return np.where((count >= fewest).reshape(shape), total / np.maximum(count, 1).reshape(shape), np.nan)


def jensen_shannon(probabilities: ArrayLike) -> FloatArray:
    """Generalised Jensen-Shannon divergence H(mean) − mean H of (M, n, C) → (n,), equal weights.

    Bits in [0, min(log₂ M, log₂ C)]; 0 only when all sources say the same. Over the unimodal sources it is the
    pre-named headline signal. NaN below two sources. Source: Lin (1991).

    >>> jensen_shannon([[[1.0, 0.0]], [[0.0, 1.0]]]).tolist()
    [1.0]
    """
    given, present = _present(probabilities)
    middle = _mean_of(given, present, 2)
    return np.maximum(entropy(middle) - _mean_of(entropy(given), present, 2), 0.0)


def mean_entropy(probabilities: ArrayLike) -> FloatArray:
    """Mean entropy of the sources, (M, n, C) → (n,), bits in [0, log₂ C]; a baseline signal."""
    given, present = _present(probabilities)
    return _mean_of(entropy(given), present, 1)


def mean_total_variation(probabilities: ArrayLike) -> FloatArray:
    """Mean over pairs of sources of ½ Σ_c |p_i(c) − p_j(c)|, (M, n, C) → (n,), in [0, 1]; NaN below two.

    >>> mean_total_variation([[[1.0, 0.0]], [[0.5, 0.5]]]).tolist()
    [0.5]
    """
    given, present = _present(probabilities)
    total, pairs = np.zeros(given.shape[1]), np.zeros(given.shape[1])
    for first in range(len(given)):
        for second in range(first + 1, len(given)):
            both = present[first] * present[second]
            total += both * 0.5 * np.abs(given[first] - given[second]).sum(axis=-1)
            pairs += both
    return np.where(pairs > 0, total / np.maximum(pairs, 1), np.nan)


def collision_disagreement(probabilities: ArrayLike) -> FloatArray:
    """1 − collision probability: chance that labels drawn from two different sources differ, (M, n, C) → (n,).

    1 − mean over pairs of Σ_c p_i(c) p_j(c), in [0, 1]. Unlike the divergence it also rises when every source
    is unsure. NaN below two sources.

    >>> collision_disagreement([[[1.0, 0.0]], [[0.5, 0.5]]]).tolist()
    [0.5]
    """
    given, present = _present(probabilities)
    count = present.sum(axis=0)
    # Σ_{i≠j} p_i·p_j = |Σ p_i|² − Σ |p_i|²
    meeting = (given.sum(axis=0) ** 2).sum(axis=-1) - (given**2).sum(axis=(0, -1))
    return np.where(count >= 2, np.clip(1.0 - meeting / np.maximum(count * (count - 1), 1), 0.0, 1.0), np.nan)


def conflict(probabilities: ArrayLike) -> FloatArray:
    """How strongly two sources contradict each other, (M, n, C) → (n,), in [0, 1]; 0 when no two labels differ.

    Over pairs of sources whose most probable labels differ, the largest min(margin_i, margin_j), where a margin is the
    largest probability less the second: the surer of the two may be as sure as it likes, what counts is how sure the
    other one is. With two labels it orders clips as the smaller of the two confidences does. Unlike the divergence
    it does not rise when a source is merely unsure. A source without a most probable label (0/0: all equal, margin 0)
    contradicts nobody. A missing source is left out; NaN below two sources.

    >>> conflict([[[0.9, 0.1], [0.9, 0.1]], [[0.2, 0.8], [0.6, 0.4]]]).round(2).tolist()
    [0.6, 0.0]
    """
    given, present = _present(probabilities)
    label = given.argmax(axis=-1)
    ordered = np.sort(given, axis=-1)
    margin = np.clip(ordered[..., -1] - ordered[..., -2], 0.0, 1.0) if given.shape[-1] > 1 else 0.0 * present
    strongest = np.zeros(given.shape[1])
    for first in range(len(given)):
        for second in range(first + 1, len(given)):
            apart = (label[first] != label[second]) & (present[first] * present[second] > 0)
            weaker = np.minimum(margin[first], margin[second])
            strongest = np.where(apart, np.maximum(strongest, weaker), strongest)
    return np.where(present.sum(axis=0) >= 2, strongest, np.nan)


def fusion_gap(fusion: ArrayLike, unimodal: ArrayLike) -> FloatArray:
    """Jensen-Shannon divergence of fusion (n, C) and the mean of the unimodal sources (M, n, C), bits in [0, 1].

    NaN where fusion or every unimodal source is missing.
    """
    given, present = _present(unimodal)
    return jensen_shannon(np.stack([floats(fusion), _mean_of(given, present, 1)]))


def seed_disagreement(probabilities: ArrayLike) -> FloatArray:
    """Mutual information of prediction and seed, (S, n, C) → (n,): the epistemic part, bits in [0, log₂ S].

    The same formula as `jensen_shannon`, over seeds of one source instead of over sources: what retraining
    alone changes. Reported as a rival of cross-modal disagreement (Kirsch & Gal 2022).
    """
    return jensen_shannon(probabilities)


def true_class_gap(fusion: ArrayLike, source: ArrayLike, target: ArrayLike) -> FloatArray:
    """p_fusion(target) − p_source(target), (n, C), (n, C), (n,) → (n,), in [−1, 1]; NaN without a target.

    Uses the truth: for pictures, never as a signal in a test of prediction.
    """
    truth = np.asarray(target, dtype=np.int64)
    rows = np.arange(len(truth))
    gap = (floats(fusion) - floats(source))[rows, np.maximum(truth, 0)]
    return np.where(truth >= 0, gap, np.nan)
