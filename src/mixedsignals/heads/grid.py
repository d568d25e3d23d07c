"""The grid of heads (combinations × folds × seeds): which there are, and whether each can be trained at all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mixedsignals.errors import CannotFinish
from mixedsignals.heads.data import TrainingSet

__all__ = ["Bucket", "HeadId", "buckets_of", "split_evenly", "steps_per_epoch"]


@dataclass(frozen=True, order=True)
class HeadId:
    """One head: the modalities it is shown (`text+audio`), its fold and its seed."""

    combination: str
    fold: int
    seed: int

    @property
    def modalities(self) -> tuple[str, ...]:
        """The combination's parts, in canonical order."""
        return tuple(self.combination.split("+"))

    def __str__(self) -> str:
        return f"{self.combination}, fold {self.fold}, seed {self.seed}"


@dataclass(frozen=True)
class Bucket:
    """Heads that can share a group: the same combination and as many steps in an epoch."""

    combination: str
    steps: int
    heads: tuple[HeadId, ...]


def steps_per_epoch(n_train: int, batch_size: int) -> int:
    """Batches of an epoch; a last batch of a single clip is not one."""
    full, rest = divmod(n_train, batch_size)
    return full + (rest >= 2)


def buckets_of(
    data: TrainingSet, combinations: Sequence[str], seeds: Sequence[int], batch_size: int
) -> list[Bucket]:
    """All heads of the grid, in buckets.

    Raises:
        CannotFinish: a fold whose training part lacks a label that the corpus has, or has too few clips, or whose
            tuning part is empty.
    """
    found: dict[tuple[str, int], list[HeadId]] = {}
    for combination in combinations:
        for fold in data.roles:
            _check_fold(data, combination, fold)
            n_train = len(data.part(combination.split("+"), fold, "train"))
            steps = steps_per_epoch(n_train, batch_size)
            heads = [HeadId(combination, fold, seed) for seed in seeds]
            found.setdefault((combination, steps), []).extend(heads)
    return [Bucket(name, steps, tuple(heads)) for (name, steps), heads in found.items()]


def _check_fold(data: TrainingSet, combination: str, fold: int) -> None:
    modalities = combination.split("+")
    usable = data.usable(modalities)
    present = data.targets[usable].sum(axis=0) > 0
    if present.sum() < 2:
        only = next((name for name, there in zip(data.labels, present, strict=True) if there), None)
        raise CannotFinish(
            f"heads on {combination} need clips of at least two labels, and "
            + (f"all have {only!r}. Add clips of another label." if only else "no clip has a target.")
        )
    train = data.part(modalities, fold, "train")
    lacking = present & ~(data.targets[train].sum(axis=0) > 0)
    if lacking.any() or len(train) < 2:
        names = [name for name, gone in zip(data.labels, lacking, strict=True) if gone]
        raise CannotFinish(
            f"fold {fold} has no training clip labelled {', '.join(names)} with {combination}: "
            f"{int(usable.sum())} clips are too few for {len(data.roles)} folds. "
            "Use fewer folds, or add clips of that label from more speakers."
        )
    if not len(data.part(modalities, fold, "tune")):
        raise CannotFinish(
            f"fold {fold} has no tuning clip with {combination}, so no epoch can be selected. "
            "Use a larger tuning share, or fewer folds."
        )


def split_evenly(heads: Sequence[HeadId], group_size: int, threads: int = 1) -> list[tuple[HeadId, ...]]:
    """Groups of at most `group_size` heads, as equal as can be, and enough of them for all threads."""
    n_groups = max(-(-len(heads) // group_size), min(threads, len(heads)))
    return [tuple(heads[i] for i in part) for part in np.array_split(np.arange(len(heads)), n_groups)]
