"""Whom fusion follows when one modality of a clip comes from another clip: statistics of pairs of clips.

A swap has two clips in it, one that receives and one that lends, and both were drawn with their groups. Counting the
groups of those who receive alone would make intervals too narrow wherever a lender of one group serves many others,
so leaving a group out here leaves out every pair in which it receives or lends.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike
from scipy import optimize, stats

from .arrays import FloatArray, IntArray, divided, floats
from .groups import Groups
from .inference import CHUNK, Estimate

__all__ = ["Pairs", "against_zero", "bins_of", "follow_statistic", "relative_entropy", "slope_statistic"]


@dataclass(frozen=True, eq=False)
class Pairs:
    """A function of sums over pairs of groups, one that receives and one that lends: a `Statistic`.

    Attributes:
        parts: what each pair of clips adds to the sums, (pairs, k).
        receives, lends: group of each clip of a pair, (pairs,); `lends` is −1 where nobody does.
        function: maps totals (R, k) to values (R,).
        groups: of the clips that receive.

    A pair counts with the product of the weights of its groups, and once where both are the same. The delete-one-group
    jackknife of such sums is that of a U-statistic (Arvesen 1969; for pairs that share members: Aronow, Samii &
    Assenova 2015).
    """

    parts: FloatArray
    receives: IntArray
    lends: IntArray
    function: Callable[[FloatArray], FloatArray]
    groups: Groups

    def at(self, weights: FloatArray) -> FloatArray:
        """See `Statistic`."""
        if (weights == 1.0).all():
            return self.function(np.tile(self.parts.sum(axis=0), (len(weights), 1)))
        alone = (self.lends < 0) | (self.lends == self.receives)
        rows = max(1, CHUNK // max(len(self.parts), 1))
        totals = []
        for start in range(0, len(weights), rows):
            held = weights[start : start + rows]
            counted = held[:, self.receives] * np.where(alone, 1.0, held[:, self.lends])
            totals.append(counted @ self.parts)
        return self.function(np.concatenate(totals))

    def without_each(self) -> FloatArray:
        """See `Statistic`: the total less all that a group receives or lends, in one pass over the pairs."""
        gone = self._sums(self.receives, np.ones(len(self.parts), dtype=np.bool_))
        gone += self._sums(self.lends, (self.lends >= 0) & (self.lends != self.receives))
        return self.function(self.parts.sum(axis=0) - gone)

    def _sums(self, codes: IntArray, where: np.ndarray) -> FloatArray:
        count = self.groups.count
        columns = [np.bincount(codes[where], weights=one[where], minlength=count) for one in self.parts.T]
        return np.stack(columns, axis=1)


def _pairs(
    parts: FloatArray,
    clip: IntArray,
    lender: IntArray,
    groups: Groups,
    function: Callable[[FloatArray], FloatArray],
) -> Pairs:
    known = np.zeros(len(groups), dtype=np.bool_)
    known[clip] = True
    lends = np.where(lender >= 0, groups.codes[np.maximum(lender, 0)], -1)
    return Pairs(parts, groups.codes[clip], lends, function, groups.take(known))


def follow_statistic(values: ArrayLike, clip: ArrayLike, lender: ArrayLike, groups: Groups) -> Pairs:
    """The mean over clips of the mean over their partners, as a `Statistic` of the groups of both.

    Args:
        values: one per pair, (pairs,), for instance P(donor's label | swap) − P(donor's label | no swap); NaN leaves a
            pair out.
        clip: the clip that receives, a position in `groups`, (pairs,).
        lender: the clip that lends, or −1 where a clip was changed without another, (pairs,).
        groups: of all clips.

    >>> two = Groups.of(["ann", "ann", "bob"])
    >>> found = follow_statistic([0.2, 0.4, 0.9], [0, 0, 2], [1, 2, 0], two)
    >>> found.at(np.ones((1, 2))).round(2).tolist(), found.without_each().round(2).tolist()
    ([0.6], [nan, 0.2])
    """
    given = floats(values)
    kept = np.isfinite(given)
    receives, lends = np.asarray(clip, dtype=np.int64)[kept], np.asarray(lender, dtype=np.int64)[kept]
    share = 1.0 / np.maximum(np.bincount(receives, minlength=len(groups)), 1)[receives]
    parts = np.stack([given[kept] * share, share], axis=1)
    return _pairs(parts, receives, lends, groups, lambda t: divided(t[..., 0], t[..., 1]))


def slope_statistic(
    values: ArrayLike,
    against: ArrayLike,
    clip: ArrayLike,
    lender: ArrayLike,
    groups: Groups,
    *,
    within: bool = False,
    least: float = 0.0,
) -> Pairs:
    """The slope of `values` on `against` over pairs of clips, both (pairs,), as a `Statistic` of the groups of both.

    Least squares with a clip's pairs weighing one together; NaN in either leaves a pair out. `within` centres both on
    their clip first, so that only partners of the same clip are compared. NaN where `against` does not vary, or has a
    standard deviation (within clips, if so asked) below `least`: a slope on next to nothing says nothing.

    >>> every = Groups.each(4)
    >>> falling = slope_statistic([0.9, 0.5, 0.1], [-1, 0, 1], [0, 1, 2], [3, 3, 3], every)
    >>> falling.at(np.ones((1, 4))).round(2).tolist()
    [-0.4]
    """
    y, x = floats(values), floats(against)
    kept = np.isfinite(y) & np.isfinite(x)
    y, x = y[kept], x[kept]
    receives, lends = np.asarray(clip, dtype=np.int64)[kept], np.asarray(lender, dtype=np.int64)[kept]
    count = np.maximum(np.bincount(receives, minlength=len(groups)), 1)
    share = 1.0 / count[receives]
    if within:
        y, x = (
            one - (np.bincount(receives, weights=one, minlength=len(groups)) / count)[receives]
            for one in (y, x)
        )
    columns = [np.ones_like(x), x, y, x * x, x * y]
    parts = np.stack([share * one for one in columns], axis=1)
    return _pairs(parts, receives, lends, groups, lambda t: _slope(t, least))


def _slope(totals: FloatArray, least: float) -> FloatArray:
    """Slope of y on x from the sums of 1, x, y, x², xy (R, 5); NaN without spread of x."""
    count, x, y, squares, products = (totals[..., at] for at in range(5))
    middle_x, middle_y = divided(x, count), divided(y, count)
    spread = squares - count * middle_x**2
    enough = (spread > 1e-9 * np.maximum(squares, 1e-12)) & (spread >= least**2 * count)
    spread = np.where(enough, spread, 0.0)
    return divided(products - count * middle_x * middle_y, spread)


def relative_entropy(own: ArrayLike, others: ArrayLike) -> FloatArray:
    """How unsure a modality is beside the others, from entropies (n,) and (M, n) of the same unit, in [−1, 1].

    (H − H̄) / (H + H̄) with H̄ the mean over the others: −1 where only this modality is sure, 0 where all are alike
    (no entropy anywhere included), 1 where it alone is unsure. NaN in any of them gives NaN. Source: the relative
    uncertainty of Zhang et al. (2511.02243).

    >>> relative_entropy([0.0, 1.0, 0.0], [[1.0, 1.0, 0.0], [3.0, 1.0, 0.0]]).tolist()
    [-1.0, 0.0, 0.0]
    """
    mine, rest = floats(own), floats(others).mean(axis=0)
    total = mine + rest
    found = divided(mine - rest, total)
    return floats(np.where(total <= 1e-12, 0.0, found))


def bins_of(values: ArrayLike, count: int) -> IntArray:
    """The bin of each value (n,): `count` bins with about as many values each, 0 the lowest; −1 where NaN.

    Equal values share a bin, so that there can be fewer bins than asked for.

    >>> bins_of([0.1, 0.2, 0.3, 0.4, float("nan")], 2).tolist()
    [0, 0, 1, 1, -1]
    """
    given = floats(values)
    known = np.isfinite(given)
    out = np.full(len(given), -1, dtype=np.int64)
    if known.any():
        edges = np.unique(np.quantile(given[known], np.arange(1, count) / count))
        codes = np.searchsorted(edges, given[known], side="left")
        out[known] = np.unique(codes, return_inverse=True)[1]
    return out


def against_zero(found: Estimate) -> Estimate:
    """The estimate with the two-sided p of zero by the same t distribution as its interval, which agrees with it.

    For estimates whose interval is symmetric and was not cut at a limit. p stays None without a standard error; where
    there is no spread at all it is None too.

    >>> one = Estimate(0.3, 0.0, 0.6, 0.95, "jackknife-identity", 9, 9, 9.0, False, se=0.13)
    >>> round(against_zero(one).p, 3)
    0.05
    """
    if found.value is None or found.low is None or found.high is None or not found.se:
        return found
    quantile = (found.high - found.low) / 2.0 / found.se
    freedom = _freedom(quantile, 0.5 + found.level / 2.0)
    tail = stats.norm.sf if freedom is None else stats.t(freedom).sf
    return replace(found, p=float(min(2.0 * tail(abs(found.value) / found.se), 1.0)))


def _freedom(quantile: float, share: float) -> float | None:
    """Degrees of freedom at which the t distribution has that quantile; None for the normal one."""
    most = 1e6
    if quantile <= float(stats.t.ppf(share, most)):
        return None
    if quantile >= float(stats.t.ppf(share, 1.0)):
        return 1.0
    return float(optimize.brentq(lambda df: float(stats.t.ppf(share, df)) - quantile, 1.0, most))
