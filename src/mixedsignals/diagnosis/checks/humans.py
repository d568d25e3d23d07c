"""People under withheld modalities: what each condition gives, whether more modalities help, who is followed.

A gain is claimed only when the full condition beats every single one; no gain only when the best single one, chosen by
cross-fitting, is within .05. Where more seems to hurt, the share stands beside a simulation in which nobody is hurt.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import stats

from mixedsignals.diagnosis.ballots import compressed
from mixedsignals.diagnosis.checks.agreement import independent_target
from mixedsignals.diagnosis.evidence import Case, Floats, Source
from mixedsignals.diagnosis.results import EstimateRow, NotApplicable, Outcome, Severity, Status
from mixedsignals.diagnosis.words import count, listed, number, sentence, with_interval
from mixedsignals.measures.groups import Groups
from mixedsignals.measures.humans import (
    accuracy_of_people,
    conflict_clips,
    follow_rate,
    gain,
    gain_over_best,
    gain_verdict,
    gain_with_raters,
    hurt_by_more,
    loss_where_hurt,
    right_shares,
)
from mixedsignals.measures.inference import SIGNED, UNIT, Estimate, Resampling, mean
from mixedsignals.measures.performance import performance

__all__ = [
    "UnderConflict",
    "gain_of_models",
    "gain_of_people",
    "human_gain_p",
    "hurt_by_modalities",
    "under_conflict",
    "who_is_followed",
]

PEOPLE = "people"
_VERDICTS: dict[str, tuple[str, Status, Severity]] = {
    "gain": ("people gain from more modalities", "passed", "none"),
    "no gain": ("people do not gain from more modalities", "tip", "medium"),
    "equal": ("people are as good with the best single modality as with all", "tip", "medium"),
    "cannot be told": ("it cannot be told whether people gain from more modalities", "tip", "low"),
}


def _conditions(case: Case) -> tuple[str, list[str]]:
    """The fullest condition and the single ones; NotApplicable where there is nothing to compare."""
    full = case.fullest_votes
    singles = [given for given in case.votes if "+" not in given and given != full]
    if "+" not in full or not singles:
        raise NotApplicable(
            f"People judged given {listed(case.votes)} only: it takes one modality and several together to compare."
        )
    return full, singles


def _need_target(case: Case) -> None:
    case.need_target()
    if not independent_target(case):
        raise NotApplicable(
            "Targets are the majorities of these votes: people's accuracy needs an independent target."
        )


def gain_of_people(case: Case) -> Outcome:
    """MS801: accuracy of single votes per condition, and whether the full one beats each single one."""
    full, singles = _conditions(case)
    _need_target(case)
    options = Resampling(level=case.options.level)
    right = {given: right_shares(counts, case.target) for given, counts in case.votes.items()}
    outcome, told = Outcome(), []
    for given, shares in right.items():
        found = accuracy_of_people(shares, case.groups, options=options)
        outcome.estimate("accuracy", PEOPLE, found, slice=f"given={given}")
        told.append(f"{with_interval(found)} given {given}")
    each = [_gain(case, full, single, right) for single in singles]
    for single, found in zip(singles, each, strict=True):
        outcome.estimate("human_gain", PEOPLE, found, slice=f"over={single}")
    best, _ = gain_over_best(right[full], [right[s] for s in singles], case.groups, options=options)
    tested = replace(best, p=_gain_p(each), note="p: the largest of those against each single condition")
    outcome.estimate("human_gain", PEOPLE, tested, p_adjusted=_adjusted(case, tested.p))
    words, status, severity = _VERDICTS[gain_verdict(each, best)]
    gains = listed(
        f"{with_interval(found)} over {single}" for single, found in zip(singles, each, strict=True)
    )
    raters = "" if _named(case) else " (no rater ids: raters taken as fixed)"
    message = (
        f"{words}: votes equal the target with a share of {listed(told)}; given all they gain {gains}, and "
        f"{with_interval(best)} over the best single one, chosen on other speakers{raters}"
    )
    outcome.find(status, sentence(message), source=PEOPLE, severity=severity, measure="human_gain")
    return outcome


def _named(case: Case) -> bool:
    votes = case.evidence.votes
    return votes is not None and "rater_id" in votes.columns and votes["rater_id"].null_count() == 0


def _gain(case: Case, full: str, single: str, right: dict[str, Floats]) -> Estimate:
    """The gain over one condition: two-way variance where every vote has a rater, else over speakers."""
    ballots = case.ballots
    if not _named(case) or ballots is None:
        options = Resampling(level=case.options.level)
        return gain(right[full], right[single], case.groups, options=options)

    def made() -> Estimate:
        whole, either = ballots.under(full), ballots.under(full) | ballots.under(single)
        rows = np.flatnonzero(either & (case.target[ballots.clip] >= 0))
        clip = ballots.clip[rows].astype(np.int64)
        raters, used = compressed(ballots.rater[rows])
        return gain_with_raters(
            ballots.label[rows] == case.target[clip],
            whole[rows],
            clip,
            Groups(case.groups.codes[clip], case.groups.count),
            Groups(raters, len(used)),
            level=case.options.level,
        )

    return case.once(f"gain:{full}/{single}", made)


def human_gain_p(case: Case) -> float | None:
    """p of the gain of people over every single condition; None where it is not applicable."""
    try:
        full, singles = _conditions(case)
        _need_target(case)
    except NotApplicable:
        return None
    right = {given: right_shares(counts, case.target) for given, counts in case.votes.items()}
    return _gain_p([_gain(case, full, single, right) for single in singles])


def _gain_p(each: Sequence[Estimate]) -> float | None:
    """The largest p against a single condition: an intersection of hypotheses needs no correction (two-sided).

    It agrees with the verdict: below .05 just where every 95 % interval lies on the same side of zero.
    """
    tested = [one for one in each if one.value is not None and one.se]
    if not tested or len(tested) < len(each):
        return None
    if len({np.sign(one.value or 0.0) for one in tested}) > 1:
        return 1.0
    return max(
        float(2 * stats.t.sf(abs(one.value or 0.0) / (one.se or 1.0), max(one.effective_groups - 1, 1.0)))
        for one in tested
    )


def _adjusted(case: Case, alone: float | None) -> float | None:
    """p after Holm over the confirmatory family; where models cannot be tested, people are the whole family."""
    from mixedsignals.diagnosis.checks.informative import confirmatory

    try:
        return confirmatory(case)[1]["human_gain"]
    except NotApplicable:
        return alone


def hurt_by_modalities(case: Case) -> Outcome:
    """MS802: fires when people do worse given more on more clips than chance shows when nobody is hurt."""
    full, singles = _conditions(case)
    _need_target(case)
    found = hurt_by_more(
        case.votes[full], [case.votes[s] for s in singles], case.target, seed=case.options.seed
    )
    if found.share is None or found.nobody is None or found.nobody_high is None:
        raise NotApplicable(f"Whether more modalities hurt is not applicable: {found.note}.")
    outcome = Outcome()
    share = mean(found.each, case.groups, limits=UNIT, options=Resampling(level=case.options.level))
    method = "best single condition on half its votes, scored on the other half"
    outcome.estimate("hurt_by_more", PEOPLE, replace(share, note=method))
    simulated = "simulation in which nobody is hurt"
    outcome.estimates.append(
        EstimateRow(
            measure="chance:hurt_by_more",
            source=PEOPLE,
            value=found.nobody,
            low=found.nobody_low,
            high=found.nobody_high,
            level=0.95,
            method=simulated,
            n_clips=share.n_clips,
            n_groups=share.n_groups,
        )
    )
    message = (
        f"people do worse given {full} than given the best single modality on {with_interval(share)} of "
        f"{count(found.n_clips, 'clip')}; when nobody is hurt, chance alone shows {number(found.nobody)} "
        f"[{number(found.nobody_low)}, {number(found.nobody_high)}]"
    )
    loss = loss_where_hurt(found, case.groups, options=Resampling(level=case.options.level))
    outcome.estimate("loss_where_hurt", PEOPLE, loss)
    beyond = loss.low is not None and loss.low > 0
    if loss.value is not None:
        message += (
            f". On the clips that look so by half of their votes, the other half shows a loss in accuracy of "
            f"{with_interval(loss)}: {'people are hurt on some' if beyond else 'it is not shown that anybody is hurt'}"
        )
    status: Status = "tip" if beyond else "passed"
    outcome.find(status, sentence(message), source=PEOPLE, measure="hurt_by_more")
    return outcome


@dataclass(frozen=True, eq=False)
class UnderConflict:
    """Where single modalities lead people to different labels.

    Attributes:
        full: the fullest condition.
        clips: how many clips are in conflict.
        rates: for each single condition the share of votes given `full` that go with its majority.
    """

    full: str
    clips: int
    rates: dict[str, Estimate]


def under_conflict(case: Case) -> UnderConflict:
    """Whose majority people follow on clips in conflict, each single condition in turn.

    Raises:
        NotApplicable: with the reason, where people did not judge under two single conditions and the full one.
    """
    full, singles = _conditions(case)
    if len(singles) < 2:
        raise NotApplicable(
            f"People judged given {singles[0]} alone only; a conflict needs two single modalities."
        )
    conflict = conflict_clips([case.votes[single] for single in singles])
    options = Resampling(level=case.options.level)
    rates = {
        single: follow_rate(case.votes[full], conflict, place, case.groups, options=options)
        for place, single in enumerate(singles)
    }
    return UnderConflict(full, int(conflict.clips.sum()), rates)


def who_is_followed(case: Case) -> Outcome:
    """MS803: under conflict of single modalities, whose majority people follow given all of them."""
    found = under_conflict(case)
    outcome, told = Outcome(), []
    for single, rate in found.rates.items():
        outcome.estimate("follow_rate", PEOPLE, rate, slice=f"given={single}")
        if rate.value is not None:
            told.append((rate, single))
    if not told:
        raise NotApplicable("On no clip do single modalities lead people to different labels.")
    first = max(told, key=lambda item: item[0].value or 0.0)
    others = [rate for rate, single in told if single != first[1]]
    clear = first[0].low is not None and all(o.high is not None and o.high < first[0].low for o in others)
    spoken = listed(f"the {single} majority with {with_interval(rate)}" for rate, single in told)
    message = (
        f"on {count(found.clips, 'clip')} single modalities lead people to different labels; given "
        f"{found.full} their votes follow {spoken} (chance {number(1 / len(case.labels))})"
    )
    message += f": people follow {first[1]}" if clear else ""
    outcome.find("tip" if clear else "passed", sentence(message), source=PEOPLE, measure="follow_rate")
    return outcome


def _model_gains(case: Case, outcome: Outcome, models: Mapping[str, Source]) -> list[str]:
    """What the model given everything has over that given each single modality, on the clips that people judged."""
    full, singles = _conditions(case)
    if full not in models:
        return []
    known = (case.target >= 0) & (case.votes[full].sum(1) > 0) & models[full].present
    told = []
    for single in singles:
        if single not in models:
            continue
        both = known & models[single].present
        ahead = (models[full].voted == case.target).astype(float) - (models[single].voted == case.target)
        options = Resampling(level=case.options.level)
        found = mean(np.where(both, ahead, np.nan), case.groups, limits=SIGNED, options=options)
        outcome.estimate("model_gain", models[full].name, found, slice=f"over={single}")
        if found.value is not None:
            told.append(f"{with_interval(found)} over {single}")
    return told


def gain_of_models(case: Case) -> Outcome:
    """MS804: what more modalities give to models, beside what they give to people, condition by condition."""
    if not case.sources:
        raise NotApplicable("There are no predictions, so people cannot be set beside models.")
    _conditions(case)
    _need_target(case)
    options = Resampling(level=case.options.level)
    models = {s.given: s for s in case.sources if s.given in case.votes and "~" not in s.name}
    both = [given for given in case.votes if given in models]
    if len(both) < 2:
        raise NotApplicable("Fewer than two conditions have both votes and a model.")
    outcome, told = Outcome(), []
    for given in both:
        right = accuracy_of_people(right_shares(case.votes[given], case.target), case.groups, options=options)
        judged = case.votes[given].sum(1) > 0
        predicted = np.where(judged, models[given].voted, -1)
        model = performance(
            case.target, predicted, case.groups, len(case.labels), measure="accuracy", options=options
        )
        outcome.estimate("accuracy_beside_people", models[given].name, model, slice=f"given={given}")
        told.append(f"given {given} people {with_interval(right)} and models {with_interval(model)}")
    message = f"accuracy of single votes and of models on the same clips: {'; '.join(told)}"
    if gains := _model_gains(case, outcome, models):
        message += f". Given everything, models gain {listed(gains)}; what people gain stands in MS801"
    outcome.find("passed", sentence(message), source=PEOPLE, measure="accuracy_beside_people")
    return outcome
