"""`mixedsignals diagnose`: of a run, of a corpus with votes, or of the predictions of anybody's models."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from mixedsignals.cli._options import FOLDER, media_option
from mixedsignals.cli._verb import progress, verb
from mixedsignals.store import RunFolder


@verb(
    "diagnose",
    example="mixedsignals diagnose --predictions preds.csv --votes votes.csv --clips clips.csv --out RUN",
)
@click.argument("folder", type=FOLDER, required=False, metavar="[RUN|CORPUS]")
@click.option(
    "--predictions",
    "-p",
    type=FOLDER,
    multiple=True,
    help="clip_id, source, label, probability; or a file per model with a column per label. May be repeated.",
)
@click.option("--votes", type=FOLDER, help="What people said: clip_id, rater_id, given, label.")
@click.option("--clips", type=FOLDER, help="clip_id and, where known, speaker_id, label and further columns.")
@click.option("--targets", type=FOLDER, help="clip_id, label, share.")
@click.option(
    "--splits", type=FOLDER, help="Which clips were trained on: clip_id, fold, role (train, tune, test)."
)
@click.option(
    "--cues", type=FOLDER, help="clip_id, cue, modality, value, unit; as `mixedsignals cues --out` writes."
)
@click.option(
    "--gates", type=FOLDER, help="How far a fused model listened: clip_id, source, modality, gate, weight."
)
@click.option("--labels", help="Label names in order, by commas, where they cannot be seen.")
@click.option("--kind", type=click.Choice(["nominal", "ordinal"]), help="Whether the labels have an order.")
@click.option(
    "--fusion", default="fusion", show_default=True, metavar="NAME", help="Which source is the fused one."
)
@click.option(
    "--raters",
    type=click.Choice(["dawid-skene", "mace", "glad"]),
    help="Model of raters; dawid-skene, or what the run was diagnosed with.",
)
@click.option(
    "--renormalise", is_flag=True, help="Divide probabilities by their sum instead of refusing other sums."
)
@click.option(
    "--out", "-o", type=FOLDER, metavar="RUN", help="Folder to write (a run is diagnosed in place)."
)
@media_option
def command(
    folder: Path | None,
    predictions: tuple[Path, ...],
    raters: Any,
    out: Path | None,
    media: Any,
    **tables: Any,
) -> None:
    """Diagnose a run of ours, the votes of a corpus, or the predictions of your own models (no models needed)."""
    from mixedsignals import api
    from mixedsignals.cli._summary import print_run

    if (folder is None) == (not predictions):
        raise click.UsageError("name a RUN or a CORPUS, or give --predictions")
    if folder is not None:
        _refuse(tables, "--predictions")
    run = folder if folder is not None and RunFolder(folder).exists() else None
    if run is None and out is None:
        raise click.UsageError("--out RUN is needed: it is where the tables and the report go")
    bars, chosen = progress(), {"raters": raters} if raters else {}
    if run is not None:
        if out is not None:
            raise click.UsageError(f"{folder} is a run and is diagnosed in place; leave out --out")
        api.diagnose_run(run, progress=bars, **chosen)
    elif folder is not None:
        api.diagnose_corpus(api.read(folder), _path(out), progress=bars, **chosen)
    else:
        labels = tables.pop("labels")
        names = [name.strip() for name in labels.split(",")] if labels else None
        api.diagnose(list(predictions), labels=names, out=out, progress=bars, **chosen, **tables)
    done = RunFolder(run or _path(out))
    print_run(done, report=api.report(done.path, media=media, progress=bars))


def _refuse(tables: dict[str, Any], needed: str) -> None:
    given = [name for name, value in tables.items() if value and not (name == "fusion" and value == "fusion")]
    if given:
        raise click.UsageError(f"--{', --'.join(given)} goes with {needed}, not with a folder")


def _path(out: Path | None) -> Path:
    return out if out is not None else Path()
