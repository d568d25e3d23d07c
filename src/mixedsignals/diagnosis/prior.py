"""What a model says before it is shown anything: the label shares of the clips that it was trained on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from mixedsignals.diagnosis.codes import codes_of
from mixedsignals.diagnosis.sources import Floats, Ints

__all__ = ["Prior", "prior_of"]


@dataclass(frozen=True, eq=False)
class Prior:
    """Label shares (clips, labels) per clip, rows sum to 1; `note` says whose they are, as a clause."""

    shares: Floats
    note: str


def prior_of(clip_ids: pl.Series, target: Ints, labels: int, splits: pl.DataFrame | None) -> Prior:
    """The training prior of every clip: label shares over the `train` rows of the fold that tests it.

    A clip that several folds test gets their mean. A clip that none tests, or whose fold trains on nothing with a
    target, gets the shares of all targets, as all clips do without splits. Without targets all labels are alike.

    Args:
        clip_ids: of the case.
        target: (clips,) codes, −1 where there is none.
        labels: how many there are.
        splits: the `splits` table, or None.
    """
    known = target >= 0
    if not known.any():
        return Prior(np.full((len(target), labels), 1 / labels), "all labels alike, for there are no targets")
    everyone = np.bincount(target[known], minlength=labels) / int(known.sum())
    shares = np.tile(everyone, (len(target), 1))
    whole = "the label shares over all targets, for there are no splits"
    if splits is None or splits.is_empty():
        return Prior(shares, whole)
    at = codes_of(splits["clip_id"], pl.Enum(clip_ids)).astype(np.int64)
    fold, role = splits["fold"].to_numpy(), splits["role"].to_numpy()
    total, times = np.zeros_like(shares), np.zeros(len(target))
    for one in np.unique(fold):
        trained = at[(fold == one) & (role == "train") & (at >= 0)]
        counts = np.bincount(target[trained][target[trained] >= 0], minlength=labels)
        tested = at[(fold == one) & (role == "test") & (at >= 0)]
        if counts.sum() and len(tested):
            total[tested] += counts / counts.sum()
            times[tested] += 1
    told = times > 0
    shares[told] = total[told] / times[told, None]
    return Prior(shares, "the label shares of the clips trained on" if told.any() else whole)
