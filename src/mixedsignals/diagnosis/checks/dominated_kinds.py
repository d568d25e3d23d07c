"""What kinds of clips an unsupported dominant modality misleads on: which modality, towards which label, and where.

A kind is a modality and the wrong label that it says. Each kind's rate, among the clips that have another label, stands
beside the same null as the whole; each kind with enough cases is then compared between every slice and the rest.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from mixedsignals.diagnosis.checks.dominated import RATE, first_of_each, mean_of, paired_p
from mixedsignals.diagnosis.checks.slices import FEWEST_CLIPS, Slice, columns_to_cut_by, judged, pieces
from mixedsignals.diagnosis.dominated import Dominated, Null, dominated, null_of
from mixedsignals.diagnosis.evidence import Case, Floats
from mixedsignals.diagnosis.results import Outcome
from mixedsignals.diagnosis.words import count, listed, number, p_value, sentence, with_interval
from mixedsignals.measures.inference import Estimate
from mixedsignals.measures.significance import benjamini_hochberg

__all__ = ["IN_SLICE", "kinds_of_dominance"]

IN_SLICE = "unsupported_dominance_in_slice"
FEWEST_CASES = 10
"""Cases of a kind from which it is compared between slices."""

FEWEST_EXPECTED = 5
"""Cases that a slice would have at the rate of all clips, for it to be compared: where few, some speaker stands out."""

_SHOWN = 4


@dataclass(frozen=True, eq=False)
class _Kind:
    """One modality towards one label: hits (seeds, clips), its rate, and the null with the paired excess if known."""

    said: str
    slice: str
    hits: Floats
    cases: int
    rate: Estimate
    null: Estimate | None
    excess: Estimate | None


def kinds_of_dominance(case: Case) -> Outcome:
    """MS911: fires for a kind of case above its null, and for slices on which cases gather."""
    outcome = Outcome()
    for name, found in first_of_each(dominated(case)).items():
        if isinstance(found, str):
            outcome.find("not_applicable", found, source=name)
            continue
        kinds = _kinds(case, found)
        _say_kinds(case, outcome, found, kinds)
        _slices(case, outcome, found, kinds)
    return outcome


def _kinds(case: Case, found: Dominated) -> list[_Kind]:
    """Every modality and label, the most frequent first; labels that no clip with another label could be led to are
    left out."""
    null, made = null_of(case, found), []
    for at, modality in enumerate(found.modalities):
        for code, label in enumerate(case.labels.names):
            others = found.known & (found.target != code)
            if not others.any():
                continue
            hits = np.where(others, found.hits_of(at, code), np.nan)
            cases = int((found.cases & (found.dominant == at) & (found.towards == code)).sum())
            rated = mean_of(case, hits)
            expected, excess = _against(case, hits, null, at, code)
            where = f"kind={modality}->{label}"
            made.append(_Kind(f"{modality} towards {label}", where, hits, cases, rated, expected, excess))
    return sorted(made, key=lambda kind: -(kind.rate.value or 0.0))


def _against(
    case: Case, hits: Floats, null: Null | None, modality: int, label: int
) -> tuple[Estimate | None, Estimate | None]:
    if null is None:
        return None, None
    apart = hits - null.share[:, modality, label]
    if not np.isfinite(apart).any():
        return None, None
    expected = mean_of(case, np.where(np.isfinite(apart), np.clip(hits - apart, 0.0, 1.0), np.nan))
    return expected, mean_of(case, apart, signed=True).with_p(paired_p(case, apart))


def _say_kinds(case: Case, outcome: Outcome, found: Dominated, kinds: list[_Kind]) -> None:
    adjusted = benjamini_hochberg([None if kind.excess is None else kind.excess.p for kind in kinds])
    fired = []
    for kind, p in zip(kinds, adjusted, strict=True):
        outcome.estimate(RATE, found.name, kind.rate, slice=kind.slice)
        if kind.null is None or kind.excess is None:
            continue
        outcome.estimate(f"null:{RATE}", found.name, kind.null, slice=kind.slice)
        outcome.estimate(f"excess:{RATE}", found.name, kind.excess, slice=kind.slice, p_adjusted=p)
        if p is not None and p < case.options.alpha and (kind.excess.low or 0.0) > 0:
            fired.append((kind, p))
    for kind, p in fired:
        assert kind.excess is not None
        message = (
            f"{kind.said}: {found.source.name} is misled by it on {with_interval(kind.rate, digits=3)} of the clips "
            f"with another label, {with_interval(kind.excess, digits=3)} more than with modalities dealt out again "
            f"({p_value(p)} after Benjamini-Hochberg over {count(len(kinds), 'kind')})"
        )
        outcome.find("issue", sentence(message), source=found.name, slice=kind.slice, measure=RATE)
    _say_most(outcome, found, kinds, fired=len(fired))


def _say_most(outcome: Outcome, found: Dominated, kinds: list[_Kind], *, fired: int) -> None:
    most = [kind for kind in kinds if kind.cases][:_SHOWN]
    if not most:
        outcome.find(
            "passed",
            f"No clip is a case of {found.source.name} misled by an unsupported dominant modality.",
            source=found.name,
            slice="kinds",
            measure=RATE,
        )
        return
    told = [
        f"{kind.said} {with_interval(kind.rate, digits=3)} ({count(kind.cases, 'case')}{_chance(kind)})"
        for kind in most
    ]
    known = any(kind.null is not None for kind in kinds)
    verdict = (
        ""
        if not known
        else "; none is above its null"
        if not fired
        else f"; {fired} of {count(len(kinds), 'kind')} above the null"
    )
    message = (
        f"what misleads {found.source.name} most often, as shares of the clips with another label: "
        f"{listed(told)}{verdict}"
    )
    outcome.find("passed", sentence(message), source=found.name, slice="kinds", measure=RATE)


def _chance(kind: _Kind) -> str:
    return "" if kind.null is None else f", {number(kind.null.value, 3)} by chance"


def _slices(case: Case, outcome: Outcome, found: Dominated, kinds: list[_Kind]) -> None:
    """Every value of every column, for all cases together and for each kind that has enough of them."""
    if int(found.cases.sum()) < FEWEST_CASES:
        outcome.find("not_applicable", _too_few(found), source=found.name, slice="slices")
        return
    asked = {"": found.steady}
    asked |= {kind.slice: kind.hits.mean(axis=0) for kind in kinds if kind.cases >= FEWEST_CASES}
    columns = columns_to_cut_by(case)
    compared: list[tuple[str, Slice]] = []
    for kind, values in asked.items():
        overall = float(np.nanmean(values))
        for name, rows in pieces(columns, np.isfinite(values)):
            if overall * int(rows.sum()) >= FEWEST_EXPECTED:
                compared.append((kind, judged(case, values, name, rows)))
    if not compared:
        why = f"No slice has {FEWEST_CLIPS} clips inside and outside, and {FEWEST_EXPECTED} cases to be expected."
        outcome.find("not_applicable", why, source=found.name, slice="slices")
        return
    adjusted = benjamini_hochberg([one.p for _, one in compared])
    fired = []
    for (kind, one), p in zip(compared, adjusted, strict=True):
        where = f"{kind}, {one.name}" if kind else one.name
        outcome.estimate(IN_SLICE, found.name, replace(one.within, p=one.p), slice=where, p_adjusted=p)
        if p is not None and p < case.options.alpha and (one.gap.value or 0.0) > 0:
            fired.append((where, kind, one, p))
    for where, kind, one, p in fired:
        what = f" ({kind.removeprefix('kind=').replace('->', ' towards ')})" if kind else ""
        message = (
            f"on {one.name}, {found.source.name} is misled by an unsupported dominant modality{what} on "
            f"{with_interval(one.within, digits=3)} of {count(one.within.n_clips, 'clip')}, {number(one.gap.value, 3)} "
            f"more than elsewhere ({p_value(p)} after Benjamini-Hochberg over {count(len(compared), 'comparison')})"
        )
        outcome.find("issue", sentence(message), source=found.name, slice=where, measure=IN_SLICE)
    if not fired:
        message = (
            f"on none of {count(len(compared), 'slice')} ({listed(_columns(compared))}) cases of {found.source.name} "
            "gather more than elsewhere after Benjamini-Hochberg"
        )
        outcome.find("passed", sentence(message), source=found.name, slice="slices", measure=IN_SLICE)


def _columns(compared: list[tuple[str, Slice]]) -> list[str]:
    return sorted({one.name.partition("=")[0] for _, one in compared})


def _too_few(found: Dominated) -> str:
    cases = int(found.cases.sum())
    there = "is" if cases == 1 else "are"
    return f"There {there} {count(cases, 'case')}; {FEWEST_CASES} are needed to compare slices."
