"""Misled by a dominant signal that no other supports: how often, against what chance and one modality alone would give.

The rate is a mean over seeds. The null asks how often the same rule calls a case when a clip's modalities come from
other clips of its speaker and label; the yardstick, how often the best single modality would be wrong with nobody
behind it. What is said of single clips uses the mean over seeds.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mixedsignals.diagnosis.checks.agreement import noise_of_majorities
from mixedsignals.diagnosis.checks.dominated_clips import say_cases
from mixedsignals.diagnosis.dominated import Dominated, dominated, null_of, yardstick
from mixedsignals.diagnosis.evidence import Case, Floats
from mixedsignals.diagnosis.results import Outcome
from mixedsignals.diagnosis.seeds import mean_over
from mixedsignals.diagnosis.words import count, listed, number, p_value, sentence, with_interval
from mixedsignals.measures.inference import SIGNED, Estimate, ratio
from mixedsignals.measures.significance import sign_flip

__all__ = ["RATE", "first_of_each", "mean_of", "misled_by_a_dominant_signal", "paired_p"]

RATE = "unsupported_dominance_rate"


@dataclass(frozen=True, eq=False)
class _Compared:
    """A rate, what it is held against, and the paired difference; None where that is not known."""

    rate: Estimate
    null: Estimate | None = None
    excess: Estimate | None = None
    best: Estimate | None = None
    over_best: Estimate | None = None


def misled_by_a_dominant_signal(case: Case) -> Outcome:
    """MS910: clips misled by an unsupported dominant modality; fires above chance or the best single one."""
    case.need_parts()
    outcome, every = Outcome(), dominated(case)
    for name, found in first_of_each(every).items():
        if isinstance(found, str):
            outcome.find("not_applicable", found, source=name)
        else:
            _one_source(case, outcome, found, every)
    return outcome


def first_of_each(every: dict[str, Dominated | str]) -> dict[str, Dominated | str]:
    """One of each fused source, by its bare name: of models trained on each subset where there are, else the first."""
    chosen: dict[str, Dominated | str] = {}
    for name, found in every.items():
        chosen.setdefault(name.partition("~")[0], found)
    return chosen


def _one_source(case: Case, outcome: Outcome, found: Dominated, every: dict[str, Dominated | str]) -> None:
    compared = _compared(case, outcome, found)
    _other_handlings(case, outcome, found, every)
    outcome.score(
        case.clip_ids, found.name, "unsupported_dominance", np.where(found.known, found.cases, np.nan)
    )
    outcome.score(case.clip_ids, found.name, "unsupported_dominance_steady", found.steady)
    _verdict(case, outcome, found, compared)
    say_cases(case, outcome, found)


def mean_of(case: Case, values: Floats, *, signed: bool = False) -> Estimate:
    """The mean over clips and seeds of (seeds, clips), with its interval over groups and seeds; NaN does not count."""

    def one(row: Floats) -> object:
        return ratio(row, np.ones(len(row)), case.groups)

    if signed:
        return mean_over(case, list(values), one, limits=SIGNED)  # type: ignore[arg-type]
    return mean_over(case, list(values), one, scale="logit")  # type: ignore[arg-type]


def paired_p(case: Case, apart: Floats) -> float | None:
    """p that a paired difference (seeds, clips) is none, by flipping the sign of whole groups."""
    mean = apart.mean(axis=0)
    known = np.isfinite(mean)
    return sign_flip(case.groups.take(known).sums(mean[known]), seed=case.options.seed)


def _compared(case: Case, outcome: Outcome, found: Dominated) -> _Compared:
    hits = found.by_seed[0]
    overall = mean_of(case, hits)
    outcome.estimate(RATE, found.name, overall)
    for place, modality in enumerate(found.modalities):
        outcome.estimate(RATE, found.name, mean_of(case, found.hits_of(place)), slice=f"modality={modality}")
    expected, excess = _against_null(case, outcome, found)
    _, best_hits = yardstick(case, found)
    if not np.isfinite(best_hits).any():
        return _Compared(overall, expected, excess)
    best = mean_of(case, best_hits)
    outcome.estimate(f"best_unimodal:{RATE}", found.name, best)
    apart = hits - best_hits
    over = mean_of(case, apart, signed=True).with_p(paired_p(case, apart))
    outcome.estimate(f"over_best_unimodal:{RATE}", found.name, over)
    return _Compared(overall, expected, excess, best, over)


def _against_null(case: Case, outcome: Outcome, found: Dominated) -> tuple[Estimate | None, Estimate | None]:
    """The null and the paired excess, overall and per modality; both None where nothing was shuffled."""
    null = null_of(case, found)
    if null is None:
        return None, None
    hits = found.by_seed[0]
    pieces = [("all", hits, null.total)] + [
        (
            f"modality={name}",
            found.hits_of(at),
            null.share[:, at].sum(axis=1),
        )
        for at, name in enumerate(found.modalities)
    ]
    made = []
    for piece, observed, share in pieces:
        apart = observed - share
        expected = mean_of(case, np.where(np.isfinite(apart), np.clip(share, 0.0, 1.0), np.nan))
        excess = mean_of(case, apart, signed=True).with_p(paired_p(case, apart))
        outcome.estimate(f"null:{RATE}", found.name, expected, slice=piece)
        outcome.estimate(f"excess:{RATE}", found.name, excess, slice=piece)
        made.append((expected, excess))
    return made[0]


def _other_handlings(
    case: Case, outcome: Outcome, found: Dominated, every: dict[str, Dominated | str]
) -> None:
    """The same rate under every other way of filling a gap, and on how many cases both agree."""
    told = []
    for other in every.values():
        if isinstance(other, str) or other is found or other.carried.source != found.carried.source:
            continue
        rated = mean_of(case, other.by_seed[0])
        outcome.estimate(RATE, other.name, rated)
        both = int((found.cases & other.cases).sum())
        told.append(
            f"{with_interval(rated)} with {other.carried.handled} ({both} of its "
            f"{count(int(other.cases.sum()), 'case')} among the {int(found.cases.sum())} here)"
        )
    if told:
        message = (
            f"with another stand-in for a modality that is missing the rate is {listed(told)}; above it is with "
            f"{found.carried.handled}"
        )
        outcome.find("passed", sentence(message), source=found.name, slice="handlings", measure=RATE)


def _verdict(case: Case, outcome: Outcome, found: Dominated, compared: _Compared) -> None:
    rated, names = compared.rate, listed(found.modalities)
    told = (
        f"on {with_interval(rated)} of {count(rated.n_clips, 'clip')} {found.source.name} is wrong, the one of {names} "
        "that carries its decision says a wrong label, and no other says that"
    )
    more, chance = _beside_chance(case, outcome, found, compared)
    worse, best = _beside_best(case, found, compared)
    left_out = int(((found.target >= 0) & found.source.present & ~found.known).sum())
    missing = (
        f". {count(left_out, 'clip')} that {_lack(left_out)} a modality or a seed {_were(left_out)} left out"
        if left_out
        else ""
    )
    noise = noise_of_majorities(case)
    doubt = f". Targets are majorities of votes, and {noise}" if noise else ""
    message = sentence(f"{told}. {chance}. {best}{missing}{doubt}")
    outcome.find("issue" if more or worse else "passed", message, source=found.name, measure=RATE)


def _lack(amount: int) -> str:
    return "lacks" if amount == 1 else "lack"


def _were(amount: int) -> str:
    return "was" if amount == 1 else "were"


def _beside_chance(case: Case, outcome: Outcome, found: Dominated, compared: _Compared) -> tuple[bool, str]:
    """Whether there are more cases than by chance, and the sentence that says so."""
    null, excess = compared.null, compared.excess
    if null is None or excess is None or null.value is None:
        reason = _no_chance(case, found)
        outcome.find("not_applicable", reason, source=found.name, slice="null", measure=f"null:{RATE}")
        return False, "Whether that is more than chance is not known"
    sure = excess.p is not None and excess.p < case.options.alpha
    more = sure and excess.low is not None and excess.low > 0
    less = sure and excess.high is not None and excess.high < 0
    verdict = (
        "more often than chance"
        if more
        else "less often than chance"
        if less
        else "not told apart from chance"
    )
    alone = "" if case.unit == "speakers" else " (speakers are not known, so they were dealt within labels)"
    fewer = excess.n_clips < compared.rate.n_clips
    some = f" (on the {count(excess.n_clips, 'clip')} that have another of these)" if fewer else ""
    return more, (
        f"That is {verdict}: with modalities dealt out among clips of the same speaker and label{some} it is "
        f"{number(null.value, 3)}, a difference of {with_interval(excess, digits=3)} ({p_value(excess.p)}){alone}"
    )


def _no_chance(case: Case, found: Dominated) -> str:
    """Why there is no null, and what to do."""
    table, name = case.evidence.probes, found.source.name
    if table is not None and not table.filter(run_id=case.evidence.run_id, source=name).is_empty():
        return (
            f"{name} was probed, but no clips were dealt out again: either that was not asked for (`mixedsignals probe "
            "RUN --probe shuffled`), or no two clips of a fold share speaker and label."
        )
    return (
        f"How often {name} would show such cases by chance takes its heads: modalities have to be dealt out again "
        "among clips of a speaker and label, and fused anew (`mixedsignals probe RUN` does that)."
    )


def _beside_best(case: Case, found: Dominated, compared: _Compared) -> tuple[bool, str]:
    """Whether fusion is alone and wrong more often than the best single modality, and how both fare on the other's."""
    best, over = compared.best, compared.over_best
    if best is None or over is None or over.value is None:
        return False, "No best single modality can be chosen on other speakers"
    worse, better = over.low is not None and over.low > 0, over.high is not None and over.high < 0
    verdict = (
        "more often" if worse else "less often" if better else "about as often as that, as far as can be told"
    )
    chosen, hits = yardstick(case, found)
    names = [found.modalities[at] for at in np.unique(chosen[found.known & (chosen >= 0)])]
    rows = np.flatnonzero(found.cases & (chosen >= 0))
    right = int((found.spoken[chosen[rows], rows] == found.target[rows]).sum())
    others = np.flatnonzero(np.nan_to_num(hits).mean(axis=0) > 0.5)
    saved = int((found.fused[others] == found.target[others]).sum())
    return worse, (
        f"The best single modality ({listed(names)}, chosen on other {case.unit}) is wrong with nobody behind it on "
        f"{with_interval(best)}, and {found.source.name} errs like that {verdict} (difference {with_interval(over)}); "
        f"of the {count(len(rows), 'case')} it has {right} right, and of the {len(others)} on which it is alone and "
        f"wrong {found.source.name} has {saved} right"
    )
