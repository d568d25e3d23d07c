"""`mixedsignals demo`: the main job on the built-in corpus."""

from __future__ import annotations

from pathlib import Path

import click

from mixedsignals.cli._options import FOLDER
from mixedsignals.cli._verb import progress, verb


@verb("demo", example="mixedsignals demo --out demo")
@click.option(
    "--out",
    "-o",
    type=FOLDER,
    default=Path("mixedsignals-demo"),
    show_default=True,
    help="Folder to write to.",
)
def command(out: Path) -> None:
    """Encode, fit, probe, diagnose and report on the built-in corpus (240 clips), into OUT/run."""
    from mixedsignals import api
    from mixedsignals.cli._summary import print_run

    folder = api.run(api.playhouse(), out / "run", probes=[api.ProbeOptions()], progress=progress())
    print_run(folder, report=folder.report / "index.html")
