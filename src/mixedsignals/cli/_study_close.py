"""`mixedsignals study close`: nobody new comes in."""

from __future__ import annotations

from pathlib import Path

import click

from mixedsignals.cli._options import FOLDER
from mixedsignals.cli._state import STATE
from mixedsignals.cli._study_serve import DATABASE
from mixedsignals.cli._verb import print_json, verb


@verb("close", example="mixedsignals study close STUDY")
@click.argument("study", type=FOLDER)
@click.option("--reopen", is_flag=True, help="Open it again.")
@DATABASE
def command(study: Path, reopen: bool, database: str | None) -> None:
    """Close STUDY: nobody new comes in and nobody gets another clip. A server that runs follows at once."""
    from mixedsignals import api

    closed = api.close_study(study, database=database, reopen=reopen)
    if STATE.json:
        print_json({"closed": closed})
    else:
        click.echo(f"{study}: {'closed' if closed else 'open'}")
