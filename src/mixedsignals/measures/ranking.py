"""How well a signal ranks clips: AUROC and average precision with grouped intervals.

AUROC is a ratio of quadratic forms in the group weights. Leaving a group out needs only its row, column and
diagonal entry of the group-by-group table of concordant pairs, which ranks give without the table; the
bootstrap uses the table itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike
from scipy import sparse

from .arrays import FloatArray, IntArray, divided, floats
from .groups import Groups
from .inference import JACKKNIFE, ByClip, Combination, Estimate, Resampling, estimate

__all__ = ["Concordance", "auprc", "auprc_statistic", "auroc", "auroc_statistic", "base_rate", "standing"]

MOST_GROUPS_IN_TABLE = 2000
"""Groups up to which the group-by-group table is built; beyond, resamples use the linear (influence) part."""


def standing(scores: FloatArray, weights: FloatArray, within: IntArray) -> FloatArray:
    """For each clip the weight of clips of the same `within` code that score lower, and half of its ties, (n,).

    >>> standing(np.array([1.0, 3.0, 3.0]), np.ones(3), np.zeros(3, dtype=int)).tolist()
    [0.5, 2.0, 2.0]
    """
    order = np.lexsort((scores, within))
    key, ordered = within[order], scores[order]
    new_key = np.concatenate([[True], key[1:] != key[:-1]])
    new_tie = new_key | np.concatenate([[True], ordered[1:] != ordered[:-1]])
    before = np.concatenate([[0.0], np.cumsum(weights[order])])
    ties, keys = np.flatnonzero(new_tie), np.flatnonzero(new_key)
    ends = np.append(ties[1:], len(order))
    middle = 0.5 * (before[ties] + before[ends]) - before[keys][np.cumsum(new_key)[ties] - 1]
    out = np.empty(len(order))
    out[order] = middle[np.cumsum(new_tie) - 1]
    return out


@dataclass(frozen=True, eq=False)
class Concordance:
    """AUROC as a statistic: `scores`, weights as `positive` and `negative`, and `strata`, all (n,).

    Only pairs within a stratum (a fold) are compared. Above 2,000 groups `at` is linear in the weights.
    """

    scores: FloatArray
    positive: FloatArray
    negative: FloatArray
    strata: IntArray
    groups: Groups

    @cached_property
    def _by_stratum(self) -> tuple[sparse.csr_array, sparse.csr_array]:
        """Positive and negative weight per group and stratum, (G, S) sparse."""
        shape = (self.groups.count, int(self.strata.max()) + 1)
        at = (self.groups.codes, self.strata)
        made = [
            sparse.coo_array((weight, at), shape=shape).tocsr() for weight in (self.positive, self.negative)
        ]
        return made[0], made[1]

    @cached_property
    def _edges(self) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
        """Per group: concordant pairs it takes part in, and within itself; the same for all pairs."""
        if not self.strata.any():
            return self._edges_of_one_stratum()
        positive, negative = self._by_stratum
        own = self.groups.codes * positive.shape[1] + self.strata
        below = standing(self.scores, self.negative, self.strata)
        lower = standing(self.scores, self.positive, self.strata)
        all_positive, all_negative = floats(positive.sum(axis=0)), floats(negative.sum(axis=0))
        above = all_positive[self.strata] - lower
        touched = self.groups.sums(self.positive * below + self.negative * above)
        inside = self.groups.sums(self.positive * standing(self.scores, self.negative, own))
        pairs = positive @ all_negative + negative @ all_positive
        return touched, inside, floats(pairs), floats(positive.multiply(negative).sum(axis=1))

    def _edges_of_one_stratum(self) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
        """The common case without folds: one sort serves the positives and the negatives."""
        ranks, levels = _dense_ranks(self.scores)
        plus = np.bincount(ranks, weights=self.positive, minlength=levels)
        minus = np.bincount(ranks, weights=self.negative, minlength=levels)
        below = np.cumsum(minus) - 0.5 * minus
        above = plus.sum() - np.cumsum(plus) + 0.5 * plus
        touched = self.groups.sums(self.positive * below[ranks] + self.negative * above[ranks])
        inside = self.groups.sums(self.positive * _own_standing(ranks, levels, self.negative, self.groups))
        per_plus, per_minus = self.groups.sums(self.positive), self.groups.sums(self.negative)
        pairs = per_plus * minus.sum() + per_minus * plus.sum()
        return touched, inside, pairs, per_plus * per_minus

    @cached_property
    def value(self) -> float:
        """AUROC with every group once; NaN without a pair."""
        touched, _, pairs, _ = self._edges
        return float(divided(touched.sum(), pairs.sum()))

    def without_each(self) -> FloatArray:
        """See `Statistic`; exact, in the time of two sorts."""
        touched, inside, pairs, own = self._edges
        return divided(touched.sum() / 2 - touched + inside, pairs.sum() / 2 - pairs + own)

    def at(self, weights: FloatArray) -> FloatArray:
        """See `Statistic`."""
        if len(weights) == 1 and (weights == 1.0).all():
            return np.array([self.value])
        if self.groups.count > MOST_GROUPS_IN_TABLE:
            return self._linear_at(weights)
        concordant, pairs = self.table
        top = ((weights @ concordant) * weights).sum(axis=1)
        return divided(top, ((weights @ pairs) * weights).sum(axis=1))

    def _linear_at(self, weights: FloatArray) -> FloatArray:
        touched, _, pairs, _ = self._edges
        influence = (touched - self.value * pairs) / (pairs.sum() / 2)
        return floats(self.value + (weights - 1.0) @ influence)

    @cached_property
    def table(self) -> tuple[FloatArray, FloatArray]:
        """Concordant pairs and all pairs between groups, (G, G) each: rows positive, columns negative."""
        positive, negative = self._by_stratum
        concordant = np.zeros((self.groups.count, self.groups.count))
        for stratum in range(positive.shape[1]):
            self._add_stratum(concordant, np.flatnonzero(self.strata == stratum))
        return concordant, floats((positive @ negative.T).toarray())

    def _add_stratum(self, concordant: FloatArray, rows: IntArray) -> None:
        """Add the concordant pairs among `rows`, in slices of score so that memory stays bounded."""
        if not len(rows):
            return
        present, local = np.unique(self.groups.codes[rows], return_inverse=True)
        ranks, levels = _dense_ranks(self.scores[rows])
        carried, step = np.zeros(len(present)), max(1, 4_000_000 // len(present))
        found = np.zeros((len(present), len(present)))
        for start in range(0, levels, step):
            inside = (ranks >= start) & (ranks < start + step)
            where = (ranks[inside] - start, local[inside])
            shape = (min(step, levels - start), len(present))
            minus = sparse.coo_array((self.negative[rows][inside], where), shape=shape).toarray()
            plus = sparse.coo_array((self.positive[rows][inside], where), shape=shape).tocsr()
            running = np.cumsum(minus, axis=0)
            found += plus.T @ (carried + running - 0.5 * minus)
            carried = carried + running[-1]
        concordant[np.ix_(present, present)] += found


def _dense_ranks(scores: FloatArray) -> tuple[IntArray, int]:
    """Ranks 0, 1, 2, … with ties equal, and how many levels there are."""
    order = np.argsort(scores)
    ordered = scores[order]
    level = np.concatenate([[0], np.cumsum(ordered[1:] != ordered[:-1])])
    ranks = np.empty(len(scores), dtype=np.int64)
    ranks[order] = level
    return ranks, int(level[-1]) + 1


def _own_standing(ranks: IntArray, levels: int, weights: FloatArray, groups: Groups) -> FloatArray:
    """`standing` within the clip's own group, from dense ranks: one sort of whole numbers."""
    key = groups.codes * levels + ranks
    order = np.argsort(key)
    ordered = key[order]
    starts = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))
    before = np.concatenate([[0.0], np.cumsum(weights[order])])
    ends = np.append(starts[1:], len(order))
    group = ordered[starts] // levels
    first = starts[np.searchsorted(group, np.arange(groups.count))[group]]
    middle = 0.5 * (before[starts] + before[ends]) - before[first]
    out = np.empty(len(order))
    out[order] = np.repeat(middle, ends - starts)
    return out


def auroc_statistic(
    scores: ArrayLike, target: ArrayLike, groups: Groups, *, strata: ArrayLike | None = None
) -> Concordance:
    """AUROC as a statistic; see `auroc`."""
    signal, share = floats(scores), floats(target)
    kept = np.isfinite(signal) & np.isfinite(share)
    folds = np.zeros(len(signal), dtype=np.int64) if strata is None else np.asarray(strata, dtype=np.int64)
    return Concordance(signal[kept], share[kept], 1.0 - share[kept], folds[kept], groups.take(kept))


def auroc(
    scores: ArrayLike,
    target: ArrayLike,
    groups: Groups,
    *,
    strata: ArrayLike | None = None,
    options: Resampling = JACKKNIFE,
) -> Estimate:
    """Chance that a positive clip scores above a negative one, ties counting half, in [0, 1]; .5 is chance.

    `target` (n,) in [0, 1]: 0 and 1 for classes, or a share: a clip with pairwise disagreement D weighs D as
    positive and 1 − D as negative, so that the pair of votes is the case. `strata` (n,) are codes (folds)
    within which pairs are compared. Clips where signal or target is NaN are left out. Not applicable when one
    class is missing. The interval is made on the logit. Source: Hanley & McNeil (1982).

    >>> auroc([0.1, 0.4, 0.3, 0.9], [0, 0, 1, 1], Groups.each(4)).value
    0.75
    """
    return estimate(auroc_statistic(scores, target, groups, strata=strata), scale="logit", options=options)


def base_rate(target: ArrayLike) -> float | None:
    """Mean of the target over clips where it exists: what average precision is compared with."""
    share = floats(target)
    share = share[np.isfinite(share)]
    return float(share.mean()) if len(share) else None


def auprc_statistic(
    scores: ArrayLike, target: ArrayLike, groups: Groups, *, strata: ArrayLike | None = None
) -> ByClip | Combination:
    """Average precision as a statistic; see `auprc`."""
    signal, share = floats(scores), floats(target)
    kept = np.isfinite(signal) & np.isfinite(share)
    folds = (np.zeros(len(signal)) if strata is None else np.asarray(strata))[kept]
    signal, share = signal[kept], share[kept]
    inside = groups.take(kept)
    parts = []
    for fold in np.unique(folds):
        rows = np.flatnonzero(folds == fold)
        ranks, levels = _dense_ranks(-signal[rows])
        parts.append((rows, ranks, levels))

    def average(weights: FloatArray) -> FloatArray:
        total, positives = np.zeros(len(weights)), np.zeros(len(weights))
        for rows, ranks, levels in parts:
            found, mass = _average_precision(weights[:, rows], share[rows], ranks, levels)
            total += np.where(mass > 0, np.nan_to_num(found) * mass, 0.0)
            positives += mass
        return divided(total, positives)

    return ByClip.merged(average, inside)


def _average_precision(
    weights: FloatArray, share: FloatArray, ranks: IntArray, levels: int
) -> tuple[FloatArray, FloatArray]:
    """Average precision (R,) and the positive weight (R,) of one stratum, from clip weights (R, n)."""
    order = np.argsort(ranks, kind="stable")
    starts = np.searchsorted(ranks[order], np.arange(levels))
    ordered = weights[:, order]
    caught = np.add.reduceat(ordered * share[order], starts, axis=1)
    seen = np.cumsum(np.add.reduceat(ordered, starts, axis=1), axis=1)
    precision = np.nan_to_num(divided(np.cumsum(caught, axis=1), seen))
    mass = caught.sum(axis=1)
    return divided((precision * caught).sum(axis=1), mass), mass


def auprc(
    scores: ArrayLike,
    target: ArrayLike,
    groups: Groups,
    *,
    strata: ArrayLike | None = None,
    options: Resampling = JACKKNIFE,
) -> Estimate:
    """Average precision Σ (R_k − R_{k−1}) P_k over distinct scores, in [0, 1]; chance is `base_rate`.

    Arguments as for `auroc`; with strata, the mean over strata weighted by their positives. Tied clips enter
    together. Not applicable without a positive. Equals scikit-learn's `average_precision_score`.

    >>> round(auprc([0.1, 0.4, 0.35, 0.8], [0, 0, 1, 1], Groups.each(4)).value, 3)
    0.833
    """
    return estimate(auprc_statistic(scores, target, groups, strata=strata), scale="logit", options=options)
