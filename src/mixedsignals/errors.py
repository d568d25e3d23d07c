"""What goes wrong, said once and in full.

A `Problem` is one fault or warning with its place and its remedy. Every error that the package raises on purpose is a
`MixedSignalsError`; the command line turns it into one sentence per problem and an exit code.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Literal

__all__ = [
    "CannotFinish",
    "InputError",
    "MixedSignalsError",
    "Problem",
    "UsageError",
    "check_known",
    "check_options",
]

Severity = Literal["fault", "warning"]

_SHOWN = 20


@dataclass(frozen=True)
class Problem:
    """One fault or warning in the input, with its place and what to do about it.

    Attributes:
        code: stable kebab-case name, such as `missing-media`.
        message: what came and what was legal.
        remedy: what to do.
        severity: a `fault` stops a run, a `warning` does not.
        file: the file as the user knows it (relative to the corpus folder where it is inside).
        row: line of that file as a spreadsheet counts it (the header is line 1); None where there are no rows.
        clip_id: the clip concerned, if one is.
    """

    code: str
    message: str
    remedy: str
    severity: Severity = "fault"
    file: str | None = None
    row: int | None = None
    clip_id: str | None = None

    @property
    def place(self) -> str:
        """Where it is, for people: `clips.csv, row 7 (clip 0012)`; empty when nothing is known."""
        where = ", ".join(
            part for part in (self.file, f"row {self.row}" if self.row is not None else None) if part
        )
        if self.clip_id is None:
            return where
        return f"{where} (clip {self.clip_id!r})" if where else f"clip {self.clip_id!r}"

    def below(self, folder: Path) -> Problem:
        """The same problem with its file as the user knows it: relative to `folder`, where it lies in there."""
        if self.file is None or not (file := Path(self.file)).is_relative_to(folder):
            return self
        return replace(self, file=file.relative_to(folder).as_posix())

    def __str__(self) -> str:
        text = f"{self.message.rstrip('.')}. {self.remedy}".strip()
        return f"{self.place}: {text}" if self.place else text

    def to_dict(self) -> dict[str, str | int | None]:
        """All fields, for `--json`."""
        return {
            "severity": self.severity,
            "code": self.code,
            "file": self.file,
            "row": self.row,
            "clip_id": self.clip_id,
            "message": self.message,
            "remedy": self.remedy,
        }


class MixedSignalsError(Exception):
    """Base of all errors raised on purpose; `exit_code` is what the command line returns."""

    exit_code = 3


class InputError(MixedSignalsError):
    """The input has faults: all of them are in `problems` (exit 1).

    Args:
        problems: one or more problems, or one sentence where no place can be named.
        summary: a first line for several problems; made from the count when absent.
    """

    exit_code = 1

    def __init__(self, problems: Iterable[Problem] | Problem | str, *, summary: str | None = None) -> None:
        if isinstance(problems, str):
            problems = [Problem(code="input", message=problems, remedy="")]
        elif isinstance(problems, Problem):
            problems = [problems]
        self.problems: tuple[Problem, ...] = tuple(problems)
        self.summary = summary
        super().__init__(self._text())

    def _text(self) -> str:
        if len(self.problems) == 1 and self.summary is None:
            return str(self.problems[0])
        head = self.summary or f"{len(self.problems):,} faults in the input:"
        told: Counter[str] = Counter()
        shown = []
        for problem in self.problems:
            told[problem.code] += 1
            if told[problem.code] <= _SHOWN:  # a thousand of one kind must not hide another
                shown.append(f"  - {problem}")
        for code, count in told.items():
            if count > _SHOWN:
                shown.append(
                    f"  - and {count - _SHOWN:,} more of {code} (all are in `problems`, and in --json)"
                )
        return "\n".join([head, *shown])


class UsageError(MixedSignalsError):
    """An option, or a combination of options, that makes no sense (exit 2)."""

    exit_code = 2


def check_options(options: object, rules: Iterable[tuple[str, bool, str]]) -> None:
    """Check a record of options by `rules`: of each option its name, whether its value is legal, and what is legal.

    Raises:
        UsageError: every value that is not legal, all at once.
    """
    wrong = [
        f"{name} is {getattr(options, name)!r}; legal is {legal}" for name, fine, legal in rules if not fine
    ]
    if wrong:
        raise UsageError("; ".join(wrong))


def check_known(values: Iterable[str], options: type[Any], *, section: str, file: str) -> None:
    """Check that the names of a section of a manifest are fields of the record `options`.

    Raises:
        InputError: some are not.
    """
    if unknown := sorted(set(values) - {item.name for item in fields(options)}):
        message = f"{section} has {', '.join(unknown)}, which this version does not know"
        remedy = "Remove them, or use the version that made the file."
        raise InputError(Problem("unknown-option", message, remedy, file=file))


class CannotFinish(MixedSignalsError):
    """The input is legal, but this step cannot be done with it or on this machine (exit 3)."""

    exit_code = 3
