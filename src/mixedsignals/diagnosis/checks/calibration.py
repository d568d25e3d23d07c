"""Whether confidence means what it says, and how much of the disagreement is only a difference of confidence.

A temperature is fitted out of fold for every source and seed; it changes no label. Vector scaling, which can, is
tried where every label has enough clips, and shows how far labels themselves depend on calibration.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from mixedsignals.diagnosis.calibrating import FEWEST_PER_LABEL, calibrate, sure, why_not
from mixedsignals.diagnosis.evidence import Case, Floats, Ints, Source
from mixedsignals.diagnosis.results import NotApplicable, Outcome
from mixedsignals.diagnosis.words import number, percent, sentence, with_interval
from mixedsignals.measures.calibration import log_loss
from mixedsignals.measures.disagreement import disagreement_rate
from mixedsignals.measures.divergence import jensen_shannon
from mixedsignals.measures.groups import Groups
from mixedsignals.measures.inference import Estimate, Resampling, estimate, mean
from mixedsignals.measures.reliability import calibration_error, reliability, top_label

__all__ = ["calibration_of_sources", "disagreement_after_calibration"]

NOTABLE = 0.05
"""Calibration error above which a source is said to be off."""


def calibration_of_sources(case: Case) -> Outcome:
    """MS301: calibration error and log-loss of each source before and after; fires when the error is notable."""
    if reason := why_not(case):
        raise NotApplicable(reason)
    outcome = Outcome()
    for source in case.fullest.values():
        found = calibrate(case, source)
        if found is None or not ((case.target >= 0) & source.present).any():
            message = f"No clip with a target was predicted by {source.name}."
            outcome.find("not_applicable", message, source=source.name)
            continue
        before = _described(case, outcome, source, source.probability, "")
        after = _described(case, outcome, source, found.probability, ":calibrated")
        outcome.value(
            "temperature", source.name, found.temperature, method="out of fold, mean over folds and seeds"
        )
        vector = _vector_error(case, outcome, source)
        off = before.low is not None and before.low > NOTABLE
        way = "too sure" if found.temperature > 1 else "not sure enough"
        says = f"is {way} of itself" if off else "means about what it says"
        worse = after.value is not None and before.value is not None and after.value > before.value + 0.005
        helped = ", which did not help on the clips that were left out" if worse else ""
        message = sentence(
            f"{source.name} {says}: stated and seen shares differ by {with_interval(before)} (root mean square), "
            f"{with_interval(after)} after calibration (temperature {number(found.temperature)}){helped}{vector}"
        )
        outcome.find("tip" if off else "passed", message, source=source.name, measure="calibration_error")
    return outcome


def _described(case: Case, outcome: Outcome, source: Source, probability: Floats, tag: str) -> Estimate:
    """Error, log-loss and reliability bins of all seeds together, counted over groups."""
    seeds = len(probability)
    flat = probability.reshape(-1, probability.shape[-1])
    target = np.tile(case.target, seeds)
    groups = Groups(np.tile(case.groups.codes, seeds), case.groups.count)
    options = Resampling(level=case.options.level)
    stated, right = top_label(flat, target)
    behind = int(((case.target >= 0) & source.present).sum())
    error = replace(calibration_error(stated, right, groups, options=options), n_clips=behind)
    outcome.estimate(f"calibration_error{tag}", source.name, error)
    loss = replace(
        mean(log_loss(flat, target), groups, limits=(0.0, float("inf")), options=options), n_clips=behind
    )
    outcome.estimate(f"log_loss{tag}", source.name, loss)
    bins = reliability(stated, right, bins=10)
    for place, (said, seen, clips) in enumerate(
        zip(bins.stated, bins.seen, bins.clips, strict=True), start=1
    ):
        rows = {"method": "mean of the bin, all seeds", "n_clips": int(clips)}
        where = f"bin={place:02d}"
        outcome.value(f"reliability_stated{tag}", source.name, float(said), slice=where, **rows)  # type: ignore[arg-type]
        outcome.value(f"reliability_seen{tag}", source.name, float(seen), slice=where, **rows)  # type: ignore[arg-type]
    return error


def _vector_error(case: Case, outcome: Outcome, source: Source) -> str:
    """The error of the seed-mean probability after vector scaling out of fold, where every label has clips enough."""
    counts = np.bincount(case.target[case.target >= 0], minlength=len(case.labels))
    if counts.min() < FEWEST_PER_LABEL:
        return ""
    single = _seed_mean(source)
    scaled = calibrate(case, single, "vector")
    if scaled is None:
        return ""
    stated, right = top_label(scaled.probability[0], case.target)
    options = Resampling(level=case.options.level)
    error = calibration_error(stated, right, case.groups, options=options)
    outcome.estimate("calibration_error:vector_scaled", source.name, error)
    return f"; {with_interval(error)} after vector scaling of the mean over seeds"


def disagreement_after_calibration(case: Case) -> Outcome:
    """MS302: soft and hard disagreement before and after; fires when most of the soft one was confidence."""
    if reason := why_not(case):
        raise NotApplicable(reason)
    parts, outcome = case.need_parts(), Outcome()
    if len(parts) < 2:
        raise NotApplicable(f"Only {parts[0].name} was given a single modality, so there is no divergence.")
    options = Resampling(level=case.options.level)
    raw = jensen_shannon(np.stack([part.mean for part in parts]))
    held = jensen_shannon(np.stack([sure(case, part) for part in parts]))
    limits = (0.0, float(np.log2(len(case.labels))))
    before, after = (mean(values, case.groups, limits=limits, options=options) for values in (raw, held))
    if before.value is None or after.value is None:
        raise NotApplicable("No clip was predicted by two sources of one modality.")
    outcome.estimate("jsd", "models", before, slice="calibrated=no")
    outcome.estimate("jsd", "models", after, slice="all")
    told = (
        f"the mean divergence of the sources is {with_interval(before)} bits before calibration and "
        f"{with_interval(after)} after"
    )
    mostly = after.value < 0.5 * before.value and after.high is not None and after.high < (before.low or 0.0)
    gone = percent(1 - after.value / before.value) if 0 < after.value < before.value else "none"
    told += f": {gone} of the soft disagreement was a difference of confidence"
    if hard := _hard(case, outcome):
        told += f". Labels part from those of fusion on these shares of the clips: {'; '.join(hard)}"
    outcome.find("tip" if mostly else "passed", sentence(told), source="models", measure="jsd")
    return outcome


def _hard(case: Case, outcome: Outcome) -> list[str]:
    """How often the seed-mean labels of each source part from fusion's, before and after vector scaling."""
    counts = np.bincount(case.target[case.target >= 0], minlength=len(case.labels))
    if case.fusion is None or counts.min() < FEWEST_PER_LABEL:
        return []
    said = []
    options = Resampling(level=case.options.level)
    fused = _vector_labels(case, case.fusion)
    for part in case.parts:
        pairs = ((part.voted, case.fusion.voted), (_vector_labels(case, part), fused))
        before, after = (
            estimate(disagreement_rate(*pair, case.groups), scale="logit", options=options) for pair in pairs
        )
        outcome.estimate("disagreement_rate:vector_scaled", part.name, after)
        said.append(
            f"{part.name} {number(before.value)} before and {number(after.value)} after vector scaling"
        )
    return said


def _seed_mean(source: Source) -> Source:
    """The source as one seed, of the mean over its seeds."""
    return replace(source, probability=source.mean[None], seeds=(0,), given=f"{source.given} (seed mean)")


def _vector_labels(case: Case, source: Source) -> Ints:
    """Labels of the seed-mean probability after vector scaling out of fold; -1 where absent."""
    single = _seed_mean(source)
    found = calibrate(case, single, "vector")
    return single.voted if found is None else replace(single, probability=found.probability).voted
