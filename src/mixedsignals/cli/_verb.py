"""What every verb has in common: its shape, the shared options and where progress goes."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, TypeVar

import click

from mixedsignals.cli._state import STATE
from mixedsignals.progress import Progress

__all__ = ["jobs_option", "print_json", "progress", "verb"]

F = TypeVar("F", bound=Callable[..., Any])


def _remember(_: click.Context, parameter: click.Parameter, value: bool) -> None:
    if value:
        setattr(STATE, str(parameter.name), True)


_SHARED = (
    click.Option(
        ["--json"], is_flag=True, expose_value=False, callback=_remember, help="Results as JSON on stdout."
    ),
    click.Option(
        ["-q", "--quiet"],
        is_flag=True,
        expose_value=False,
        callback=_remember,
        help="No progress and no warnings, only results.",
    ),
    click.Option(
        ["-v", "--verbose"],
        is_flag=True,
        expose_value=False,
        callback=_remember,
        help="Say more: all findings, all inputs, progress more often.",
    ),
    click.Option(
        ["--debug"], is_flag=True, expose_value=False, callback=_remember, help="A traceback with an error."
    ),
)


def verb(name: str, *, example: str) -> Callable[[F], click.Command]:
    """Make a function a verb: its docstring is the help, `example` stands below it, the shared options come last."""

    def decorate(function: F) -> click.Command:
        settings = {"help_option_names": ["-h", "--help"], "max_content_width": 110}
        made = click.command(name, epilog=f"Example:  {example}", context_settings=settings)(function)
        made.params.extend(_SHARED)
        return made

    return decorate


def jobs_option(function: F) -> F:
    """`--jobs N`: how many threads decode and encode; a result never depends on it."""
    text = "Threads for decoding media."
    return click.option("--jobs", type=click.IntRange(min=1), default=2, show_default=True, help=text)(
        function
    )


def progress() -> Progress:
    """Bars on stderr where that is a terminal, lines elsewhere, silence with `--quiet`."""
    from mixedsignals.cli._bars import make_progress

    helps = int(os.environ.get("RANK", "0")) > 0  # of several processes the first speaks
    return make_progress(quiet=STATE.quiet or helps, verbose=STATE.verbose)


def print_json(value: Any) -> None:
    """One JSON document on stdout."""
    import json

    click.echo(json.dumps(value, ensure_ascii=False, indent=2))
