"""Which modality carries the decisions of a fused source, by exact Shapley values over subsets of modalities.

Values on log-odds say what moves the decision, values on right or wrong what makes it right. They can be negative, so
they are never shares: what is said is the largest value, and by how much it is larger than the next.
"""

from __future__ import annotations

from collections.abc import Mapping

from mixedsignals.diagnosis.attribution import Attribution, attributions, first_of_each
from mixedsignals.diagnosis.carrying import Carried, carried
from mixedsignals.diagnosis.checks.attribution_slices import slices_of_attribution
from mixedsignals.diagnosis.evidence import Case
from mixedsignals.diagnosis.results import NotApplicable, Outcome, Status
from mixedsignals.diagnosis.sources import SUBSET
from mixedsignals.diagnosis.words import count, listed, number, p_value, sentence, with_interval
from mixedsignals.measures.inference import Estimate

__all__ = ["which_modality_carries"]


def which_modality_carries(case: Case) -> Outcome:
    """MS904: a tip where one modality carries the decisions; fires for one that makes fusion less often right."""
    found = attributions(case)
    outcome = Outcome()
    leading = first_of_each(found)
    for one in found.values():
        _record(case, outcome, one)
        _score(case, outcome, one)
        if leading[one.source] is one:
            _say(case, outcome, one)
            slices_of_attribution(case, outcome, one)
        else:
            outcome.find("passed", _in_short(case, one), source=one.name, measure=_first_measure(one))
    if not outcome.estimates:
        raise NotApplicable("No clip has a value: every one of them lacks a modality.")
    return outcome


def _record(case: Case, outcome: Outcome, one: Attribution) -> None:
    numbers = carried(case, one)
    for modality in one.modalities:
        outcome.estimate(f"shapley:{modality}", one.name, numbers.right[modality])
        outcome.estimate(f"shapley_true:{modality}", one.name, numbers.true[modality])
        outcome.estimate(f"shapley_predicted:{modality}", one.name, numbers.predicted[modality])
        outcome.estimate(f"flip_rate:{modality}", one.name, numbers.flips[modality])
    for measure, gaps in (
        ("shapley_difference", numbers.gaps_right),
        ("shapley_predicted_difference", numbers.gaps),
    ):
        for (first, second), gap in gaps.items():
            where = f"over={second}"
            outcome.estimate(
                f"{measure}:{first}", one.name, gap.found, slice=where, p_adjusted=gap.p_adjusted
            )


def _score(case: Case, outcome: Outcome, one: Attribution) -> None:
    for at, modality in enumerate(one.modalities):
        columns = {
            "shapley_predicted": one.shapley_predicted[at].mean(axis=0),
            "shapley_true": one.shapley_true[at].mean(axis=0),
            "shapley_spread": one.spread[at],
        }
        for measure, values in columns.items():
            outcome.score(case.clip_ids, one.name, f"{measure}:{modality}", values)


def _first_measure(one: Attribution) -> str:
    return f"shapley_predicted:{one.modalities[0]}"


def _added(of: Mapping[str, Estimate], order: list[str], unit: str = "") -> str:
    """`audio 1.92 [1.50, 2.30] nats, video .50 [.30, .70] and text .02 [−.01, .05]`."""
    first, *others = order
    return listed(
        [f"{first} {with_interval(of[first])}{unit}", *(f"{m} {with_interval(of[m])}" for m in others)]
    )


def _say(case: Case, outcome: Outcome, one: Attribution) -> None:
    numbers, alpha = carried(case, one), case.options.alpha
    leader = numbers.leader(alpha)
    message = sentence(f"{_verdict(one, numbers, leader)}. {_right(numbers)}{_flips(numbers)}{_ground(one)}")
    if harmful := numbers.harmful:
        told = listed(
            f"{m} adds {with_interval(numbers.right[m])} to the share of clips right" for m in harmful
        )
        message = sentence(
            f"{one.source} is less often right for what it takes from {listed(harmful)}: {told}. {message}"
        )
    status: Status = "issue" if harmful else "tip" if leader else "passed"
    outcome.find(status, message, source=one.name, measure=_first_measure(one))


def _verdict(one: Attribution, numbers: Carried, leader: str | None) -> str:
    first, second = numbers.order[:2]
    gap = numbers.gaps[first, second]
    each = (
        f"on average {_added(numbers.predicted, numbers.order, ' nats')} of the log-odds of the label that it predicts "
        "come from them"
    )
    apart = f"{with_interval(gap.found)} ({p_value(gap.p_adjusted)} after Holm, with these seeds)"
    if leader:
        return f"{leader} carries the decisions of {one.source}: {each}; {leader} is ahead of {second} by {apart}"
    return (
        f"which modality carries the decisions of {one.source} cannot be told: {each}; {first} is ahead of {second} by "
        f"{apart}"
    )


def _right(numbers: Carried) -> str:
    order = sorted(numbers.right, key=lambda m: -(numbers.right[m].value or 0.0))
    if numbers.right[order[0]].value is None:
        return ""
    return f"To the share of clips right they add: {_added(numbers.right, order)}. "


def _flips(numbers: Carried) -> str:
    told = listed(f"{m} on {with_interval(numbers.flips[m])}" for m in numbers.order)
    return f"Leaving one out changes the label: {told} of the clips. "


def _ground(one: Attribution) -> str:
    seeds = count(max(len(one.seeds), 1), "seed")
    text = (
        f"{count(int(one.present.sum()), 'clip')}, {seeds}, by {one.handled}; given nothing, {one.prior.note}"
    )
    if one.lacking.any():
        text += f"; {count(int(one.lacking.sum()), 'clip')} that lack a modality are left out"
    return text


def _in_short(case: Case, one: Attribution) -> str:
    """The line of a further handling."""
    numbers = carried(case, one)
    leader = numbers.leader(case.options.alpha)
    told = f"{leader} carries the decisions" if leader else "which modality carries them cannot be told"
    by = "" if one.handling == SUBSET else f" by {one.handled}"
    first, second = numbers.order[:2]
    gap = numbers.gaps[first, second]
    return sentence(
        f"{one.source}{by}: {told} ({_added(numbers.predicted, numbers.order, ' nats')}; {first} is ahead of {second} "
        f"by {number(gap.found.value)}, {p_value(gap.p_adjusted)} after Holm)"
    )
