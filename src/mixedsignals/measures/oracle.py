"""How often even an oracle errs where the truth is a majority of few votes.

A majority of few votes is sometimes not what most people would say. Somebody who knew that would still be counted as
wrong there, and most of all on the clips on which people disagree; so part of a model's errors is noise.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from .arrays import FloatArray, floats
from .ceiling import fit_dirichlet

__all__ = ["oracle_error"]

MOST_CLIPS = 20_000
"""Clips that are looked at; of more, a random part stands for all."""


def oracle_error(counts: ArrayLike, target: ArrayLike, *, draws: int = 1_000, seed: int = 0) -> FloatArray:
    """Chance that the label most people would say is not the target, (n, C), (n,) → (n,), in [0, 1].

    The shares of the labels among all people are drawn from each clip's Dirichlet posterior given its votes, with a
    prior fitted to all clips (`fit_dirichlet`, which needs clips with two votes). The targets (codes, −1 where there is
    none) are majorities of these votes; the mean over clips is how often an oracle "errs" on them. NaN without a target
    or without votes, and for all but 20,000 clips, drawn at random, where there are more.

    >>> counts = [[8, 0]] * 60 + [[5, 3]] * 20 + [[0, 8]] * 60
    >>> found = oracle_error(counts, [0] * 80 + [1] * 60)
    >>> bool(found[0] < 0.01), bool(0.15 < found[70] < 0.35)
    (True, True)
    """
    given, truth = floats(counts), np.asarray(target, dtype=np.int64)
    rng, found = np.random.default_rng(seed), np.full(len(given), np.nan)
    looked = np.flatnonzero(given.sum(axis=1) > 0)
    looked = looked if len(looked) <= MOST_CLIPS else rng.choice(looked, MOST_CLIPS, replace=False)
    kept = looked[truth[looked] >= 0]
    if not len(kept):
        return found
    # Ties have no target, but they belong to the prior: without them people would seem to agree more than they do.
    alpha = fit_dirichlet(given[looked])
    kinds, back = np.unique(np.column_stack([given[kept], truth[kept]]), axis=0, return_inverse=True)
    chances = []
    for row in kinds:
        shares = rng.standard_gamma(row[:-1] + alpha, size=(draws, len(alpha)))
        chances.append(float((shares.argmax(axis=1) != int(row[-1])).mean()))
    found[kept] = np.asarray(chances)[back.ravel()]
    return found
