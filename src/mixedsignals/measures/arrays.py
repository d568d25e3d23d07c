"""The array types of this package, and the one division that knows what 0/0 means.

NaN inside an array marks "does not exist here"; it never leaves as a scalar (see the package docstring).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["BoolArray", "FloatArray", "IntArray", "divided", "floats", "number", "plogp"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]


def floats(values: ArrayLike) -> FloatArray:
    """`values` as an array of float64."""
    return np.asarray(values, dtype=np.float64)


def divided(top: ArrayLike, bottom: ArrayLike) -> FloatArray:
    """top / bottom, NaN where the bottom is not positive.

    >>> divided([1.0, 0.0], [2.0, 0.0]).tolist()
    [0.5, nan]
    """
    above, below = np.broadcast_arrays(floats(top), floats(bottom))
    return floats(np.divide(above, below, out=np.full(above.shape, np.nan), where=below > 1e-12))


def number(value: float | np.floating) -> float | None:
    """A finite number as it is, anything else as None: the way out of this package.

    >>> number(float("nan")) is None
    True
    """
    return float(value) if math.isfinite(value) else None


def plogp(shares: ArrayLike) -> FloatArray:
    """−p log₂ p of every entry, 0 at 0 (bits).

    >>> plogp([0.5, 0.0]).tolist()
    [0.5, 0.0]
    """
    given = floats(shares)
    logs = np.log2(given, out=np.zeros_like(given), where=given > 0)
    return -given * logs + 0.0
