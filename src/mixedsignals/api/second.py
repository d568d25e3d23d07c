"""A second fusion beside the first: the member of the family that the tuning clips like best, so that a run does not
judge by the paper's gate alone.

Which member it is, is decided fold by fold on that fold's tuning clips; no test clip has a say in what predicts it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from mixedsignals.errors import UsageError
from mixedsignals.labels import combination
from mixedsignals.manifest import RunOptions
from mixedsignals.progress import SILENT, Progress
from mixedsignals.store import RunFolder

if TYPE_CHECKING:
    from mixedsignals.api.fitting import Plan
    from mixedsignals.embeddings import Embeddings
    from mixedsignals.heads import HeadModels, HeadPredictions, HeadResults

__all__ = [
    "CANDIDATES",
    "Second",
    "check_second",
    "fit_second",
    "load_second",
    "picked",
    "save_second",
    "with_second",
]

CANDIDATES = ("gated", "mean", "product", "stacked", "conflict")
"""Who may be the best: the paper's gate, and the members that are solved from the same unimodal regressions."""

BEST, NONE = "best", "none"


@dataclass(frozen=True)
class Second:
    """The second fusion of a run.

    Attributes:
        source: what the tables call it: the member's name, or `best` where folds differ.
        members: the member of each fold.
        predictions, gates: its rows, out of fold, given all modalities.
        models: per member the heads of the folds in which it is used.
    """

    source: str
    members: Mapping[int, str]
    predictions: pl.DataFrame
    gates: pl.DataFrame
    models: Mapping[str, HeadModels]

    @property
    def sentence(self) -> str:
        """Who it is, in words."""
        counts = {
            name: list(self.members.values()).count(name) for name in dict.fromkeys(self.members.values())
        }
        said = ", ".join(f"{name} in {n} of {len(self.members)} folds" for name, n in counts.items())
        return f"The second fusion ({self.source}), chosen on the tuning clips of each fold: {said}."

    def record(self) -> dict[str, Any]:
        """What `run.toml` says of it."""
        return {"source": self.source, "members": {str(fold): name for fold, name in self.members.items()}}


def check_second(options: RunOptions) -> None:
    """Refuse a name that is no member.

    Raises:
        UsageError: with the names that are.
    """
    from mixedsignals.heads import FUSIONS

    for option, name, words in (("fusion", options.fusion, ()), ("second", options.second, (BEST, NONE))):
        if name not in (*words, *FUSIONS):
            raise UsageError(f"--{option} is {name!r}; legal are {', '.join((*words, *FUSIONS))}")


def fit_second(
    plan: Plan,
    embeddings: Mapping[str, Embeddings],
    splits: pl.DataFrame,
    first: HeadResults,
    *,
    run_id: str,
    checkpoint: Path,
    progress: Progress = SILENT,
) -> Second | None:
    """Fit the second fusion that the options ask for; None where there is none, or nothing to fuse.

    Args:
        first: the heads of the run's own fusion, which is a candidate too.
        checkpoint: folder of finished heads.
    """
    options = plan.options
    if options.second in (NONE, options.fusion) or len(embeddings) < 2:
        return None
    names = CANDIDATES if options.second == BEST else (options.second,)
    full = combination(embeddings)
    results = dict(
        _fitted(plan, embeddings, splits, names, run_id=run_id, checkpoint=checkpoint, progress=progress)
    )
    if options.fusion in names:
        results[options.fusion] = first
    members = picked({name: _losses(one.models, full) for name, one in results.items()})
    kinds = list(dict.fromkeys(members.values()))
    if kinds == [options.fusion]:
        progress.say(f"On the tuning clips no other fusion is better than {options.fusion} in any fold.")
        return None
    source = kinds[0] if len(kinds) == 1 else BEST
    made = Second(
        source,
        members,
        pl.concat(
            [_rows(results[name].predictions, splits, fold, full, source) for fold, name in members.items()]
        ),
        pl.concat([_rows(results[name].gates, splits, fold, full, source) for fold, name in members.items()]),
        {name: _kept(results[name].models, members, name, full, source) for name in kinds},
    )
    progress.say(made.sentence)
    return made


def picked(losses: Mapping[str, Mapping[int, float]]) -> dict[int, str]:
    """The candidate with the least loss in each fold; the first of equals."""
    folds = sorted({fold for one in losses.values() for fold in one})
    return {fold: min(losses, key=lambda name: losses[name].get(fold, np.inf)) for fold in folds}


def _fitted(
    plan: Plan,
    embeddings: Mapping[str, Embeddings],
    splits: pl.DataFrame,
    names: Sequence[str],
    *,
    run_id: str,
    checkpoint: Path,
    progress: Progress,
) -> Iterator[tuple[str, HeadResults]]:
    from mixedsignals.api.fitting import head_options
    from mixedsignals.heads import fit_heads

    bases: dict[str, Any] = {}
    for name in names:
        if name == plan.options.fusion:
            continue
        yield (
            name,
            fit_heads(
                embeddings,
                plan.targets.table,
                splits,
                plan.corpus.labels,
                run_id=run_id,
                seeds=plan.options.seeds,
                options=head_options(replace(plan.options, fusion=name)),
                combinations=[combination(embeddings)],
                groups=plan.corpus.groups,
                source=name,
                bases=bases,
                checkpoint=checkpoint / name,
                progress=progress,
            ),
        )


def _losses(models: HeadModels, full: str) -> dict[int, float]:
    """Cross-entropy on the tuning clips by fold, the mean over seeds."""
    found: dict[int, list[float]] = {}
    for one in models.heads:
        if one.head.combination == full:
            found.setdefault(one.head.fold, []).append(one.history[one.best].tune_loss)
    return {fold: float(np.mean(losses)) for fold, losses in found.items()}


def _rows(table: pl.DataFrame, splits: pl.DataFrame, fold: int, full: str, source: str) -> pl.DataFrame:
    """Rows of one fold's test clips, given all modalities, under the second fusion's name."""
    clips = splits.filter(pl.col("fold") == fold, pl.col("role") == "test")["clip_id"]
    kept = table.filter(pl.col("given") == full, pl.col("clip_id").is_in(clips.to_list()))
    return kept.with_columns(pl.lit(source).alias("source"))


def _kept(models: HeadModels, members: Mapping[int, str], name: str, full: str, source: str) -> HeadModels:
    heads = tuple(
        one for one in models.heads if one.head.combination == full and members.get(one.head.fold) == name
    )
    return replace(models, heads=heads, source=source)


def second_folder(run: RunFolder) -> Path:
    """Where the heads of the second fusion lie, a folder per member."""
    return run.models / "second"


def save_second(second: Second, run: RunFolder) -> None:
    """Write its heads.

    Raises:
        CannotFinish: the disk is full.
    """
    from mixedsignals.heads import save_heads

    for name, models in second.models.items():
        save_heads(models, second_folder(run) / name)


def load_second(run: RunFolder) -> list[HeadModels]:
    """The heads of the second fusion by member; empty where the run has none."""
    from mixedsignals.heads import load_heads

    folder = second_folder(run)
    return [load_heads(one) for one in sorted(folder.iterdir())] if folder.is_dir() else []


def with_second(
    found: HeadPredictions,
    second: Sequence[HeadModels],
    embeddings: Mapping[str, Embeddings],
    *,
    splits: pl.DataFrame | None,
) -> HeadPredictions:
    """`found` with what the second fusion says: the mean over all of its heads that may speak, of whatever member."""
    from mixedsignals.heads import predict_heads

    said = [predict_heads(models, embeddings, splits=splits) for models in second if models.heads]
    if not said:
        return found
    keys = ["clip_id", "source", "given"]
    n_heads = pl.col("n_heads")
    predictions = (
        pl.concat([one.predictions for one in said])
        .group_by([*keys, "label"], maintain_order=True)
        .agg((pl.col("probability") * n_heads).sum() / n_heads.sum(), n_heads.sum().alias("n_heads"))
    )
    weighed = [
        one.gates.join(one.predictions.select(*keys, "n_heads").unique(), on=keys, how="left") for one in said
    ]
    gates = (
        pl.concat(weighed)
        .group_by([*keys, "modality"], maintain_order=True)
        .agg((pl.col("gate", "weight") * n_heads).sum() / n_heads.sum())
    )
    return replace(
        found,
        predictions=pl.concat([found.predictions, predictions.select(found.predictions.columns)]),
        gates=pl.concat([found.gates, gates.select(found.gates.columns)]),
    )
