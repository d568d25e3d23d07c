"""Whether the finder names the planted modality: on a probed run of the built-in corpus, beside gates alone and chance.

    python -m benchmarks.planted_dominance [RUN]      a probed run of playhouse; without one it is made, in minutes

In 54 clips one modality was turned round, and in every clip one is the loudest. Seeds are pooled and intervals
are over speakers. *Gates alone* is the same rule with the largest attention weight in place of the largest Shapley
value; *labels alone* names a modality that says what fusion says, drawn where several do, and calls a case where one
alone does and fusion errs; *chance* draws any modality.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from benchmarks.planted import evidence_of
from benchmarks.results_file import print_table, save
from mixedsignals import api
from mixedsignals.diagnosis import Case, DiagnosisOptions
from mixedsignals.diagnosis.checks.dominated import paired_p
from mixedsignals.diagnosis.dominated import Dominated, dominated
from mixedsignals.labels import MODALITIES
from mixedsignals.measures.dominance import unsupported_dominance
from mixedsignals.measures.inference import SIGNED, Estimate, estimate, ratio
from mixedsignals.store import RunFolder
from mixedsignals.tables import TABLES, read_table

Array = np.ndarray


@dataclass(frozen=True, eq=False)
class Named:
    """Which modality each way names, and whether it then calls a case.

    The arrays: shapley and gates (seeds, clips), the modality named; the same for cases with the modality `m` as the
    dominant one, if_dominant (M, seeds, clips); wrong (seeds, clips), fusion errs; follows (M, seeds, clips), the
    modality says what fusion says; gates is None for a fusion without.
    """

    found: Dominated
    shapley: Array
    gates: Array | None
    if_dominant: Array
    wrong: Array
    follows: Array

    def calls(self, which: Array) -> Array:
        """Whether naming that modality (seeds, clips) makes a case of the clip."""
        return np.take_along_axis(self.if_dominant, which[None], axis=0)[0]


def named(case: Case, found: Dominated) -> Named:
    """Everything of one fused source, seed by seed."""
    fused = np.stack([one.argmax(axis=-1) for one in found.carried.probability[-1]])
    ones = np.eye(len(found.modalities))[:, :, None] * np.ones(len(case))
    if_dominant = np.stack(
        [
            [
                unsupported_dominance(one, said, fusion, case.target)[0]
                for said, fusion in zip(found.unimodal, fused, strict=True)
            ]
            for one in ones
        ]
    )
    follows = (found.unimodal == fused[:, None]).swapaxes(0, 1)
    return Named(found, found.by_seed[1], _gates(case, found), if_dominant, fused != case.target, follows)


def _gates(case: Case, found: Dominated) -> Array | None:
    """The modality with the largest attention weight, (seeds, clips)."""
    table = case.evidence.gates
    if table is None:
        return None
    own = table.filter(pl.col("source") == found.source.name, pl.col("given") == found.source.given)
    if own.is_empty():
        return None
    weight = np.full((found.seeds, len(found.modalities), len(case)), -1.0)
    place = {name: at for at, name in enumerate(found.modalities)}
    modality = own["modality"].replace_strict(place, return_dtype=pl.Int64).to_numpy()
    seed = np.searchsorted(found.carried.seeds, own["seed"].to_numpy())
    weight[seed, modality, case.at(own["clip_id"])] = own["weight"].to_numpy()
    return weight.argmax(axis=1)


def rows_of(case: Case, one: Named, turned: Array, loudest: Array) -> Iterator[dict[str, Any]]:
    """The table of one source: turned and loudest are the planted modalities (clips,), −1 where none is."""
    known = np.broadcast_to(one.found.known, one.wrong.shape)
    conflict = known & one.wrong & (turned >= 0)
    for where, clips in _where(conflict, turned, one.found.modalities):
        yield _row(
            case,
            one,
            f"the turned modality is named, of planted conflicts on which fusion errs{where}",
            turned,
            clips,
        )
    for where, clips in _where(conflict, turned, one.found.modalities):
        told = f"the clip is called a case and the turned modality named{where}"
        yield _row(case, one, told, turned, clips, called=True)
    yield _row(case, one, "the loudest modality is named, of all clips", loudest, known)
    yield from _precision(case, one, turned)


def _where(clips: Array, turned: Array, modalities: tuple[str, ...]) -> Iterator[tuple[str, Array]]:
    yield "", clips
    for at, name in enumerate(modalities):
        yield f": {name}", clips & (turned == at)


def _row(
    case: Case, one: Named, what: str, planted: Array, clips: Array, *, called: bool = False
) -> dict[str, Any]:
    """Shares of `clips` (seeds, clips) on which each way names what was planted (and calls a case)."""

    def hits(which: Array) -> Array:
        return (which == planted) & (one.calls(which) if called else True)

    ours = hits(one.shapley)
    count = len(one.found.modalities)
    each = np.stack([hits(np.full(one.shapley.shape, at)) for at in range(count)])
    sides = one.follows.sum(axis=0)
    labels = np.where(sides > 0, (each * one.follows).sum(axis=0) / np.maximum(sides, 1), each.mean(axis=0))
    row: dict[str, Any] = {
        "source": one.found.name,
        "what": what,
        "clips, mean of seeds": float(clips.sum(axis=1).mean()),
    }
    row |= _told("finder", _share(case, ours, clips))
    if one.gates is not None:
        row |= _told("gates alone", _share(case, hits(one.gates), clips))
        apart = ours.astype(float) - hits(one.gates)
        more = _share(case, apart, clips, signed=True)
        row |= _told("finder less gates", more) | {"p": paired_p(case, np.where(clips, apart, 0.0))}
    row |= {"labels alone": _value(labels, clips), "chance": _value(each.mean(axis=0), clips)}
    return row


def _precision(case: Case, one: Named, turned: Array) -> Iterator[dict[str, Any]]:
    """Of what each way calls a case, the share in which the modality that it names was turned round."""
    ways = {"finder": one.shapley} | ({} if one.gates is None else {"gates alone": one.gates})
    row: dict[str, Any] = {
        "source": one.found.name,
        "what": "of the cases called, those whose modality was turned",
    }
    for way, which in ways.items():
        called = one.calls(which) & one.found.known
        row |= {f"{way}: cases": float(called.sum(axis=1).mean())}
        row |= _told(way, _share(case, which == turned, called))
    called = one.if_dominant & one.found.known
    right = np.stack([np.broadcast_to(turned == at, called[0].shape) for at in range(len(called))])
    row["chance"] = float(right[called].mean()) if called.any() else None
    lone = (one.follows.sum(axis=0) == 1) & one.wrong & one.found.known
    row["labels alone"] = _value(one.follows.argmax(axis=0) == turned, lone)
    row["labels alone: cases"] = float(lone.sum(axis=1).mean())
    yield row


def _share(case: Case, hits: Array, clips: Array, *, signed: bool = False) -> Estimate:
    """Share of `clips` (seeds, clips), seeds pooled."""
    found = ratio((hits * clips).sum(axis=0), clips.sum(axis=0).astype(float), case.groups)
    return estimate(found, limits=SIGNED) if signed else estimate(found, scale="logit")


def _value(values: Array, clips: Array) -> float | None:
    """The same without an interval."""
    return float(values[clips].mean()) if clips.any() else None


def _told(name: str, found: Estimate) -> dict[str, Any]:
    return {name: found.value, f"{name}: low": found.low, f"{name}: high": found.high}


def table(run: RunFolder, truth: pl.DataFrame) -> list[dict[str, Any]]:
    """All rows for a probed run, its fused sources one after another."""
    evidence = evidence_of(run)
    probes = run.table("probes")
    if probes.is_file():
        evidence = replace(evidence, probes=read_table(TABLES["probes"], probes))
    case = Case(evidence, DiagnosisOptions())
    planted = pl.DataFrame({"clip_id": case.clip_ids}).join(
        truth, on="clip_id", how="left", maintain_order="left"
    )
    place = {name: at for at, name in enumerate(MODALITIES)}
    turned, loudest = (
        planted[name].replace_strict(place, default=-1, return_dtype=pl.Int64).fill_null(-1).to_numpy()
        for name in ("conflict", "dominant")
    )
    rows = []
    for name, found in dominated(case).items():
        if not isinstance(found, str) and "~" not in name:
            rows += rows_of(case, named(case, found), turned, loudest)
    return rows


def main() -> None:
    """Read or make a probed run, print and save the table."""
    corpus = api.playhouse()
    truth = pl.read_parquet(corpus / "truth.parquet")
    with tempfile.TemporaryDirectory() as scratch:
        if len(sys.argv) > 1:
            run = RunFolder(Path(sys.argv[1]))
        else:
            run = api.run(corpus, Path(scratch) / "run")
            api.probe(run)
        rows = table(run, truth)
    print_table(rows)
    print(f"saved {save('planted_dominance', rows, corpus='playhouse, 240 clips').name}")


if __name__ == "__main__":
    main()
