"""What a check is, and which ones there are.

A check has a stable code, a name, and a function from a case to an outcome. Further checks come from installed
packages through the entry-point group `mixedsignals.checks`: each entry is an object with `code`, `name` and `run`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib.metadata import entry_points
from typing import Protocol

from mixedsignals.diagnosis.evidence import Case
from mixedsignals.diagnosis.results import Outcome
from mixedsignals.errors import UsageError

__all__ = ["BuiltIn", "Check", "further_checks"]

GROUP = "mixedsignals.checks"


class Check(Protocol):
    """One question asked of the evidence."""

    @property
    def code(self) -> str:
        """Stable and unique: `MS` and three digits for the built-in ones, a prefix of their own for others."""

    @property
    def name(self) -> str:
        """Kebab-case words for the code, such as `source-at-chance`."""

    @property
    def run(self) -> Callable[[Case], Outcome]:
        """Answers the question; raises `NotApplicable` with the reason where it cannot."""


@dataclass(frozen=True)
class BuiltIn:
    """A check of this package: code, name and the function that makes it."""

    code: str
    name: str
    run: Callable[[Case], Outcome]


def further_checks(taken: Iterable[str]) -> tuple[Check, ...]:
    """Checks of installed packages, by name of the entry.

    Raises:
        UsageError: when one of them claims a code that is taken.
    """
    codes = set(taken)
    found: list[Check] = []
    for entry in sorted(entry_points(group=GROUP), key=lambda e: e.name):
        check: Check = entry.load()
        if check.code in codes:
            raise UsageError(f"The check {entry.name!r} claims the code {check.code}, which is taken.")
        codes.add(check.code)
        found.append(check)
    return tuple(found)
