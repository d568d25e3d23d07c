"""The negative control of swaps: a modality that carries nothing about the label must not be followed."""

from __future__ import annotations

import numpy as np

from mixedsignals.diagnosis.checks.performance import at_chance
from mixedsignals.diagnosis.evidence import Case, Source
from mixedsignals.diagnosis.probing import ProbedSource, probed_sources
from mixedsignals.diagnosis.results import NotApplicable, Outcome, Severity, Status
from mixedsignals.diagnosis.swaps import follow_rate, swaps_of
from mixedsignals.diagnosis.words import brief, listed, number, sentence, verb
from mixedsignals.measures.inference import Estimate, Resampling, rate

__all__ = ["NEGLIGIBLE", "idle_modality"]

NEGLIGIBLE = 0.02
"""A modality that carries nothing is not followed if the whole interval of its follow rate lies this near to zero."""

NEARLY = 0.1
"""A modality carries nothing if its accuracy (upper bound) is not this far above naming the most frequent label."""


def idle_modality(case: Case) -> Outcome:
    """MS915: fires where fusion follows a modality whose own model is at chance: it carries nothing to be followed."""
    sources = probed_sources(case)
    case.need_target()
    near = at_chance(case)
    if not near:
        raise NotApplicable(
            "Every modality tells more than chance by itself, so none must be without effect."
        )
    idle = [part for part in near if _carries_nothing(case, part)]
    if not idle:
        names, carries = listed(part.name for part in near), verb(len(near), "carries", "carry")
        raise NotApplicable(
            f"These clips are too few to say that {names} {carries} nothing, though that may be."
        )
    outcome = Outcome()
    for part in idle:
        for source in sources:
            _judged(case, outcome, source, part)
    return outcome


def _carries_nothing(case: Case, part: Source) -> bool:
    """Whether a part at chance is so near to a guess, too, that it is not for want of clips."""
    known = (case.target >= 0) & part.complete
    right = np.where(known, (part.predicted == case.target).mean(axis=0), np.nan)
    high = rate(right, case.groups, options=Resampling(level=case.options.level)).high
    return high is not None and high < _guess(case) + NEARLY


def _guess(case: Case) -> float:
    """The accuracy of always naming the most frequent target."""
    known = case.target[case.target >= 0]
    return float(np.bincount(known).max() / len(known))


def _judged(case: Case, outcome: Outcome, source: ProbedSource, part: Source) -> None:
    modality, where = part.given, f"swapped={part.given}"
    try:
        swap = swaps_of(case, source).get(modality)
    except NotApplicable as reason:
        outcome.find("not_applicable", str(reason), source=source.name, slice=where)
        return
    if swap is None:
        message = f"{modality} tells no more than chance, but was not swapped."
        outcome.find("not_applicable", sentence(message), source=source.name, slice=where)
        return
    found = follow_rate(case, {modality: swap})
    told = f"{modality} tells no more than chance by itself, and {source.name} follows it by {brief(found, digits=3)}"
    status, severity, rest = _control(found)
    message = sentence(f"{told}: {rest}")
    outcome.find(status, message, source=source.name, slice=where, measure="follow_rate", severity=severity)


def _control(found: Estimate) -> tuple[Status, Severity, str]:
    """Equivalence with zero within the margin, shown, refuted or open."""
    margin = number(NEGLIGIBLE)
    if found.value is None or found.low is None or found.high is None:
        return "not_applicable", "none", "without an interval this says nothing"
    if found.low >= -NEGLIGIBLE and found.high <= NEGLIGIBLE:
        return "passed", "none", f"as it should, it stays within {margin} of nothing"
    if found.low > NEGLIGIBLE or found.high < -NEGLIGIBLE:
        return (
            "issue",
            "medium",
            "what carries nothing about the label should move nothing; it may be a shortcut, a leak, or a modality "
            "that only tells something together with another",
        )
    return "tip", "low", f"with these clips it cannot be shown to stay within {margin} of nothing"
