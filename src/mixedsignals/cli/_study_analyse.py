"""`mixedsignals study analyse`: what votes say about withheld modalities, beside models where a run is given."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from mixedsignals.cli._options import FOLDER
from mixedsignals.cli._state import STATE
from mixedsignals.cli._study_export import withheld_lines
from mixedsignals.cli._study_serve import DATABASE
from mixedsignals.cli._verb import print_json, progress, verb
from mixedsignals.store import RunFolder


@verb("analyse", example="mixedsignals study analyse STUDY --run RUN")
@click.argument("study", type=FOLDER)
@click.option(
    "--run", type=FOLDER, metavar="RUN", help="A run of models on the same corpus, set beside people."
)
@click.option(
    "--out", "-o", type=FOLDER, metavar="OUT", help="Folder to write.", show_default="STUDY/analysis"
)
@DATABASE
def command(study: Path, **options: Any) -> None:
    """Analyse the votes of STUDY: gain and no gain, order, reliability, a mixed model; next to models with --run.

    The human part of the diagnosis counts first exposures only. Tables and an HTML report go to OUT.
    """
    from mixedsignals import api

    bars = progress()
    found = api.analyse_study(study, progress=bars, **options)
    report = api.report(found.path, media="none", progress=bars)
    if STATE.json:
        print_json(_document(found, report))
        return
    _print(found, report)


def _document(found: Any, report: Path) -> dict[str, Any]:
    return {
        "out": str(found.path),
        "report": str(report),
        "votes": found.exported.votes.height,
        "withheld": [asdict(one) for one in found.exported.withheld],
        "gains": found.gains,
        "notes": [asdict(note) for note in found.results.notes],
        "estimates": found.results.table(found.path.resolve().name).to_dicts(),
        "diagnosis": found.diagnosis.estimates.to_dicts(),
        "findings": found.diagnosis.findings.to_dicts(),
    }


def _print(found: Any, report: Path) -> None:
    from mixedsignals.cli._columns import print_columns

    votes = found.exported.votes
    click.echo(f"{votes.height} votes of {votes['rater_id'].n_unique()} participants")
    for line in withheld_lines(found.exported):
        click.echo(line)
    click.echo()
    if found.gains:
        print_columns(found.gains)
        click.echo()
    for row in found.diagnosis.findings.filter(source="people").iter_rows(named=True):
        if row["clip_id"] is None and row["status"] != "not_applicable":
            click.echo(f"- {row['code']}: {row['message']}")
    for note in found.results.notes:
        click.echo(f"- {note.part}: {note.text}")
    click.echo(f"\nTables: {RunFolder(found.path).tables}\nReport: {report}")
