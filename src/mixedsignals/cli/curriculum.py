"""`mixedsignals curriculum`: an order of clips for training, from how a source learned them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from mixedsignals.cli._options import FOLDER
from mixedsignals.cli._state import STATE
from mixedsignals.cli._verb import print_json, verb


@verb(
    "curriculum", example="mixedsignals curriculum RUN --source audio --order ambiguous-first --out order.csv"
)
@click.argument("run", type=FOLDER)
@click.option("--source", metavar="NAME", help="Whose map decides; without it the fused one.")
@click.option(
    "--order",
    type=click.Choice(["easy-first", "hard-first", "ambiguous-first"]),
    default="easy-first",
    show_default=True,
    help="Which clips stand ahead.",
)
@click.option("--out", "-o", type=FOLDER, metavar="FILE", help="A .csv or .parquet instead of CSV on stdout.")
def command(run: Path, source: str | None, order: Any, out: Path | None) -> None:
    """Write the clips of RUN in an order for training, with their place on the data map of a source."""
    from mixedsignals import api
    from mixedsignals.store import atomic

    if out is not None and out.suffix not in (".parquet", ".csv"):
        raise click.UsageError(f"--out {out}: the file must end in .parquet or .csv")
    table = api.curriculum(run, source=source, order=order)
    if out is None:
        if STATE.json:
            print_json(table.to_dicts())
        else:
            click.echo(table.write_csv(), nl=False)
        return
    with atomic(out) as partial:
        if out.suffix == ".csv":
            table.write_csv(partial)
        else:
            table.write_parquet(partial)
    if STATE.json:
        print_json({"out": str(out), "clips": table.height})
    else:
        click.echo(f"{out}: {table.height:,} clips, {order}, by {table['source'][0]}")
