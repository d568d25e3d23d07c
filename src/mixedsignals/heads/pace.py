"""How many heads to train in one batched product: timed on this machine, because no rule holds on all of them.

Large groups save calls, small ones stay in the processor's cache; which wins depends on both. The choice changes the
speed and no number (see `stack`).
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from mixedsignals.heads.data import TrainingSet
from mixedsignals.heads.grid import Bucket, HeadId
from mixedsignals.heads.options import HeadOptions
from mixedsignals.heads.training import time_steps

__all__ = ["CANDIDATES", "group_size_for", "time_group_sizes"]

CANDIDATES = (1, 2, 4, 8, 16)
_ENOUGH = 40
_known: dict[tuple[object, ...], int] = {}


def group_size_for(data: TrainingSet, buckets: Sequence[Bucket], options: HeadOptions, threads: int) -> int:
    """The group size that `options` asks for, or the quickest of `CANDIDATES`, timed once per process and shape.

    The largest combination is timed and stands for all. With fewer than 40 head-epochs to train, timing would cost
    more than it saves.
    """
    if options.group_size != "auto":
        return options.group_size
    heads = max(
        (bucket.heads for bucket in buckets), key=lambda heads: (len(heads[0].modalities), len(heads))
    )
    if sum(len(bucket.heads) for bucket in buckets) * options.epochs < _ENOUGH:
        return min(4, len(heads))
    widths = tuple(data.inputs[name].values.shape[1] for name in heads[0].modalities)
    key = (options.fusion, options.batch_size, options.dtype, widths, len(data.labels), len(heads), threads)
    if key not in _known:
        times = time_group_sizes(data, heads, options, threads)
        _known[key] = min(times, key=times.__getitem__)
    return _known[key]


def time_group_sizes(
    data: TrainingSet, heads: Sequence[HeadId], options: HeadOptions, threads: int
) -> dict[int, float]:
    """Seconds per head and training step of each candidate size that the heads can fill, all threads at work."""
    most = max(len(heads) // threads, 1)
    times = {}
    with ThreadPoolExecutor(threads) as pool:
        for size in (one for one in CANDIDATES if one <= most):
            runs = pool.map(lambda _, n=size: time_steps(data, heads[:n], options), range(threads))
            times[size] = max(runs) / size
    return times
