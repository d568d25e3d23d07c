"""`mixedsignals import`: a known data set becomes a corpus folder."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from mixedsignals.cli._options import FOLDER
from mixedsignals.cli._state import STATE
from mixedsignals.cli._verb import print_json, progress, verb

_MEDIA = click.Choice(["copy", "link", "none"])


@verb("import", example="mixedsignals import ravdess path/to/ravdess CORPUS")
@click.argument("format")
@click.argument("source", type=FOLDER)
@click.argument("corpus", type=FOLDER)
@click.option(
    "--media", type=_MEDIA, default="copy", show_default=True, help="Copy media, link to them, or bring none."
)
@click.option(
    "--only-media", is_flag=True, help="Leave out clips that come without media, such as most of CREMA-D."
)
@click.option(
    "--columns",
    multiple=True,
    metavar="THEIRS=OURS",
    help="csv: a column of yours; TABLE.THEIRS=OURS of votes.",
)
@click.option("--votes", metavar="FILE", help="csv: the file of votes, if it is not votes.csv.")
@click.option("--given", help="csv: what raters perceived, where votes have no such column.")
@click.option("--labels", metavar="A,B,…", help="csv: label names in order.")
@click.option("--kind", type=click.Choice(["nominal", "ordinal"]), help="csv: whether labels have an order.")
@click.option(
    "--pattern", metavar="PATH", help="csv: path of a clip's media file, such as media/{clip_id}.mp4."
)
@click.option("--name", help="csv: name of the corpus.")
@click.option(
    "--key", metavar="FILE", help="label-studio: the key.csv that came with the tasks, if it is elsewhere."
)
@click.option("--features", type=FOLDER, metavar="FILE", help="mmsa: the pickled feature file.")
@click.option(
    "--speaker", type=click.Choice(["none", "video"]), help="mmsa: whether a video stands for its speaker."
)
@click.option(
    "--splits", type=click.Choice(["given", "make"]), help="mmsa: keep the given splits, or make folds."
)
def command(
    format: str,  # noqa: A002
    source: Path,
    corpus: Path,
    media: Any,
    only_media: bool,
    **options: Any,
) -> None:
    """Turn SOURCE, a data set of a known FORMAT, into the corpus folder CORPUS. Ids stay the data's own.

    FORMAT is csv (any folder with a table of clips), cremad, ravdess, mmsa or label-studio (annotations). Options that
    begin with a format's name go with that format only; label-studio takes --given, --labels, --kind and --name too.
    """
    from mixedsignals import api

    chosen = {name: value for name, value in options.items() if value}
    if "labels" in chosen:
        chosen["labels"] = [label.strip() for label in chosen["labels"].split(",")]
    summary = api.import_corpus(
        format, source, corpus, media=media, only_media=only_media, progress=progress(), **chosen
    )
    if STATE.json:
        warnings = [problem.to_dict() for problem in summary.warnings]
        print_json({**asdict(summary), "path": str(summary.path), "warnings": warnings})
        return
    for warning in summary.warnings:
        click.echo(f"warning: {warning}", err=True)
    click.echo(f"{summary.path}: {summary.sentence}")
