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

MOST_DEALT = 20_000_000
"""Random numbers in all draws of tables together, where these stand for permutations."""


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

    Args:
        target: (n,) codes, -1 where there is none; permuted among the clips that have one.
        groups: (n,) group of each clip.
        predictions: per source (seeds, n) codes, -1 where a clip does not count.
        classes: number of labels.
        measures: functions of confusion matrices (..., C, C), rows the target.
        draws: permutations; fewer (but at least 99) when clips and draws are very many. Where large groups make it
            cheaper, tables with the counts of a permutation are drawn instead of permuting clips: the same chance.

    Returns:
        Per source and measure the mean over draws of the mean over seeds, and p = (b + 1) / (draws + 1) of the
        observed value, b being the draws that reach it.
    """
    known = np.flatnonzero(target >= 0)
    truth, inside = target[known], groups[known]
    counters = [_Counter(guess[:, known], classes) for guess in predictions]
    observed = [_values(c(truth)[None], measures) for c in counters]
    if len(known) * draws > MOST_DRAWN and (dealt := _dealt(truth, inside, counters, draws, seed)):
        drawn = [[_values(tables, measures) for tables in each] for each in dealt]
    else:
        draws = max(99, min(draws, MOST_DRAWN // max(1, len(known))))
        drawn = [[] for _ in counters]
        shuffles = permuted_within(truth, inside, draws, seed=seed)
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


def _dealt(
    truth: Ints, groups: Ints, counters: Sequence[_Counter], draws: int, seed: int
) -> list[Iterator[Floats]] | None:
    """Batches of confusions (draws, seeds, C, C) per source; None where permuting clips is cheaper."""
    if len(np.unique(groups)) == len(groups):
        groups = np.zeros_like(groups)
    group = np.unique(groups, return_inverse=True)[1]
    hands = [_hands(truth, group, counter) for counter in counters]
    cost = sum(hand.work for hand in hands)
    if cost * 2 > len(truth):
        return None
    draws = max(99, min(draws, MOST_DEALT // max(cost, 1)))
    return [hand.deal(draws, np.random.default_rng([seed, at])) for at, hand in enumerate(hands)]


@dataclass(frozen=True, eq=False)
class _Hands:
    """What targets are dealt out to: per group how many clips have each answer (G, K), and each label (G, C).

    answers (seeds, K) says which label each answer is for each seed, -1 where the source is silent.
    """

    held: Ints
    labels: Ints
    answers: Ints

    @property
    def work(self) -> int:
        """Random numbers of one draw."""
        return int(len(self.held) * (self.held.shape[1] - 1) * (self.labels.shape[1] - 1))

    def deal(self, draws: int, rng: np.random.Generator) -> Iterator[Floats]:
        """Confusions (draws, seeds, C, C) in batches."""
        classes, batch = self.labels.shape[1], max(1, min(_BATCH, 2_000_000 // self.labels.size))
        for start in range(0, draws, batch):
            size = min(batch, draws - start)
            left = np.broadcast_to(self.labels, (size, *self.labels.shape)).copy()
            tables = np.zeros((size, len(self.answers), classes, classes))
            for at, answer in enumerate(self.answers.T):
                given = _taken(left, self.held[:, at], rng) if at < self.held.shape[1] - 1 else left
                left = left - given
                for place, label in enumerate(answer):
                    if label >= 0:
                        tables[:, place, :, label] += given.sum(axis=1)
            yield tables


def _taken(left: Ints, wanted: Ints, rng: np.random.Generator) -> Ints:
    """How many of each label (D, G, C) go to `wanted` (G,) clips of each group, at random."""
    given, rest = np.zeros_like(left), left.sum(axis=2)
    wanted = np.broadcast_to(wanted, rest.shape)
    for label in range(left.shape[2] - 1):
        rest = rest - left[:, :, label]
        given[:, :, label] = rng.hypergeometric(left[:, :, label], rest, wanted)
        wanted = wanted - given[:, :, label]
    given[:, :, -1] = wanted
    return given


def _hands(truth: Ints, group: Ints, counter: _Counter) -> _Hands:
    """The hands of one source: clips with the same answers of all seeds are alike."""
    code = np.zeros(len(truth), dtype=np.int64)
    for one in counter.guess:
        code = np.unique(code * (counter.classes + 1) + one + 1, return_inverse=True)[1].astype(np.int64)
    code[np.setdiff1d(np.arange(len(truth)), counter.kept, assume_unique=True)] = code.max() + 1
    _, first, code = np.unique(code, return_index=True, return_inverse=True)
    count = int(group.max()) + 1
    answers = np.where(np.isin(first, counter.kept), counter.guess[:, first], -1)
    held = np.bincount(group * len(first) + code, minlength=count * len(first)).reshape(count, -1)
    labels = np.bincount(group * counter.classes + truth, minlength=count * counter.classes)
    return _Hands(held, labels.reshape(count, -1), answers)


class _Counter:
    """Confusion matrices (seeds, C, C) of one source against any targets, by one count."""

    def __init__(self, guess: Ints, classes: int) -> None:
        self.classes, self.seeds, self.guess = classes, len(guess), guess
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
