"""Data maps: which clips a source learned easily, which it wavered on, and which it never learned, per modality.

A clip that is easy in the voice and hard in the face is where modalities conflict, seen from training; a clip that no
source ever learned has, more often than others, a wrong label.
"""

from __future__ import annotations

from itertools import permutations

import numpy as np

from mixedsignals.diagnosis.evidence import Bools, Case, Floats
from mixedsignals.diagnosis.maps import SourceMap, maps_of
from mixedsignals.diagnosis.results import NotApplicable, Outcome
from mixedsignals.diagnosis.words import count, listed, number, percent, sentence, with_interval
from mixedsignals.measures.dynamics import regions
from mixedsignals.measures.inference import UNIT, Resampling, mean, rate

__all__ = ["data_maps", "easy_and_hard", "never_learned"]

EASY, HARD = 0.8, 0.2
"""Correctness from which on a clip counts as easy to learn, and up to which as hard."""


def data_maps(case: Case) -> Outcome:
    """MS921: the map of every source: confidence, variability, correctness and forgetting of each clip."""
    outcome = Outcome()
    options = Resampling(level=case.options.level)
    for one in maps_of(case).values():
        mapped = one.mapped
        columns = {
            "training_confidence": mapped.confidence,
            "training_variability": mapped.variability,
            "training_correctness": mapped.correctness,
            "forgotten": one.forgotten,
            "training_region": regions(mapped),
        }
        for measure, values in columns.items():
            outcome.score(case.clip_ids, one.name, measure, values)
        made = {
            measure: mean(columns[measure], case.groups, limits=limits, options=options)
            for measure, limits in (
                ("training_confidence", UNIT),
                ("training_variability", (0.0, 0.5)),
                ("training_correctness", UNIT),
                ("forgotten", (0.0, np.inf)),
            )
        }
        for measure, found in made.items():
            outcome.estimate(measure, one.name, found)
        told = "" if one.told else "; a target counts as leading where its probability is above one half"
        message = (
            f"while {one.name} learned, it gave the target {with_interval(made['training_confidence'])} on "
            "average, with "
            f"a spread over epochs of {number(made['training_variability'].value)}, was right in "
            f"{percent(made['training_correctness'].value)} of the epochs and forgot a clip that it had "
            f"{number(made['forgotten'].value)} times per training "
            f"({count(made['training_confidence'].n_clips, 'clip')})"
        )
        outcome.find("passed", sentence(message + told), source=one.name, measure="training_confidence")
    return outcome


def easy_and_hard(case: Case) -> Outcome:
    """MS922: clips that one source learned easily and another hardly, beside how many chance would make."""
    maps = maps_of(case)
    if len(maps) < 2:
        raise NotApplicable("Only one source has training dynamics; two are needed to compare maps.")
    outcome = Outcome()
    for first, second in permutations(maps.values(), 2):
        _pair(case, outcome, first, second)
    if not outcome.estimates:
        raise NotApplicable("No two sources were trained on the same clips.")
    return outcome


def _pair(case: Case, outcome: Outcome, first: SourceMap, second: SourceMap) -> None:
    one, other = first.mapped.correctness, second.mapped.correctness
    known = np.isfinite(one) & np.isfinite(other)
    if not known.any():
        return
    easy, hard = known & (one >= EASY), known & (other <= HARD)
    both = easy & hard
    found = rate(np.where(known, both, np.nan), case.groups, options=Resampling(level=case.options.level))
    where = f"hard_in={second.name}"
    outcome.estimate("easy_and_hard", first.name, found, slice=where)
    chance = _by_chance(case, easy, hard, known)
    outcome.value(
        "chance:easy_and_hard",
        first.name,
        chance,
        slice=where,
        method="independent given the label",
        n_clips=int(known.sum()),
        n_groups=case.groups.take(known).distinct,
    )
    if not both.any():
        message = f"no clip is easy for {first.name} and hard for {second.name}"
        outcome.find("passed", sentence(message), source=first.name, slice=where, measure="easy_and_hard")
        return
    order = np.flatnonzero(both)
    order = order[np.argsort(-(first.mapped.confidence - second.mapped.confidence)[order], kind="stable")]
    named = case.clip_ids.gather(order[: case.options.shown_clips]).to_list()
    message = (
        f"{count(int(both.sum()), 'clip')} ({with_interval(found)}; {number(chance)} if the two learned independently "
        f"given the label) {'is' if both.sum() == 1 else 'are'} easy for {first.name} and hard for {second.name}: "
        f"{listed(named, most=5)}"
    )
    outcome.find("tip", sentence(message), source=first.name, slice=where, measure="easy_and_hard")


def _by_chance(case: Case, easy: Bools, hard: Bools, known: Bools) -> float:
    """Share of clips that would be both, if easy and hard were independent within each label."""
    total = 0.0
    for label in np.unique(case.target[known]):
        rows = known & (case.target == label)
        total += rows.sum() * float(easy[rows].mean()) * float(hard[rows].mean())
    return total / float(known.sum())


def never_learned(case: Case) -> Outcome:
    """MS923: a tip for clips that no source learned: more often than others, their label is wrong."""
    maps = maps_of(case)
    correctness = np.stack([one.mapped.correctness for one in maps.values()])
    known = np.isfinite(correctness).any(axis=0)
    most = np.where(known, np.nanmax(np.where(np.isfinite(correctness), correctness, -1.0), axis=0), np.nan)
    hard: Floats = np.where(known, most <= HARD, np.nan)
    outcome = Outcome()
    found = rate(hard, case.groups, options=Resampling(level=case.options.level))
    outcome.estimate("never_learned", "models", found)
    rows = np.flatnonzero(hard == 1)
    names = listed(maps)
    if not len(rows):
        message = f"every clip was learned by one of {names} at some time"
        outcome.find("passed", sentence(message), source="models", measure="never_learned")
        return outcome
    sure = np.nanmean(np.stack([one.mapped.confidence for one in maps.values()]), axis=0)
    rows = rows[np.argsort(sure[rows], kind="stable")]
    message = (
        f"{count(len(rows), 'clip')} ({with_interval(found)} of those trained on) "
        f"{'was' if len(rows) == 1 else 'were'} hardly ever right in training for any of {names}, though trained on: "
        "look at the labels of "
        f"{listed(case.clip_ids.gather(rows[:5]).to_list())}"
    )
    outcome.find("tip", sentence(message), source="models", measure="never_learned")
    for row in rows[: case.options.shown_clips]:
        outcome.find(
            "tip",
            f"No source learned this clip: on average they gave its label {number(float(sure[row]))} while they "
            "trained on it.",
            source="models",
            clip_id=str(case.clip_ids[int(row)]),
            measure="never_learned",
        )
    return outcome
