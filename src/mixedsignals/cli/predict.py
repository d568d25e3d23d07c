"""`mixedsignals predict`: what a run says of new clips."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mixedsignals.cli._options import FOLDER
from mixedsignals.cli._state import STATE
from mixedsignals.cli._verb import progress, verb

if TYPE_CHECKING:
    from mixedsignals.api.predicting import Prediction


@verb("predict", example="mixedsignals predict RUN clip.mp4 other.flv --json")
@click.argument("run", type=FOLDER)
@click.argument("clips", type=FOLDER, nargs=-1, required=True)
def command(run: Path, clips: tuple[Path, ...]) -> None:
    """Probabilities and gates of CLIPS (media files, or one corpus folder) by the models of RUN.

    A clip of the run itself is predicted only by models that never saw it. With --json, one line per clip.
    """
    from mixedsignals import api

    made = api.predict(run, clips[0] if len(clips) == 1 else list(clips), progress=progress())
    for row in _rows(made):
        click.echo(json.dumps(row, ensure_ascii=False) if STATE.json else _line(row))


def _rows(made: Prediction) -> list[dict[str, Any]]:
    """One record per clip: probabilities by source and input, gates of the fullest fusion, what was missing."""
    sources: dict[str, dict[str, dict[str, float]]] = defaultdict(lambda: defaultdict(dict))
    for clip, source, given, label, probability in made.predictions.select(
        "clip_id", "source", "given", "label", "probability"
    ).iter_rows():
        name = source if source == given else f"{source} on {given}"
        sources[clip][name][label] = probability
    gates: dict[str, dict[str, dict[str, float]]] = defaultdict(dict)
    if not made.gates.is_empty():
        fullest = max(made.gates["given"].unique(), key=lambda given: given.count("+"))
        for row in made.gates.iter_rows(named=True):
            if row["given"] == fullest:
                gates[row["clip_id"]][row["modality"]] = {"gate": row["gate"], "weight": row["weight"]}
    return [
        {
            "clip_id": clip,
            "missing": list(made.missing.get(clip, ())),
            "sources": dict(said),
            "gates": gates[clip],
        }
        for clip, said in sources.items()
    ]


def _line(row: dict[str, Any]) -> str:
    said = []
    for source, probabilities in row["sources"].items():
        label = max(probabilities, key=lambda name: probabilities[name])
        said.append(f"{source}: {label} {probabilities[label]:.2f}")
    lacking = f" (without {', '.join(row['missing'])})" if row["missing"] else ""
    return f"{row['clip_id']}{lacking}: {'; '.join(said)}"
