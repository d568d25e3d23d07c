"""`mixedsignals fit`: heads out of fold."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from mixedsignals.cli._options import FOLDER, out_option, run_options, training_options
from mixedsignals.cli._state import STATE
from mixedsignals.cli._verb import print_json, progress, verb


@verb("fit", example="mixedsignals fit CORPUS --out RUN --seeds 42,43")
@click.argument("corpus", type=FOLDER)
@out_option
@training_options
def command(corpus: Path, out: Path, **options: Any) -> None:
    """Train unimodal heads and gated fusion on CORPUS, out of fold; then `diagnose RUN` and `report RUN`."""
    from mixedsignals import api
    from mixedsignals.api.corpora import checked

    bars = progress()
    folder = api.fit(checked(corpus, progress=bars), out, options=run_options(options), progress=bars)
    fitted = folder.read_manifest()["fit"]
    if STATE.json:
        print_json({"run": str(folder.path), **fitted})
    else:
        if said := folder.read_manifest().get("tuning", {}).get("says"):
            click.echo(said)
        click.echo(
            f"{folder.path}: {fitted['heads']} heads over {fitted['folds']} folds. Next: mixedsignals diagnose {out}"
        )
