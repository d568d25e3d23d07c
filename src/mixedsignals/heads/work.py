"""The grid at work: cut into groups, spread over threads (each on one core), saved as soon as a group is finished.

A head that an earlier run finished with the same inputs and options is read instead of trained.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch

from mixedsignals.heads.basis import Bases
from mixedsignals.heads.cores import one_core_each
from mixedsignals.heads.data import TrainingSet
from mixedsignals.heads.fusion import is_solved
from mixedsignals.heads.grid import Bucket, HeadId, split_evenly
from mixedsignals.heads.options import HeadOptions
from mixedsignals.heads.outcome import TrainedHead
from mixedsignals.heads.pace import pace_of
from mixedsignals.heads.saving import FORMAT, HeadModel, head_file, model_arrays, read_trained, write_trained
from mixedsignals.heads.solving import solve_heads
from mixedsignals.heads.training import Interrupted, train_group
from mixedsignals.progress import Progress

__all__ = ["Work", "inputs_digest", "training_options"]

_ONLY_SPEED = ("group_size", "threads")
_LOOK = 0.2
# More threads wait for each other at the interpreter rather than compute.
_MOST_THREADS = 8


class Work:
    """Trains what is not there yet and keeps what is finished.

    Args:
        data: the clips.
        options: how to train.
        folder: where finished heads are saved and looked for; None keeps them in memory.
        bases: unimodal posteriors to share with other members; fresh ones when None.

    Attributes:
        trained: finished heads without their arrays.
        models: their arrays, in memory or as files.
        threads: groups trained side by side.
        group_size: heads in a group; None until something was trained.
    """

    def __init__(
        self, data: TrainingSet, options: HeadOptions, folder: Path | None, bases: Bases | None = None
    ) -> None:
        self.data, self.options, self.folder = data, options, folder
        self.trained: dict[HeadId, TrainedHead] = {}
        self.models: dict[HeadId, HeadModel] = {}
        self.threads = options.threads or min(torch.get_num_threads(), _MOST_THREADS)
        self.group_size: int | None = None
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._common = _digests(data) if folder else {}
        self._bases = bases or Bases(data, label_weights=options.class_weights)

    def train(self, buckets: Sequence[Bucket], progress: Progress) -> None:
        """Finish all heads of the buckets.

        Raises:
            CannotFinish: a loss that is not a number, or a full disk; what was finished before stays saved.
        """
        left = self._left(buckets)
        if self.trained:
            progress.say(f"{len(self.trained)} heads were finished before and are taken as they are.")
        if not left:
            return
        with one_core_each():
            pace = pace_of(self.data, left, self.options, self.threads)
            self.group_size = pace.group_size
            groups = [g for bucket in left for g in split_evenly(bucket.heads, pace.group_size, self.threads)]
            groups.sort(key=lambda group: -len(group) * len(group[0].modalities))
            progress.say(pace.estimate(left, self.options.epochs, self.threads))
            total = sum(len(group) for group in groups) * self.options.epochs
            with progress.task("Training heads", total) as task:
                self._run(groups, task.advance)

    def _left(self, buckets: Sequence[Bucket]) -> list[Bucket]:
        """The buckets without the heads that are finished already."""
        left = []
        for bucket in buckets:
            heads = tuple(head for head in bucket.heads if not self._found(head))
            if heads:
                left.append(replace(bucket, heads=heads))
        return left

    def _found(self, head: HeadId) -> bool:
        found = read_trained(self.folder, head, self._key(head)) if self.folder else None
        if found is not None:
            self._keep(found)
        return found is not None

    def _run(self, groups: Sequence[Sequence[HeadId]], advance: Callable[[int], None]) -> None:
        def told(n: int) -> None:
            with self._lock:
                advance(n)

        with ThreadPoolExecutor(self.threads, thread_name_prefix="heads") as pool:
            futures = [pool.submit(self._group, group, told) for group in groups]
            try:
                _wait(futures)
            finally:
                self._stop.set()
                for future in futures:
                    future.cancel()
        _raise_first(futures)

    def _group(self, heads: Sequence[HeadId], advance: Callable[[int], None]) -> None:
        if is_solved(self.options):
            made = solve_heads(self.data, heads, self.options, self._bases, stop=self._stop, advance=advance)
        else:
            made = train_group(self.data, heads, self.options, stop=self._stop, advance=advance)
        for trained in made:
            if self.folder is not None:
                write_trained(self.folder, trained, self._key(trained.head))
            self._keep(trained)

    def _keep(self, trained: TrainedHead) -> None:
        head = trained.head
        model = HeadModel(
            head=head,
            best=trained.best,
            history=trained.history,
            held=head_file(self.folder, head) if self.folder else model_arrays(trained),
        )
        with self._lock:
            self.trained[head], self.models[head] = replace(trained, arrays={}), model

    def _key(self, head: HeadId) -> str:
        """SHA-256 of everything that the head's numbers depend on."""
        parts = {
            "format": FORMAT,
            "torch": torch.__version__,
            "options": training_options(self.options),
            "labels": list(self.data.labels),
            "head": asdict(head),
            "clips": self._common["clips"],
            "targets": self._common["targets"],
            "inputs": [self._common[f"input/{name}"] for name in head.modalities],
            "roles": hashlib.sha256(self.data.roles[head.fold].tobytes()).hexdigest(),
        }
        if is_solved(self.options):
            parts["groups"] = self._common["groups"]
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def training_options(options: HeadOptions) -> dict[str, Any]:
    """The options that change the results, by name."""
    return {name: value for name, value in asdict(options).items() if name not in _ONLY_SPEED}


def _digests(data: TrainingSet) -> dict[str, str]:
    digests = {
        "clips": hashlib.sha256("\0".join(data.clip_ids).encode()).hexdigest(),
        "targets": hashlib.sha256(data.targets.tobytes()).hexdigest(),
        "groups": hashlib.sha256(data.groups.tobytes()).hexdigest(),
    }
    for modality, vectors in data.inputs.items():
        digest = hashlib.sha256(vectors.card.digest().encode())
        digest.update(vectors.rows.tobytes())
        digest.update(vectors.values.tobytes())
        digests[f"input/{modality}"] = digest.hexdigest()
    return digests


def inputs_digest(data: TrainingSet) -> str:
    """SHA-256 of clips, targets, speakers, vectors and folds."""
    roles = {str(fold): hashlib.sha256(part.tobytes()).hexdigest() for fold, part in data.roles.items()}
    return hashlib.sha256(json.dumps([_digests(data), roles], sort_keys=True).encode()).hexdigest()


def _wait(futures: Sequence[Future[None]]) -> None:
    """Until all are done or one has failed; in short pieces, so that an interrupt is seen at once."""
    while True:
        done, left = wait(futures, timeout=_LOOK, return_when=FIRST_EXCEPTION)
        if not left or any(future.exception() for future in done):
            return


def _raise_first(futures: Sequence[Future[None]]) -> None:
    """The error that stopped the others, if there was one."""
    errors = [future.exception() for future in futures if not future.cancelled()]
    for error in errors:
        if error is not None and not isinstance(error, Interrupted):
            raise error
