"""Where encoding runs and how fast: the device, the threads that share it, and the estimate of how long is left."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from mixedsignals.errors import UsageError
from mixedsignals.progress import Progress

__all__ = ["Pace", "free_device_memory", "pick_device", "workers"]

_MOST_WORKERS = 4
_WORTH_SAYING = 60.0


def pick_device(device: str) -> str:
    """`auto` becomes `cuda` where there is one, else `cpu`; other names stay if they can be used.

    Raises:
        UsageError: a device that torch does not know or that is not there.
    """
    if device == "cpu":
        return device
    try:
        import torch
    except ImportError:  # an encoder of another package may do without
        return "cpu"
    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        why = str(error).strip().splitlines()[0][:160]
        raise UsageError(
            f"The device {device!r} cannot be used here ({why}). Name `cpu` or `auto`."
        ) from error
    return device


@contextmanager
def workers(device: str) -> Iterator[int]:
    """How many threads work; meanwhile each has its share of torch's threads, if the encoder uses torch."""
    torch = sys.modules.get("torch")
    threads = torch.get_num_threads() if torch else os.cpu_count() or 1
    count = min(_MOST_WORKERS, max(threads, 1 if device == "cpu" else 2))
    if torch:
        torch.set_num_threads(max(1, threads // count))
    try:
        yield count
    finally:
        if torch:
            torch.set_num_threads(threads)


def free_device_memory() -> None:
    """Give back what torch keeps of a GPU's memory, so that a smaller batch can have it."""
    torch = sys.modules.get("torch")
    if torch and torch.cuda.is_available():
        torch.cuda.empty_cache()


class Pace:
    """Says once, after the first batches, how long the rest will take, if that is long."""

    def __init__(self, sizes: Sequence[float], progress: Progress, modality: str, *, after: int) -> None:
        self._progress = progress
        self._after = after
        self._total = sum(sizes)
        self._left = self._total
        self._count = len(sizes)
        self._modality = modality
        self._began = time.perf_counter()

    def done(self, sizes: Sequence[float]) -> None:
        """Note a finished batch."""
        self._left -= sum(sizes)
        self._count -= len(sizes)
        self._after -= 1
        if self._after or self._left >= self._total:
            return
        seconds = (time.perf_counter() - self._began) * self._left / (self._total - self._left)
        if seconds > _WORTH_SAYING:
            minutes = round(seconds / 60)
            self._progress.say(
                f"Encoding the {self._modality} of {self._count} more clips will take about "
                f"{minutes} minute{'s' if minutes != 1 else ''}; a stopped run goes on where it was."
            )
