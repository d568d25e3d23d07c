"""`mixedsignals check`: every problem of a corpus folder at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import click

from mixedsignals.cli._state import STATE
from mixedsignals.cli._verb import jobs_option, print_json, progress, verb
from mixedsignals.errors import Problem

_SHOWN = 20


@verb("check", example="mixedsignals check CORPUS --json > problems.json")
@click.argument("corpus", type=click.Path(path_type=Path))
@click.option(
    "--decode/--no-decode", default=True, show_default=True, help="Decode all media to find truncated files."
)
@click.option("--strict", is_flag=True, help="Warnings count as faults for the exit code.")
@jobs_option
def command(corpus: Path, decode: bool, strict: bool, jobs: int) -> None:
    """Name every problem of the folder CORPUS, with file, row and remedy.

    Faults (exit 1) stop a run; warnings do not. Of one kind the first twenty are shown; -v and --json show all.
    """
    from mixedsignals import api

    problems = api.check(corpus, decode=decode, jobs=jobs, progress=progress())
    faults = [problem for problem in problems if problem.severity == "fault"]
    warnings = [problem for problem in problems if problem.severity == "warning"]
    if STATE.json:
        print_json(
            {
                "corpus": str(corpus),
                "faults": len(faults),
                "warnings": len(warnings),
                "problems": [problem.to_dict() for problem in problems],
            }
        )
    else:
        _print_problems((*faults, *warnings))
        click.echo(f"{corpus}: {_count(faults, 'fault')}, {_count(warnings, 'warning')}.")
    if faults or (strict and warnings):
        click.get_current_context().exit(1)


def _print_problems(problems: Sequence[Problem]) -> None:
    """All kinds at once: a thousand of one must not hide the others."""
    told: Counter[tuple[str, str]] = Counter()
    for problem in problems:
        told[problem.severity, problem.code] += 1
        if told[problem.severity, problem.code] <= _SHOWN or STATE.verbose:
            click.echo(f"{problem.severity}: {problem} [{problem.code}]")
    for (severity, code), count in told.items():
        if count > _SHOWN and not STATE.verbose:
            click.echo(f"{severity}: {count - _SHOWN:,} more of this kind; -v shows them [{code}]")


def _count(problems: Sequence[object], word: str) -> str:
    return f"{f'{len(problems):,}' if problems else 'no'} {word}{'' if len(problems) == 1 else 's'}"
