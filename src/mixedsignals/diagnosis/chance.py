"""Chance by permutation: targets dealt out again among the clips of each group.

What a source still reaches then is what it owes to knowing the groups and the shares of the labels. The same
permutations serve all sources, so they are drawn once per case.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

__all__ = ["Chance", "chance_levels", "permuted_within"]

_BATCH = 100
MOST_DRAWN = 30_000_000
"""Labels drawn in all permutations together; with more clips there are fewer permutations, never under 99."""


@dataclass(frozen=True)
class Chance:
    """What permuted targets reach: mean over draws, one-sided p of the observed value, and the number of draws."""

    mean: float
    p: float
    draws: int


def permuted_within(codes: Ints, groups: Ints, draws: int, *, seed: int = 0) -> Iterator[Ints]:
    """`draws` times the codes (n,) shuffled among the members of each group; a group of one stays as it is.

    When every group has one member, all clips are shuffled: nothing else can be.
    """
    rng = np.random.default_rng(seed)
    if len(np.unique(groups)) == len(groups):
        groups = np.zeros_like(groups)
    order = np.argsort(groups, kind="stable")
    place, sorted_codes = groups[order].astype(np.float64), codes[order]
    for _ in range(draws):
        shuffled = np.empty_like(codes)
        shuffled[order] = sorted_codes[np.argsort(place + rng.random(len(place)), kind="stable")]
        yield shuffled


def chance_levels(
    target: Ints,
    groups: Ints,
    predictions: Sequence[Ints],
    classes: int,
    measures: Mapping[str, Callable[[Floats], Floats]],
    *,
    draws: int = 999,
    seed: int = 0,
) -> list[dict[str, Chance]]:
    """Chance of each measure for each source, from the same permutations.

    Parameters
    ----------
    target : (n,) codes, -1 where there is none; permuted among the clips that have one.
    groups : (n,) group of each clip.
    predictions : per source (seeds, n) codes, -1 where a clip does not count.
    classes : number of labels.
    measures : functions of confusion matrices (..., C, C), rows the target.
    draws : permutations; fewer (but at least 99) when clips and draws are very many.

    Returns
    -------
    Per source and measure the mean over draws of the mean over seeds, and p = (b + 1) / (draws + 1) of the
    observed value, b being the draws that reach it.
    """
    known = np.flatnonzero(target >= 0)
    draws = max(99, min(draws, MOST_DRAWN // max(1, len(known))))
    counters = [_Counter(guess[:, known], classes) for guess in predictions]
    observed = [_values(c(target[known])[None], measures) for c in counters]
    drawn: list[list[dict[str, Floats]]] = [[] for _ in counters]
    shuffles = permuted_within(target[known], groups[known], draws, seed=seed)
    while batch := list(islice(shuffles, _BATCH)):
        for counter, values in zip(counters, drawn, strict=True):
            values.append(_values(np.stack([counter(shuffled) for shuffled in batch]), measures))
    return [
        {
            name: _compared(np.concatenate([v[name] for v in values]), float(seen[name][0]))
            for name in measures
        }
        for values, seen in zip(drawn, observed, strict=True)
    ]


class _Counter:
    """Confusion matrices (seeds, C, C) of one source against any targets, by one count."""

    def __init__(self, guess: Ints, classes: int) -> None:
        self.classes, self.seeds = classes, len(guess)
        self.kept = np.flatnonzero((guess >= 0).all(0))
        self.cell = guess[:, self.kept] + np.arange(len(guess))[:, None] * classes**2

    def __call__(self, target: Ints) -> Floats:
        cells = self.cell + target[self.kept] * self.classes
        counts = np.bincount(cells.ravel(), minlength=self.seeds * self.classes**2)
        return counts.reshape(self.seeds, self.classes, self.classes).astype(np.float64)


def _values(tables: Floats, measures: Mapping[str, Callable[[Floats], Floats]]) -> dict[str, Floats]:
    """Each measure of confusions (draws, seeds, C, C) as means over seeds, (draws,)."""
    return {name: np.nan_to_num(function(tables)).mean(axis=1) for name, function in measures.items()}


def _compared(drawn: Floats, observed: float) -> Chance:
    reached = int((drawn >= observed - 1e-12).sum())
    return Chance(float(drawn.mean()), (reached + 1) / (len(drawn) + 1), len(drawn))
