"""How well each source does, whether that beats chance, and whether fusion beats its parts.

Every number is the mean over seeds of the estimate of each seed; chance is a permutation of the targets within
groups, so a source that only knows who speaks is at chance.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from mixedsignals.diagnosis.chance import Chance, chance_levels
from mixedsignals.diagnosis.checks.agreement import noise_of_majorities
from mixedsignals.diagnosis.evidence import Case, Floats, Ints, Source
from mixedsignals.diagnosis.results import NotApplicable, Outcome
from mixedsignals.diagnosis.words import called, count, listed, number, p_value, sentence, with_interval
from mixedsignals.measures.crossed import across_seeds
from mixedsignals.measures.inference import SIGNED, Combination, Estimate, Resampling, Statistic
from mixedsignals.measures.performance import Measure, accuracy, macro_f1, performance_statistic, weighted_f1
from mixedsignals.measures.significance import sign_flip

__all__ = ["at_chance", "few_groups", "fusion_gain", "performance_of_sources", "source_at_chance"]

MEASURES: tuple[Measure, ...] = ("macro_f1", "weighted_f1", "accuracy")
_SPOKEN = {"macro_f1": "macro-F1", "weighted_f1": "weighted F1", "accuracy": "accuracy"}
_FUNCTIONS: dict[str, Callable[[Floats], Floats]] = {
    "macro_f1": macro_f1,
    "weighted_f1": weighted_f1,
    "accuracy": accuracy,
}


def performance_of_sources(case: Case) -> Outcome:
    """MS101: macro-F1, weighted F1 and accuracy of every source under every input, with chance beside each."""
    outcome, noise = Outcome(), noise_of_majorities(case)
    for source in _judged(case):
        where = case.slice_of(source)
        spoken = []
        found = {measure: performance_estimate(case, source, measure) for measure in MEASURES}
        for measure, estimate in found.items():
            outcome.estimate(measure, source.name, estimate, slice=where)
            chance = chance_of(case, source, measure)
            groups = estimate.n_groups
            method = f"{chance.draws} permutations within {case.unit}"
            outcome.value(
                f"chance:{measure}",
                source.name,
                chance.mean,
                slice=where,
                method=method,
                n_clips=estimate.n_clips,
                n_groups=groups,
            )
            spoken.append(f"{_SPOKEN[measure]} {with_interval(estimate)} (chance {number(chance.mean)})")
        first = found["macro_f1"]
        message = (
            f"{called(source, where)} reaches {listed(spoken)}, on {count(first.n_clips, 'clip')} "
            f"of {count(first.n_groups, case.unit[:-1])}, mean over {count(len(source.seeds), 'seed')}"
        )
        if source is case.fusion and noise:
            message += f". Targets are majorities of votes, and {noise}"
        outcome.find("passed", sentence(message), source=source.name, slice=where, measure="macro_f1")
    return outcome


def source_at_chance(case: Case) -> Outcome:
    """MS102: fires for a source whose macro-F1 cannot be told from targets permuted within groups."""
    outcome = Outcome()
    for source in _judged(case):
        where = case.slice_of(source)
        estimate = performance_estimate(case, source, "macro_f1")
        chance = chance_of(case, source, "macro_f1")
        told = f"macro-F1 {with_interval(estimate)}, chance {number(chance.mean)}"
        test = f"{p_value(chance.p)}, {chance.draws} permutations within {case.unit}"
        name = called(source, where)
        if chance.p < case.options.alpha:
            message = sentence(f"{name} tells more than chance: {told} ({test})")
            outcome.find("passed", message, source=source.name, slice=where, measure="macro_f1")
            continue
        close = estimate.high is not None and estimate.high < chance.mean + 0.05
        says = (
            "tells nothing about the label here" if close else "cannot be told from chance with these clips"
        )
        message = sentence(f"{name} {says}: {told} ({test})")
        outcome.find(
            "issue",
            message,
            source=source.name,
            slice=where,
            measure="macro_f1",
            severity="high" if where == "all" else "medium",
        )
    return outcome


def few_groups(case: Case) -> Outcome:
    """MS103: fires when fewer effective groups than `trusted_groups` stand behind the intervals."""
    outcome = Outcome()
    judged = case.groups
    if case.sources:  # given splits need not test everybody
        judged = judged.take(np.any([source.present for source in case.sources], axis=0))
    effective, groups = judged.effective, judged.distinct
    told = f"{count(groups, case.unit[:-1])} ({number(effective, 1)} effective)"
    if effective < case.options.trusted_groups:
        stand = "stands" if groups == 1 else "stand"
        message = (
            f"Only {told} {stand} behind the intervals; below {case.options.trusted_groups} an interval is shown but "
            "not to be trusted."
        )
        outcome.find("issue", message, severity="high")
    elif case.unit == "clips":
        message = (
            f"No speaker is known, so every clip counts as a group of its own ({count(groups, 'clip')}); if speakers "
            "recur, the intervals are too narrow."
        )
        outcome.find("tip", message)
    else:
        outcome.find("passed", f"Intervals count {told}.")
    return outcome


def fusion_gain(case: Case) -> Outcome:
    """MS104: fires when fusion is not better than every one of its parts (accuracy, paired sign-flip of groups)."""
    fusion, parts = case.need_fusion(), case.need_parts()
    target = case.need_target()
    outcome = Outcome()
    short: list[str] = []
    gains, groups = [], 0
    for part in parts:
        found = _gain(case, fusion, part, target)
        if found is None:
            continue
        groups = max(groups, found.n_groups)
        outcome.estimate("fusion_gain", part.name, found)
        gains.append(f"{with_interval(found)} over {part.name} ({p_value(found.p)})")
        if found.value is None or found.value <= 0 or found.p is None or found.p >= case.options.alpha:
            short.append(part.name)
    if not gains:
        raise NotApplicable(
            "No clip has a target and predictions of both fusion and a part in the same seeds."
        )
    told = f"in accuracy fusion gains {listed(gains)}"
    if groups < 2:
        message = f"Whether fusion is better than its parts cannot be told from one {case.unit[:-1]}: {told}."
        outcome.find("not_applicable", message, source=fusion.name)
    elif short:
        message = f"Fusion is not shown to be better than {listed(short)}: {told}."
        outcome.find("issue", message, source=fusion.name, measure="fusion_gain")
    else:
        outcome.find(
            "passed",
            sentence(f"fusion is better than each of its parts: {told}"),
            source=fusion.name,
            measure="fusion_gain",
        )
    return outcome


def _judged(case: Case) -> list[Source]:
    if not case.sources:
        raise NotApplicable("There are no predictions, so no source can be judged.")
    target = case.need_target()
    judged = [s for s in case.sources if ((target >= 0) & s.complete).any()]
    if not judged:
        raise NotApplicable("No clip with a target was predicted by any source in every seed.")
    return judged


def chance_of(case: Case, source: Source, measure: Measure) -> Chance:
    """What targets permuted within groups reach; drawn once for all sources of the case."""
    return _chances(case)[source.name, source.given][measure]


def at_chance(case: Case) -> list[Source]:
    """The parts that cannot be told from chance, where that can be known."""
    judged = [part for part in case.parts if ((case.target >= 0) & part.complete).any()]
    return [part for part in judged if chance_of(case, part, "macro_f1").p >= case.options.alpha]


def _chances(case: Case) -> dict[tuple[str, str], dict[str, Chance]]:
    def drawn() -> dict[tuple[str, str], dict[str, Chance]]:
        judged = _judged(case)
        levels = chance_levels(
            case.target,
            case.groups.codes,
            [np.where(s.complete, s.predicted, -1) for s in judged],
            len(case.labels),
            _FUNCTIONS,
            draws=case.options.permutations,
            seed=case.options.seed,
        )
        return {(s.name, s.given): level for s, level in zip(judged, levels, strict=True)}

    return case.once("chances", drawn)


def performance_estimate(case: Case, source: Source, measure: Measure) -> Estimate:
    """One measure of one source: mean over seeds, interval over groups and seeds, on clips that all seeds predict."""
    statistics = [_statistic(case, source, seed, measure) for seed in range(len(source.seeds))]
    return across_seeds(statistics, scale="logit", options=Resampling(level=case.options.level))


def _statistic(case: Case, source: Source, seed: int, measure: Measure) -> Statistic:
    predicted = np.where(source.complete, source.predicted[seed], -1)
    return performance_statistic(case.target, predicted, case.groups, len(case.labels), measure=measure)


def _gain(case: Case, fusion: Source, part: Source, target: Ints) -> Estimate | None:
    """Accuracy of fusion less that of a part over the seeds that both have, with the sign-flip p."""
    shared = [(fusion.seeds.index(s), part.seeds.index(s)) for s in part.seeds if s in fusion.seeds]
    both = fusion.complete & part.complete & (target >= 0)
    if not shared or not both.any():
        return None
    held = np.where(both, target, -1)

    def right(source: Source, seed: int) -> Statistic:
        return performance_statistic(
            held, source.predicted[seed], case.groups, len(case.labels), measure="accuracy"
        )

    paired = [Combination((right(fusion, a), right(part, b)), (1.0, -1.0)) for a, b in shared]
    found = across_seeds(paired, limits=SIGNED, options=Resampling(level=case.options.level))
    ahead = np.mean(
        [
            (fusion.predicted[a] == target).astype(float) - (part.predicted[b] == target).astype(float)
            for a, b in shared
        ],
        axis=0,
    )
    sums = case.groups.sums(np.where(both, ahead, 0.0))
    return found.with_p(sign_flip(sums, seed=case.options.seed))
