"""`mixedsignals study invite`: links into a study."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import click

from mixedsignals.cli._options import FOLDER
from mixedsignals.cli._state import STATE
from mixedsignals.cli._study_serve import DATABASE
from mixedsignals.cli._verb import print_json, verb


@verb("invite", example="mixedsignals study invite STUDY --count 20 --url https://study.example.org")
@click.argument("study", type=FOLDER)
@click.option("--count", type=click.IntRange(1, 10_000), default=1, show_default=True, help="How many links.")
@click.option("--open", "open_link", is_flag=True, help="A link for many people instead of one person each.")
@click.option(
    "--panel", is_flag=True, help="A link for a recruiting service that adds its participants' ids."
)
@click.option(
    "--quota", type=click.IntRange(min=1), metavar="N", help="Most people per --open or --panel link."
)
@click.option(
    "--url",
    default="http://127.0.0.1:8000",
    show_default=True,
    help="Where participants reach the server: its --public-url.",
)
@DATABASE
def command(
    study: Path, count: int, open_link: bool, panel: bool, quota: int | None, url: str, database: str | None
) -> None:
    """Print links into STUDY, one a line: for one person each, or one for many.

    Whoever opens their link again, on any device, goes on where they were.
    """
    from mixedsignals import api

    if open_link and panel:
        raise click.UsageError("--open and --panel are two kinds of link; name one")
    kind: Literal["open", "panel", "single"] = "open" if open_link else "panel" if panel else "single"
    links = api.invite_people(study, kind, count=count, quota=quota, address=url, database=database)
    if STATE.json:
        print_json(links)
    else:
        click.echo("\n".join(links))
