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
from .inference import JACKKNIFE, ByClip, Estimate, Resampling, estimate
from .ranks import Ranked, ranked

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
        kinds = int(self.strata.max()) + 1
        ranks, stratum = self._levels
        plus, minus = ranks.sums(self.positive), ranks.sums(self.negative)
        all_plus, all_minus = (np.bincount(stratum, weights=w, minlength=kinds) for w in (plus, minus))
        below = np.cumsum(minus) - 0.5 * minus - (np.cumsum(all_minus) - all_minus)[stratum]
        above = np.cumsum(all_plus)[stratum] - np.cumsum(plus) + 0.5 * plus
        touched = self.groups.sums(self.positive * below[ranks.of] + self.negative * above[ranks.of])
        own = self.groups.codes * kinds + self.strata
        inside = self.groups.sums(self.positive * _own_standing(ranks, self.negative, own))
        pairs = self.groups.sums(
            self.positive * all_minus[self.strata] + self.negative * all_plus[self.strata]
        )
        cells = self.groups.count * kinds
        held = [np.bincount(own, weights=w, minlength=cells) for w in (self.positive, self.negative)]
        return touched, inside, pairs, floats((held[0] * held[1]).reshape(-1, kinds).sum(axis=1))

    @cached_property
    def _levels(self) -> tuple[Ranked, IntArray]:
        """Ranks by stratum and then score, and the stratum of each rank."""
        ranks = ranked(self.scores)
        if not self.strata.any():
            return ranks, np.zeros(ranks.levels, dtype=np.int64)
        keyed = ranked(self.strata * ranks.levels + ranks.of)
        stratum = np.empty(keyed.levels, dtype=np.int64)
        stratum[keyed.of] = self.strata
        return keyed, stratum

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
        found_ranks = ranked(self.scores[rows])
        ranks, levels = found_ranks.of, found_ranks.levels
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


def _own_standing(ranks: Ranked, weights: FloatArray, within: IntArray) -> FloatArray:
    """Weight of the clips of the same `within` code that rank lower, and half of the ties, (n,): one sort."""
    key = within * ranks.levels + ranks.of
    order = np.argsort(key)
    ordered = key[order]
    new = np.concatenate([[True], ordered[1:] != ordered[:-1]])
    starts = np.flatnonzero(new)
    if len(starts) == len(order) == len(np.unique(within)):
        return 0.5 * weights
    before = np.concatenate([[0.0], np.cumsum(weights[order])])
    code = ordered[starts] // ranks.levels
    first = np.concatenate([[True], code[1:] != code[:-1]])
    lowest = before[starts[first]][np.cumsum(first) - 1]
    middle = 0.5 * (before[starts] + before[np.append(starts[1:], len(order))]) - lowest
    out = np.empty(len(order))
    out[order] = middle[np.cumsum(new) - 1]
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
) -> ByClip:
    """Average precision as a statistic; see `auprc`."""
    signal, share = floats(scores), floats(target)
    kept = np.isfinite(signal) & np.isfinite(share)
    folds = (np.zeros(len(signal)) if strata is None else np.asarray(strata))[kept]
    signal, share = signal[kept], share[kept]
    inside = groups.take(kept)
    parts = []
    for fold in np.unique(folds):
        rows = np.flatnonzero(folds == fold)
        parts.append((slice(None) if len(rows) == len(folds) else rows, ranked(-signal[rows])))

    def average(weights: FloatArray) -> FloatArray:
        total, positives = np.zeros(len(weights)), np.zeros(len(weights))
        for rows, ranks in parts:
            caught, precision, _ = _precision(weights[:, rows], share[rows], ranks)
            total += (precision * caught).sum(axis=1)
            positives += caught.sum(axis=1)
        return divided(total, positives)

    def slope() -> FloatArray:
        ones = np.ones((1, len(share)))
        value, out = average(ones)[0], np.empty(len(share))
        for rows, ranks in parts:
            out[rows] = _precision_slope(share[rows], ranks, value)
        return floats(out / share.sum())

    return ByClip.merged(average, inside, slope=slope)


def _precision(
    weights: FloatArray, share: FloatArray, ranks: Ranked
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Positive weight, precision and weight so far per rank, (R, levels) each, from clip weights (R, n)."""
    caught, seen = ranks.sums(weights * share), np.cumsum(ranks.sums(weights), axis=1)
    return caught, np.nan_to_num(divided(np.cumsum(caught, axis=1), seen)), seen


def _precision_slope(share: FloatArray, ranks: Ranked, value: float) -> FloatArray:
    """Derivative by each clip's weight (n,) of Σ precision · positives less `value` · positives, of one stratum."""
    caught, precision, seen = (part[0] for part in _precision(np.ones((1, len(share))), share, ranks))
    gained = _from_here_on(caught / seen)
    lost = _from_here_on(caught * precision / seen)
    return floats(share * (precision + gained - value)[ranks.of] - lost[ranks.of])


def _from_here_on(values: FloatArray) -> FloatArray:
    """Sum of each entry and all after it."""
    return floats(np.cumsum(values[::-1])[::-1])


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
