"""How long tuning will take, measured on a few steps before it starts, and what else could be done."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch

from mixedsignals.encoders.tuning.bench import Bench
from mixedsignals.encoders.tuning.clips import Labelled
from mixedsignals.encoders.tuning.network import Network
from mixedsignals.encoders.tuning.plan import ModelId
from mixedsignals.encoders.tuning.training import (
    Lesson,
    out_of_memory,
    processes,
    steps_of,
    too_little,
    try_step,
)
from mixedsignals.errors import CannotFinish

__all__ = ["Pace", "advice", "in_words", "measure"]

_STEPS = 3
_LONG = 1800.0
_FORWARD = 1 / 3  # of a step forth and back


@dataclass(frozen=True)
class Pace:
    """What the tuning of one encoder costs.

    Attributes:
        encoder, modality, device: whose, of what, and where.
        models: to train.
        steps: of the optimiser, over all models.
        seconds: in all; frozen: what embedding every clip once takes, about.
    """

    encoder: str
    modality: str
    device: str
    models: int
    steps: int
    seconds: float
    frozen: float

    def __str__(self) -> str:
        return (
            f"Tuning {self.encoder} ({self.modality}): {self.models} model{'s' if self.models != 1 else ''}, "
            f"{self.steps:,} steps, about {in_words(self.seconds)} on {self.device}."
        )


def measure(bench: Bench, models: Sequence[ModelId], *, share_again: float = 0.0) -> Pace:
    """Time a few steps on clips of middling length.

    Args:
        models: to train.
        share_again: what inner folds add to it, as a share.

    Raises:
        CannotFinish: the longest clips do not fit into memory; a batch size that fits is named.
    """
    network = bench.network(0)
    lesson = bench.lesson(models[0], network)
    _fits(network, lesson, bench.device)
    once = _once(bench, network, lesson)
    step = _seconds(network, lesson, bench.device)
    if network.first is not None and bench.plan.options.replay:
        forward = once / max(1, lesson.options.batch_size)
        step = max(step - once, step * (1 - network.first / max(1, len(network.layers()))) * 0.5)
    else:
        forward = 0.0
    steps = sum(steps_of(len(bench.lesson(model, network).train), lesson.options) for model in models)
    batches = lesson.options.epochs * -(-len(lesson.tune) // lesson.options.batch_size) * len(models)
    micro = steps * lesson.options.accumulate
    embed = len(bench.having) * len(models) * (forward + step * _FORWARD / lesson.options.batch_size)
    seconds = forward * len(bench.having) + (micro + batches * _FORWARD) * step * (1 + share_again) + embed
    return Pace(
        encoder=bench.encoder.card.encoder,
        modality=bench.modality,
        device=bench.device,
        models=len(models),
        steps=steps,
        seconds=seconds,
        frozen=embed / max(1, len(models)),
    )


def _fits(network: Network, lesson: Lesson, device: str) -> None:
    try:
        try_step(network, lesson, lesson.options.batch_size // processes()[1], device)
    except (RuntimeError, MemoryError) as error:
        if not out_of_memory(error):
            raise
        raise CannotFinish(too_little(network, lesson, device)) from error


def _once(bench: Bench, network: Network, lesson: Lesson) -> float:
    """Seconds of one batch through the frozen layers; 0 where nothing is replayed."""
    if network.first is None or not bench.plan.options.replay:
        return 0.0
    network.eval()
    items = [lesson.train[at].item for at in _middling(lesson)]
    began = time.perf_counter()
    network.enters(items)
    return time.perf_counter() - began


def _seconds(network: Network, lesson: Lesson, device: str) -> float:
    """Seconds of one step forth and back, the best of a few."""
    rows = _middling(lesson)
    some = replace(
        lesson,
        train=_Few([lesson.train[at] for at in rows]),
        lengths=[lesson.lengths[at] for at in rows],
    )
    seconds = []
    for _ in range(_STEPS):
        began = time.perf_counter()
        try_step(network, some, len(rows), device)
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        seconds.append(time.perf_counter() - began)
    return min(seconds)


class _Few(Labelled):
    """Rows that have been read."""

    def __init__(self, rows: Sequence[object]) -> None:
        self._rows = list(rows)

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, at: int) -> object:  # type: ignore[override]
        return self._rows[at]


def _middling(lesson: Lesson) -> list[int]:
    """Clips of middling length, a batch of them."""
    order = sorted(range(len(lesson.train)), key=lambda at: lesson.lengths[at])
    size = min(len(order), lesson.options.batch_size)
    low = (len(order) - size) // 2
    return order[low : low + size]


def advice(paces: Sequence[Pace]) -> str | None:
    """What a user of a CPU can do instead of waiting long; None where it is not long, or not a CPU."""
    total = sum(pace.seconds for pace in paces)
    if total < _LONG or any(pace.device != "cpu" for pace in paces):
        return None
    frozen = in_words(sum(pace.frozen for pace in paces))
    return (
        f"On this CPU that is {in_words(total)} in all. Instead: a machine with a GPU (the same command); or "
        f"`--tune frozen` (about {frozen} for the embeddings); or `--preset lite`; or fewer --seeds, --folds, "
        "--tune-epochs or --tune-inner-folds. A stopped tuning goes on where it was."
    )


def in_words(seconds: float) -> str:
    """`40 seconds`, `12 minutes`, `31 hours`, `5 days`."""
    for size, name in ((86_400.0, "day"), (3600.0, "hour"), (60.0, "minute")):
        if seconds >= 1.5 * size:
            return f"{round(seconds / size)} {name}s"
    return f"{max(1, round(seconds))} seconds"
