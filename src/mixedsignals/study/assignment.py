"""Who is given which clip how, and when: pure functions of the study's seed, a participant's number and counts.

Dynamic balancing gives the next person whatever cell of clip and condition lacks most, then whatever condition this
person had least, then the clip that lags, then whatever was judged least at this part of an order (first, second,
third or last quarter); ties are drawn with the study's seed. A Latin square fixes this beforehand for a closed panel.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from mixedsignals.study.cells import Design

__all__ = [
    "PARTS",
    "Slot",
    "Tally",
    "around",
    "choose",
    "latin_row",
    "latin_rows",
    "part_of",
    "repeated",
    "schedule",
]

PARTS = 4
"""Parts of an order over which conditions and clips are balanced."""


@dataclass(frozen=True)
class Slot:
    """What comes at one place of a person's order.

    Attributes:
        kind: `practice`, `item`, `attention` or `repeat`.
        number: which of its kind, from 0.
        position: place among all that is not practice, from 0; None for practice.
    """

    kind: str
    number: int
    position: int | None


class Tally:
    """How often every cell has been judged or is reserved now, in all and in each part of an order.

    Args:
        design: the study's design.
    """

    def __init__(self, design: Design) -> None:
        self.filled = np.zeros(len(design.cells), np.int64)
        self.by_part = np.zeros((len(design.cells), PARTS), np.int64)

    def add(self, cell: int, part: int, count: int = 1) -> None:
        """Count a cell at a part of an order; −1 takes it back."""
        self.filled[cell] += count
        self.by_part[cell, part] += count


def part_of(position: int, items: int) -> int:
    """The part of an order of `items` (0 to `PARTS` − 1) in which a position lies; what comes later is in the last.

    >>> [part_of(position, 8) for position in range(9)]
    [0, 0, 1, 1, 2, 2, 3, 3, 3]
    """
    return min(position * PARTS // max(items, 1), PARTS - 1)


def _draw(design: Design, *salt: int) -> np.random.Generator:
    return np.random.default_rng([design.settings.seed, *salt])


def schedule(design: Design, serial: int) -> tuple[Slot, ...]:
    """What comes when in the order of participant number `serial`: practice, then items with attention checks among
    them (never before the first), then clips that come again.

    The same seed and number always give the same schedule.
    """
    draw = _draw(design, serial, 1)
    kinds = ["item"] * design.items
    checks = min(design.settings.attention, len(design.attention))
    for place in sorted(draw.integers(1, max(len(kinds), 2), size=checks), reverse=True):
        kinds.insert(int(place), "attention")
    kinds += ["repeat"] * design.repeats
    practice = min(design.settings.practice, len(design.practice))
    slots = [Slot("practice", number, None) for number in range(practice)]
    seen = dict.fromkeys(("item", "attention", "repeat"), 0)
    for position, kind in enumerate(kinds):
        slots.append(Slot(kind, seen[kind], position))
        seen[kind] += 1
    return tuple(slots)


def around(design: Design, serial: int, slot: Slot) -> int:
    """Which practice item or attention check fills a slot: an order of its own for each participant, in which no clip
    comes again before all have come.
    """
    cells = design.practice if slot.kind == "practice" else design.attention
    order = _draw(design, serial, 2 if slot.kind == "practice" else 3).permutation(len(cells)).tolist()
    before: Counter[str] = Counter()
    rank = {}
    for cell in order:
        rank[cell] = before[cells[cell].clip_id]
        before[cells[cell].clip_id] += 1
    return int(sorted(order, key=lambda cell: rank[cell])[slot.number])


def repeated(design: Design, serial: int, judged: Sequence[str], number: int) -> str | None:
    """The clip that comes again as repeat `number`: one from the first half of what this person judged.

    Args:
        judged: clips of the person's items in the order in which they were judged.

    Returns:
        A clip, or None where there are not that many.
    """
    early = judged[: max(len(judged) // 2, design.repeats)]
    order = _draw(design, serial, 4).permutation(len(early))
    return early[int(order[number])] if number < len(early) else None


def choose(
    design: Design, tally: Tally, *, serial: int, position: int, judged: Collection[int]
) -> int | None:
    """The cell for the next item of participant number `serial`, by dynamic balancing.

    Args:
        design: the study's design.
        tally: what is judged or reserved so far, by everybody.
        serial: the participant's number.
        position: place in their order, from 0.
        judged: cells that this person has had; none of their clips comes again.

    Returns:
        A place in `design.cells`; None where every cell that this person could have is full.
    """
    free = tally.filled < design.settings.raters_per_cell
    had = np.fromiter(judged, np.int64)
    if had.size:
        free &= ~np.isin(design.clip_of, design.clip_of[had])
    open_cells = np.flatnonzero(free)
    if not open_cells.size:
        return None
    part = part_of(position, design.items)
    own = np.bincount(design.arm_of[had], minlength=len(design.arms))
    by_arm = np.bincount(design.arm_of, weights=tally.by_part[:, part], minlength=len(design.arms))
    arms = design.arm_of[open_cells]
    chance = _draw(design, serial, 5, position).random(open_cells.size)
    # A clip that lags in all its cells comes first: left to the last, one person would have to judge it twice.
    by_clip = np.bincount(design.clip_of, weights=tally.filled)[design.clip_of[open_cells]]
    late = (tally.by_part[open_cells, part], by_arm[arms])
    keys = (chance, *late, by_clip, own[arms], tally.filled[open_cells])
    return int(open_cells[np.lexsort(keys)[0]])


def latin_rows(design: Design) -> int:
    """Rows of the panel's Latin square: as many people as give every cell its raters."""
    windows = -(-len(design.clips) // max(design.items, 1))
    return len(design.arms) * windows * design.settings.raters_per_cell


def latin_row(design: Design, row: int) -> list[int]:
    """The cells of one row of the panel's Latin square, in the order of showing.

    Each run of as many rows as there are conditions has one window of clips: every clip in every condition once, and
    every condition as often as any other in every row (or once more). Rows shift the order within the window, so that
    a clip and its condition move through the places from round to round.

    Args:
        row: number of the row, from 0.

    Returns:
        Places in `design.cells`, as many as one person judges; clips that lack a stimulus are left out.
    """
    arms, clips, items = len(design.arms), len(design.clips), design.items
    square, within = divmod(row, arms)
    windows = -(-clips // items)
    window, round_ = square % windows, square // windows
    order = _draw(design, 6).permutation(clips)
    chosen = [int(order[(window * items + at) % clips]) for at in range(items)]
    chosen = [chosen[at] for at in _draw(design, 7, window).permutation(items)]
    shift = (within * items // arms + round_ * max(items // PARTS, 1)) % items
    cells = []
    for at in range(items):
        place = (at + shift) % items
        clip, arm = design.clips[chosen[place]], design.arms[(place + within) % arms]
        if (found := design.index.get((clip, arm))) is not None:
            cells.append(found)
    return cells
