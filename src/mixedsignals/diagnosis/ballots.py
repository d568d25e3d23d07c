"""Votes as codes: which clip, label, condition and rater each vote has, read from the names once for all checks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from mixedsignals.diagnosis.codes import Codes, codes_of

__all__ = ["Ballots", "ballots_of", "compressed"]

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Ballots:
    """One entry per row of `votes`, (v,) each; names in the order of their spelling.

    Attributes:
        clip: position among the clips of the case.
        label: code of the label.
        given: position in `conditions`.
        rater: position in `raters`; −1 where a vote is anonymous.
        first: whether it is the first vote of that rater on that clip (`occasion` 0).
        conditions, raters: the names.
    """

    clip: Codes
    label: Codes
    given: Codes
    rater: Codes
    first: Bools
    conditions: tuple[str, ...]
    raters: pl.Series

    def under(self, condition: str) -> Bools:
        """Which votes were cast under a condition, (v,)."""
        found: Bools = self.given == (
            self.conditions.index(condition) if condition in self.conditions else -1
        )
        return found


def ballots_of(votes: pl.DataFrame, clip: Codes, label: Codes) -> Ballots:
    """The codes of a table of votes whose clips and labels are known as codes."""
    conditions = votes["given"].unique().sort()
    every = np.ones(len(votes), dtype=np.bool_)
    if "rater_id" in votes.columns:
        raters = votes["rater_id"].drop_nulls().unique().sort()
    else:
        raters = pl.Series("rater_id", [], dtype=pl.String)
    rater = codes_of(votes["rater_id"], pl.Enum(raters)) if len(raters) else np.full(len(votes), -1, np.int8)
    return Ballots(
        clip=clip,
        label=label,
        given=codes_of(votes["given"], pl.Enum(conditions)),
        rater=rater,
        first=(votes["occasion"] == 0).fill_null(value=False).to_numpy()
        if "occasion" in votes.columns
        else every,
        conditions=tuple(conditions),
        raters=raters,
    )


def compressed(codes: Codes) -> tuple[Ints, Ints]:
    """Codes (v,) without gaps, and which of the former codes each of the new ones is; none below zero.

    >>> [part.tolist() for part in compressed(np.array([4, 1, 4]))]
    [[1, 0, 1], [1, 4]]
    """
    used = np.flatnonzero(np.bincount(codes))
    place = np.zeros(int(used[-1]) + 1 if len(used) else 1, dtype=np.int64)
    place[used] = np.arange(len(used))
    return place[codes], used
