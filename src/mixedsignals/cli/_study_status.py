"""`mixedsignals study status`: how a study stands."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from mixedsignals.cli._options import FOLDER
from mixedsignals.cli._state import STATE
from mixedsignals.cli._study_serve import DATABASE
from mixedsignals.cli._verb import print_json, verb


@verb("status", example="mixedsignals study status STUDY --json")
@click.argument("study", type=FOLDER)
@DATABASE
def command(study: Path, database: str | None) -> None:
    """How STUDY stands: cells filled, agreement so far, people and what is flagged about them."""
    from mixedsignals import api

    view = api.study_status(study, database=database)
    if STATE.json:
        print_json({**asdict(view), "judged": view.judged, "wanted": view.wanted, "finished": view.finished})
        return
    for line in _lines(view):
        click.echo(line)


def _lines(view: Any) -> list[str]:
    state = "closed" if view.closed else "open"
    lines = [
        f"{state}; {len(view.people)} people, {view.finished} finished; "
        f"{view.judged} of {view.wanted} judgements; {view.removed.people} deleted on request"
    ]
    for each in view.filled:
        lines.append(
            f"{each.arm}: {each.judged}/{each.wanted} judgements, {each.full}/{each.cells} cells full"
        )
    for each in view.agreement:
        if each.alpha is not None:
            interval = "" if each.low is None else f" ({each.low:.2f} to {each.high:.2f})"
            lines.append(
                f"agreement given {each.given}: alpha {each.alpha:.2f}{interval} on {each.clips} clips"
            )
    for seen in view.people:
        if seen.person.excluded is not None:
            lines.append(f"{seen.person.participant_id}: excluded ({seen.person.excluded})")
        elif seen.flags:
            lines.append(f"{seen.person.participant_id}: {', '.join(seen.flags)}")
    return lines
