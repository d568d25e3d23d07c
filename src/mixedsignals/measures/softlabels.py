"""A model against the votes themselves instead of their majority: distances between distributions, per clip.

Where people differ, a confident answer is not a good one. `probabilities` and `votes` are distributions
(n, C); a row with NaN in either (no votes, no prediction) gives NaN.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from .arrays import FloatArray, divided, floats
from .divergence import entropy
from .votes import soft_labels

__all__ = [
    "brier_to_votes",
    "cross_entropy_to_votes",
    "distribution_calibration_error",
    "entropy_calibration_error",
    "manhattan_to_votes",
    "wasserstein_to_votes",
]

FLOOR = 1e-7


def cross_entropy_to_votes(probabilities: ArrayLike, counts: ArrayLike) -> FloatArray:
    """−Σ_c v_c ln p_c with v the vote shares, (n, C), (n, C) → (n,), nats ≥ 0 (p held above 1e-7).

    Least, over p, at p = v, where it is the entropy of the votes (Peterson et al. 2019).

    >>> cross_entropy_to_votes([[0.5, 0.5]], [[1, 1]]).round(3).tolist()
    [0.693]
    """
    return floats(-(soft_labels(counts) * np.log(np.maximum(floats(probabilities), FLOOR))).sum(axis=1))


def brier_to_votes(probabilities: ArrayLike, counts: ArrayLike) -> FloatArray:
    """Mean over single votes of Σ_c (p_c − [vote = c])², (n, C), (n, C) → (n,), in [0, 2].

    >>> brier_to_votes([[1.0, 0.0]], [[1, 1]]).tolist()
    [1.0]
    """
    given, shares = floats(probabilities), soft_labels(counts)
    return floats((given**2).sum(axis=1) - 2.0 * (given * shares).sum(axis=1) + shares.sum(axis=1))


def manhattan_to_votes(probabilities: ArrayLike, counts: ArrayLike) -> FloatArray:
    """Σ_c |p_c − v_c|, (n, C), (n, C) → (n,), in [0, 2] (LeWiDi 2025).

    >>> manhattan_to_votes([[1.0, 0.0]], [[1, 1]]).tolist()
    [1.0]
    """
    return floats(np.abs(floats(probabilities) - soft_labels(counts)).sum(axis=1))


def wasserstein_to_votes(probabilities: ArrayLike, counts: ArrayLike) -> FloatArray:
    """Earth mover's distance of ordered labels one step apart, Σ_c |F_p(c) − F_v(c)|, → (n,), in [0, C−1].

    For ordinal labels only (LeWiDi 2025).

    >>> wasserstein_to_votes([[1.0, 0.0, 0.0]], [[0, 0, 2]]).tolist()
    [2.0]
    """
    gap = np.cumsum(floats(probabilities) - soft_labels(counts), axis=1)
    return floats(np.abs(gap[:, :-1]).sum(axis=1))


def entropy_calibration_error(probabilities: ArrayLike, counts: ArrayLike) -> FloatArray:
    """H(p) − H(v) per clip, bits in [−log₂ C, log₂ C] (Baan et al. 2022); below 0 the model is surer than people.

    H(v) is the plug-in entropy, too small with few votes: the mean leans upward by about (labels − 1)/(2 n ln 2).

    >>> entropy_calibration_error([[1.0, 0.0]], [[1, 1]]).tolist()
    [-1.0]
    """
    return entropy(probabilities) - entropy(soft_labels(counts))


def distribution_calibration_error(probabilities: ArrayLike, counts: ArrayLike) -> FloatArray:
    """Total variation of model and votes, ½ Σ_c |p_c − v_c|, (n, C), (n, C) → (n,), in [0, 1] (Baan et al. 2022).

    >>> distribution_calibration_error([[1.0, 0.0]], [[1, 1]]).tolist()
    [0.5]
    """
    return divided(manhattan_to_votes(probabilities, counts), 2.0)
