"""Single raters: who votes at random, how competent each is by a model of raters, and the consensus it gives.

`MS405` needs nothing but the votes under the fullest condition. `MS406` fits Dawid-Skene, MACE or GLAD to the votes
under all conditions; what a clip shows under one condition is an item of its own, so a rater is not blamed for what
nobody could perceive.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from scipy import stats

from mixedsignals.diagnosis.ballots import compressed
from mixedsignals.diagnosis.checks.agreement import has_raters, independent_target
from mixedsignals.diagnosis.evidence import Bools, Case, Floats, Ints
from mixedsignals.diagnosis.results import EstimateRow, NotApplicable, Outcome
from mixedsignals.diagnosis.words import count, listed, number, sentence, verb, with_interval
from mixedsignals.errors import CannotFinish
from mixedsignals.measures.arrays import divided
from mixedsignals.measures.inference import Resampling, rate
from mixedsignals.measures.raters import rater_agreement, rater_models
from mixedsignals.measures.votes import count_votes, majority

__all__ = ["MODELS", "quality_of_raters", "raters_of_people"]

PEOPLE = "people"
FEWEST_VOTES = 10
"""Votes below which nothing is said of a rater."""

CARELESS = 0.5
"""Competence below which a rater guesses more often than not."""

SIZE = 0.05
"""Size of the test that a rater guesses more often than not."""

MOST_SHOWN = 200
"""Raters with a row of their own in the estimates, the least competent first."""

MODELS = {"dawid-skene": "Dawid-Skene", "mace": "MACE", "glad": "GLAD"}
"""Models of raters by the name of the option."""


@dataclass(frozen=True, eq=False)
class _Named:
    """First votes that say whose they are, (v,) each as codes: clip, condition, label, rater; and the raters (R,)."""

    clip: Ints
    given: Ints
    label: Ints
    who: Ints
    raters: pl.Series


def _named_votes(case: Case, condition: str | None = None) -> _Named:
    """The named votes under a condition, or under all of them."""
    ballots = case.ballots
    if ballots is None:
        raise NotApplicable("There are no votes.")
    if not has_raters(case):
        raise NotApplicable("Votes have no rater ids, so nothing can be said about single raters.")
    chosen = (ballots.rater >= 0) & ballots.first
    rows = np.flatnonzero(chosen if condition is None else chosen & ballots.under(condition))
    who, used = compressed(ballots.rater[rows])
    raters = ballots.raters.gather(used)
    if len(raters) < 3:
        raise NotApplicable(
            f"Only {count(len(raters), 'rater')} voted; a careless one cannot be told from the others."
        )
    clip, given, label = (
        codes[rows].astype(np.int64) for codes in (ballots.clip, ballots.given, ballots.label)
    )
    return _Named(clip, given, label, who, raters)


def raters_of_people(case: Case) -> Outcome:
    """MS405: fires for raters who agree with the others of their clips no more than chance."""
    kept = _named_votes(case, case.fullest_votes)
    found = rater_agreement(kept.clip, kept.who, kept.label, len(case.labels))
    kappa, amount = found.kappa, found.votes
    judged: Bools = np.isfinite(kappa) & (amount >= FEWEST_VOTES)
    if not judged.any():
        raise NotApplicable(f"No rater shares {FEWEST_VOTES} votes with others.")
    # Standard error of an agreement of n votes at its chance level, on the scale of kappa.
    noise = np.sqrt(divided(found.chance, (1 - found.chance) * np.maximum(amount, 1)))
    careless = judged & (kappa < 1.645 * noise)
    middle = float(np.median(kappa[judged]))
    outcome = Outcome()
    clips = int(np.count_nonzero(np.bincount(kept.clip)))
    outcome.value("rater_kappa", PEOPLE, middle, method="median over raters", n_clips=clips)
    told = f"the median rater agrees with the others at kappa {number(middle)} ({count(int(judged.sum()), 'rater')})"
    if careless.any():
        names = [f"{kept.raters[int(at)]!r} ({number(float(kappa[at]))})" for at in np.flatnonzero(careless)]
        few = f"{count(len(names), 'rater')} {verb(len(names), 'agrees', 'agree')}"
        message = f"{few} with others no more than chance: {listed(names)}; {told}."
        outcome.find("issue", message, source=PEOPLE, measure="rater_kappa")
    else:
        outcome.find(
            "passed", sentence(f"no rater votes at random: {told}"), source=PEOPLE, measure="rater_kappa"
        )
    return outcome


@dataclass(frozen=True, eq=False)
class _Quality:
    """Raters (R,) with votes used, competence and its standard error; the consensus of each clip (n, C)."""

    raters: pl.Series
    votes: Ints
    competence: Floats
    error: Floats
    consensus: Floats
    used: int
    note: str

    @property
    def judged(self) -> Bools:
        """Raters of whom there are votes enough."""
        found: Bools = np.isfinite(self.competence) & (self.votes >= FEWEST_VOTES)
        return found

    @property
    def p(self) -> Floats:
        """p-value that a rater guesses no more often than not, (R,), one-sided; NaN where not judged."""
        away = self.competence - CARELESS
        t = np.where(self.error > 0, divided(away, self.error), np.where(away < 0, -np.inf, np.inf))
        found: Floats = np.where(self.judged, stats.t.cdf(t, np.maximum(self.votes - 1, 1)), np.nan)
        return found

    @property
    def careless(self) -> Bools:
        """Raters who guess more often than not, beyond the noise of their votes (5 %)."""
        found: Bools = np.nan_to_num(self.p, nan=1.0) < SIZE
        return found


def quality_of_raters(case: Case) -> Outcome:
    """MS406: fires for raters who guess more often than not by a model of raters; what its consensus changes."""
    found, outcome = _fitted(case), Outcome()
    judged, careless = found.judged, found.careless
    if not judged.any():
        raise NotApplicable(f"No rater has {FEWEST_VOTES} votes.")
    _rows(case, outcome, found)
    middle, share = float(np.median(found.competence[judged])), float(careless[judged].mean())
    model = MODELS[case.options.raters]
    clips = int(np.isfinite(found.consensus[:, 0]).sum())
    outcome.value("rater_competence", PEOPLE, middle, method=f"{model}; median over raters", n_clips=clips)
    outcome.value("careless_raters", PEOPLE, share, method=f"{model}; share of raters judged", n_clips=clips)
    told = (
        f"by {model} the median rater's competence is {number(middle)} ({count(int(judged.sum()), 'rater')}, "
        f"{count(found.used, 'vote')}{'; ' + found.note if found.note else ''})"
    )
    told += _consensus(case, outcome, found.consensus)
    if careless.any():
        worst = [int(at) for at in np.argsort(found.competence) if careless[at]]
        names = listed(f"{found.raters[at]!r} ({number(float(found.competence[at]))})" for at in worst)
        few = f"{len(worst):,} of {count(int(judged.sum()), 'rater')} {verb(len(worst), 'guesses', 'guess')}"
        message = f"{few} more often than not (competence below {number(CARELESS, 1)}): {names}; {told}"
        outcome.find("issue", sentence(message), source=PEOPLE, measure="rater_competence")
    else:
        message = f"no rater guesses more often than not: {told}"
        outcome.find("passed", sentence(message), source=PEOPLE, measure="rater_competence")
    return outcome


def _fitted(case: Case) -> _Quality:
    """The model of raters on all votes with a rater; an item is a clip under one condition."""
    kept = _named_votes(case)
    who, label, raters = kept.who, kept.label, kept.raters
    condition, used = compressed(kept.given)
    conditions = [case.ballots.conditions[at] for at in used] if case.ballots else []
    item = kept.clip * len(conditions) + condition
    if np.bincount(item).max() < 2:
        raise NotApplicable("No two raters judged the same clip, so they cannot be compared.")
    try:
        made = rater_models(
            item, who, label, len(case.labels), model=case.options.raters, seed=case.options.seed
        )
    except CannotFinish as missing:
        raise NotApplicable(sentence(f"rater quality is not applicable: {missing}")) from missing
    competence, error, votes = _competence(made.distribution, item, who, label, len(raters))
    full = conditions.index(case.fullest_votes) if case.fullest_votes in conditions else -1
    consensus = np.full((len(case), len(case.labels)), np.nan)
    if full >= 0:
        reached = made.distribution[full :: len(conditions)]
        consensus[: len(reached)] = reached
    return _Quality(raters, votes, competence, error, consensus, made.votes_used, made.note)


def _competence(
    consensus: Floats, item: Ints, who: Ints, label: Ints, raters: int
) -> tuple[Floats, Floats, Ints]:
    """Agreement with the consensus beyond what a rater's own habits give by chance, (R,); its error; votes used.

    1 for somebody who always says what the consensus says, 0 for somebody who says it at random: the same scale for
    every model of raters.
    """
    hit = consensus[item, label]
    used = np.isfinite(hit)
    rows, said, hit = who[used], label[used], hit[used]
    votes = np.bincount(rows, minlength=raters)
    agreed = divided(np.bincount(rows, weights=hit, minlength=raters), votes)
    own = divided(count_votes(rows, said, raters, consensus.shape[1]), votes[:, None])
    around = np.stack(
        [np.bincount(rows, weights=share, minlength=raters) for share in consensus[item[used]].T], axis=1
    )
    chance = (own * divided(around, votes[:, None])).sum(axis=1)
    error = divided(np.sqrt(divided(agreed * (1 - agreed), votes)), 1 - chance)
    return divided(agreed - chance, 1 - chance), error, votes


def _rows(case: Case, outcome: Outcome, found: _Quality) -> None:
    """One estimate for each rater, the least competent first."""
    level, model = case.options.level, MODELS[case.options.raters]
    for at in np.argsort(np.where(found.judged, found.competence, np.inf), kind="stable")[:MOST_SHOWN]:
        if not found.judged[at]:
            break
        value, votes = float(found.competence[at]), int(found.votes[at])
        half = float(stats.t.ppf((1 + level) / 2, votes - 1) * found.error[at])
        outcome.estimates.append(
            EstimateRow(
                measure="rater_competence",
                source=PEOPLE,
                slice=f"rater={found.raters[int(at)]}",
                value=value,
                low=max(value - half, -1.0),
                high=min(value + half, 1.0),
                level=level,
                method=f"{model}; a rater's votes taken as independent",
                n_clips=votes,
                n_groups=votes,
                p=float(found.p[at]),
            )
        )


def _consensus(case: Case, outcome: Outcome, consensus: Floats) -> str:
    """The consensus of each clip beside the majority of its votes, under the fullest condition."""
    options = Resampling(level=case.options.level)
    known = np.isfinite(consensus[:, 0])
    chosen = np.where(known, np.nan_to_num(consensus).argmax(1), -1)
    leader = majority(case.votes[case.fullest_votes])
    both = known & (leader >= 0)
    apart = np.where(both, chosen != leader, np.nan)
    outcome.score(case.clip_ids, PEOPLE, "consensus_against_majority", apart)
    if not both.any():
        return ""
    changed = rate(apart, case.groups, options=options)
    outcome.estimate("consensus_against_majority", PEOPLE, changed)
    told = f"; its consensus differs from the majority on {int(np.nansum(apart)):,} of {count(int(both.sum()), 'clip')}"
    if independent_target(case):
        judged = known & (case.target >= 0)
        right = rate(np.where(judged, chosen == case.target, np.nan), case.groups, options=options)
        outcome.estimate("consensus_accuracy", PEOPLE, right)
        told += f" and equals the target on {with_interval(right)}"
    return told
