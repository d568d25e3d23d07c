"""The long work: several threads decode and encode a batch each, every batch is kept as soon as it is done.

On the CPU each thread has its share of the cores and runs its own batch through the model: no core waits for another
within an operation, which on a busy machine is many times faster. On a GPU the threads take turns at the model, so that
decoding runs ahead of it.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from itertools import pairwise

import numpy as np

from mixedsignals.encoders.cache import EmbeddingCache, Entry
from mixedsignals.encoders.pace import Pace, free_device_memory, pick_device, workers
from mixedsignals.encoders.protocol import Array, Encoder, Prepared
from mixedsignals.errors import CannotFinish, InputError, Problem
from mixedsignals.progress import Progress
from mixedsignals.sources import Source

__all__ = ["Job", "encode_jobs"]

_LACKING = {
    "no-audio-track": "the file has no sound track",
    "no-video-track": "the file has no moving picture",
}
_FIRST = 2


@dataclass(frozen=True)
class Job:
    """One content to encode, under the name of the first clip that has it."""

    content: str
    clip_id: str
    source: Source


@dataclass
class _Outcome:
    """Entries by content, and the faults of what could not be decoded."""

    entries: dict[str, Entry] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)


def encode_jobs(
    jobs: Sequence[Job],
    encoder: Encoder,
    cache: EmbeddingCache,
    *,
    device: str = "auto",
    batch_size: int | None = None,
    progress: Progress,
) -> tuple[dict[str, Entry], list[Problem]]:
    """Encode every job, longest first, and put each batch into the cache.

    Returns:
        Entries by content, and the faults of the clips that could not be decoded (the others are encoded all the same).

    Raises:
        CannotFinish: there is too little memory for a single clip, or the encoder gives numbers that are not finite.
        UsageError: a device that cannot be used.
    """
    outcome = _Outcome()
    if not jobs:
        return outcome.entries, outcome.problems
    # Longest first: the estimate errs on the safe side, and too large a batch shows itself at once.
    ordered = sorted(jobs, key=lambda job: (-job.source.size(), job.content))
    name = pick_device(device)
    encoder.load(name)
    with workers(name) as threads:
        worker = _Worker(encoder, cache, progress, turns=name != "cpu")
        batches = list(_batches(ordered, batch_size or encoder.batch_size, threads))
        sizes = [job.source.size() for job in ordered]
        pace = Pace(sizes, progress, encoder.card.modality, after=threads)
        pool = ThreadPoolExecutor(threads, thread_name_prefix="encode")
        try:
            with progress.task(
                f"{encoder.card.modality} by {encoder.card.encoder}", total=len(ordered)
            ) as task:
                running = {pool.submit(worker.work, batch): batch for batch in batches}
                for done in as_completed(running):
                    made = done.result()
                    outcome.entries |= made.entries
                    outcome.problems += made.problems
                    task.advance(len(running[done]))
                    pace.done([job.source.size() for job in running[done]])
        finally:
            pool.shutdown(cancel_futures=True)
            cache.merge()
    return outcome.entries, sorted(outcome.problems, key=lambda problem: problem.clip_id or "")


def _batches(jobs: Sequence[Job], size: int, threads: int) -> Iterator[Sequence[Job]]:
    """A small one per thread first, to tell early how long the rest will take."""
    small = min(_FIRST, size)
    early = min(len(jobs), threads * small)
    starts = [*range(0, early, small), *range(early, len(jobs), size), len(jobs)]
    return (jobs[start:stop] for start, stop in pairwise(starts))


class _Worker:
    """What the threads share: the model, the cache, and how many clips memory has turned out to hold."""

    def __init__(self, encoder: Encoder, cache: EmbeddingCache, progress: Progress, *, turns: bool) -> None:
        self._encoder = encoder
        self._cache = cache
        self._progress = progress
        self._turn = threading.Lock() if turns else nullcontext()
        self._limit = 1 << 30

    def work(self, batch: Sequence[Job]) -> _Outcome:
        """Decode and encode one batch, and keep it."""
        outcome = _Outcome()
        ready: list[tuple[Job, Prepared]] = []
        for job in batch:
            try:
                ready.append((job, self._encoder.prepare(job.source)))
            except InputError as error:
                if (code := error.problems[0].code) in _LACKING:
                    outcome.entries[job.content] = Entry(None, lacking=_LACKING[code])
                else:
                    outcome.problems += [replace(problem, clip_id=job.clip_id) for problem in error.problems]
        while ready:
            some = ready[: self._limit]
            with self._turn:
                vectors = _vectors(self._encoder, some)
            if vectors is None:
                self._halve(len(some))
                continue
            ready = ready[len(some) :]
            outcome.entries |= {
                job.content: Entry(v, item.cut) for (job, item), v in zip(some, vectors, strict=True)
            }
        self._cache.add(outcome.entries)
        return outcome

    def _halve(self, tried: int) -> None:
        if tried == 1:
            raise CannotFinish(
                "There is too little memory to encode a single clip. Cut the clip (start, end), name a smaller encoder "
                "(`lite`), or choose the device cpu."
            )
        free_device_memory()
        if tried // 2 < self._limit:
            self._limit = tried // 2
            self._progress.say(
                f"Memory does not suffice for {tried} clips at a time; going on with {self._limit}."
            )


def _vectors(encoder: Encoder, batch: Sequence[tuple[Job, Prepared]]) -> Array | None:
    """Vectors of a batch; None where memory did not suffice."""
    try:
        vectors = np.asarray(encoder.encode([item for _, item in batch]), dtype=np.float32)
    except (RuntimeError, MemoryError) as error:
        if not _out_of_memory(error):
            raise
        return None
    if vectors.ndim != 2 or len(vectors) != len(batch):
        raise CannotFinish(
            f"The encoder {encoder.card.encoder} gave an array of shape {vectors.shape} for {len(batch)} clips; "
            "one row per clip is expected. This is a fault of that encoder."
        )
    bad = [
        job.clip_id for (job, _), vector in zip(batch, vectors, strict=True) if not np.isfinite(vector).all()
    ]
    if bad:
        raise CannotFinish(
            f"The encoder {encoder.card.encoder} gave values that are not finite for clips {', '.join(bad[:5])}. "
            "Check these clips, or name another encoder."
        )
    return vectors


def _out_of_memory(error: Exception) -> bool:
    """Torch raises a subclass on CUDA and a plain RuntimeError on the CPU."""
    text = str(error).lower()
    return isinstance(error, MemoryError) or "out of memory" in text or "can't allocate memory" in text
