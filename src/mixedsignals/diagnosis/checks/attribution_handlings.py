"""Whether it matters how a missing modality is handled: the same clips, attributed in two or three ways.

What a model says without a modality is a choice (train it without, teach it a token, lend it another clip's). Where the
choice changes which modality carries the decisions, no single set of values is to be quoted alone.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np

from mixedsignals.diagnosis.attribution import Attribution, attributions, largest
from mixedsignals.diagnosis.carrying import NOTHING, carried
from mixedsignals.diagnosis.evidence import Case, Floats
from mixedsignals.diagnosis.results import NotApplicable, Outcome
from mixedsignals.diagnosis.seeds import mean_over
from mixedsignals.diagnosis.words import count, listed, number, sentence, with_interval
from mixedsignals.measures.correlation import spearman_statistic
from mixedsignals.measures.dominance import chance_of_naming, naming_agreement, naming_excess
from mixedsignals.measures.inference import SIGNED, Estimate

__all__ = ["ways_of_missing"]


def ways_of_missing(case: Case) -> Outcome:
    """MS905: fires where two ways of handling a missing modality name different modalities."""
    found = attributions(case)
    pairs = [
        (one, other)
        for one, other in combinations(found.values(), 2)
        if one.source == other.source and (one.present & other.present).any()
    ]
    if not pairs:
        handled = listed(sorted({one.handled for one in found.values()}))
        raise NotApplicable(
            f"A missing modality was handled in one way only ({handled}), so there is nothing to compare it with "
            "(`mixedsignals probe RUN` adds others)."
        )
    outcome = Outcome()
    for one, other in pairs:
        _compare(case, outcome, one, other)
    return outcome


def _compare(case: Case, outcome: Outcome, one: Attribution, other: Attribution) -> None:
    ways = f"{one.handling}~{other.handling}"
    first, second = _same_seeds(one, other)
    named = list(zip(largest(first), largest(second), strict=True))
    same = mean_over(case, named, lambda pair: naming_agreement(*pair, case.groups), scale="logit")
    excess = mean_over(case, named, lambda pair: naming_excess(*pair, case.groups), limits=SIGNED)
    chance = float(np.mean([chance_of_naming(*pair) for pair in named]))
    outcome.estimate(f"imputation_agreement:{ways}", one.source, same)
    outcome.value(
        f"chance:imputation_agreement:{ways}",
        one.source,
        chance,
        method="independent namings",
        n_clips=same.n_clips,
        n_groups=same.n_groups,
    )
    ranks = {}
    for at, modality in enumerate(one.modalities):
        values = list(zip(first[at], second[at], strict=True))
        ranks[modality] = mean_over(
            case,
            values,
            lambda pair: spearman_statistic(*pair, case.groups),
            scale="fisher",
            limits=SIGNED,
        )
        outcome.estimate(f"imputation_rank:{ways}", one.source, ranks[modality], slice=f"modality={modality}")
    _say(case, outcome, (one, other), (same, excess, chance), ranks)


def _same_seeds(one: Attribution, other: Attribution) -> tuple[Floats, Floats]:
    """Values on the predicted label (M, seeds, clips) of the seeds that both have; means where they share none."""
    both = one.present & other.present
    first, second = (np.where(both, each.shapley_predicted, np.nan) for each in (one, other))
    shared = [seed for seed in one.seeds if seed in other.seeds]
    if not shared:
        return first.mean(axis=1, keepdims=True), second.mean(axis=1, keepdims=True)
    return (
        first[:, [one.seeds.index(seed) for seed in shared]],
        second[:, [other.seeds.index(seed) for seed in shared]],
    )


def _say(
    case: Case,
    outcome: Outcome,
    pair: tuple[Attribution, Attribution],
    agreed: tuple[Estimate, Estimate, float],
    ranks: dict[str, Estimate],
) -> None:
    (one, other), (same, excess, chance) = pair, agreed
    ways = f"{one.handled} and {other.handled}"
    going = listed(f"{m} {with_interval(found)}" for m, found in ranks.items() if found.value is not None)
    told = (
        f"{ways} name the same modality as the one that carries a decision of {one.source} on {with_interval(same)} of "
        f"{count(same.n_clips, 'clip')} ({number(chance)} by chance); across clips their values go together with rank "
        f"correlations of {going or 'nothing, for none varies'}"
    )
    against = [*_leaders(case, one, other), *_turned(case, one, other)]
    if excess.low is not None and excess.low <= 0 and (same.value or 0.0) < 0.9:
        against.append("they agree no more than by chance")
    where = f"handlings={one.handling}~{other.handling}"
    measure = f"imputation_agreement:{one.handling}~{other.handling}"
    if against:
        message = f"it matters how a missing modality is handled: {'; '.join(against)}. {told[:1].upper()}{told[1:]}"
        outcome.find("issue", sentence(message), source=one.source, slice=where, measure=measure)
    else:
        outcome.find("passed", sentence(told), source=one.source, slice=where, measure=measure)


def _leaders(case: Case, one: Attribution, other: Attribution) -> list[str]:
    """A clause where both name a leader, and not the same."""
    first, second = (carried(case, each).leader(case.options.alpha) for each in (one, other))
    if first is None or second is None or first == second:
        return []
    return [f"by {one.handled} {first} carries the decisions, by {other.handled} {second}"]


def _turned(case: Case, one: Attribution, other: Attribution) -> list[str]:
    """A clause for every modality whose value over the corpus lies surely on different sides of zero."""
    told = []
    for kind, what in (
        ("predicted", "the log-odds of the label predicted"),
        ("right", "the share of clips right"),
    ):
        for modality in one.modalities:
            first, second = (getattr(carried(case, each), kind)[modality] for each in (one, other))
            if {_side(first), _side(second)} == {1, -1}:
                told.append(
                    f"to {what}, {modality} adds {with_interval(first)} in the first way and {with_interval(second)} "
                    "in the other"
                )
    return told


def _side(found: Estimate) -> int:
    if found.low is None or found.high is None:
        return 0
    return 1 if found.low > NOTHING else -1 if found.high < -NOTHING else 0
