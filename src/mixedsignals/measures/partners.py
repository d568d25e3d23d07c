"""Partners for swaps: which clips may lend a clip one of their modalities.

A swap asks whom fusion follows, so a partner has another label; and since everything else should stay the same, it is
the same speaker where possible, with as many other columns (sentence, intensity, …) alike as can be had.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["Partners", "choose_partners"]

Codes = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

_BLOCK = 256  # clips looked at together: with the pool's clips it bounds the memory


@dataclass(frozen=True)
class Partners:
    """Pairs of clips; every clip's pairs stand together, the best partner first.

    Attributes:
        clip, donor: positions (p,).
        same_group: whether both have the same speaker, (p,).
        matched: number of columns in which both are equal, int64 (p,).
    """

    clip: Codes
    donor: Codes
    same_group: Flags
    matched: Codes

    def __len__(self) -> int:
        return len(self.clip)


@dataclass(frozen=True)
class _Pool:
    """The clips of one fold; arrays (m,), columns (m, k)."""

    clips: Codes
    labels: Codes
    groups: Codes
    columns: Codes


def choose_partners(
    labels: Codes,
    pools: Codes,
    groups: Codes,
    *,
    columns: Codes | None = None,
    present: Flags | None = None,
    count: int = 20,
    same_label: bool = False,
    seed: int = 0,
) -> Partners:
    """Up to `count` partners of every clip from its own pool, all of another label (or of the same one).

    Partners of the same speaker come first. Among them, and then among the others, labels take turns, so that no label
    lends more than another before that one has run out; within a label the partner that is alike in most columns comes
    first. What is still equal is decided by `seed`.

    Args:
        labels: int64 (n,), -1 where a clip has no label: it neither lends nor borrows.
        pools: int64 (n,), clips lend within their pool (a test fold) only; -1 takes no part.
        groups: int64 (n,), the speaker; -1 where it is not known, which is nobody's equal.
        columns: int64 (n, k), further columns as codes; -1 is missing, and equal to nothing.
        present: bool (n,), who has the modality: others neither lend nor borrow. None means all.
        count: partners of a clip, 1 or more. A clip with fewer candidates has fewer.
        same_label: choose clips of the same label instead.

    Raises:
        ValueError: arrays of other lengths, or a count below 1.

    Example:
        >>> labels, folds = np.array([0, 1, 1, 0]), np.array([0, 0, 0, 1])
        >>> chosen = choose_partners(labels, folds, groups=np.array([7, 8, 7, 7]), count=1)
        >>> chosen.clip.tolist(), chosen.donor.tolist(), chosen.same_group.tolist()
        ([0, 1, 2], [2, 0, 0], [True, False, True])
    """
    n = len(labels)
    columns = np.zeros((n, 0), np.int64) if columns is None else columns
    present = np.ones(n, bool) if present is None else present
    if any(len(each) != n for each in (pools, groups, columns, present)):
        raise ValueError("labels, pools, groups, columns and present are of one length")
    if count < 1:
        raise ValueError(f"count is {count}; it must be at least 1")
    takes_part = present & (labels >= 0) & (pools >= 0)
    found = [Partners(*(np.zeros(0, dtype) for dtype in (np.int64, np.int64, bool, np.int64)))]
    for pool in np.unique(pools[takes_part]):
        clips = np.flatnonzero(takes_part & (pools == pool))
        members = _Pool(clips, labels[clips], groups[clips], columns[clips])
        random = np.random.default_rng([seed, int(pool)])
        found += _of_pool(members, count, same_label=same_label, random=random)
    parts = [
        np.concatenate(each)
        for each in zip(*((p.clip, p.donor, p.same_group, p.matched) for p in found), strict=True)
    ]
    order = np.argsort(parts[0], kind="stable")
    return Partners(*(part[order] for part in parts))


def _of_pool(pool: _Pool, count: int, *, same_label: bool, random: np.random.Generator) -> Iterator[Partners]:
    m = len(pool.clips)
    for start in range(0, m, _BLOCK):
        rows = np.arange(start, min(start + _BLOCK, m))
        alike = pool.labels[rows, None] == pool.labels
        legal = (alike if same_label else ~alike) & (rows[:, None] != np.arange(m))
        same = (pool.groups[rows, None] == pool.groups) & (pool.groups >= 0)
        matched = np.zeros((len(rows), m), np.int64)
        for column in pool.columns.T:
            matched += (column[rows, None] == column) & (column >= 0)
        rank = _ranks(pool.labels, same * (pool.columns.shape[1] + 1) + matched, legal, random)
        chosen, kept = _first(rank, same, legal, count, random)
        row, place = np.nonzero(kept)
        donor = chosen[row, place]
        yield Partners(pool.clips[rows[row]], pool.clips[donor], same[row, donor], matched[row, donor])


def _ranks(labels: Codes, score: Codes, legal: Flags, random: np.random.Generator) -> Codes:
    """Each candidate's place among those of its label, from 0, the highest score first; those not legal come last."""
    names, codes = np.unique(labels, return_inverse=True)
    rank = np.zeros(score.shape, np.int64)
    # A random part below 1 breaks ties, and illegal ones come last.
    key = np.where(legal, -score + random.random(score.shape), np.inf)
    for code in range(len(names)):
        mine = np.flatnonzero(codes == code)
        order = np.argsort(key[:, mine], axis=1)
        places = np.empty_like(order)
        np.put_along_axis(places, order, np.broadcast_to(np.arange(len(mine)), order.shape), axis=1)
        rank[:, mine] = places
    return rank


def _first(
    rank: Codes, same: Flags, legal: Flags, count: int, random: np.random.Generator
) -> tuple[Codes, Flags]:
    """The first `count` candidates, (rows, count) positions, and which of them are legal."""
    width = rank.shape[1]
    turn = rank + np.where(same, 0, width) + random.random(rank.shape)
    key = np.where(legal, turn, np.inf)
    order = np.argsort(key, axis=1)[:, :count]
    return order, np.take_along_axis(legal, order, axis=1)
