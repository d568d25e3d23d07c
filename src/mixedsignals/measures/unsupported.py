"""Who carries a fused decision, and is it a case? From what a model says given each subset of modalities.

One rule for a run's own predictions and for clips that were put together from others: whoever makes the null asks the
same question as whoever counts the cases.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from .arrays import BoolArray, FloatArray, IntArray, floats
from .dominance import shapley, unsupported_dominance

__all__ = ["carried", "log_odds", "unsupported_cases"]

_LEAST = 1e-6


def log_odds(probability: ArrayLike) -> FloatArray:
    """log p / (1 − p) in nats, with p held 1e-6 from 0 and 1; NaN stays.

    >>> round(float(log_odds(0.75)), 3)
    1.099
    """
    held = np.clip(floats(probability), _LEAST, 1.0 - _LEAST)
    return floats(np.log(held) - np.log1p(-held))


def carried(probability: ArrayLike) -> tuple[FloatArray, IntArray]:
    """Shapley values on the log-odds of the label said given everything, (M, n) in nats, and that label (n,).

    `probability` (2^M, n, C) is what is said given each subset in the order of `dominance`: first given nothing (the
    training prior), last given everything. Where a subset is missing (NaN) the values are NaN and the label is −1.

    >>> values, said = carried([[[0.5, 0.5]], [[0.2, 0.8]], [[0.5, 0.5]], [[0.2, 0.8]]])
    >>> values.round(2).tolist(), said.tolist()
    ([[1.39], [0.0]], [1])
    """
    given = floats(probability)
    known: BoolArray = np.asarray(np.isfinite(given).all(axis=(0, 2)), dtype=np.bool_)
    said = np.where(known, np.where(known[:, None], given[-1], 0.0).argmax(axis=1), -1).astype(np.int64)
    chosen = given[:, np.arange(len(said)), np.maximum(said, 0)]
    return shapley(np.where(known, log_odds(chosen), np.nan)), said


def unsupported_cases(
    probability: ArrayLike, unimodal: ArrayLike, target: ArrayLike
) -> tuple[BoolArray, IntArray, IntArray]:
    """Cases (n,), the dominant modality (n,) and the label that it says alone (n,); −1 where not known.

    A case: the modality with the largest value of `carried` says a wrong label, no other modality says that label, and
    the whole says a wrong label, too. `probability` as there; `unimodal` (M, n) what each modality says alone and
    `target` (n,) are codes, −1 where missing.

    >>> misled = [[[0.5, 0.5]], [[0.1, 0.9]], [[0.6, 0.4]], [[0.2, 0.8]]]
    >>> [found.tolist() for found in unsupported_cases(misled, [[1], [0]], [0])]
    [[True], [0], [1]]
    """
    values, said = carried(probability)
    each = np.asarray(unimodal, dtype=np.int64)
    hit, dominant = unsupported_dominance(values, each, said, target)
    towards = each[np.maximum(dominant, 0), np.arange(each.shape[1])]
    return hit, dominant, np.where(dominant >= 0, towards, -1).astype(np.int64)
