"""How sure people were, and whether they were less sure where the models part.

Pairwise disagreement of raters is the primary measure, because it means the same with two votes as with twelve;
entropy is given too, and rarefied to equal numbers of votes where these differ.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mixedsignals.diagnosis.evidence import Bools, Case, Floats
from mixedsignals.diagnosis.results import NotApplicable, Outcome
from mixedsignals.diagnosis.statistics import mean_difference, mean_where
from mixedsignals.diagnosis.words import count, number, sentence, with_interval
from mixedsignals.measures.disagreement import pattern
from mixedsignals.measures.inference import SIGNED, UNIT, Limits, Resampling, estimate
from mixedsignals.measures.votes import rarefied_entropy, rater_disagreement, vote_entropy

__all__ = ["entropy_of_votes", "equal_size", "uncertainty_by_agreement", "uncertainty_of_people"]

PEOPLE = "people"


def uncertainty_of_people(case: Case) -> Outcome:
    """MS401: how much people disagreed under each condition: pairwise disagreement and entropy of votes."""
    full, outcome = case.fullest_votes, Outcome()
    options = Resampling(level=case.options.level)
    size = equal_size(list(case.votes.values()))
    for given, counts in case.votes.items():
        where = f"given={given}"
        seen = counts.sum(1) > 0
        apart = rater_disagreement(counts)
        found = estimate(mean_where(apart, seen, case.groups), limits=UNIT, options=options)
        entropy, how = entropy_of_votes(counts, size)
        doubt = estimate(mean_where(entropy, seen, case.groups), limits=_bits(case), options=options)
        for place in (where, "all") if given == full else (where,):
            outcome.estimate("rater_disagreement", PEOPLE, found, slice=place)
            outcome.estimate("vote_entropy", PEOPLE, doubt, slice=place)
        if found.value is None:
            message = f"Given {given}, no clip has two votes, so nobody can agree or disagree."
            outcome.find("not_applicable", message, source=PEOPLE, slice=where)
            continue
        per_clip = counts[seen].sum(1)
        message = (
            f"given {given}, two people who judge the same clip disagree with probability {with_interval(found)}; the "
            f"mean entropy of votes is {with_interval(doubt)} bits ({how}; {count(int(seen.sum()), 'clip')}, "
            f"{number(float(per_clip.mean()), 1)} votes each)"
        )
        outcome.find("passed", sentence(message), source=PEOPLE, slice=where, measure="rater_disagreement")
    outcome.score(case.clip_ids, PEOPLE, "rater_disagreement", rater_disagreement(case.votes[full]))
    outcome.score(case.clip_ids, PEOPLE, "vote_entropy", vote_entropy(case.votes[full]))
    outcome.score(case.clip_ids, PEOPLE, "n_votes", np.where((n := case.votes[full].sum(1)) > 0, n, np.nan))
    return outcome


def uncertainty_by_agreement(case: Case) -> Outcome:
    """MS402: whether people were less sure where the models part than where all of them agree."""
    given = case.fullest_votes
    fusion, parts = case.need_fusion(), case.need_parts()
    counts = case.votes[given]
    seen = pattern(np.stack([part.voted for part in parts]), fusion.voted)
    voted = counts.sum(1) >= 2
    agree: Bools = (seen == "agree") & voted
    part: Bools = (seen != "agree") & (seen != "") & voted
    if not agree.any() or not part.any():
        kind = "agree" if part.any() else "part"
        raise NotApplicable(f"There is no clip with two votes or more on which the models {kind}.")
    outcome = Outcome()
    entropy, how = entropy_of_votes(counts, equal_size([counts]))
    first = _compare(case, outcome, "rater_disagreement", rater_disagreement(counts), part, agree)
    second = _compare(case, outcome, "vote_entropy", entropy, part, agree, most=_bits(case)[1])
    options = Resampling(level=case.options.level)
    shares = mean_difference(rater_disagreement(counts), part, agree, case.groups)
    apart = estimate(shares, limits=SIGNED, options=options)
    told = (
        f"where the models part ({count(int(part.sum()), 'clip')}) two people disagree with probability {first[0]}, "
        f"where all agree ({count(int(agree.sum()), 'clip')}) {first[1]}: a difference of {first[2]}; entropy of votes "
        f"{second[0]} against {second[1]} bits, difference {second[2]} ({how})"
    )
    if apart.low is not None and apart.low > 0:
        message = sentence(f"people are less sure where the models part: {told}")
        outcome.find("tip", message, source=PEOPLE, measure="rater_disagreement_difference")
    elif apart.high is not None and apart.high < 0:
        message = sentence(f"people are surer where the models part: {told}")
        outcome.find("tip", message, source=PEOPLE, measure="rater_disagreement_difference")
    else:
        message = sentence(f"people are not shown to be less sure where the models part: {told}")
        outcome.find("passed", message, source=PEOPLE, measure="rater_disagreement_difference")
    return outcome


def _compare(
    case: Case,
    outcome: Outcome,
    measure: str,
    values: Floats,
    part: Bools,
    agree: Bools,
    *,
    most: float = 1.0,
) -> tuple[str, str, str]:
    """Both means of values in [0, `most`] and their difference, into the estimates and as words."""
    options = Resampling(level=case.options.level)
    spoken = []
    for where, mask in (("models=part", part), ("models=agree", agree)):
        found = estimate(mean_where(values, mask, case.groups), limits=(0.0, most), options=options)
        outcome.estimate(measure, PEOPLE, found, slice=where)
        spoken.append(with_interval(found))
    difference = mean_difference(values, part, agree, case.groups)
    apart = estimate(difference, limits=(-most, most), options=options)
    outcome.estimate(f"{measure}_difference", PEOPLE, apart)
    return spoken[0], spoken[1], with_interval(apart)


def _bits(case: Case) -> Limits:
    """Least and largest entropy of a clip."""
    return 0.0, float(np.log2(len(case.labels)))


def equal_size(tables: Sequence[Floats]) -> int | None:
    """How many votes all clips of all tables can be brought to; None where each has that many as it is.

    Clips with fewer than two votes do not count, so the size is two or more.
    """
    votes = np.concatenate([counts.sum(1) for counts in tables])
    some = votes[votes >= 2]
    return None if not len(some) or some.min() == some.max() else int(some.min())


def entropy_of_votes(counts: Floats, size: int | None) -> tuple[Floats, str]:
    """Entropy of each clip's votes in bits, comparable across clips, and in words how it was made.

    Miller-Madow where `size` is None, since all clips then have as many votes; else the expected entropy of `size`
    votes drawn from each clip's. NaN for clips with fewer than two votes.
    """
    if size is None:
        return np.where(counts.sum(1) >= 2, vote_entropy(counts), np.nan), "Miller-Madow"
    return rarefied_entropy(counts, size), f"rarefied to {size} votes"
