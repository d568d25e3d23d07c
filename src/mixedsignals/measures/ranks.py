"""Ranks and sums per rank, on which every measure that needs the order of the clips is built.

A signal is ranked once; after that, sums per rank and cumulated sums do what sorting did, in one pass over the clips.
Numbers that are ranks already are recognised, so a caller with many targets for one signal ranks it a single time.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from .arrays import FloatArray, IntArray, floats

__all__ = ["Ranked", "dense_ranks", "ranked"]


@dataclass(frozen=True, eq=False)
class Ranked:
    """Dense ranks of clips: `of` (n,) in 0 … `levels` − 1, equal values together."""

    of: IntArray
    levels: int

    def sums(self, weights: ArrayLike) -> FloatArray:
        """Sum of `weights` (…, n) over the clips of each rank, (…, levels)."""
        given = floats(weights)
        if given.ndim == 1:
            return self._summed(given)
        return np.stack([self._summed(row) for row in given])

    def _summed(self, weights: FloatArray) -> FloatArray:
        return floats(np.bincount(self.of, weights=weights, minlength=self.levels))


def ranked(scores: ArrayLike) -> Ranked:
    """Dense ranks of scores (n,) without NaN, the lowest 0.

    >>> found = ranked([0.5, 0.1, 0.5])
    >>> found.of.tolist(), found.levels
    ([1, 0, 1], 2)
    """
    given = floats(scores)
    if not len(given):
        return Ranked(np.empty(0, dtype=np.int64), 0)
    low = given.min()
    if given.max() - low < 2.0 * len(given) + 16.0 and not (given != np.rint(given)).any():
        return _counted((given - low).astype(np.int64))
    order = np.argsort(given)
    ordered = given[order]
    level = np.concatenate([[0], np.cumsum(ordered[1:] != ordered[:-1])])
    ranks = np.empty(len(given), dtype=np.int64)
    ranks[order] = level
    return Ranked(ranks, int(level[-1]) + 1)


def _counted(whole: IntArray) -> Ranked:
    """Ranks of whole numbers in a narrow range, by marking which occur instead of sorting."""
    level = np.cumsum(np.bincount(whole) > 0) - 1
    return Ranked(level[whole], int(level[-1]) + 1)


def dense_ranks(scores: ArrayLike) -> FloatArray:
    """`ranked` of the finite scores (n,) as numbers, NaN where the score is not finite: to rank once for many uses.

    >>> dense_ranks([0.5, float("nan"), 0.1]).tolist()
    [1.0, nan, 0.0]
    """
    given = floats(scores)
    known = np.isfinite(given)
    out = np.full(len(given), np.nan)
    out[known] = ranked(given[known]).of
    return out
