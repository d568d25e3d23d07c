"""Which modalities say more together than each by itself, and which say the same thing twice."""

from __future__ import annotations

from itertools import combinations

from mixedsignals.diagnosis.attribution import Attribution, attributions, first_of_each
from mixedsignals.diagnosis.carrying import NOTHING, mean_of_clips
from mixedsignals.diagnosis.evidence import Case
from mixedsignals.diagnosis.results import Outcome
from mixedsignals.diagnosis.words import count, listed, sentence, with_interval
from mixedsignals.measures.inference import Estimate

__all__ = ["what_pairs_add"]

LIMITS = (-2.0, 2.0)
"""v(S ∪ ij) − v(S ∪ i) − v(S ∪ j) + v(S) of shares."""


def what_pairs_add(case: Case) -> Outcome:
    """MS907: a tip for pairs of modalities that say more together, or the same thing, by the share of clips right."""
    found = attributions(case)
    case.need_target()
    outcome = Outcome()
    leading = first_of_each(found)
    for one in found.values():
        pairs = _pairs(case, one)
        for (first, second), estimate in pairs.items():
            outcome.estimate(f"interaction:{first}+{second}", one.name, estimate)
        if leading[one.source] is one:
            _say(outcome, one, pairs)
    return outcome


def _pairs(case: Case, one: Attribution) -> dict[tuple[str, str], Estimate]:
    values = one.interactions_right
    places = combinations(range(len(one.modalities)), 2)
    return {
        (one.modalities[a], one.modalities[b]): mean_of_clips(case, values[a, b], limits=LIMITS)
        for a, b in places
    }


def _say(outcome: Outcome, one: Attribution, pairs: dict[tuple[str, str], Estimate]) -> None:
    kinds: dict[str, list[str]] = {"more": [], "same": [], "": []}
    for (first, second), found in pairs.items():
        above, below = (
            found.low is not None and found.low > NOTHING,
            found.high is not None and found.high < -NOTHING,
        )
        kinds["more" if above else "same" if below else ""].append(
            f"{first} and {second} ({with_interval(found)})"
        )
    told = []
    if kinds["more"]:
        told.append(f"{listed(kinds['more'])} say more together than each by itself")
    if kinds["same"]:
        told.append(f"{listed(kinds['same'])} partly say the same thing")
    if kinds[""]:
        told.append(f"of {listed(kinds[''])} neither is shown")
    clips = max(found.n_clips for found in pairs.values())
    message = (
        f"in what {one.source} gets right, {'; '.join(told)} (interactions on the share of {count(clips, 'clip')} "
        f"right, by {one.handled})"
    )
    fired = kinds["more"] or kinds["same"]
    measure = f"interaction:{'+'.join(next(iter(pairs)))}"
    outcome.find("tip" if fired else "passed", sentence(message), source=one.name, measure=measure)
