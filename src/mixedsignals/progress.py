"""How long work says where it is: rooms report to a `Progress` that is handed to them and never print.

The command line passes one that draws bars on stderr; a library user gets silence by default.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Protocol

__all__ = ["SILENT", "Progress", "Silent", "Task"]


class Task(Protocol):
    """One piece of work under way."""

    def advance(self, n: int = 1) -> None:
        """Report that `n` more units are done."""


class Progress(Protocol):
    """Where a room reports how far it is."""

    def task(self, name: str, total: int | None = None) -> AbstractContextManager[Task]:
        """Begin a piece of work of `total` units (None: not known)."""

    def say(self, text: str) -> None:
        """Tell the user one sentence, such as an estimate before long work."""


class _NoTask:
    def advance(self, n: int = 1) -> None:
        """Do nothing."""


class Silent:
    """A `Progress` that says nothing."""

    def task(self, name: str, total: int | None = None) -> AbstractContextManager[Task]:  # noqa: ARG002
        """A task that is not shown."""
        return nullcontext(_NoTask())

    def say(self, text: str) -> None:
        """Do nothing."""


SILENT: Progress = Silent()
