"""What a design crosses: every clip with every condition or arm, and the stimuli that each cell shows in turn.

A cell is what one person is given of one clip: one stimulus, or in the counterfactual design two, the second with a
modality added or, in the control arm, with the same as the first.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import polars as pl

from mixedsignals.study.settings import StudySettings

__all__ = ["Cell", "Design", "make_design"]

Whole = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Cell:
    """One clip in one condition or arm.

    Attributes:
        clip_id: the clip.
        arm: name of the condition, or of the arm such as `text>text+audio`.
        conditions: what is perceived at each step.
        stimuli: the stimulus of each step.
        expected: the answer that an attention check asks for; None elsewhere.
    """

    clip_id: str
    arm: str
    conditions: tuple[str, ...]
    stimuli: tuple[str, ...]
    expected: str | None = None


@dataclass(frozen=True)
class Design:
    """All cells of a study, and what surrounds them.

    Attributes:
        cells: every clip in every arm that can be rendered, in a fixed order.
        arms: names of the conditions or arms.
        practice, attention: cells of practice items and attention checks.
        settings: the study's settings.
    """

    cells: tuple[Cell, ...]
    arms: tuple[str, ...]
    practice: tuple[Cell, ...]
    attention: tuple[Cell, ...]
    settings: StudySettings

    @cached_property
    def clips(self) -> tuple[str, ...]:
        """The clips, sorted."""
        return tuple(sorted({cell.clip_id for cell in self.cells}))

    @cached_property
    def clip_of(self) -> Whole:
        """Index into `clips` of each cell, (n,)."""
        at = {clip: index for index, clip in enumerate(self.clips)}
        return np.array([at[cell.clip_id] for cell in self.cells], np.int64)

    @cached_property
    def arm_of(self) -> Whole:
        """Index into `arms` of each cell, (n,)."""
        at = {arm: index for index, arm in enumerate(self.arms)}
        return np.array([at[cell.arm] for cell in self.cells], np.int64)

    @cached_property
    def index(self) -> dict[tuple[str, str], int]:
        """(clip, arm) -> place in `cells`."""
        return {(cell.clip_id, cell.arm): at for at, cell in enumerate(self.cells)}

    @property
    def items(self) -> int:
        """Clips that one person judges: as set, and no more than there are."""
        return min(self.settings.items_per_participant, len(self.clips))

    @property
    def repeats(self) -> int:
        """Clips of a person that come again; none in the counterfactual design, whose clips come twice already."""
        return 0 if self.settings.arms else min(self.settings.repeats, self.items)


def make_design(settings: StudySettings, stimuli: pl.DataFrame) -> Design:
    """The cells of a study.

    Args:
        settings: its settings.
        stimuli: its `STIMULI` table; a clip that lacks the stimulus of an arm has no cell there.
    """
    shown = {
        (row["clip_id"], row["condition"]): row["stimulus_id"]
        for row in stimuli.filter(kind="item").iter_rows(named=True)
    }
    clips = sorted({clip for clip, _ in shown})
    steps: dict[str, tuple[str, ...]] = {arm.name: (arm.first, arm.second) for arm in settings.arms} or {
        condition: (condition,) for condition in settings.conditions
    }
    cells = tuple(
        Cell(clip, arm, conditions, tuple(shown[clip, condition] for condition in conditions))
        for clip in clips
        for arm, conditions in steps.items()
        if all((clip, condition) in shown for condition in conditions)
    )
    return Design(cells, tuple(steps), _around(stimuli, "practice"), _around(stimuli, "attention"), settings)


def _around(stimuli: pl.DataFrame, kind: str) -> tuple[Cell, ...]:
    rows = stimuli.filter(kind=kind).sort("clip_id", "condition").iter_rows(named=True)
    return tuple(
        Cell(
            row["clip_id"],
            row["condition"],
            (row["condition"],),
            (row["stimulus_id"],),
            expected=row["expected"],
        )
        for row in rows
    )
