"""Where a run has more than one fusion: which of them misleads more.

Both saw the same modalities, so what one of them gets wrong although a part knew is a matter of how they fuse.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from mixedsignals.diagnosis.evidence import Case, Ints, Source
from mixedsignals.diagnosis.results import NotApplicable, Outcome
from mixedsignals.diagnosis.seeds import mean_over, together
from mixedsignals.diagnosis.words import count, listed, sentence, with_interval
from mixedsignals.measures.disagreement import outcomes
from mixedsignals.measures.inference import SIGNED, Statistic, difference, ratio
from mixedsignals.measures.significance import sign_flip

__all__ = ["which_misleads_more"]


def which_misleads_more(case: Case) -> Outcome:
    """MS206: the misled rate of every other fusion beside that of fusion; fires where one of them misleads less."""
    fusion, parts = case.need_fusion(), case.need_parts()
    case.need_target()
    rivals = [
        source
        for source in case.fullest.values()
        if source is not fusion
        and source.given == fusion.given
        and "+" in source.given
        and "~" not in source.name
    ]
    if not rivals:
        raise NotApplicable(
            f"Only {fusion.name} was given {fusion.given}, so there is no other fusion to compare with."
        )
    outcome = Outcome()
    for rival in rivals:
        _compare(case, outcome, fusion, rival, parts)
    return outcome


def _compare(case: Case, outcome: Outcome, fusion: Source, rival: Source, parts: tuple[Source, ...]) -> None:
    codes = together(case, [*parts, fusion, rival])
    of_fusion, of_rival = (
        mean_over(case, codes, partial(_misled, case, which), scale="logit") for which in (-2, -1)
    )
    if of_fusion.value is None or of_rival.value is None:
        outcome.find(
            "not_applicable", f"No clip was predicted by {rival.name}, fusion and a part.", source=rival.name
        )
        return
    more = mean_over(
        case, codes, lambda c: difference(_misled(case, -2, c), _misled(case, -1, c)), limits=SIGNED
    )
    more = more.with_p(_flipped(case, codes))
    outcome.estimate("misled_rate", rival.name, of_rival)
    outcome.estimate("misled_difference", f"{fusion.name}|{rival.name}", more)
    above, below = more.low is not None and more.low > 0, more.high is not None and more.high < 0
    verdict = (
        f"{fusion.name} misleads more"
        if above
        else f"{rival.name} misleads more"
        if below
        else "which of the two misleads more cannot be told"
    )
    told = (
        f"{fusion.name} is misled on {with_interval(of_fusion)} and {rival.name} on {with_interval(of_rival)} of "
        f"{count(more.n_clips, 'clip')} (wrong where one of {listed(p.name for p in parts)} is right): the difference "
        f"is {with_interval(more)}, so {verdict}"
    )
    outcome.find(
        "issue" if above else "passed", sentence(told), source=rival.name, measure="misled_difference"
    )


def _hits(case: Case, which: int, codes: Ints) -> np.ndarray:
    found = outcomes(codes[:-2], codes[which], case.target)
    return np.where(found.known, found.misled, np.nan)


def _misled(case: Case, which: int, codes: Ints) -> Statistic:
    hits = _hits(case, which, codes)
    return ratio(hits, np.ones(len(hits)), case.groups)


def _flipped(case: Case, codes: list[Ints]) -> float | None:
    """p of no difference, by flipping the sign of whole groups."""
    apart = np.mean([_hits(case, -2, c) - _hits(case, -1, c) for c in codes], axis=0)
    known = np.isfinite(apart)
    return sign_flip(case.groups.take(known).sums(apart[known]), seed=case.options.seed)
