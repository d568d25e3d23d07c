"""Progress for people: bars on a terminal, one line per finished piece of work elsewhere; always on stderr."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as RichProgress

from mixedsignals.progress import SILENT, Progress, Task

__all__ = ["make_progress"]


def make_progress(*, quiet: bool = False) -> Progress:
    """The right kind for this stderr."""
    if quiet:
        return SILENT
    return _Bars() if sys.stderr.isatty() else _Lines()


class _Counter:
    def __init__(self) -> None:
        self.done = 0

    def advance(self, n: int = 1) -> None:
        self.done += n


class _Lines:
    """For logs and pipes: nothing is redrawn."""

    @contextmanager
    def task(self, name: str, total: int | None = None) -> Iterator[Task]:
        began = time.monotonic()
        counter = _Counter()
        yield counter
        of = f"{counter.done}/{total}" if total is not None else f"{counter.done}"
        print(f"{name}: {of} in {time.monotonic() - began:.1f} s", file=sys.stderr, flush=True)

    def say(self, text: str) -> None:
        print(text, file=sys.stderr, flush=True)


class _BarTask:
    def __init__(self, bars: RichProgress, name: str, total: int | None) -> None:
        self._bars = bars
        self._id = bars.add_task(name, total=total)

    def advance(self, n: int = 1) -> None:
        self._bars.advance(self._id, n)


class _Bars:
    """For terminals; a finished bar stays as one line."""

    def __init__(self) -> None:
        self._console = Console(stderr=True, highlight=False)

    @contextmanager
    def task(self, name: str, total: int | None = None) -> Iterator[Task]:
        columns = (
            TextColumn("{task.description:<28}", markup=False),
            BarColumn(bar_width=28),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
        )
        with RichProgress(*columns, console=self._console) as bars:
            yield _BarTask(bars, name, total)

    def say(self, text: str) -> None:
        self._console.print(text, markup=False)
