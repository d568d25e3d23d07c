"""Groups of clips (speakers, or the clips themselves), the unit over which uncertainty is counted.

Clips of one speaker are alike, so an interval that counts clips is too narrow. Every interval and test of
this package therefore works on sums per group, and `Groups` is how a function learns who belongs to whom.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from .arrays import BoolArray, FloatArray, IntArray

__all__ = ["Groups", "kish"]


def kish(sizes: ArrayLike) -> float:
    """Effective number of groups, (Σ n_g)² / Σ n_g², from the clips per group (Kish 1965).

    Between 1 (one group has everything) and the number of non-empty groups (all alike); 0 without clips.

    >>> kish([10, 10, 10, 0])
    3.0
    """
    given = np.asarray(sizes, dtype=np.float64)
    squares = float((given**2).sum())
    return float(given.sum()) ** 2 / squares if squares else 0.0


@dataclass(frozen=True, eq=False)
class Groups:
    """Which group each clip belongs to: `codes` (n,) in `0 … count−1`.

    A group may be empty in a part of the clips, so that several measures on different clips keep the same
    group numbers. `members` (count,) is how many real groups each one stands for after `blocks`.

    >>> groups = Groups.of(["ann", "bob", "ann", None])
    >>> groups.codes.tolist(), groups.count
    ([0, 1, 0, 2], 3)
    >>> groups.sums([1.0, 2.0, 3.0, 4.0]).tolist()
    [4.0, 2.0, 4.0]
    """

    codes: IntArray
    count: int
    members: IntArray | None = None

    @classmethod
    def of(cls, ids: Iterable[Any]) -> Groups:
        """Groups from one id per clip, numbered as they appear; a clip whose id is None is its own group."""
        seen: dict[object, int] = {}
        codes = [seen.setdefault(_key(at, given), len(seen)) for at, given in enumerate(ids)]
        return cls(np.asarray(codes, dtype=np.int64), len(seen))

    @classmethod
    def each(cls, n_clips: int) -> Groups:
        """Every clip its own group: for a corpus in which no speaker is known."""
        return cls(np.arange(n_clips, dtype=np.int64), n_clips)

    def __len__(self) -> int:
        """The number of clips."""
        return len(self.codes)

    @cached_property
    def sizes(self) -> FloatArray:
        """Clips per group, (count,)."""
        return np.bincount(self.codes, minlength=self.count).astype(np.float64)

    @property
    def present(self) -> BoolArray:
        """Which groups have a clip here, (count,)."""
        return self.sizes > 0

    @property
    def distinct(self) -> int:
        """How many real groups have a clip here."""
        return int(self.present.sum() if self.members is None else self.members[self.present].sum())

    @property
    def effective(self) -> float:
        """Kish's effective number of groups."""
        return kish(self.sizes)

    def sums(self, values: ArrayLike) -> FloatArray:
        """Sum of `values` (n, …) over the clips of each group, (count, …)."""
        given = np.asarray(values, dtype=np.float64)
        flat = given.reshape(len(self.codes), int(np.prod(given.shape[1:])))
        out = np.empty((self.count, flat.shape[1]))
        for column in range(flat.shape[1]):
            out[:, column] = np.bincount(self.codes, weights=flat[:, column], minlength=self.count)
        return out.reshape(self.count, *given.shape[1:])

    def take(self, rows: ArrayLike | slice) -> Groups:
        """The same groups on some of the clips (a mask, indices or a slice); the numbering stays."""
        chosen = rows if isinstance(rows, slice) else np.asarray(rows)
        return Groups(self.codes[chosen], self.count, self.members)

    def blocks(self, most: int, *, seed: int = 0) -> Groups:
        """At most `most` blocks of whole groups, dealt out at random: the cheap way with very many groups.

        Deleting blocks of independent groups estimates the same variance as deleting single groups, with
        `most − 1` degrees of freedom. With `most` groups or fewer, nothing changes.
        """
        if self.count <= most:
            return self
        block = np.random.default_rng(seed).permutation(self.count) % most
        real = self.present.astype(np.int64) if self.members is None else self.members
        members = np.bincount(block, weights=real, minlength=most).astype(np.int64)
        return Groups(block[self.codes].astype(np.int64), most, members)


def _key(at: int, given: object) -> object:
    """A dictionary key for a group id; a missing id gets one of its own."""
    return (at,) if given is None or given != given else given
