"""Each clip on which an unsupported dominant modality misleads fusion, in one paragraph with its numbers.

What carries the decision and how far, what every modality said, what people said, how far the gates were open, and
which single change (a modality left out, or lent by another clip) brings fusion back to the target.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import polars as pl

from mixedsignals.diagnosis.dominated import Dominated
from mixedsignals.diagnosis.evidence import Case, Floats
from mixedsignals.diagnosis.results import Outcome
from mixedsignals.diagnosis.words import listed, number, percent, sentence
from mixedsignals.labels import combination
from mixedsignals.measures.inference import Resampling, rate

__all__ = ["MOST_TOLD", "say_cases"]

MOST_TOLD = 200
"""Cases that get a finding of their own: the steadiest over seeds first. Scores are kept of all."""

FLIPS = "flips_back_rate"
_SWAPS = {"mismatch": "another clip of its label", "swap": "a clip of another label"}


def say_cases(case: Case, outcome: Outcome, found: Dominated) -> None:
    """Scores of which change flips each case back, the share of cases that each does, and a finding per case."""
    rows = np.flatnonzero(found.cases)
    if not len(rows):
        return
    back = found.without[:, rows] == found.target[rows]
    groups, options = case.groups.take(rows), Resampling(level=case.options.level)
    for at, modality in enumerate(found.modalities):
        hits = np.where(found.without[at, rows] >= 0, back[at], np.nan)
        outcome.estimate(FLIPS, found.name, rate(hits, groups, options=options), slice=f"without={modality}")
        ids = case.clip_ids.gather(rows)
        outcome.score(ids, found.name, f"case_shapley:{modality}", found.values[at, rows])
        outcome.score(ids, found.name, f"case_flips_back:{modality}", hits)
    swaps, gates = _swapped(case, found), _gates(case, found)
    steady = found.steady
    strength = np.nan_to_num(found.values)[found.dominant, np.arange(len(steady))]
    order = rows[np.lexsort((-strength[rows], -steady[rows]))]
    for row in order[:MOST_TOLD]:
        told = [
            _who(case, found, row, float(steady[row])),
            _others(case, found, row),
            *_people(case, found, row),
        ]
        told += [_changes(found, row, swaps.get(int(row), {})), *gates.get(int(row), [])]
        outcome.find(
            "issue",
            sentence("; ".join(told)),
            source=found.name,
            slice=f"modality={found.modalities[found.dominant[row]]}",
            severity="low",
            measure="unsupported_dominance",
            clip_id=str(case.clip_ids[int(row)]),
        )


def _who(case: Case, found: Dominated, row: int, steady: float) -> str:
    names, labels = found.modalities, case.labels.names
    lead = found.dominant[row]
    values = [
        f"{names[at]} {number(float(found.values[at, row]))} ± {number(float(found.carried.spread[at, row]))}"
        if found.seeds > 1
        else f"{names[at]} {number(float(found.values[at, row]))}"
        for at in np.argsort(-found.values[:, row], kind="stable")
    ]
    said, target = labels[found.fused[row]], labels[found.target[row]]
    towards = labels[found.towards[row]]
    sure = percent(float(found.source.mean[row].max()))
    pulled = "" if towards == said else f", {names[lead]} alone says {towards}"
    seeds = f" in {percent(steady)} of the seeds" if found.seeds > 1 else ""
    return (
        f"{found.source.name} says {said} ({sure}) and the target is {target}: {names[lead]} carries "
        f"that{pulled}{seeds} (Shapley values in nats: {listed(values)})"
    )


def _others(case: Case, found: Dominated, row: int) -> str:
    told = []
    for at, name in enumerate(found.modalities):
        label = found.spoken[at, row]
        probability = float(found.alone[at, row, label])
        told.append(f"{name} {case.labels.names[label]} ({percent(probability)})")
    return f"alone say {listed(told)}"


def _people(case: Case, found: Dominated, row: int) -> Iterator[str]:
    """Votes given everything, and given the dominant modality alone where people judged that."""
    if not case.votes:
        return
    wanted = dict.fromkeys([case.fullest_votes, found.modalities[found.dominant[row]]])
    told = [
        f"{_split(case, counts)} given {given}"
        for given in wanted
        if given in case.votes and (counts := case.votes[given][row]).sum() > 0
    ]
    if told:
        yield f"people: {'; '.join(told)}" if len(told) == 1 else f"people: {' and '.join(told)}"


def _split(case: Case, counts: Floats) -> str:
    return ", ".join(f"{int(n)} {case.labels.names[at]}" for at, n in enumerate(counts) if n)


def _changes(found: Dominated, row: int, swaps: dict[str, list[str]]) -> str:
    left_out = [
        name
        for at, name in enumerate(found.modalities)
        if found.without[at, row] >= 0 and found.without[at, row] == found.target[row]
    ]
    told = (
        f"without {' or without '.join(left_out)} it says the target"
        if left_out
        else "leaving out no one modality brings back the target"
    )
    lent = [f"{name} from {one}" for name in found.modalities for one in swaps.get(name, [])]
    return f"{told}; with {listed(lent)} it does" if lent else told


def _swapped(case: Case, found: Dominated) -> dict[int, dict[str, list[str]]]:
    """Row to modality to what was lent by which kind of clips, and how often fusion then says the target."""
    table = case.evidence.probes
    if table is None:
        return {}
    ids = case.clip_ids.gather(np.flatnonzero(found.cases))
    own = table.filter(
        (pl.col("run_id") == case.evidence.run_id)
        & (pl.col("source") == found.source.name)
        & pl.col("probe").is_in(list(_SWAPS))
        & pl.col("clip_id").is_in(ids.implode())
    )
    key = ["probe", "clip_id", "modality", "donor_id"]
    mean = own.group_by(*key, "label", maintain_order=True).agg(pl.col("probability").mean())
    said = mean.sort("probability", descending=True, maintain_order=True).unique(
        key, keep="first", maintain_order=True
    )
    target = pl.DataFrame({"clip_id": case.clip_ids, "target": [_name(case, code) for code in found.target]})
    both = said.join(target, on="clip_id", how="left", maintain_order="left")
    counted = both.group_by("clip_id", "modality", "probe", maintain_order=True).agg(
        (pl.col("label") == pl.col("target")).sum().alias("back"), pl.len().alias("all")
    )
    told: dict[int, dict[str, list[str]]] = {}
    for clip, modality, probe, back, every in counted.sort("probe").iter_rows():
        if back:
            at = int(case.at(pl.Series([clip]))[0])
            words = f"{_SWAPS[probe]} ({back} of {every})"
            told.setdefault(at, {}).setdefault(modality, []).append(words)
    return told


def _name(case: Case, code: int) -> str | None:
    return case.labels.names[code] if code >= 0 else None


def _gates(case: Case, found: Dominated) -> dict[int, list[str]]:
    """Row to the attention weights of fusion, averaged over seeds, where it has any."""
    table = case.evidence.gates
    if table is None:
        return {}
    own = table.filter(
        (pl.col("run_id") == case.evidence.run_id)
        & (pl.col("source") == found.source.name)
        & pl.col("given").is_in([found.source.given, combination(found.modalities)])
    )
    ids = case.clip_ids.gather(np.flatnonzero(found.cases))
    mean = (
        own.filter(pl.col("clip_id").is_in(ids.implode()))
        .group_by("clip_id", "modality")
        .agg(pl.col("weight").mean())
    )
    weights: dict[str, dict[str, float]] = {}
    for clip, modality, weight in mean.iter_rows():
        weights.setdefault(clip, {})[modality] = weight
    told = {}
    for clip, held in weights.items():
        each = [f"{name} {number(held[name])}" for name in found.modalities if name in held]
        told[int(case.at(pl.Series([clip]))[0])] = [f"weights of the gates: {listed(each)}"]
    return told
