"""`mixedsignals import`: a known data set becomes a corpus folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from mixedsignals.cli._options import FOLDER
from mixedsignals.cli._state import STATE
from mixedsignals.cli._verb import print_json, progress, verb


@verb("import", example="mixedsignals import ravdess path/to/ravdess CORPUS")
@click.argument("format")
@click.argument("source", type=FOLDER)
@click.argument("corpus", type=FOLDER)
@click.option(
    "--media",
    type=click.Choice(["copy", "link"]),
    default="copy",
    show_default=True,
    help="Copy media into CORPUS or link to them.",
)
@click.option("--only-media", is_flag=True, help="Leave out clips that come without media (cremad).")
@click.option(
    "--column",
    "columns",
    multiple=True,
    metavar="TABLE.THEIRS=OURS",
    help="Map a column of yours (csv); may be repeated.",
)
def command(format: str, source: Path, corpus: Path, columns: tuple[str, ...], **options: Any) -> None:  # noqa: A002
    """Turn SOURCE, a data set of a known FORMAT (csv, ravdess, cremad, mmsa), into the corpus folder CORPUS.

    Ids stay the data's own. See docs/cli.md for what each format takes.
    """
    from mixedsignals import api

    if columns:
        options["columns"] = columns
    summary = api.import_corpus(format, source, corpus, progress=progress(), **options)
    if STATE.json:
        print_json(summary)
    else:
        click.echo(str(summary))
