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
    "Tried",
    "candidates",
    "check_second",
    "choose_second",
    "fit_second",
    "load_second",
    "picked",
    "save_second",
    "with_second",
]

CANDIDATES = ("gated", "mean", "product", "stacked", "conflict")
"""Who may be the best: the paper's gate, and the members that are solved from the same unimodal regressions."""

BEST, NONE = "best", "none"
_FOLDER = "second"


@dataclass(frozen=True)
class Tried:
    """Candidates over the same embeddings: of a whole run, or of one fold and seed where encoders were tuned.

    Attributes:
        results: by name of the member.
        within: folder of these heads in the models of the run; empty for a whole run.
    """

    results: Mapping[str, HeadResults]
    within: str = ""


@dataclass(frozen=True)
class Second:
    """The second fusion of a run.

    Attributes:
        source: what the tables call it: the member's name, or `best` where folds differ.
        members: the member of each fold.
        predictions, gates: its rows, out of fold, given all modalities.
        models: by their folder in the models of the run, the heads of the folds in which they are used.
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
    results = candidates(
        plan,
        embeddings,
        splits,
        first,
        seeds=plan.options.seeds,
        run_id=run_id,
        checkpoint=checkpoint,
        progress=progress,
    )
    return choose_second(plan, [Tried(results)], combination(embeddings), splits, progress=progress)


def candidates(
    plan: Plan,
    embeddings: Mapping[str, Embeddings],
    splits: pl.DataFrame,
    first: HeadResults,
    *,
    seeds: Sequence[int],
    run_id: str,
    checkpoint: Path,
    progress: Progress = SILENT,
) -> dict[str, HeadResults]:
    """Fit those who may be second, by name; nobody where no second fusion is asked for, or nothing is to be fused."""
    options = plan.options
    if options.second in (NONE, options.fusion) or len(embeddings) < 2:
        return {}
    names = CANDIDATES if options.second == BEST else (options.second,)
    others = [name for name in names if name != options.fusion]
    found = _fitted(
        plan, embeddings, splits, others, seeds, run_id=run_id, checkpoint=checkpoint, progress=progress
    )
    return {**dict(found), **({options.fusion: first} if options.fusion in names else {})}


def choose_second(
    plan: Plan, tried: Sequence[Tried], full: str, splits: pl.DataFrame, *, progress: Progress = SILENT
) -> Second | None:
    """The second fusion among those tried; None where nobody was, or all folds like the run's own fusion best.

    Args:
        full: all modalities, as a combination.
    """
    tried = [one for one in tried if one.results]
    if not tried:
        return None
    own = plan.options.fusion
    members = picked(_losses(tried, full))
    kinds = list(dict.fromkeys(members.values()))
    if kinds == [own]:
        progress.say(f"On the tuning clips no other fusion is better than {own} in any fold.")
        return None
    source = kinds[0] if len(kinds) == 1 else BEST
    used = [(one.results[name], fold) for one in tried for fold, name in members.items()]
    kept = {
        f"{one.within}/{_FOLDER}/{name}".lstrip("/"): _kept(
            one.results[name].models, members, name, full, source
        )
        for one in tried
        for name in kinds
    }
    made = Second(
        source,
        members,
        pl.concat([_rows(result.predictions, splits, fold, full, source) for result, fold in used]),
        pl.concat([_rows(result.gates, splits, fold, full, source) for result, fold in used]),
        {where: models for where, models in kept.items() if models.heads},
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
    seeds: Sequence[int],
    *,
    run_id: str,
    checkpoint: Path,
    progress: Progress,
) -> Iterator[tuple[str, HeadResults]]:
    from mixedsignals.api.fitting import head_options
    from mixedsignals.heads import fit_heads

    bases: dict[str, Any] = {}
    for name in names:
        yield (
            name,
            fit_heads(
                embeddings,
                plan.targets.table,
                splits,
                plan.corpus.labels,
                run_id=run_id,
                seeds=tuple(seeds),
                options=head_options(replace(plan.options, fusion=name)),
                combinations=[combination(embeddings)],
                groups=plan.corpus.groups,
                source=name,
                bases=bases,
                checkpoint=checkpoint / name,
                progress=progress,
            ),
        )


def _losses(tried: Sequence[Tried], full: str) -> dict[str, dict[int, float]]:
    """Cross-entropy on the tuning clips by candidate and fold, the mean over seeds."""
    found: dict[str, dict[int, list[float]]] = {}
    for part in tried:
        for name, result in part.results.items():
            for one in result.models.heads:
                if one.head.combination == full:
                    folds = found.setdefault(name, {})
                    folds.setdefault(one.head.fold, []).append(one.history[one.best].tune_loss)
    return {name: {f: float(np.mean(losses)) for f, losses in one.items()} for name, one in found.items()}


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


def save_second(second: Second, run: RunFolder) -> None:
    """Write its heads, a folder per member.

    Raises:
        CannotFinish: the disk is full.
    """
    from mixedsignals.heads import save_heads

    for where, models in second.models.items():
        save_heads(models, run.models / where)


def load_second(run: RunFolder, within: str = "") -> list[HeadModels]:
    """The heads of the second fusion by member; empty where the run has none.

    Args:
        within: folder of a fold and seed in the models of a run whose encoders were tuned.
    """
    from mixedsignals.heads import load_heads

    folder = run.models / within / _FOLDER
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
