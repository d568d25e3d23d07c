"""`mixedsignals export`: a corpus, run or study for another tool."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from mixedsignals.cli._options import FOLDER
from mixedsignals.cli._state import STATE
from mixedsignals.cli._verb import jobs_option, print_json, progress, verb


@verb(
    "export",
    example="mixedsignals export CORPUS --to label-studio --conditions audio,video --out LABELSTUDIO",
)
@click.argument("source", type=FOLDER, metavar="RUN|CORPUS|STUDY")
@click.option(
    "--to",
    type=click.Choice(["label-studio", "fiftyone", "huggingface"]),
    required=True,
    help="The other tool.",
)
@click.option("--out", "-o", type=FOLDER, metavar="FOLDER", help="label-studio, huggingface: a new folder.")
@click.option(
    "--conditions",
    metavar="A,B,…",
    show_default="the study's, or all that the corpus has",
    help="label-studio: what annotators are given; a project for each.",
)
@click.option(
    "--media-url",
    metavar="PREFIX",
    show_default="Label Studio's local files",
    help="label-studio: what names of media files are appended to.",
)
@click.option(
    "--suggest", is_flag=True, help="label-studio: show annotators what the fused model of RUN says."
)
@click.option("--name", metavar="NAME", show_default="the corpus's", help="fiftyone: name of the dataset.")
@click.option("--overwrite", is_flag=True, help="fiftyone: replace a dataset of that name.")
@click.option("--modality", metavar="NAME", help="huggingface: whose tuned encoder.")
@click.option(
    "--fold", type=int, metavar="N", show_default="the best by the tuning clips", help="huggingface: which."
)
@click.option(
    "--seed", type=int, metavar="N", show_default="the best by the tuning clips", help="huggingface: which."
)
@click.option("--push", metavar="OWNER/NAME", help="huggingface: also upload it to the hub.")
@click.option("--public", is_flag=True, help="huggingface: let a new repository be seen by all.")
@jobs_option
def command(source: Path, to: str, out: Path | None, **options: Any) -> None:
    """Hand the clips of a run, corpus or study to another tool.

    label-studio: a project per condition, with media from which the other modalities are taken out; bring the
    annotations back with `mixedsignals import label-studio`. fiftyone: a dataset with votes, predictions and scores.
    huggingface: a tuned encoder of RUN as a whole model, with its card, which plain Transformers reads.
    """
    models = {name: options.pop(name) for name in ("modality", "fold", "seed", "push", "public")}
    if to == "huggingface":
        options.pop("jobs")
        _refuse(**options)
        if out is None:
            raise click.UsageError("--out FOLDER is needed: it is where the model goes")
        _huggingface(source, out, models)
        return
    _refuse(**models)
    if to == "fiftyone":
        _refuse(out=out, **{name: options[name] for name in ("conditions", "media_url", "suggest")})
        _fiftyone(source, options)
        return
    _refuse(name=options["name"], overwrite=options["overwrite"])
    if out is None:
        raise click.UsageError("--out FOLDER is needed: it is where tasks, configs and media go")
    _label_studio(source, out, options)


def _refuse(**options: Any) -> None:
    given = [f"--{name.replace('_', '-')}" for name, value in options.items() if value not in (None, False)]
    if given:
        raise click.UsageError(f"{', '.join(given)} goes with another tool")


def _fiftyone(source: Path, options: dict[str, Any]) -> None:
    from mixedsignals import api

    name, count = api.export_fiftyone(
        source, name=options["name"], overwrite=options["overwrite"], progress=progress()
    )
    if STATE.json:
        print_json({"dataset": name, "samples": count})
        return
    click.echo(f"FiftyOne dataset {name!r}: {count} samples; look at it with  fiftyone app launch {name}")


def _huggingface(source: Path, out: Path, options: dict[str, Any]) -> None:
    from mixedsignals.api.tuned_models import export_encoder

    private = not options.pop("public")
    folder, address = export_encoder(source, out, private=private, **options)
    if STATE.json:
        print_json({"out": str(folder), "hub": address})
        return
    click.echo(f"{folder}: a model for transformers, with its card (README.md)")
    if address:
        click.echo(f"pushed to {address}")


def _label_studio(source: Path, out: Path, options: dict[str, Any]) -> None:
    from mixedsignals import api

    chosen = {"suggest": options["suggest"], "jobs": options["jobs"]}
    if options["conditions"]:
        chosen["conditions"] = [part for part in options["conditions"].split(",") if part.strip()]
    if options["media_url"]:
        chosen["media_url"] = options["media_url"]
    made = api.export_label_studio(source, out, progress=progress(), **chosen)
    if STATE.json:
        projects = [str(project) for project in made.projects]
        print_json({"out": str(out), "projects": projects, "tasks": made.n_tasks, "files": made.n_files})
        return
    click.echo(f"{out}: {made.n_tasks} tasks in {len(made.projects)} projects, {made.n_files} media files")
    for project in made.projects:
        click.echo(f"  {project}: import tasks.json, paste config.xml under Labeling Interface")
    if not options["media_url"]:
        root = out.resolve()
        click.echo(
            f"  serve media: LABEL_STUDIO_LOCAL_FILES_SERVING_ENABLED=true "
            f"LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT={root} label-studio start"
        )
        click.echo(f"  and add {root / 'media'} as a Local Files storage to each project")
    click.echo(f"  then export as JSON into {out}, and:  mixedsignals import label-studio {out} CORPUS2")
