"""Agreement of people, their agreement with the target, and the limits that their noise sets.

Where targets are majorities of the votes, nobody can be right on all of them: an oracle that knew what most people
would say errs on those that few votes got wrong.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from mixedsignals.diagnosis.evidence import Case, Floats
from mixedsignals.diagnosis.results import NotApplicable, Outcome
from mixedsignals.diagnosis.words import number, sentence, with_interval
from mixedsignals.measures.agreement import krippendorff_alpha, vote_accuracy
from mixedsignals.measures.ceiling import noise_ceiling, rank_ceiling
from mixedsignals.measures.inference import Estimate, Resampling, estimate, mean, rate
from mixedsignals.measures.oracle import oracle_error
from mixedsignals.measures.votes import majority

__all__ = [
    "agreement_of_people",
    "ceiling_of_people",
    "errors_of_an_oracle",
    "has_raters",
    "independent_target",
    "noise_of_majorities",
]

PEOPLE = "people"
LOW_ALPHA = 0.4


def agreement_of_people(case: Case) -> Outcome:
    """MS403: Krippendorff's alpha per condition, and how often votes and majorities equal the target."""
    full, outcome = case.fullest_votes, Outcome()
    options = Resampling(level=case.options.level)
    ids = has_raters(case)
    for given, counts in case.votes.items():
        where = f"given={given}"
        alpha = krippendorff_alpha(counts, case.groups, metric=case.labels.kind, options=options)
        if not ids:
            alpha = replace(alpha, note="; ".join(filter(None, [alpha.note, "raters taken as fixed"])))
        for place in (where, "all") if given == full else (where,):
            outcome.estimate("krippendorff_alpha", PEOPLE, alpha, slice=place)
            _against_target(case, outcome, counts, place, options)
        if alpha.value is None:
            why = _why_no_alpha(counts) or alpha.note
            message = f"Given {given}, Krippendorff's alpha is not applicable: {why}."
            outcome.find("not_applicable", message, source=PEOPLE, slice=where)
            continue
        told = f"given {given}, Krippendorff's alpha ({case.labels.kind}) is {with_interval(alpha)}"
        told += "" if ids else " (no rater ids: raters taken as fixed)"
        low = alpha.high is not None and alpha.high < LOW_ALPHA
        outcome.find(
            "tip" if low else "passed",
            sentence(f"{told}: people agree little" if low else told),
            source=PEOPLE,
            slice=where,
            measure="krippendorff_alpha",
        )
    if (errs := errors_of_an_oracle(case)) is not None:
        outcome.estimate("oracle_error", PEOPLE, errs)
        message = f"targets are majorities of the votes given {full}, and {noise_of_majorities(case)}"
        outcome.find("tip", sentence(message), source=PEOPLE, slice="targets", measure="oracle_error")
    return outcome


def independent_target(case: Case) -> bool:
    """Whether targets come from somewhere else than the votes."""
    return case.evidence.target_source != "votes" and bool((case.target >= 0).any())


def _why_no_alpha(counts: Floats) -> str:
    """What is wrong with votes (clips, labels) that have no alpha; empty where it is something else."""
    paired = counts[counts.sum(axis=1) >= 2]
    if not len(paired):
        return "no clip has two votes"
    return "all votes are for the same label" if (paired.sum(axis=0) > 0).sum() == 1 else ""


def errors_of_an_oracle(case: Case) -> Estimate | None:
    """Share of the targets on which an oracle errs, where they are majorities of the votes; None where they are not."""

    def found() -> Estimate:
        errs = oracle_error(case.votes[case.fullest_votes], case.target, seed=case.options.seed)
        made = mean(errs, case.groups, options=Resampling(level=case.options.level))
        return replace(made, note="Dirichlet posterior of each clip, given its votes")

    if case.evidence.target_source != "votes" or not case.votes or not (case.target >= 0).any():
        return None
    held = case.once("oracle", found)
    return held if held.value is not None else None


def noise_of_majorities(case: Case) -> str:
    """What is to be said wherever errors are counted against majorities of votes; empty where targets are not these."""
    errs = errors_of_an_oracle(case)
    if errs is None:
        return ""
    return (
        f"an oracle that knew what most people would say would err on {with_interval(errs)} of them, most often where "
        "people disagree: so much of what counts as an error is noise of the votes"
    )


def _against_target(case: Case, outcome: Outcome, counts: Floats, place: str, options: Resampling) -> None:
    """Vote and majority accuracy, where the target is independent of these votes."""
    if not independent_target(case):
        return
    found = estimate(vote_accuracy(counts, case.target, case.groups), scale="logit", options=options)
    outcome.estimate("vote_accuracy", PEOPLE, found, slice=place)
    leader = majority(counts)
    known = (leader >= 0) & (case.target >= 0)
    hits = np.where(known, leader == case.target, np.nan)
    outcome.estimate("majority_accuracy", PEOPLE, rate(hits, case.groups, options=options), slice=place)


def has_raters(case: Case) -> bool:
    """Whether any vote says whose it is."""
    votes = case.evidence.votes
    return votes is not None and "rater_id" in votes.columns and votes["rater_id"].null_count() < len(votes)


def ceiling_of_people(case: Case) -> Outcome:
    """MS404: how well any signal could follow people's uncertainty, given how few votes each clip has."""
    counts, outcome = case.votes[case.fullest_votes], Outcome()
    found = noise_ceiling(counts, case.groups, options=Resampling(level=case.options.level))
    if found.value is None:
        raise NotApplicable(f"The noise ceiling is not applicable: {found.note}.")
    outcome.estimate("noise_ceiling", PEOPLE, found)
    ranks = rank_ceiling(counts, seed=case.options.seed)
    method = f"parametric simulation, median of {ranks.simulations}"
    for name, value in (("spearman", ranks.spearman), ("auroc", ranks.auroc)):
        outcome.value(
            f"noise_ceiling:{name}",
            PEOPLE,
            value,
            method=method,
            n_clips=found.n_clips,
            n_groups=found.n_groups,
        )
    message = (
        f"with these votes a perfect signal would reach a correlation of {with_interval(found)} with people's observed "
        f"disagreement (rank correlation {number(ranks.spearman)}, AUROC {number(ranks.auroc)})"
    )
    low = found.high is not None and found.high < 0.5
    outcome.find("tip" if low else "passed", sentence(message), source=PEOPLE, measure="noise_ceiling")
    return outcome
