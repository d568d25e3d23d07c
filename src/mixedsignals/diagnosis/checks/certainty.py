"""How following a modality falls with how unsure that modality is beside the others.

A fusion that listens to evidence follows a modality where it is sure and the others are not. The entropy of the donor's
own unimodal prediction, relative to those of the clip's other modalities, says how sure each is.
"""

from __future__ import annotations

import numpy as np

from mixedsignals.diagnosis.calibrating import sure
from mixedsignals.diagnosis.evidence import Case, Floats, Source
from mixedsignals.diagnosis.probing import ProbedSource, probed_sources
from mixedsignals.diagnosis.results import NotApplicable, Outcome, Severity, Status
from mixedsignals.diagnosis.swaps import Swap, follow_rate, swaps_of
from mixedsignals.diagnosis.words import brief, count, listed, number, sentence
from mixedsignals.measures.crossed import across_seeds
from mixedsignals.measures.divergence import entropy
from mixedsignals.measures.following import against_zero, bins_of, relative_entropy, slope_statistic
from mixedsignals.measures.inference import Estimate, Resampling

__all__ = ["BINS", "following_by_certainty"]

BINS = 5
"""Bins of the curve, with about as many swaps each."""

FLAT = 0.01
"""Standard deviation of relative entropy below which nothing can be said of a slope on it."""

LITTLE = 0.05
"""A modality that is followed less than this (upper bound) has nothing that could fall."""


def following_by_certainty(case: Case) -> Outcome:
    """MS913: following against relative entropy; a tip where it does not fall, an issue where it rises."""
    outcome = Outcome()
    for source in probed_sources(case):
        try:
            swaps = swaps_of(case, source)
            entropies = _entropies(case)
            for modality, swap in swaps.items():
                _one(case, outcome, source, swap, _relative(swap, modality, entropies))
        except NotApplicable as reason:
            outcome.find("not_applicable", str(reason), source=source.name)
    return outcome


def _entropies(case: Case) -> dict[str, Floats]:
    """Entropy of every modality's own calibrated prediction, bits, (clips,) by modality."""

    def made() -> dict[str, Floats]:
        alone: dict[str, Source] = {}
        for part in case.parts:
            if part.given not in alone or part.name == part.given:
                alone[part.given] = part
        return {given: entropy(sure(case, part)) for given, part in alone.items()}

    found = case.once("entropies", made)
    if len(found) < 2:
        raise NotApplicable(
            "Fewer than two modalities have predictions of their own, so it is not known how sure each is."
        )
    return found


def _relative(swap: Swap, modality: str, entropies: dict[str, Floats]) -> Floats | None:
    """Relative entropy of the swapped modality, (trials,); None where it has no prediction of its own."""
    if modality not in entropies:
        return None
    others = np.stack([held[swap.clip] for name, held in entropies.items() if name != modality])
    return relative_entropy(entropies[modality][swap.donor], others)


def _one(case: Case, outcome: Outcome, source: ProbedSource, swap: Swap, relative: Floats | None) -> None:
    modality, where = swap.modality, f"swapped={swap.modality}"
    if relative is None:
        message = f"{modality} has no prediction of its own, so it is not known how sure it is."
        outcome.find("not_applicable", sentence(message), source=source.name, slice=where)
        return
    slopes = {within: _slope(case, swap, relative, within=within) for within in (False, True)}
    measure = f"follow_by_entropy:{modality}"
    outcome.estimate(measure, source.name, slopes[False])
    outcome.estimate(measure, source.name, slopes[True], slice="within=clip")
    curve = _curve(case, outcome, source, swap, relative)
    rate = follow_rate(case, {modality: swap})
    status, severity, verdict = _verdict(slopes[False], rate)
    message = f"{source.name} {verdict.format(modality)} (follow rate {brief(rate)})"
    if rate.high is None or rate.high >= LITTLE:
        message += f". {_told(slopes, modality)}. {curve}"
    outcome.find(
        status, sentence(message), source=source.name, slice=where, measure=measure, severity=severity
    )


def _told(slopes: dict[bool, Estimate], modality: str) -> str:
    """Both slopes in words; that within clips only where it exists."""
    inside = (
        "" if slopes[True].value is None else f", and by {brief(slopes[True])} among donors of the same clip"
    )
    return (
        f"Following changes by {brief(slopes[False])} for one unit of relative entropy (−1: {modality} alone is sure, "
        f"1: it alone is unsure){inside}"
    )


def _slope(case: Case, swap: Swap, relative: Floats, *, within: bool) -> Estimate:
    each = [
        slope_statistic(moved, relative, swap.clip, swap.donor, case.groups, within=within, least=FLAT)
        for moved in swap.moved
    ]
    return against_zero(across_seeds(each, options=Resampling(level=case.options.level)))


def _curve(case: Case, outcome: Outcome, source: ProbedSource, swap: Swap, relative: Floats) -> str:
    """The binned curve as estimates, and its two ends in words."""
    bins = bins_of(relative, BINS)
    ends = []
    for place in range(int(bins.max()) + 1):
        where = bins == place
        found = follow_rate(case, {swap.modality: swap}, where={swap.modality: where})
        name, middle = f"bin={place + 1:02d}", float(relative[where].mean())
        outcome.estimate(f"follow_at_entropy:{swap.modality}", source.name, found, slice=name)
        outcome.value(
            f"relative_entropy:{swap.modality}",
            source.name,
            middle,
            slice=name,
            method=f"mean of {count(int(where.sum()), 'swap')}",
            n_clips=found.n_clips,
            n_groups=found.n_groups,
        )
        ends.append((found, middle))
    if len(ends) < 2:
        return "All swaps have the same relative entropy, so there is no curve"
    told = listed(f"{brief(found)} at {number(middle)}" for found, middle in (ends[0], ends[-1]))
    return f"The follow rate is {told} (first and last of {count(len(ends), 'bin')})"


def _verdict(slope: Estimate, rate: Estimate) -> tuple[Status, Severity, str]:
    """Status, severity, and a sentence with a place for the modality."""
    less_sure = "where it is less sure than the other modalities"
    if slope.value is None or slope.low is None or slope.high is None:
        return "not_applicable", "none", "cannot be told to follow {} more or less " + less_sure
    if rate.high is not None and rate.high < LITTLE:
        return "passed", "none", "hardly follows {} at all, so there is nothing that could fall"
    if slope.high < 0:
        return "passed", "none", "follows {} less " + less_sure
    if slope.low > 0:
        return "issue", "medium", "follows {} more " + less_sure
    return "tip", "low", "is not shown to follow {} less " + less_sure
