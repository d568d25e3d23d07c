"""What fusion says given every subset of modalities, by three ways of filling the gaps.

`subset` asks a model trained on just that subset, or, where there is none, lets fusion do without what is missing;
`token` shows fusion a learned vector instead; `resampled` shows it what training clips lend, and takes the mean.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import polars as pl

from mixedsignals.errors import CannotFinish, UsageError
from mixedsignals.heads.asking import TOKEN, WITHHELD, Asking, Items
from mixedsignals.labels import all_combinations

__all__ = ["DONORS", "HANDLINGS", "handled", "subset_rows"]

HANDLINGS = ("subset", "token", "resampled")
DONORS = 20
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
    """Probabilities (seeds, items, labels) by the subset given, singles first; NaN where nothing of it is there."""
    if handling not in HANDLINGS:
        raise UsageError(f"there is no handling {handling!r}; legal are {', '.join(HANDLINGS)}")
    if len(asking.modalities) < 2:
        raise CannotFinish(
            f"the only modality is {asking.combination}: there are no subsets of modalities to ask about."
        )
    subsets = all_combinations(asking.modalities)
    if handling == "resampled":
        return {given: _resampled(asking, items, given.split("+"), donors, seed) for given in subsets}
    if handling == "token":
        return {given: asking.ask(_tokens(asking, items, given.split("+"))) for given in subsets}
    trained = asking.combinations
    return {
        given: asking.ask(items, given) if given in trained else asking.ask(items.only(given.split("+")))
        for given in subsets
    }


def _tokens(asking: Asking, items: Items, given: Sequence[str]) -> Items:
    """Tokens in place of what is not given; nothing at all where a clip has nothing of what is given."""
    has = {name: asking.shows(items, name) for name in asking.modalities}
    some = np.any([has[name] for name in given], axis=0)
    for name in asking.modalities:
        if name not in given:
            items = items.showing(name, np.where(some & has[name], TOKEN, WITHHELD))
    return items


def _resampled(asking: Asking, items: Items, given: Sequence[str], donors: int, seed: int) -> Numbers:
    """The mean over donors of what fusion says when they lend what is not given."""
    lent = [name for name in asking.modalities if name not in given]
    if not lent:
        return asking.ask(items)
    lenders = _lenders(asking, lent, donors, seed)
    found = np.full((len(asking.seeds), len(items), len(asking.labels)), np.nan)
    has = {name: asking.shows(items, name) for name in asking.modalities}
    folds = asking.folds[items.clips]
    some = np.any([has[name] for name in given], axis=0)
    ready = np.flatnonzero(some & np.isin(folds, [fold for fold, one in lenders.items() if len(one)]))
    counts = np.array([len(lenders[int(fold)]) for fold in folds[ready]], np.int64)
    repeated = items.take(np.repeat(ready, counts))
    donor = np.concatenate([lenders[int(fold)] for fold in folds[ready]]) if len(ready) else counts
    for name in lent:
        repeated = repeated.showing(name, np.where(np.repeat(has[name][ready], counts), donor, WITHHELD))
    answers = asking.ask(repeated)
    if len(ready):
        starts = np.concatenate([[0], np.cumsum(counts)[:-1]])
        found[:, ready] = np.add.reduceat(answers, starts, axis=1) / counts[:, None]
    return found


def _lenders(asking: Asking, lent: Sequence[str], donors: int, seed: int) -> dict[int, npt.NDArray[np.int64]]:
    """Per fold the training clips that lend; all of them have everything that is lent."""
    found = {}
    complete = np.all([asking.has(name) for name in asking.modalities], axis=0)
    for fold in asking.folds_of(asking.combination):
        order = np.random.default_rng([seed, fold]).permutation(asking.members_of(fold, "train"))
        # Clips that have everything come first, so that one set of donors lends whatever is missing.
        order = np.concatenate([order[complete[order]], order[~complete[order]]])
        found[fold] = order[np.all([asking.has(name)[order] for name in lent], axis=0)][:donors]
    return found
