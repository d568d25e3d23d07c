"""Swaps of one modality as numbers to be averaged: how far each of them moved fusion towards the donor's label.

Partners are averaged within a clip, clips over groups and seeds; a group counts both where it receives and where it
lends.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from mixedsignals.diagnosis.evidence import Bools, Case, Floats, Ints
from mixedsignals.diagnosis.probing import PlainAnswers, ProbedSource, Trials
from mixedsignals.diagnosis.results import NotApplicable
from mixedsignals.measures.crossed import across_seeds
from mixedsignals.measures.following import against_zero, follow_statistic
from mixedsignals.measures.inference import (
    SIGNED,
    Combination,
    Estimate,
    Limits,
    Resampling,
    Statistic,
    within,
)

__all__ = ["MEDIA_SWAP", "SWAP", "Swap", "averaged", "contrast", "follow_rate", "swaps_of"]

SWAP, MEDIA_SWAP = "swap", "media:swap"


@dataclass(frozen=True, eq=False)
class Swap:
    """All swaps of one modality of a source.

    Attributes:
        modality: which was swapped.
        clip, donor: who received from whom, positions in the case, (trials,).
        label: the donor's target, which is not that of the clip, (trials,).
        moved: P(donor's label | swap) − P(donor's label | no swap), (seeds, trials), in [−1, 1].
        decided: the same with 1 where that label is predicted and 0 where not, (seeds, trials).
        same_speaker: whether both clips are known to be of one speaker, (trials,).
    """

    modality: str
    clip: Ints
    donor: Ints
    label: Ints
    moved: Floats
    decided: Floats
    same_speaker: Bools

    @cached_property
    def everywhere(self) -> Bools:
        """All trials, (trials,)."""
        return np.ones(len(self.clip), dtype=np.bool_)

    def of_clips(self, clips: Ints) -> Bools:
        """The trials whose clip is among these, (trials,)."""
        found: Bools = np.isin(self.clip, clips)
        return found


def swaps_of(case: Case, source: ProbedSource, probe: str = SWAP) -> dict[str, Swap]:
    """The swaps of every modality of a source, once per case.

    Raises:
        NotApplicable: none was made, nothing is there to compare with, or no donor has a target of another label.
    """
    return case.once(f"swaps:{source.name}/{probe}", lambda: _swaps(case, source, probe))


def _swaps(case: Case, source: ProbedSource, probe: str) -> dict[str, Swap]:
    trials = source.of(probe)
    if not trials:
        raise NotApplicable(f"No modality of {source.name} was swapped.")
    target = case.need_target()
    base = source.baseline_of(probe)
    found = {name: _swap(case, one, base, target) for name, one in trials.items()}
    kept = {name: one for name, one in found.items() if len(one.clip)}
    if not kept:
        raise NotApplicable(
            f"No swap of {source.name} has a donor whose target differs from that of the clip: nobody can be followed."
        )
    return kept


def _swap(case: Case, trials: Trials, base: PlainAnswers, target: Ints) -> Swap:
    donors = np.where(trials.donor >= 0, target[np.maximum(trials.donor, 0)], -1)
    known = np.flatnonzero((donors >= 0) & (target[trials.clip] >= 0) & (donors != target[trials.clip]))
    clip, donor, label = trials.clip[known], trials.donor[known], donors[known]
    after = trials.probability[:, known, label]
    before = base.probability[:, clip, label]
    decided = (trials.predicted[:, known] == label).astype(np.float64)
    decided -= base.predicted[:, clip] == label
    same = case.groups.codes[clip] == case.groups.codes[donor]
    return Swap(trials.modality, clip, donor, label, after - before, decided, same)


def averaged(case: Case, swap: Swap, values: Floats, where: Bools | None = None) -> list[Statistic]:
    """One statistic per seed: the mean over clips of the mean over partners of `values` (seeds, trials)."""
    kept = np.flatnonzero(swap.everywhere if where is None else where)
    return [follow_statistic(one[kept], swap.clip[kept], swap.donor[kept], case.groups) for one in values]


def follow_rate(
    case: Case,
    swaps: Mapping[str, Swap],
    *,
    decisions: bool = False,
    where: Mapping[str, Bools] | None = None,
) -> Estimate:
    """How far these modalities are followed, each counting alike; with the two-sided p of not being followed.

    decisions: count predicted labels instead of probability. where: the trials of each modality that count.
    """
    each = [
        averaged(case, one, one.decided if decisions else one.moved, None if where is None else where[name])
        for name, one in swaps.items()
        if where is None or where[name].any()
    ]
    if not each:
        return Estimate.absent("no such swap", level=case.options.level)
    share = [1.0 / len(each)] * len(each)
    return _tested(case, [Combination(of_seed, share) for of_seed in zip(*each, strict=True)], SIGNED)


def contrast(case: Case, first: Swap, second: Swap) -> Estimate:
    """How much more the first modality is followed than the second, on the clips in which both were swapped."""
    both = np.intersect1d(first.clip, second.clip)
    pair = [averaged(case, one, one.moved, one.of_clips(both)) for one in (first, second)]
    apart = [Combination(of_seed, (1.0, -1.0)) for of_seed in zip(*pair, strict=True)]
    return _tested(case, apart, (-2.0, 2.0))


def _tested(case: Case, seeds: Sequence[Statistic], limits: Limits) -> Estimate:
    found = against_zero(across_seeds(seeds, options=Resampling(level=case.options.level)))
    return within(found, limits)
