"""Rank correlation of a signal and an uncertainty, with grouped intervals: Spearman, Kendall, partial Spearman.

Ranks change when a group is left out, so these have kernels of their own. They describe; the test of whether a
signal adds anything to confidence is in `association.py`.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from .arrays import FloatArray, floats
from .groups import Groups
from .inference import JACKKNIFE, ByClip, Estimate, Resampling, estimate
from .ranks import Ranked, ranked

__all__ = ["kendall", "partial_spearman", "spearman", "spearman_statistic"]

MOST_FOR_KENDALL = 20_000
"""Clips up to which Kendall's tau is computed on all of them."""


def _mid_ranks(ranks: Ranked, weights: FloatArray) -> FloatArray:
    """Weighted mid-ranks (R, n) from clip weights (R, n)."""
    mass = ranks.sums(weights)
    return floats((np.cumsum(mass, axis=1) - 0.5 * mass)[:, ranks.of])


def _partial(ranks: list[FloatArray], weights: FloatArray) -> FloatArray:
    """Correlation of the first two, given the others, from rank arrays (R, n) each."""
    total = np.maximum(weights.sum(axis=1, keepdims=True), 1e-300)
    centred = np.stack([rank - (rank * weights).sum(axis=1, keepdims=True) / total for rank in ranks], axis=1)
    covariance = np.einsum("rin,rn,rjn->rij", centred, weights, centred, optimize=True)
    scale = np.sqrt(np.einsum("rii->ri", covariance))
    flat = (scale <= 1e-9 * np.maximum(total, 1.0)).any(axis=1)
    safe = np.where(scale > 0, scale, 1.0)
    correlation = covariance / safe[:, :, None] / safe[:, None, :]
    if len(ranks) == 2:
        return np.where(flat, np.nan, np.clip(correlation[:, 0, 1], -1.0, 1.0))
    inner = correlation[:, 2:, 2:]
    explained = correlation[:, :2, 2:] @ np.linalg.pinv(inner) @ correlation[:, 2:, :2]
    rest = correlation[:, :2, :2] - explained
    spread = np.sqrt(np.maximum(rest[:, 0, 0] * rest[:, 1, 1], 0.0))
    none_left = flat | (spread < 1e-9)
    return np.where(none_left, np.nan, np.clip(rest[:, 0, 1] / np.where(none_left, 1.0, spread), -1.0, 1.0))


def spearman_statistic(
    first: ArrayLike, second: ArrayLike, groups: Groups, *, given: ArrayLike | None = None
) -> ByClip:
    """(Partial) Spearman correlation as a statistic; `given` (n, K) are the variables held fixed."""
    fixed = [] if given is None else list(np.atleast_2d(floats(given).T))
    columns = [floats(first), floats(second), *fixed]
    kept = np.isfinite(np.stack(columns)).all(axis=0)
    ranks = [ranked(column[kept]) for column in columns]

    def value(weights: FloatArray) -> FloatArray:
        if not kept.any():
            return np.full(len(weights), np.nan)
        return _partial([_mid_ranks(each, weights) for each in ranks], weights)

    return ByClip.merged(value, groups.take(kept), slope=partial(_slope, ranks))


def _slope(ranks: list[Ranked]) -> FloatArray:
    """Derivative of the (partial) correlation of the first two by each clip's weight, (n,).

    Weight on a clip counts itself, and lifts the ranks of all clips above it. What the fixed variables explain is
    taken out with coefficients whose own change cancels, as in any least-squares fit.
    """
    ones = np.ones((1, len(ranks[0].of)))
    centred = np.stack([(rank := _mid_ranks(each, ones)[0]) - rank.mean() for each in ranks])
    covariance = centred @ centred.T
    explained = np.linalg.pinv(covariance[2:, 2:]) @ covariance[2:, :2]
    turned = np.concatenate([np.eye(2), -explained])
    left, between = centred.T @ turned, turned.T @ covariance @ turned
    raised = [[_lift(each, np.ascontiguousarray(left[:, side])) for each in ranks] for side in (0, 1)]
    own, other, one, two = (
        sum(part * by for part, by in zip(raised[side], turned.T[at], strict=True) if by)
        for side, at in ((0, 0), (1, 1), (0, 1), (1, 0))
    )
    first, second = left[:, 0] ** 2 + 2.0 * own, left[:, 1] ** 2 + 2.0 * other
    scale = np.sqrt(between[0, 0] * between[1, 1])
    both = (left[:, 0] * left[:, 1] + one + two) / scale
    return floats(both - 0.5 * between[0, 1] / scale * (first / between[0, 0] + second / between[1, 1]))


def _lift(ranks: Ranked, values: FloatArray) -> FloatArray:
    """For each clip the sum of `values` over the clips that rank above it, and half of its ties, (n,)."""
    mass = ranks.sums(values)
    return floats((np.cumsum(mass[::-1])[::-1] - 0.5 * mass)[ranks.of])


def spearman(
    first: ArrayLike, second: ArrayLike, groups: Groups, *, options: Resampling = JACKKNIFE
) -> Estimate:
    """Spearman's rank correlation of two values per clip (n,), (n,), in [−1, 1], mid-ranks for ties.

    The interval is made on Fisher's z. Clips with NaN are left out; not applicable when either is constant.

    >>> round(spearman([1, 2, 3, 4], [10, 20, 40, 30], Groups.each(4)).value, 3)
    0.8
    """
    return estimate(spearman_statistic(first, second, groups), scale="fisher", options=options)


def partial_spearman(
    first: ArrayLike,
    second: ArrayLike,
    given: ArrayLike,
    groups: Groups,
    *,
    options: Resampling = JACKKNIFE,
) -> Estimate:
    """Spearman's correlation of the parts of two ranks that the ranks of `given` (n, K) do not explain linearly.

    In [−1, 1]; descriptive: ranks that bend leave something behind, so it is no test (see `association.py`).
    Not applicable when `given` explains either fully.

    >>> found = partial_spearman([1, 2, 3, 4, 5], [2, 1, 4, 3, 5], [[1], [3], [2], [5], [4]], Groups.each(5))
    >>> round(found.value, 3)
    0.978
    """
    return estimate(spearman_statistic(first, second, groups, given=given), scale="fisher", options=options)


def kendall(
    first: ArrayLike, second: ArrayLike, groups: Groups, *, options: Resampling = JACKKNIFE
) -> Estimate:
    """Kendall's τ_b of two values per clip (n,), (n,), in [−1, 1], with a jackknife interval on Fisher's z.

    Clips with NaN are left out; beyond 20,000 clips a seeded sample of 20,000 is used and the note says so.

    >>> round(kendall([1, 2, 3, 4], [1, 2, 4, 3], Groups.each(4)).value, 3)
    0.667
    """
    one, two = floats(first), floats(second)
    rows = np.flatnonzero(np.isfinite(one) & np.isfinite(two))
    sampled = len(rows) > MOST_FOR_KENDALL
    if sampled:
        rows = np.sort(np.random.default_rng(options.seed).choice(rows, MOST_FOR_KENDALL, replace=False))
    one, two = one[rows], two[rows]

    def value(weights: FloatArray) -> FloatArray:
        return np.array([stats.kendalltau(one[row > 0], two[row > 0]).statistic for row in weights])

    found = estimate(
        ByClip(value, groups.take(rows).blocks(100)),
        scale="fisher",
        options=replace(options, method="jackknife"),
    )
    note = f"computed on a random sample of {MOST_FOR_KENDALL} clips" if sampled else found.note
    return replace(found, note=note)
