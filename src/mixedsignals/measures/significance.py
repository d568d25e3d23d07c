"""Tests over groups, and what to do with many of them: sign-flip, t test, Holm, Benjamini-Hochberg.

A test takes one number per group (a sum over its clips), because groups are what was drawn independently.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from .arrays import FloatArray
from .groups import kish

__all__ = ["Alternative", "benjamini_hochberg", "group_t_test", "holm", "sign_flip"]

Alternative = Literal["two-sided", "greater", "less"]
_Rule = Callable[[FloatArray], FloatArray]

MOST_ENUMERATED = 14
"""Groups up to which all 2^G sign flips are tried, so that the p-value is exact."""


def sign_flip(
    sums: ArrayLike, *, draws: int = 9999, seed: int = 0, alternative: Alternative = "two-sided"
) -> float | None:
    """p-value that group sums (G,) are symmetric about zero, by flipping the sign of whole groups.

    For a paired comparison of two models, the sum of (right by the first − right by the second) over the clips
    of each group. Up to 14 groups all flips are tried; beyond, `draws` at random and p = (b+1)/(B+1)
    (Phipson & Smyth 2010). Groups that sum to zero do not change it. None without a non-zero group.

    >>> sign_flip([1.0, 1.0, 1.0, 1.0, 1.0])
    0.0625
    """
    given = np.asarray(sums, dtype=np.float64)
    given = given[given != 0]
    if not len(given):
        return None
    exact = len(given) <= MOST_ENUMERATED
    flipped = _all_flips(given) if exact else _random_flips(given, draws, seed)
    observed = float(given.sum())
    slack = 1e-9 * float(np.abs(given).sum())
    if alternative == "two-sided":
        as_far = int((np.abs(flipped) >= abs(observed) - slack).sum())
    else:
        sign = 1.0 if alternative == "greater" else -1.0
        as_far = int((sign * flipped >= sign * observed - slack).sum())
    return as_far / len(flipped) if exact else (as_far + 1) / (draws + 1)


def _all_flips(given: FloatArray) -> FloatArray:
    sums = np.zeros(1)
    for value in given:
        sums = np.concatenate([sums + value, sums - value])
    return sums


def _random_flips(given: FloatArray, draws: int, seed: int) -> FloatArray:
    rng = np.random.default_rng(seed)
    rows = max(1, 4_000_000 // len(given))
    parts = []
    for start in range(0, draws, rows):
        signs = rng.integers(0, 2, size=(min(rows, draws - start), len(given)), dtype=np.int8)
        parts.append(2.0 * (signs @ given) - given.sum())
    return np.concatenate(parts)


def group_t_test(
    sums: ArrayLike, sizes: ArrayLike, *, alternative: Alternative = "two-sided"
) -> tuple[float, float] | None:
    """t statistic and p-value that the mean over clips is zero, from sums and clips per group, both (G,).

    t = S / √(G/(G−1) Σ (s_g − S n_g/N)²), with Kish's effective groups − 1 degrees of freedom.
    None with fewer than two groups that have clips, or without any variation.

    >>> t, p = group_t_test([1.0, 2.0, 3.0], [1, 1, 1])
    >>> round(t, 3), round(p, 3)
    (3.464, 0.074)
    """
    total, clips = np.asarray(sums, dtype=np.float64), np.asarray(sizes, dtype=np.float64)
    total, clips = total[clips > 0], clips[clips > 0]
    count = len(total)
    if count < 2:
        return None
    spread = count / (count - 1) * float(((total - total.sum() * clips / clips.sum()) ** 2).sum())
    if spread <= 1e-24 * max(float((total**2).sum()), 1e-300) or spread == 0.0:
        return None
    t = float(total.sum() / np.sqrt(spread))
    freedom = max(kish(clips) - 1.0, 1.0)
    return t, _tail(t, freedom, alternative)


def _tail(t: float, freedom: float, alternative: Alternative) -> float:
    if alternative == "two-sided":
        return float(2 * stats.t.sf(abs(t), freedom))
    return float(stats.t.sf(t if alternative == "greater" else -t, freedom))


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """Holm's step-down adjustment: the chance of any false claim in the family stays below the level.

    A test that was not applicable (None) stays None and does not count.

    >>> holm([0.01, None, 0.04])
    [0.02, None, 0.04]
    """
    return _adjusted(p_values, lambda p: np.minimum(1.0, np.maximum.accumulate(p * np.arange(len(p), 0, -1))))


def benjamini_hochberg(p_values: Sequence[float | None]) -> list[float | None]:
    """Benjamini-Hochberg adjustment: the expected share of false claims among those made; None stays None.

    >>> benjamini_hochberg([0.01, 0.02, None])
    [0.02, 0.02, None]
    """

    def step_up(p: FloatArray) -> FloatArray:
        scaled = p * len(p) / np.arange(1, len(p) + 1)
        return np.minimum(1.0, np.minimum.accumulate(scaled[::-1])[::-1])

    return _adjusted(p_values, step_up)


def _adjusted(p_values: Sequence[float | None], rule: _Rule) -> list[float | None]:
    known = [at for at, p in enumerate(p_values) if p is not None]
    given = np.asarray([p_values[at] for at in known], dtype=np.float64)
    order = np.argsort(given, kind="stable")
    adjusted: list[float | None] = [None] * len(p_values)
    for at, value in zip(np.asarray(known, dtype=np.int64)[order], rule(given[order]), strict=True):
        adjusted[int(at)] = float(value)
    return adjusted
