"""How often, in which pattern and at what cost the sources part ways.

Rates are means over seeds; what is said of a single clip uses the seed-mean probability. Every rate stands beside
what sources that err independently given the label would show.
"""

from __future__ import annotations

from functools import partial
from itertools import combinations

import numpy as np
import numpy.typing as npt

from mixedsignals.diagnosis.checks.agreement import noise_of_majorities
from mixedsignals.diagnosis.evidence import Case, Floats, Ints, Source
from mixedsignals.diagnosis.results import NotApplicable, Outcome
from mixedsignals.diagnosis.seeds import mean_over, seed_wise, together
from mixedsignals.diagnosis.words import count, listed, number, sentence, with_interval
from mixedsignals.measures.arrays import divided
from mixedsignals.measures.disagreement import (
    disagreement_rate,
    disagreement_statistics,
    expected_misled,
    label_profile,
    outcomes,
    pattern,
    two_by_two,
)
from mixedsignals.measures.inference import SIGNED, Statistic, Totals, difference, ratio

__all__ = ["disagreement_with_fusion", "misled_and_rescued", "pairs_of_sources", "patterns"]

Names = npt.NDArray[np.str_]
PATTERN_CODES = {"agree": 0.0, "fusion_alone": -1.0, "split": -2.0}
"""Values of the score `pattern`; k > 0 means that fusion sides with k of the sources."""


def disagreement_with_fusion(case: Case) -> Outcome:
    """MS201: how often each source parts from fusion, against independent errors given the label."""
    fusion, outcome = case.need_fusion(), Outcome()
    for part in case.need_parts():
        _pair(case, outcome, part, fusion, name=part.name, said=f"{part.name} parts from fusion")
        differs = np.where((part.voted >= 0) & (fusion.voted >= 0), part.voted != fusion.voted, np.nan)
        outcome.score(case.clip_ids, part.name, "parts_from_fusion", differs)
    return outcome


def pairs_of_sources(case: Case) -> Outcome:
    """MS202: how often two sources of one modality part from each other, against independent errors."""
    parts, outcome = case.need_parts(), Outcome()
    if len(parts) < 2:
        raise NotApplicable(
            f"Only {parts[0].name} was given a single modality, so there is no pair to compare."
        )
    for first, second in combinations(parts, 2):
        name = f"{first.name}|{second.name}"
        _pair(case, outcome, first, second, name=name, said=f"{first.name} and {second.name} part")
    return outcome


def _pair(case: Case, outcome: Outcome, first: Source, second: Source, *, name: str, said: str) -> None:
    codes = seed_wise([first, second])
    rate = mean_over(case, codes, lambda c: disagreement_rate(c[0], c[1], case.groups), scale="logit")
    if rate.value is None:
        outcome.find(
            "not_applicable", f"No clip was predicted by both {first.name} and {second.name}.", source=name
        )
        return
    outcome.estimate("disagreement_rate", name, rate)
    told = f"{said} on {with_interval(rate)} of {count(rate.n_clips, 'clip')}"
    if not (case.target >= 0).any():
        outcome.find(
            "passed", sentence(f"{told}; without targets there is no chance to compare with"), source=name
        )
        return

    def statistics(c: Ints) -> tuple[Totals, Totals]:
        return disagreement_statistics(c[0], c[1], case.target, case.groups, len(case.labels))

    chance = mean_over(case, codes, lambda c: statistics(c)[1], scale="logit")
    excess = mean_over(case, codes, lambda c: difference(*statistics(c)), limits=SIGNED)
    outcome.estimate("chance:disagreement_rate", name, chance)
    outcome.estimate("excess_disagreement", name, excess)
    told += f"; errors that are independent given the label would give {number(chance.value)}"
    told += f" (difference {with_interval(excess)})"
    if excess.low is not None and excess.low > 0:
        message = sentence(f"{told}: they part more than independent errors would, as if one were misaligned")
        outcome.find("issue", message, source=name, measure="disagreement_rate")
    else:
        outcome.find("passed", sentence(told), source=name, measure="disagreement_rate")


def patterns(case: Case) -> Outcome:
    """MS203: the pattern of every clip, and how often each pattern occurs."""
    fusion, parts = case.need_fusion(), case.need_parts()
    if len(parts) < 2:
        raise NotApplicable(f"Only {parts[0].name} was given a single modality; patterns need two or more.")
    outcome = Outcome()
    codes = together(case, [*parts, fusion])
    if not (codes[0] >= 0).any():
        raise NotApplicable("No clip was predicted by fusion and by every part.")
    named = [pattern(c[:-1], c[-1]) for c in codes]
    kinds = ["agree", *(f"fusion_with_{k}" for k in range(len(parts) - 1, 0, -1)), "fusion_alone", "split"]
    told = []
    for kind in kinds:
        found = mean_over(case, named, partial(_share, case, kind), scale="logit")
        outcome.estimate(f"pattern:{kind}", fusion.name, found)
        if found.value:
            told.append(f"{_spoken(kind, len(parts))} on {with_interval(found)}")
    outcome.find(
        "passed", sentence(f"fusion and its parts {'; '.join(told)} of the clips"), source=fusion.name
    )
    seen = pattern(np.stack([part.voted for part in parts]), fusion.voted)
    outcome.score(case.clip_ids, fusion.name, "pattern", pattern_codes(seen))
    return outcome


def _share(case: Case, kind: str, named: Names) -> Statistic:
    hits = np.where(named == "", np.nan, (named == kind).astype(np.float64))
    return ratio(hits, np.ones(len(hits)), case.groups)


def pattern_codes(named: Names) -> Floats:
    """Patterns as numbers: 0 agree, k fusion sides with k sources, -1 fusion alone, -2 split, NaN not known."""
    values = np.full(len(named), np.nan)
    for kind in np.unique(named):
        if kind:
            values[named == kind] = PATTERN_CODES[kind] if kind in PATTERN_CODES else float(kind[12:])
    return values


def _spoken(kind: str, parts: int) -> str:
    words = {
        "agree": "all agree",
        "fusion_alone": "part with fusion alone against the rest",
        "split": "all part",
    }
    return words.get(kind, f"part with fusion siding with {kind[12:]} of {parts}")


def misled_and_rescued(case: Case) -> Outcome:
    """MS204: how often fusion is wrong where a part was right, and right where none was; fires above chance."""
    fusion, parts, target = case.need_fusion(), case.need_parts(), case.need_target()
    codes, outcome = seed_wise([*parts, fusion]), Outcome()
    rates = {}
    for kind in ("right", "rescued", "misled", "lost"):
        found = mean_over(case, codes, partial(_outcome_rate, case, kind), scale="logit")
        if found.value is None:
            raise NotApplicable("No clip has a target and predictions of both fusion and a part.")
        rates[kind] = found
        outcome.estimate(f"{kind}_rate", fusion.name, found)
    chance = {
        "misled": _mean([expected_misled(c[:-1], c[-1], target, len(case.labels)) for c in codes]),
        "rescued": _mean([_expected_rescued(c, target, len(case.labels)) for c in codes]),
    }
    for kind, value in chance.items():
        behind = rates[kind]
        outcome.value(
            f"chance:{kind}_rate",
            fusion.name,
            value,
            method="sources permuted within label",
            n_clips=behind.n_clips,
            n_groups=behind.n_groups,
        )
    for part in parts:
        _four_outcomes(case, outcome, part, fusion)
    _clip_outcomes(case, outcome, parts, fusion)
    misled, expected = rates["misled"], chance["misled"]
    told = (
        f"fusion is misled on {with_interval(misled)} of {count(misled.n_clips, 'clip')} (it is wrong and one of "
        f"{listed(p.name for p in parts)} is right), where sources that know nothing of its errors would show "
        f"{number(expected)}; it rescues {with_interval(rates['rescued'])} (right where all of them are wrong, "
        f"{number(chance['rescued'])} by chance)"
    )
    if noise := noise_of_majorities(case):
        told += f". Targets are majorities of votes, and {noise}"
    above = misled.low is not None and expected is not None and misled.low > expected
    outcome.find("issue" if above else "passed", sentence(told), source=fusion.name, measure="misled_rate")
    return outcome


def _outcome_rate(case: Case, kind: str, codes: Ints) -> Statistic:
    found = outcomes(codes[:-1], codes[-1], case.target)
    hits = np.where(found.known, getattr(found, kind), np.nan)
    return ratio(hits, np.ones(len(hits)), case.groups)


def _expected_rescued(codes: Ints, target: Ints, classes: int) -> float | None:
    """Share of clips rescued when sources are permuted within label: sum over y of pi P(fusion = y) prod P(m != y)."""
    kept = (target >= 0) & (codes[-1] >= 0) & (codes[:-1] >= 0).any(0)
    if not kept.any():
        return None
    truth = target[kept]
    share = np.bincount(truth, minlength=classes) / len(truth)
    for place, guess in enumerate(codes[:, kept]):
        right = np.diag(label_profile(guess, truth, classes))
        share = share * (right if place == len(codes) - 1 else 1 - right)
    return float(share.sum())


def _four_outcomes(case: Case, outcome: Outcome, part: Source, fusion: Source) -> None:
    """The 2 x 2 of right and wrong of one part and fusion, as four shares."""
    names = {
        "both_wrong": (0, 0),
        "fusion_only_right": (0, 1),
        "part_only_right": (1, 0),
        "both_right": (1, 1),
    }
    codes = seed_wise([part, fusion])
    for name, (row, column) in names.items():

        def cell(c: Ints, row: int = row, column: int = column) -> Statistic:
            counts = two_by_two(c[0], c[1], case.target, case.groups)
            kept = (c[0] >= 0) & (c[1] >= 0) & (case.target >= 0)
            return Totals(
                counts, lambda t: divided(t[..., row, column], t.sum((-2, -1))), case.groups.take(kept)
            )

        outcome.estimate(name, part.name, mean_over(case, codes, cell, scale="logit"))


def _clip_outcomes(case: Case, outcome: Outcome, parts: tuple[Source, ...], fusion: Source) -> None:
    found = outcomes(np.stack([part.voted for part in parts]), fusion.voted, case.target)
    for kind in ("misled", "rescued"):
        hits = np.where(found.known, getattr(found, kind), np.nan)
        outcome.score(case.clip_ids, fusion.name, kind, hits)


def _mean(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None
