"""`mixedsignals study export`: the votes of a study as a table, and what was withheld from it."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from mixedsignals.cli._options import FOLDER
from mixedsignals.cli._state import STATE
from mixedsignals.cli._study_serve import DATABASE
from mixedsignals.cli._verb import print_json, verb

__all__ = ["command", "withheld_lines"]


@verb("export", example="mixedsignals study export STUDY --out votes.parquet")
@click.argument("study", type=FOLDER)
@click.option("--out", "-o", type=FOLDER, required=True, metavar="FILE", help="A .parquet or .csv file.")
@click.option(
    "--keep",
    type=click.Choice(["repeats", "later"]),
    multiple=True,
    help="Have test-retest repeats, or second looks of a counterfactual design, among the votes (occasion above 0).",
)
@click.option(
    "--answers",
    type=FOLDER,
    metavar="FILE",
    help="Everything that was said, too: practice, checks, free text, excluded people, each marked.",
)
@DATABASE
def command(study: Path, out: Path, **options: Any) -> None:
    """Write the votes of STUDY in the table of the design, with position, arm and occasion, and say what was withheld.

    Only what people said when they met a clip for the first time is a vote, unless you --keep more.
    """
    from mixedsignals import api

    found = api.export_study(study, out, **options)
    if STATE.json:
        print_json(
            {
                "out": str(out),
                "votes": found.votes.height,
                "withheld": [asdict(one) for one in found.withheld],
                "excluded": found.excluded.to_dicts(),
                "failed_checks": found.failed.to_dicts(),
            }
        )
        return
    click.echo(f"{out}: {_votes(found.votes)}")
    for line in withheld_lines(found):
        click.echo(line)


def _votes(votes: Any) -> str:
    raters, clips = votes["rater_id"].n_unique(), votes["clip_id"].n_unique()
    given = ", ".join(votes["given"].unique().sort())
    return f"{votes.height} votes of {raters} participants on {clips} clips given {given or 'nothing'}"


def withheld_lines(found: Any) -> list[str]:
    """What was left out of the votes, a line for each reason and excluded person, and who missed checks."""
    lines = [
        f"withheld: {one.answers} answers {one.meaning} ({one.participants} participants)"
        for one in found.withheld
    ]
    lines += [
        f"  excluded {rater}: {reason} ({answers} answers)"
        for rater, reason, answers in found.excluded.rows()
    ]
    gone = set(found.excluded["rater_id"])
    missed = [
        f"{rater} ({failed} of {checks})"
        for rater, failed, checks in found.failed.rows()
        if rater not in gone
    ]
    if missed:
        lines.append(f"note: missed attention checks and are not excluded: {', '.join(missed)}")
    return lines or ["withheld: nothing"]
