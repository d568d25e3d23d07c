"""Scales on which an interval is symmetric, so that its ends stay inside the range of the measure.

A share of .98 cannot lie above 1: its interval is made on the logit and carried back.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from scipy import special, stats

from .arrays import FloatArray

__all__ = ["Scale", "clopper_pearson", "forward", "inverse", "slope"]

END = 1e-12
"""How near an end of its range a value is taken to be at it."""

Scale = Literal["identity", "logit", "fisher", "log"]


def forward(values: FloatArray, scale: Scale) -> FloatArray:
    """`values` carried to `scale`; infinite at an end of the range.

    >>> forward(np.array([0.5, 1.0]), "logit").tolist()
    [0.0, inf]
    """
    if scale == "identity":
        return values
    with np.errstate(divide="ignore", invalid="ignore"):
        if scale == "logit":
            return np.asarray(special.logit(values), dtype=np.float64)
        if scale == "log":
            return np.log(values)
        return np.arctanh(values)


def inverse(values: FloatArray, scale: Scale) -> FloatArray:
    """`values` carried back from `scale`.

    >>> inverse(np.array([0.0]), "logit").tolist()
    [0.5]
    """
    if scale == "identity":
        return values
    if scale == "logit":
        return np.asarray(special.expit(values), dtype=np.float64)
    return np.exp(values) if scale == "log" else np.tanh(values)


def slope(value: float, scale: Scale) -> float | None:
    """Derivative of `forward` at `value` (for the delta method); None at an end of the range.

    >>> slope(0.5, "logit")
    4.0
    """
    if scale == "identity":
        return 1.0
    if scale == "logit":
        return 1.0 / (value * (1.0 - value)) if END < value < 1.0 - END else None
    if scale == "log":
        return 1.0 / value if value > END else None
    return 1.0 / (1.0 - value**2) if abs(value) < 1.0 - END else None


def clopper_pearson(value: float, trials: float, level: float = 0.95) -> tuple[float, float]:
    """Exact binomial interval of a share with a (possibly fractional) number of trials (Clopper-Pearson 1934).

    >>> [round(end, 3) for end in clopper_pearson(0.0, 20)]
    [0.0, 0.168]
    """
    tail = (1.0 - level) / 2
    hits = value * trials
    low = float(stats.beta.ppf(tail, hits, trials - hits + 1.0)) if hits > 0 else 0.0
    high = float(stats.beta.ppf(1.0 - tail, hits + 1.0, trials - hits)) if hits < trials else 1.0
    return low, high
