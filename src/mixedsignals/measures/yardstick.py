"""The best single modality as a yardstick for fusion: which one it is, and how often it would be alone and wrong.

A yardstick that is chosen on the clips on which it is then read looks better than it is. So the best modality is
chosen on other speakers than those on whom it counts.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from .arrays import BoolArray, IntArray, floats
from .calibration import group_folds
from .groups import Groups

__all__ = ["alone_and_wrong", "best_elsewhere"]


def best_elsewhere(right: ArrayLike, groups: Groups, *, folds: int = 5, seed: int = 0) -> IntArray:
    """For each clip the modality that is right most often on the groups of other folds, (n,); −1 where none is known.

    `right` (M, n) is 1, 0 or in between (a mean over seeds), NaN where a modality says nothing. Groups are dealt into
    `folds` as for calibration; of equals the first counts. With one group nobody is elsewhere: −1 throughout.

    >>> best_elsewhere([[1, 1, 0, 1], [0, 0, 1, 0]], Groups.of("aabb"), folds=2).tolist()
    [0, 0, 0, 0]
    """
    given = floats(right)
    fold = group_folds(groups, folds=folds, seed=seed)
    chosen = np.full(given.shape[1], -1, dtype=np.int64)
    known = np.isfinite(given)
    for held in np.unique(fold):
        other = known & (fold != held)
        count = other.sum(axis=1)
        if not count.any():
            continue
        share = np.where(other, given, 0.0).sum(axis=1) / np.maximum(count, 1)
        chosen[fold == held] = np.where(count > 0, share, -1.0).argmax()
    return chosen


def alone_and_wrong(unimodal: ArrayLike, chosen: ArrayLike, target: ArrayLike) -> BoolArray:
    """Clips on which the chosen modality (n,) says a wrong label that no other modality says, (n,).

    `unimodal` (M, n) and `target` (n,) are codes, −1 where missing: such a clip is not counted, nor is one whose
    `chosen` is −1. It is what following that modality would get wrong with nobody behind it.

    >>> alone_and_wrong([[1, 1, 0], [0, 1, 0]], [0, 0, 0], [0, 0, 0]).tolist()
    [True, False, False]
    """
    each, which = np.asarray(unimodal, dtype=np.int64), np.asarray(chosen, dtype=np.int64)
    truth = np.asarray(target, dtype=np.int64)
    said = each[np.maximum(which, 0), np.arange(each.shape[1])]
    alone = ((each == said).sum(axis=0) == 1) & (which >= 0)
    result: BoolArray = alone & (said >= 0) & (truth >= 0) & (said != truth)
    return result
