"""Whom fusion follows when one modality comes from a clip with another label.

A swap changes one modality and nothing else, so that what changes in the answer is that modality's doing. Gates and
attention weights say what a model lets through; this says what it does.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations

import numpy as np

from mixedsignals.diagnosis.attribution import attributions, first_of_each
from mixedsignals.diagnosis.carrying import carried
from mixedsignals.diagnosis.checks.humans import under_conflict
from mixedsignals.diagnosis.evidence import Case
from mixedsignals.diagnosis.probing import ProbedSource, probed_sources
from mixedsignals.diagnosis.results import NotApplicable, Outcome, Status
from mixedsignals.diagnosis.swaps import MEDIA_SWAP, Swap, contrast, follow_rate, swaps_of
from mixedsignals.diagnosis.words import brief, count, listed, p_value, sentence
from mixedsignals.measures.inference import Estimate
from mixedsignals.measures.significance import holm

__all__ = ["whom_fusion_follows"]

FEWEST_OF_LABEL = 5
"""Clips that must have a donor of a label for a rate of its own."""


def whom_fusion_follows(case: Case) -> Outcome:
    """MS912: the follow rate of every modality; a tip where one is followed more than every other."""
    outcome = Outcome()
    for source in probed_sources(case):
        spliced = _media(case, outcome, source)
        try:
            _of_source(case, outcome, source, spliced)
        except NotApplicable as reason:
            status: Status = "passed" if spliced else "not_applicable"
            message = sentence(spliced) if spliced else str(reason)
            outcome.find(status, message, source=source.name, measure="follow_rate" if spliced else None)
    return outcome


def _of_source(case: Case, outcome: Outcome, source: ProbedSource, spliced: str) -> None:
    swaps = swaps_of(case, source)
    rates = _rates(case, outcome, source, swaps)
    decisions = {m: follow_rate(case, {m: one}, decisions=True) for m, one in swaps.items()}
    for modality, found in decisions.items():
        outcome.estimate("follow_decisions", source.name, found, slice=f"swapped={modality}")
    _partners(case, outcome, source, swaps)
    _labels(case, outcome, source, swaps)
    order = sorted(rates, key=lambda m: -(rates[m].value or 0.0))
    ahead, contrasts = _contrasts(case, outcome, source, swaps, order)
    clips = max(found.n_clips for found in rates.values())
    pairs = sum(len(one.clip) for one in swaps.values())
    told = [f"{brief(rates[m])} for {m} ({brief(decisions[m])} of decisions)" for m in order]
    parts = [
        f"with a modality taken from another clip, the probability that {source.name} gives to that clip's label grows "
        f"by {listed(told)}: {count(pairs, 'swap')} on {count(clips, 'clip')}, 1 is always and 0 never",
        _verdict(order, ahead, contrasts),
        spliced,
        _beside_shapley(case, source, order[0]) if ahead else "",
        _beside_people(case),
        _unknown(case),
    ]
    message = ". ".join(sentence(part).removesuffix(".") for part in parts if part)
    outcome.find("tip" if ahead else "passed", sentence(message), source=source.name, measure="follow_rate")


def _rates(
    case: Case, outcome: Outcome, source: ProbedSource, swaps: Mapping[str, Swap]
) -> dict[str, Estimate]:
    """Every modality's rate, and all of them pooled; p of not being followed, adjusted over modalities by Holm."""
    rates = {m: follow_rate(case, {m: one}) for m, one in swaps.items()}
    for (modality, found), p in zip(rates.items(), holm([f.p for f in rates.values()]), strict=True):
        outcome.estimate("follow_rate", source.name, found, slice=f"swapped={modality}", p_adjusted=p)
    outcome.estimate("follow_rate", source.name, follow_rate(case, swaps))
    outcome.estimate("follow_decisions", source.name, follow_rate(case, swaps, decisions=True))
    return rates


def _partners(case: Case, outcome: Outcome, source: ProbedSource, swaps: Mapping[str, Swap]) -> None:
    """The pooled rate with partners of the same speaker, and with others."""
    if case.unit == "clips":
        return
    same = {m: one.same_speaker for m, one in swaps.items()}
    for name, where in (("same_speaker", same), ("other_speaker", {m: ~held for m, held in same.items()})):
        if any(held.any() for held in where.values()):
            found = follow_rate(case, swaps, where=where)
            outcome.estimate("follow_rate", source.name, found, slice=f"partner={name}")


def _labels(case: Case, outcome: Outcome, source: ProbedSource, swaps: Mapping[str, Swap]) -> None:
    """The rate towards each label of the donor."""
    for modality, one in swaps.items():
        for code, label in enumerate(case.labels.names):
            where = one.label == code
            if len(np.unique(one.clip[where])) >= FEWEST_OF_LABEL:
                found = follow_rate(case, {modality: one}, where={modality: where})
                outcome.estimate(f"follow_rate:{modality}", source.name, found, slice=f"label={label}")


def _media(case: Case, outcome: Outcome, source: ProbedSource) -> str:
    """The same with recordings that were spliced and encoded again, and what is told of it, if there are any."""
    if MEDIA_SWAP not in source.probes:
        return ""
    try:
        swaps = swaps_of(case, source, MEDIA_SWAP)
    except NotApplicable:
        return ""
    told, clips = [], 0
    for modality, one in swaps.items():
        found = follow_rate(case, {modality: one})
        outcome.estimate("follow_rate", source.name, found, slice=f"media:swap={modality}")
        told.append(f"{brief(found)} for {modality}")
        clips = max(clips, found.n_clips)
    return (
        f"with recordings that were really spliced, the probability that {source.name} gives to the lending clip's "
        f"label grows by {listed(told)} ({count(clips, 'clip')})"
    )


def _contrasts(
    case: Case, outcome: Outcome, source: ProbedSource, swaps: Mapping[str, Swap], order: list[str]
) -> tuple[bool, list[str]]:
    """Whether the first of `order` is followed more than every other, and what is told of that."""
    pairs = list(combinations(order, 2))
    found = [contrast(case, swaps[one], swaps[other]) for one, other in pairs]
    adjusted = holm([each.p for each in found])
    told, clear = [], []
    for (one, other), each, p in zip(pairs, found, adjusted, strict=True):
        name = f"swapped={one}|{other}"
        outcome.estimate("follow_difference", source.name, each, slice=name, p_adjusted=p)
        if one == order[0]:
            sure = p < case.options.alpha if p is not None else True
            clear.append(sure and each.low is not None and each.low > 0)
            told.append(f"{brief(each)} more than {other} ({p_value(p)} after Holm)")
    return bool(clear) and all(clear), told


def _verdict(order: list[str], ahead: bool, contrasts: list[str]) -> str:
    if not contrasts:
        return f"only {order[0]} was swapped, so there is no other modality to compare it with"
    start = f"it follows {order[0]} most" if ahead else "which modality it follows most cannot be told"
    rest = "" if ahead else f"{order[0]} "
    return f"{start}: {rest}{listed(contrasts)}"


def _beside_shapley(case: Case, source: ProbedSource, first: str) -> str:
    """Whether the modality that is followed most also carries most by Shapley values; told only where one leads."""
    try:
        found = first_of_each(attributions(case)).get(source.name)
    except NotApplicable:
        return ""
    if found is None or not found.present.any():
        return ""
    held = carried(case, found)
    decides = held.order[0]
    told = f"{decides} carries most of the label that it predicts ({brief(held.predicted[decides])} nats)"
    right = {m: each for m, each in held.right.items() if each.value is not None}
    if right:
        helps = max(right, key=lambda m: right[m].value or 0.0)
        told += f", and {helps} adds most to the share right ({brief(right[helps])})"
    leads = held.leader(case.options.alpha)
    if leads is None:
        return f"whether Shapley values agree cannot be told, for none leads surely: {told}"
    return f"Shapley values {'agree' if leads == first else 'do not agree'}: {told}"


def _beside_people(case: Case) -> str:
    """What people follow where single modalities lead them to different labels."""
    try:
        rates = under_conflict(case).rates
    except NotApplicable:
        return ""
    told = [f"{m} with {brief(found)}" for m, found in rates.items() if found.value is not None]
    if not told:
        return ""
    return (
        f"people, where single modalities lead them apart, vote with {listed(told)} "
        "(a share of votes on conflicts that were found, so compare the order and not the size)"
    )


def _unknown(case: Case) -> str:
    if case.unit == "speakers":
        return ""
    return "no speaker is known, so donors may be anybody, and every clip counts by itself"
