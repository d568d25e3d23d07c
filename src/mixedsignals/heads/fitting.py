"""From embeddings, targets and folds to trained heads and their out-of-fold tables.

The grid is every combination of modalities in every fold with every seed; `work` trains it, `results` makes tables.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import torch

from mixedsignals.embeddings import Embeddings
from mixedsignals.errors import UsageError
from mixedsignals.heads.basis import Bases
from mixedsignals.heads.data import TrainingSet, prepare
from mixedsignals.heads.fusion import FUSIONS, fusion_of
from mixedsignals.heads.grid import buckets_of
from mixedsignals.heads.options import HeadOptions
from mixedsignals.heads.results import dynamics_table, gates_table, predictions_table
from mixedsignals.heads.saving import HeadModels
from mixedsignals.heads.work import Work, inputs_digest, training_options
from mixedsignals.labels import Labels, all_combinations, combination
from mixedsignals.progress import SILENT, Progress

__all__ = ["HeadResults", "fit_heads"]


@dataclass(frozen=True)
class HeadResults:
    """What `fit_heads` gives.

    Attributes:
        predictions: out-of-fold rows of the `predictions` table; source is the modality for single ones, else
            `fusion`, and given is the combination.
        gates: gate and attention weight of every out-of-fold clip and modality that it has.
        dynamics: empty unless `HeadOptions.dynamics`.
        models: the heads, to save or to predict with.
    """

    predictions: pl.DataFrame
    gates: pl.DataFrame
    dynamics: pl.DataFrame
    models: HeadModels


def fit_heads(
    embeddings: Mapping[str, Embeddings],
    targets: Any,
    splits: Any,
    labels: Labels,
    *,
    run_id: str,
    seeds: Sequence[int] = (42, 43, 44, 45),
    options: HeadOptions | None = None,
    combinations: Sequence[str] | None = None,
    groups: Mapping[str, str | None] | None = None,
    source: str | None = None,
    bases: dict[str, Bases] | None = None,
    checkpoint: Path | None = None,
    progress: Progress = SILENT,
) -> HeadResults:
    """Train one head per combination, fold and seed, and predict each fold's test clips.

    The head of a fold is trained on its `train` clips, its epoch selected on `tune` (highest accuracy; among equals
    the lowest loss, then the first), and its `test` clips are predicted. Every clip with a target, a test fold and
    at least one modality of a combination gets rows for it; a modality that a clip lacks is masked.

    The same seeds, options and inputs give the same numbers on one machine, whatever the groups and threads.

    Args:
        embeddings: per modality; a clip without it is absent there.
        targets: the `targets` table.
        splits: the `splits` table: clip_id, fold, role.
        labels: the corpus's labels; one that no clip has keeps a small probability.
        combinations: those to train; all of the modalities when None.
        groups: the speaker of each clip, for inner folds of members that need them; a clip without one is alone.
        source: what the fused source is called in the tables; the member's own name when None (`fusion` for the
            paper's gate).
        bases: an empty dict, given to every fit on the same inputs: members that start from the same unimodal
            regressions then share them.
        checkpoint: folder in which finished heads are saved, and looked for first; a head is taken from there only
            if everything that its numbers depend on is the same. Without it all heads stay in memory.

    Raises:
        InputError: embeddings, targets and splits that do not fit each other; every fault at once.
        UsageError: no seeds, an unknown combination or fusion.
        CannotFinish: a fold lacks a label in its training part, or has no tuning clips; a loss that is not a number;
            a full disk.
    """
    options = options or HeadOptions()
    fusion_of(options)
    seeds = _distinct(seeds)
    data = prepare(
        embeddings,
        targets,
        splits,
        labels,
        seeds=seeds,
        soft=options.soft_targets,
        progress=progress,
        groups=groups,
    )
    wanted = _combinations(combinations, data)
    buckets = buckets_of(data, wanted, seeds, options.batch_size)
    fused = source or FUSIONS[options.fusion].source
    work = Work(data, options, checkpoint, _shared(bases, data, options))
    work.train(buckets, progress)
    order = sorted(work.trained, key=lambda head: (wanted.index(head.combination), head.fold, head.seed))
    trained = [work.trained[head] for head in order]
    return HeadResults(
        predictions=predictions_table(run_id, data, trained, fused),
        gates=gates_table(run_id, data, trained, fused),
        dynamics=dynamics_table(run_id, data, trained, fused),
        models=HeadModels(
            labels=labels,
            source=fused,
            cards={name: vectors.card for name, vectors in data.inputs.items()},
            widths={name: vectors.values.shape[1] for name, vectors in data.inputs.items()},
            options=training_options(options),
            environment={"torch": torch.__version__, "threads": work.threads, "group_size": work.group_size},
            heads=tuple(work.models[head] for head in order),
        ),
    )


def _shared(held: dict[str, Bases] | None, data: TrainingSet, options: HeadOptions) -> Bases:
    """The bases of these very inputs: those in `held`, or fresh ones, which are put there."""
    key = json.dumps([inputs_digest(data), options.class_weights])
    made = held.get(key) if held is not None else None
    if made is None:
        made = Bases(data, label_weights=options.class_weights)
        if held is not None:
            held[key] = made
    return made


def _distinct(seeds: Sequence[int]) -> tuple[int, ...]:
    if not seeds or len(set(seeds)) != len(seeds):
        raise UsageError(f"seeds are {list(seeds)}; legal is one or more, each once")
    return tuple(seeds)


def _combinations(asked: Sequence[str] | None, data: TrainingSet) -> list[str]:
    possible = all_combinations(data.inputs)
    if asked is None:
        return possible
    wanted = [combination(part.strip() for part in one.split("+")) for one in asked]
    unknown = [one for one in wanted if one not in possible]
    if unknown or not wanted:
        raise UsageError(f"combinations {', '.join(unknown) or 'none'}; legal are {', '.join(possible)}")
    return list(dict.fromkeys(wanted))
