"""How many heads to train in one batched product: timed on this machine, because no rule holds on all of them.

Large groups save calls, small ones stay in the processor's cache; which wins depends on both. The choice changes the
speed and no number (see `stack`).
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from mixedsignals.heads.data import TrainingSet
from mixedsignals.heads.fusion import fusion_of, is_solved
from mixedsignals.heads.grid import Bucket, HeadId
from mixedsignals.heads.options import HeadOptions
from mixedsignals.heads.training import time_steps

__all__ = ["CANDIDATES", "Pace", "pace_of", "time_group_sizes"]

CANDIDATES = (1, 2, 4, 8, 16)
_UNTIMED, _ENOUGH = 4, 40
# Weights, gradients, Adam's two moments and the best epoch's weights.
_COPIES, _MEMORY = 5, 400_000_000
_known: dict[tuple[object, ...], Pace] = {}


@dataclass(frozen=True)
class Pace:
    """A group size, and the seconds that one step of one head takes at it; None where nothing was timed."""

    group_size: int
    seconds: float | None = None

    def estimate(self, buckets: Sequence[Bucket], epochs: int, threads: int) -> str:
        """One sentence before the work starts."""
        n_heads = sum(len(bucket.heads) for bucket in buckets)
        size = min(self.group_size, max(len(bucket.heads) for bucket in buckets))
        together = f"{size} at a time on {threads} thread{'s' if threads > 1 else ''}"
        if self.seconds is None:
            return f"Training {n_heads} heads, {together}."
        steps = sum(len(bucket.heads) * bucket.steps for bucket in buckets) * epochs
        return f"Training {n_heads} heads, {together}: about {_span(steps * self.seconds / threads)}."


def pace_of(data: TrainingSet, buckets: Sequence[Bucket], options: HeadOptions, threads: int) -> Pace:
    """The group size that `options` asks for, or the quickest of `CANDIDATES`, timed once per process and shape.

    The largest combination is timed and stands for all. With fewer than 40 head-epochs to train, timing would cost
    more than it saves.
    """
    if is_solved(options):
        return Pace(1)
    if options.group_size != "auto":
        return Pace(options.group_size)
    heads = max(
        (bucket.heads for bucket in buckets), key=lambda heads: (len(heads[0].modalities), len(heads))
    )
    if sum(len(bucket.heads) for bucket in buckets) * options.epochs < _ENOUGH:
        return Pace(_UNTIMED)
    widths = tuple(_widths(data, heads[0]).values())
    key = (options.fusion, options.batch_size, options.dtype, widths, len(data.labels), len(heads), threads)
    if key not in _known:
        times = time_group_sizes(data, heads, options, threads)
        best = min(times, key=times.__getitem__)
        _known[key] = Pace(best, times[best])
    return _known[key]


def time_group_sizes(
    data: TrainingSet, heads: Sequence[HeadId], options: HeadOptions, threads: int
) -> dict[int, float]:
    """Seconds per head and training step of each candidate size, all threads at work.

    Only sizes that the heads can fill and whose groups, on all threads, stay within some 400 MB.
    """
    learned = fusion_of(options).parameters(_widths(data, heads[0]), len(data.labels)).values()
    size_of_head = sum(one.size for one in learned) * _COPIES * (8 if options.dtype == "float64" else 4)
    most = max(min(len(heads), _MEMORY // size_of_head) // threads, 1)
    times = {}
    with ThreadPoolExecutor(threads) as pool:
        for size in (one for one in CANDIDATES if one <= most):
            runs = pool.map(lambda _, n=size: time_steps(data, heads[:n], options), range(threads))
            times[size] = max(runs) / size
    return times


def _widths(data: TrainingSet, head: HeadId) -> dict[str, int]:
    return {name: data.inputs[name].values.shape[1] for name in head.modalities}


def _span(seconds: float) -> str:
    if seconds < 90:
        return f"{max(round(seconds), 1)} s"
    return f"{round(seconds / 60)} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
