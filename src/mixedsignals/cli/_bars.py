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


def make_progress(*, quiet: bool = False, verbose: bool = False) -> Progress:
    """The right kind for this stderr; `verbose` makes lines more frequent where there are no bars."""
    if quiet:
        return SILENT
    if sys.stderr.isatty():
        return _Bars()
    return _Lines(every=5.0, least=0.0) if verbose else _Lines(every=30.0, least=1.0)


class _LineTask:
    def __init__(self, name: str, total: int | None, every: float) -> None:
        self.name, self.total, self.every = name, total, every
        self.done = 0
        self.began = self.said = time.monotonic()

    def advance(self, n: int = 1) -> None:
        self.done += n
        if time.monotonic() - self.said >= self.every and self.done != self.total:
            self.say("after")

    def say(self, when: str) -> None:
        self.said = time.monotonic()
        of = f"{self.done}/{self.total}" if self.total is not None else f"{self.done}"
        print(f"{self.name}: {of} {when} {self.said - self.began:.1f} s", file=sys.stderr, flush=True)


class _Lines:
    """For logs and pipes: nothing is redrawn; long work says where it is every so often, quick work says nothing."""

    def __init__(self, *, every: float, least: float) -> None:
        self._every, self._least = every, least

    @contextmanager
    def task(self, name: str, total: int | None = None) -> Iterator[Task]:
        task = _LineTask(name, total, self._every)
        yield task
        if time.monotonic() - task.began >= self._least:
            task.say("in")

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
            TextColumn("{task.description:<26}", markup=False),
            BarColumn(bar_width=20),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
        )
        with RichProgress(*columns, console=self._console) as bars:
            yield _BarTask(bars, name, total)

    def say(self, text: str) -> None:
        self._console.print(text, markup=False)
