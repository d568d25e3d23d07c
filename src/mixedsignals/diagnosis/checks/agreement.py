"""Agreement of people, their agreement with the target, the ceiling that their noise sets, and careless raters."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl

from mixedsignals.diagnosis.evidence import Bools, Case, Floats
from mixedsignals.diagnosis.results import NotApplicable, Outcome
from mixedsignals.diagnosis.words import count, listed, number, sentence, with_interval
from mixedsignals.measures.agreement import krippendorff_alpha, vote_accuracy
from mixedsignals.measures.arrays import divided
from mixedsignals.measures.ceiling import noise_ceiling, rank_ceiling
from mixedsignals.measures.inference import Resampling, estimate, rate
from mixedsignals.measures.raters import rater_agreement
from mixedsignals.measures.votes import majority

__all__ = ["agreement_of_people", "ceiling_of_people", "independent_target", "raters_of_people"]

PEOPLE = "people"
LOW_ALPHA = 0.4
FEWEST_VOTES = 10


def agreement_of_people(case: Case) -> Outcome:
    """MS403: Krippendorff's alpha per condition, and how often votes and majorities equal the target."""
    full, outcome = case.fullest_votes, Outcome()
    options = Resampling(level=case.options.level)
    ids = _has_raters(case)
    for given, counts in case.votes.items():
        where = f"given={given}"
        alpha = krippendorff_alpha(counts, case.groups, metric=case.labels.kind, options=options)
        if not ids:
            alpha = replace(alpha, note="; ".join(filter(None, [alpha.note, "raters taken as fixed"])))
        for place in (where, "all") if given == full else (where,):
            outcome.estimate("krippendorff_alpha", PEOPLE, alpha, slice=place)
            _against_target(case, outcome, counts, place, options)
        if alpha.value is None:
            outcome.find(
                "not_applicable", f"Given {given}, alpha is {alpha.note}.", source=PEOPLE, slice=where
            )
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
    return outcome


def independent_target(case: Case) -> bool:
    """Whether targets come from somewhere else than the votes."""
    return case.evidence.target_source != "votes" and bool((case.target >= 0).any())


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


def _has_raters(case: Case) -> bool:
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


def raters_of_people(case: Case) -> Outcome:
    """MS405: fires for raters who agree with the others of their clips no more than chance."""
    votes = case.evidence.votes
    if votes is None or not len(votes):
        raise NotApplicable("There are no votes.")
    if not _has_raters(case):
        raise NotApplicable("Votes have no rater ids, so nothing can be said about single raters.")
    kept = votes.filter(pl.col("rater_id").is_not_null(), pl.col("given") == case.fullest_votes)
    raters = kept["rater_id"].unique().sort()
    if len(raters) < 3:
        raise NotApplicable(
            f"Only {count(len(raters), 'rater')} voted; a careless one cannot be told from the others."
        )
    code = {name: at for at, name in enumerate(raters)}
    who = kept["rater_id"].replace_strict(code, return_dtype=pl.Int64).to_numpy()
    found = rater_agreement(case.at(kept["clip_id"]), who, case.codes(kept["label"]), len(case.labels))
    kappa, amount = found.kappa, found.votes
    judged: Bools = np.isfinite(kappa) & (amount >= FEWEST_VOTES)
    if not judged.any():
        raise NotApplicable(f"No rater shares {FEWEST_VOTES} votes with others.")
    # Standard error of an agreement of n votes at its chance level, on the scale of kappa.
    noise = np.sqrt(divided(found.chance, (1 - found.chance) * np.maximum(amount, 1)))
    careless = judged & (kappa < 1.645 * noise)
    middle = float(np.median(kappa[judged]))
    outcome = Outcome()
    outcome.value(
        "rater_kappa", PEOPLE, middle, method="median over raters", n_clips=kept["clip_id"].n_unique()
    )
    told = f"the median rater agrees with the others at kappa {number(middle)} ({count(int(judged.sum()), 'rater')})"
    if careless.any():
        names = [f"{raters[int(at)]!r} ({number(float(kappa[at]))})" for at in np.flatnonzero(careless)]
        few = count(int(careless.sum()), "rater")
        message = f"{few} agree with others no more than chance: {listed(names)}; {told}."
        outcome.find("issue", message, source=PEOPLE, measure="rater_kappa")
    else:
        outcome.find(
            "passed", sentence(f"no rater votes at random: {told}"), source=PEOPLE, measure="rater_kappa"
        )
    return outcome
