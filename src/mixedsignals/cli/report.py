"""`mixedsignals report`: the HTML folder of a run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from mixedsignals.cli._options import FOLDER, media_option
from mixedsignals.cli._state import STATE
from mixedsignals.cli._verb import print_json, progress, verb


@verb("report", example="mixedsignals report RUN --media none")
@click.argument("run", type=FOLDER)
@media_option
def command(run: Path, media: Any) -> None:
    """Write the report of RUN again, from its saved tables, and print where it is."""
    from mixedsignals import api

    path = api.report(run, media=media, progress=progress())
    if STATE.json:
        print_json({"report": str(path)})
    else:
        click.echo(str(path))
