"""The verb `compare`: the fusion family on one corpus, out of fold, from cached embeddings, in one table.

Every member is a piece of work of its own that is saved when it is done, and heads within it as they are finished; the
same command goes on where it stopped.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from mixedsignals.api.corpora import checked
from mixedsignals.api.encoding import encode
from mixedsignals.api.fitting import Plan, begin, embedding_digest, folds_of, head_options
from mixedsignals.errors import CannotFinish, InputError, Problem, UsageError
from mixedsignals.labels import combination
from mixedsignals.manifest import RunOptions
from mixedsignals.progress import SILENT, Progress
from mixedsignals.store import RunFolder, atomic
from mixedsignals.tables import ESTIMATES, GATES, PREDICTIONS, SPLITS, TARGETS, Table, read_table, write_table

if TYPE_CHECKING:
    from mixedsignals.corpus import Corpus
    from mixedsignals.diagnosis.comparison import Comparison
    from mixedsignals.embeddings import Embeddings
    from mixedsignals.heads import HeadModels, HeadResults

__all__ = ["Compared", "Cost", "compare"]

BASELINE, CHAMPION = "gated", "conflict"
_COSTS = "costs.json"


@dataclass(frozen=True)
class Cost:
    """What one head on all modalities takes: processor seconds to fit it from nothing, and how many numbers it has."""

    seconds: float
    parameters: int


@dataclass(frozen=True)
class Compared:
    """What `compare` gives.

    Attributes:
        comparison: estimates, the informative modalities and the clips of conflict.
        predictions, gates: out of fold; source is the member, `NAME~masked` its full model shown fewer modalities.
        costs: by member.
        clips: how many clips were predicted.
    """

    comparison: Comparison
    predictions: pl.DataFrame
    gates: pl.DataFrame
    costs: Mapping[str, Cost]
    clips: int


def compare(
    corpus: Corpus | Path | str,
    out: Path | str,
    *,
    fusions: Sequence[str] | None = None,
    options: RunOptions | None = None,
    progress: Progress = SILENT,
) -> Compared:
    """Fit members of the fusion family out of fold on one corpus and compare them.

    Every member is trained on all modalities, the paper's gate and `conflict` also on the informative ones where some
    tell nothing; its full model is also shown every clip with one modality missing. All members share folds, seeds and
    the reference models of the single modalities (logistic regressions), which say where modalities conflict.

    Args:
        out: folder of tables; an earlier comparison with the same options goes on there.
        fusions: members to compare; the whole family when None. The paper's gate is always among them.

    Raises:
        UsageError: an unknown member.
        InputError: faults of the corpus, or `out` is of other options or inputs.
        CannotFinish: one modality only, or too few clips for the folds.
    """
    from mixedsignals.diagnosis import DiagnosisOptions, Evidence
    from mixedsignals.diagnosis.comparison import compare_sources

    if isinstance(corpus, str | Path):
        corpus = checked(corpus, progress=progress)
    options = options or RunOptions()
    members = _members(fusions)
    work = _Work.of(corpus, RunFolder(Path(out)), options, progress)
    reference = work.once("reference", lambda: work.reference())
    informative = work.informative(reference[0])
    made = [work.once(name, lambda name=name: work.member(name, informative)) for name in members]
    predictions = pl.concat([reference[0], *(one[0] for one in made)])
    gates = pl.concat([one[1] for one in made])
    evidence = Evidence(
        labels=corpus.labels,
        predictions=predictions,
        clips=corpus.clips,
        targets=work.targets.table,
        run_id=work.run_id,
    )
    against = [name for name in (BASELINE, CHAMPION) if name in members]
    comparison = compare_sources(
        evidence, members, against=against, options=DiagnosisOptions(level=options.level)
    )
    written: list[tuple[Table, pl.DataFrame]] = [
        (TARGETS, work.targets.table),
        (SPLITS, work.splits),
        (PREDICTIONS, predictions),
        (GATES, gates),
        (ESTIMATES, comparison.estimates),
    ]
    for table, frame in written:
        write_table(table, frame, work.run.table(table.name))
    return Compared(comparison, predictions, gates, work.costs(members), predictions["clip_id"].n_unique())


def _members(asked: Sequence[str] | None) -> list[str]:
    from mixedsignals.heads import FUSIONS

    if asked is None:
        return list(FUSIONS)
    unknown = [name for name in asked if name not in FUSIONS]
    if unknown or not asked:
        raise UsageError(
            f"--fusion names {', '.join(unknown) or 'nothing'}; the family is {', '.join(FUSIONS)}"
        )
    return list(dict.fromkeys([BASELINE, *asked]))


class _Work:
    """One comparison: its inputs, its folder, and what is finished."""

    def __init__(
        self,
        plan: Plan,
        embeddings: Mapping[str, Embeddings],
        splits: pl.DataFrame,
        progress: Progress,
    ) -> None:
        self.corpus, self.run, self.options, self.targets = (
            plan.corpus,
            plan.run,
            plan.options,
            plan.targets,
        )
        self.embeddings, self.splits, self.progress = embeddings, splits, progress
        self.run_id = plan.run.path.resolve().name
        self.full = combination(embeddings)
        self._bases: dict[str, Any] = {}
        self._parts = plan.run.models / "members"

    @classmethod
    def of(cls, corpus: Corpus, run: RunFolder, options: RunOptions, progress: Progress) -> _Work:
        """Read what is needed, and refuse a folder of something else."""
        plan, manifest, before = begin(
            corpus, replace(options, fusion=BASELINE, second="none"), run, compares=True
        )
        progress.say(plan.targets.sentence)
        encoded = encode(corpus, options=options, progress=progress)
        if len(encoded) < 2:
            raise CannotFinish(
                f"{corpus.name}: {', '.join(encoded) or 'no modality'} is all there is, and fusion needs two."
            )
        embeddings = {modality: one.embeddings for modality, one in encoded.items()}
        digests = {modality: embedding_digest(one) for modality, one in embeddings.items()}
        known = before.get("inputs", {}).get("embeddings", digests)
        if known != digests:
            raise InputError(
                Problem(
                    "another-run",
                    f"was made from other embeddings of {', '.join(m for m in digests if digests[m] != known.get(m))}",
                    "Name another folder with --out, or remove this one.",
                    file=str(run.path),
                )
            )
        manifest["inputs"]["embeddings"] = digests
        manifest["compare"] = {"modalities": list(embeddings)}
        run.write_manifest(manifest)
        usable = {clip for one in embeddings.values() for clip in one.clip_ids}
        return cls(plan, embeddings, folds_of(plan, usable, progress), progress)

    def once(self, name: str, make: Any) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Predictions and gates of one piece of work, from the folder where it is finished."""
        tables = [(table, self._parts / f"{name}.{table.name}.parquet") for table in (PREDICTIONS, GATES)]
        if not all(path.is_file() for _, path in tables):
            frames = make()
            for (table, path), frame in zip(tables, frames, strict=True):
                write_table(table, frame, path)
            shutil.rmtree(self._parts / name, ignore_errors=True)
        predictions, gates = (read_table(table, path) for table, path in tables)
        return predictions, gates

    def reference(self) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Logistic regressions of the single modalities."""
        made = self._fit("mean", list(self.embeddings), "reference")
        return made.predictions, made.gates

    def informative(self, reference: pl.DataFrame) -> str:
        """The modalities that beat the labels' shares, as a combination; all of them where fewer than two do."""
        from mixedsignals.diagnosis import Evidence
        from mixedsignals.diagnosis.comparison import compare_sources

        evidence = Evidence(
            labels=self.corpus.labels,
            predictions=reference,
            clips=self.corpus.clips,
            targets=self.targets.table,
            run_id=self.run_id,
        )
        found = compare_sources(evidence, (), against=()).informative
        return combination(found) if len(found) > 1 else self.full

    def member(self, name: str, informative: str) -> tuple[pl.DataFrame, pl.DataFrame]:
        """A member on all modalities, with each missing, and for the first two of note on the informative ones."""
        from mixedsignals.heads import FUSIONS

        self.progress.say(f"{name}: {FUSIONS[name].reference}")
        wanted = [self.full, informative] if name in (BASELINE, CHAMPION) else [self.full]
        made = self._fit(name, list(dict.fromkeys(wanted)), name)
        full = replace(
            made.models, heads=tuple(one for one in made.models.heads if one.head.combination == self.full)
        )
        masked = list(self._masked(full))
        return pl.concat([made.predictions, *masked]), made.gates

    def _masked(self, models: HeadModels) -> Iterator[pl.DataFrame]:
        """What the full model says when one modality is missing from every clip."""
        from mixedsignals.heads import predict_heads

        for missing in self.embeddings if len(self.embeddings) > 2 else ():
            left = {name: one for name, one in self.embeddings.items() if name != missing}
            for seed in self.options.seeds:
                said = predict_heads(models, left, splits=self.splits, only_seeds=[seed]).predictions
                yield said.filter(pl.col("clip_id").is_in(self._clips())).select(
                    pl.lit(self.run_id).alias("run_id"),
                    pl.lit(seed, pl.Int64).alias("seed"),
                    "clip_id",
                    (pl.col("source") + "~masked").alias("source"),
                    pl.lit(combination(left)).alias("given"),
                    "label",
                    "probability",
                    pl.lit(None, pl.Float64).alias("calibrated"),
                )

    def _clips(self) -> list[str]:
        return self.splits.filter(role="test")["clip_id"].to_list()

    def _fit(self, fusion: str, combinations: Sequence[str], name: str) -> HeadResults:
        from mixedsignals.heads import fit_heads

        return fit_heads(
            self.embeddings,
            self.targets.table,
            self.splits,
            self.corpus.labels,
            run_id=self.run_id,
            seeds=self.options.seeds,
            options=head_options(replace(self.options, fusion=fusion)),
            combinations=combinations,
            groups=self.corpus.groups,
            source=name,
            bases=self._bases,
            checkpoint=self._parts / name,
            progress=self.progress,
        )

    def _note(self, name: str) -> None:
        """Fit one head of one fold once more, alone, and note what it took."""
        from mixedsignals.heads import fit_heads

        fold = self.splits["fold"].min()
        began = time.process_time()
        made = fit_heads(
            self.embeddings,
            self.targets.table,
            self.splits.filter(pl.col("fold") == fold),
            self.corpus.labels,
            run_id=self.run_id,
            seeds=self.options.seeds[:1],
            options=replace(head_options(replace(self.options, fusion=name)), group_size=1, threads=1),
            combinations=[self.full],
            groups=self.corpus.groups,
        )
        seconds = time.process_time() - began
        arrays = made.models.heads[0].arrays()
        numbers = sum(np.asarray(value).size for key, value in arrays.items() if key.startswith("weights/"))
        known = {**self._known(), name: [round(seconds, 2), int(numbers)]}
        with atomic(self._parts / _COSTS) as partial:
            partial.write_text(json.dumps(known, indent=1), encoding="utf-8")

    def _known(self) -> dict[str, Any]:
        path = self._parts / _COSTS
        return dict(json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else {}

    def costs(self, members: Sequence[str]) -> dict[str, Cost]:
        """The costs noted when each member was fitted."""
        for name in members:
            if name not in self._known():
                self._note(name)
        return {name: Cost(*self._known()[name]) for name in members}
