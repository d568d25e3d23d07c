"""`mixedsignals study serve`: the pages of a study, and its owner's page."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

from mixedsignals.cli._options import FOLDER
from mixedsignals.cli._state import STATE
from mixedsignals.cli._verb import verb

DATABASE = click.option(
    "--database",
    metavar="URL",
    envvar="MIXEDSIGNALS_DATABASE",
    show_default="STUDY/study.db",
    help="An SQLite file, or postgresql://USER@HOST/NAME (also from MIXEDSIGNALS_DATABASE, where a password in it "
    "is not seen by others on the machine).",
)


@verb("serve", example="mixedsignals study serve STUDY --port 8000")
@click.argument("study", type=FOLDER)
@click.option("--port", type=click.IntRange(0, 65535), default=8000, show_default=True, help="0 for any.")
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    metavar="ADDRESS",
    help="Where to listen: this machine alone, unless told.",
)
@click.option(
    "--public-url",
    metavar="URL",
    help="Where participants come, such as https://study.example.org; other host names are refused.",
)
@click.option(
    "--proxy",
    "proxies",
    multiple=True,
    metavar="ADDRESS",
    help="A proxy whose word on addresses and https is believed; may be repeated.",
)
@DATABASE
@click.option(
    "--password-file",
    type=FOLDER,
    metavar="FILE",
    help="The owner's password (or MIXEDSIGNALS_OWNER_PASSWORD); without one it is drawn and shown once.",
)
def command(
    study: Path, database: str | None, password_file: Path | None, proxies: tuple[str, ...], **options: Any
) -> None:
    """Serve the pages of STUDY until interrupted (Ctrl-C). Answers are on the disk before the next clip is shown.

    Put an https proxy before it where participants come from elsewhere; docs/study.md has the settings.
    """
    from mixedsignals import api

    password = _password(password_file)
    api.serve_study(study, database=database, proxies=proxies, password=password, ready=_say, **options)


def _password(file: Path | None) -> str | None:
    given = os.environ.get("MIXEDSIGNALS_OWNER_PASSWORD")
    if file is not None:
        given = file.read_text(encoding="utf-8").strip("\r\n")
    if given is not None and len(given) < 8:
        raise click.UsageError("the owner's password has fewer than 8 characters; choose a longer one")
    return given


def _say(served: Any) -> None:
    if STATE.json:
        from mixedsignals.cli._verb import print_json

        print_json(vars(served))
    else:
        click.echo(f"study: {served.address}")
        click.echo(f"owner's page: {served.owner}")
        if served.password is not None:
            click.echo(f"owner's password, shown this once: {served.password}")
        click.echo(f"answers: {served.database}; Ctrl-C to stop", err=True)
