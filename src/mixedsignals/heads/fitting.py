"""From embeddings, targets and folds to trained heads and their out-of-fold tables.

The grid is cut into groups, groups are spread over threads (each on one core), and what is finished is saved at once
where a checkpoint folder is named.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import polars as pl
import torch

from mixedsignals.embeddings import Embeddings
from mixedsignals.errors import UsageError
from mixedsignals.heads.data import TrainingSet, prepare
from mixedsignals.heads.fusion import fusion_of
from mixedsignals.heads.grid import Bucket, HeadId, buckets_of, split_evenly
from mixedsignals.heads.options import HeadOptions
from mixedsignals.heads.pace import group_size_for
from mixedsignals.heads.results import dynamics_table, gates_table, predictions_table
from mixedsignals.heads.saving import (
    FORMAT,
    HeadModel,
    HeadModels,
    head_file,
    model_arrays,
    read_trained,
    write_trained,
)
from mixedsignals.heads.training import Interrupted, TrainedHead, train_group
from mixedsignals.labels import Labels, all_combinations, combination
from mixedsignals.progress import SILENT, Progress

__all__ = ["HeadResults", "fit_heads"]

_ONLY_SPEED = ("group_size", "threads")


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
        embeddings, targets, splits, labels, seeds=seeds, soft=options.soft_targets, progress=progress
    )
    wanted = _combinations(combinations, data)
    buckets = buckets_of(data, wanted, seeds, options.batch_size)
    threads = options.threads or torch.get_num_threads()
    keeper = _Keeper(checkpoint, data, options)
    with _one_core_each():
        keeper.train(buckets, threads, progress)
    order = [head for bucket in buckets for head in bucket.heads]
    done = [
        keeper.done[head]
        for head in sorted(order, key=lambda h: (wanted.index(h.combination), h.fold, h.seed))
    ]
    trained = [one for one, _ in done]
    return HeadResults(
        predictions=predictions_table(run_id, data, trained, options.fusion),
        gates=gates_table(run_id, data, trained, options.fusion),
        dynamics=dynamics_table(run_id, data, trained, options.fusion),
        models=HeadModels(
            labels=labels,
            cards={name: vectors.card for name, vectors in data.inputs.items()},
            widths={name: vectors.values.shape[1] for name, vectors in data.inputs.items()},
            options=_training_options(options),
            environment={"torch": torch.__version__, "threads": threads},
            heads=tuple(model for _, model in done),
        ),
    )


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


@contextmanager
def _one_core_each() -> Iterator[None]:
    """Torch computes on one core per thread: quicker for many small products, and the same sums on any machine size."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


class _Keeper:
    """Trains what is not there yet, and keeps what is finished."""

    def __init__(self, folder: Path | None, data: TrainingSet, options: HeadOptions) -> None:
        self.folder, self.data, self.options = folder, data, options
        self.done: dict[HeadId, tuple[TrainedHead, HeadModel]] = {}
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._inputs = {name: _digest_input(data, name) for name in data.inputs} if folder else {}

    def train(self, buckets: Sequence[Bucket], threads: int, progress: Progress) -> None:
        """All heads of the buckets."""
        left = self._left(buckets, progress)
        if not left:
            return
        size = group_size_for(self.data, left, self.options, threads)
        groups = [group for bucket in left for group in split_evenly(bucket.heads, size, threads)]
        groups.sort(key=lambda group: -len(group) * len(group[0].modalities))
        total = sum(len(group) for group in groups) * self.options.epochs
        with progress.task("Training heads", total) as task, ThreadPoolExecutor(threads) as pool:

            def advance(n: int) -> None:
                with self._lock:
                    task.advance(n)

            futures = [pool.submit(self._group, group, advance) for group in groups]
            try:
                wait(futures, return_when=FIRST_EXCEPTION)
            finally:
                self._stop.set()
                for future in futures:
                    future.cancel()
            errors = [f.exception() for f in futures if f.done() and not f.cancelled()]
        for error in errors:
            if error is not None and not isinstance(error, Interrupted):
                raise error

    def _left(self, buckets: Sequence[Bucket], progress: Progress) -> list[Bucket]:
        left = []
        for bucket in buckets:
            heads = []
            for head in bucket.heads:
                found = read_trained(self.folder, head, self._key(head)) if self.folder else None
                if found is None:
                    heads.append(head)
                else:
                    self._keep(found, self.folder)
            if heads:
                left.append(Bucket(bucket.combination, bucket.steps, tuple(heads)))
        if self.done:
            progress.say(f"{len(self.done)} heads were finished before and are taken as they are.")
        return left

    def _group(self, heads: Sequence[HeadId], advance: Any) -> None:
        for trained in train_group(self.data, heads, self.options, stop=self._stop, advance=advance):
            if self.folder is not None:
                write_trained(self.folder, trained, self._key(trained.head))
            self._keep(trained, self.folder)

    def _keep(self, trained: TrainedHead, folder: Path | None) -> None:
        model = HeadModel(
            head=trained.head,
            best=trained.best,
            history=trained.history,
            held=None if folder else model_arrays(trained),
            file=head_file(folder, trained.head) if folder else None,
        )
        with self._lock:
            self.done[trained.head] = (replace(trained, arrays={}), model)

    def _key(self, head: HeadId) -> str:
        """SHA-256 of everything that the head's numbers depend on."""
        parts = {
            "format": FORMAT,
            "torch": torch.__version__,
            "options": _training_options(self.options),
            "labels": list(self.data.labels),
            "head": asdict(head),
            "inputs": [self._inputs[name] for name in head.modalities],
            "clips": hashlib.sha256("\0".join(self.data.clip_ids).encode()).hexdigest(),
            "targets": hashlib.sha256(self.data.targets.tobytes()).hexdigest(),
            "roles": hashlib.sha256(self.data.roles[head.fold].tobytes()).hexdigest(),
        }
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _training_options(options: HeadOptions) -> dict[str, Any]:
    """Those that change the results."""
    return {name: value for name, value in asdict(options).items() if name not in _ONLY_SPEED}


def _digest_input(data: TrainingSet, modality: str) -> str:
    vectors = data.inputs[modality]
    digest = hashlib.sha256(vectors.card.digest().encode())
    digest.update(vectors.rows.tobytes())
    digest.update(vectors.values.tobytes())
    return digest.hexdigest()
