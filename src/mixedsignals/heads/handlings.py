"""What fusion says given every subset of modalities, by three ways of filling the gaps.

`subset` asks a model trained on just that subset, or, where there is none, lets fusion do without what is missing;
`token` shows fusion a learned vector instead; `resampled` shows it what training clips lend, and takes the mean.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from mixedsignals.errors import CannotFinish, UsageError
from mixedsignals.heads.asking import Asking
from mixedsignals.heads.bank import TOKEN, WITHHELD
from mixedsignals.heads.data import Positions
from mixedsignals.heads.items import Items
from mixedsignals.labels import all_combinations

__all__ = ["DONORS", "HANDLINGS", "handled", "subset_rows"]

HANDLINGS = ("subset", "token", "resampled")
DONORS = 20
_BLOCK = 2048  # clips asked about at once: bounds the memory
Numbers = npt.NDArray[np.float64]


def subset_rows(
    asking: Asking,
    *,
    handlings: Sequence[str] = HANDLINGS,
    donors: int = DONORS,
    seed: int = 0,
) -> pl.DataFrame:
    """Rows of `predictions` (without run_id) of every tested clip given every subset of modalities.

    The source is that of the heads for `subset`, else `SOURCE~HANDLING`. Given all modalities a handling says what
    fusion says. A clip has rows given a subset of which it has at least one modality; what it lacks takes no part
    under any handling, and is never filled in.

    Args:
        handlings: which; `token` needs `Asking.learn_tokens` first, unless the heads were trained with tokens.
        donors: training clips of the fold that lend what is missing, the same for every clip.
        seed: which donors.

    Raises:
        UsageError: an unknown handling.
        CannotFinish: there is one modality only, so there are no subsets.
    """
    items = asking.plain()
    frames = []
    for handling in handlings:
        source = asking.source if handling == "subset" else f"{asking.source}~{handling}"
        for given, answers in handled(asking, items, handling, donors=donors, seed=seed).items():
            frames.append(asking.frame(answers, items, source=source, given=given))
    return pl.concat(frames)


def handled(
    asking: Asking, items: Items, handling: str, *, donors: int = DONORS, seed: int = 0
) -> dict[str, Numbers]:
    """Probabilities (seeds, items, labels) by the subset given, singles first; NaN where nothing of it is there.

    Raises:
        UsageError: an unknown handling.
        CannotFinish: there is one modality only.
    """
    if handling not in HANDLINGS:
        raise UsageError(f"there is no handling {handling!r}; legal are {', '.join(HANDLINGS)}")
    if len(asking.modalities) < 2:
        raise CannotFinish(
            f"the only modality is {asking.combination}: there are no subsets of modalities to ask about."
        )
    subsets = all_combinations(asking.modalities)
    if handling == "resampled":
        lenders = {given: _lenders(asking, given, donors, seed) for given in subsets}
        return _asked(asking, items, {given: _Lent(asking, lenders[given], given) for given in subsets})
    if handling == "token":
        return _asked(asking, items, {given: _Shown(asking, given, TOKEN) for given in subsets})
    trained = [given for given in subsets if given in asking.combinations]
    left = {given: _Shown(asking, given, WITHHELD) for given in subsets if given not in trained}
    found = {given: asking.ask(items, given) for given in trained} | (
        _asked(asking, items, left) if left else {}
    )
    return {given: found[given] for given in subsets}


@dataclass(frozen=True)
class _Shown:
    """Of what is not given every item shows the same: the token, or nothing."""

    asking: Asking
    given: str
    instead: int

    def questions(self, items: Items) -> Items:
        """One per item; nothing at all is shown where a clip has nothing of what is given."""
        has = {name: self.asking.shows(items, name) for name in self.asking.modalities}
        some = np.any([has[name] for name in self.given.split("+")], axis=0)
        for name in self.asking.modalities:
            if name not in self.given.split("+"):
                items = items.showing(name, np.where(some & has[name], self.instead, WITHHELD))
        return items

    def answer(self, items: Items, said: Numbers) -> Numbers:  # noqa: ARG002
        """What was said."""
        return said


@dataclass(frozen=True)
class _Lent:
    """What is not given is lent by donors, one question each.

    Attributes:
        lenders: by fold.
    """

    asking: Asking
    lenders: Mapping[int, Positions]
    given: str

    def questions(self, items: Items) -> Items:
        """As many per item as there are donors; none where a clip has nothing of what is given."""
        donor, counts = self._donors(items)
        found = items.take(np.repeat(np.arange(len(items)), counts))
        for name in self.asking.modalities:
            if name not in self.given.split("+"):
                found = found.showing(name, np.where(self.asking.shows(found, name), donor, WITHHELD))
        return found

    def answer(self, items: Items, said: Numbers) -> Numbers:
        """The mean over donors, (seeds, items, labels)."""
        _, counts = self._donors(items)
        found = np.full((said.shape[0], len(items), said.shape[2]), np.nan)
        ready = counts > 0
        if ready.any():
            starts = np.cumsum(counts[ready]) - counts[ready]
            found[:, ready] = np.add.reduceat(said, starts, axis=1) / counts[ready, None]
        return found

    def _donors(self, items: Items) -> tuple[Positions, Positions]:
        """The donors of each item one after another, and how many each has."""
        some = np.any([self.asking.shows(items, name) for name in self.given.split("+")], axis=0)
        empty = np.zeros(0, np.int64)
        of_item = [
            self.lenders.get(int(fold), empty) if there else empty
            for fold, there in zip(self.asking.folds[items.clips], some, strict=True)
        ]
        return np.concatenate([empty, *of_item]), np.array([len(one) for one in of_item], np.int64)


def _asked(asking: Asking, items: Items, ways: Mapping[str, _Shown | _Lent]) -> dict[str, Numbers]:
    """All subsets asked at once, so that every vector is encoded once; a block of clips at a time."""
    found: dict[str, list[Numbers]] = {given: [] for given in ways}
    for start in range(0, max(len(items), 1), _BLOCK):
        block = items.take(np.arange(start, min(start + _BLOCK, len(items))))
        questions = [way.questions(block) for way in ways.values()]
        said = asking.ask(Items.together(questions))
        parts = np.split(said, np.cumsum([len(one) for one in questions])[:-1], axis=1)
        for (given, way), part in zip(ways.items(), parts, strict=True):
            found[given].append(way.answer(block, part))
    return {given: np.concatenate(parts, axis=1) for given, parts in found.items()}


def _lenders(asking: Asking, given: str, donors: int, seed: int) -> dict[int, Positions]:
    """Per fold the training clips that lend; all of them have everything that is lent.

    Given everything there is nothing to lend, and one of them will do.
    """
    lent = [name for name in asking.modalities if name not in given.split("+")]
    complete = np.all([asking.has(name) for name in asking.modalities], axis=0)
    found = {}
    for fold in asking.folds_of(asking.combination):
        order = np.random.default_rng([seed, fold]).permutation(asking.members_of(fold, "train"))
        # Clips that have everything come first, so that one set of donors lends whatever is missing.
        order = np.concatenate([order[complete[order]], order[~complete[order]]])
        able = np.all([np.ones(len(order), bool), *(asking.has(name)[order] for name in lent)], axis=0)
        found[fold] = order[able][: donors if lent else 1]
    return found
