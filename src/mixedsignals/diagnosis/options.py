"""The options of a diagnosis: one frozen dataclass, every field with a default that stands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import get_args

from mixedsignals.errors import UsageError
from mixedsignals.measures.raters import RaterModel

__all__ = ["DiagnosisOptions"]


@dataclass(frozen=True, kw_only=True)
class DiagnosisOptions:
    """How a diagnosis is made.

    Attributes:
        fusion: the name of the source that is the fused one.
        level: of every interval, between 0 and 1.
        alpha: the size of a test, between 0 and 1.
        permutations: of every permutation test, 99 or more.
        calibration_folds: folds (disjoint in groups) of cross-fitted calibration, two or more.
        trusted_groups: with fewer effective groups an interval is said not to be trustworthy.
        raters: the model of raters, `dawid-skene`, `mace` or `glad`; the last two are slow with many votes.
        shown_clips: how many clips a finding about single clips names at most.
        seed: of every random draw.
        skip: codes of checks that are not made.

    Raises:
        UsageError: for values outside these ranges, all at once.
    """

    fusion: str = "fusion"
    level: float = 0.95
    alpha: float = 0.05
    permutations: int = 999
    calibration_folds: int = 5
    trusted_groups: int = 10
    raters: RaterModel = "dawid-skene"
    shown_clips: int = 20
    seed: int = 0
    skip: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        faults = []
        if not 0 < self.level < 1:
            faults.append(f"level is {self.level}, it must lie between 0 and 1")
        if not 0 < self.alpha < 1:
            faults.append(f"alpha is {self.alpha}, it must lie between 0 and 1")
        if self.permutations < 99:
            faults.append(f"permutations is {self.permutations}, at least 99 are needed")
        if self.calibration_folds < 2:
            faults.append(f"calibration_folds is {self.calibration_folds}, at least 2 are needed")
        if self.raters not in get_args(RaterModel):
            faults.append(f"raters is {self.raters!r}, it must be one of {', '.join(get_args(RaterModel))}")
        if faults:
            raise UsageError("These options cannot be used: " + "; ".join(faults) + ".")
