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

Said = dict[str, dict[str, dict[str, float]]]  # clip -> source -> label -> probability

if TYPE_CHECKING:
    from mixedsignals.api.predicting import Prediction


@verb("predict", example="mixedsignals predict RUN clip.mp4 other.flv --json")
@click.argument("run", type=FOLDER)
@click.argument("clips", type=FOLDER, nargs=-1, required=True)
def command(run: Path, clips: tuple[Path, ...]) -> None:
    """Probabilities, gates and disagreement of CLIPS (media files, or one corpus folder) by the models of RUN.

    A clip of the run itself is predicted only by models that never saw it. A modality that a clip lacks is masked, and
    named. Probabilities are raw; --json, with one line per clip, has the calibrated ones of new clips too. With -v,
    fusion of the pairs is shown as well.
    """
    from mixedsignals import api

    made = api.predict(run, clips[0] if len(clips) == 1 else list(clips), progress=progress())
    for row in _rows(made):
        click.echo(json.dumps(row, ensure_ascii=False) if STATE.json else _line(row))


def _rows(made: Prediction) -> list[dict[str, Any]]:
    """One record per clip: probabilities by source, raw and calibrated, what parts from fusion, gates, what lacks."""
    fullest = max(made.predictions["given"].unique(), key=lambda given: given.count("+"))
    raw: Said = {clip: {} for clip in made.missing}
    calibrated: Said = {}
    columns = ("clip_id", "source", "given", "label", "probability", "calibrated")
    for clip, source, given, label, *probabilities in made.predictions.select(columns).iter_rows():
        name = source if given in (source, fullest) else f"{source} on {given}"
        for said, probability in zip((raw, calibrated), probabilities, strict=True):
            if probability is not None:
                said.setdefault(clip, {}).setdefault(name, {})[label] = probability
    gates: dict[str, dict[str, dict[str, float]]] = defaultdict(dict)
    for row in made.gates.filter(given=fullest).iter_rows(named=True):
        gates[row["clip_id"]][row["modality"]] = {"gate": row["gate"], "weight": row["weight"]}
    order = dict.fromkeys([*made.predictions["clip_id"].unique(maintain_order=True), *raw])
    return [
        {
            "clip_id": clip,
            "missing": list(made.missing.get(clip, ())),
            "sources": raw[clip],
            "calibrated": calibrated.get(clip, {}),
            "parting": _parting(raw[clip], fullest),
            "gates": gates[clip],
        }
        for clip in order
    ]


def _parting(said: dict[str, dict[str, float]], fullest: str) -> list[str]:
    """The modalities whose label is not that of the fullest fusion."""
    fused = next((name for name in said if " on " not in name and name not in fullest.split("+")), None)
    if fused is None:
        return []
    return [name for name in fullest.split("+") if name in said and _label(said[name]) != _label(said[fused])]


def _label(probabilities: dict[str, float]) -> str:
    return max(probabilities, key=lambda name: probabilities[name])


def _line(row: dict[str, Any]) -> str:
    said = [
        f"{source} {_label(probabilities)} {probabilities[_label(probabilities)]:.2f}"
        for source, probabilities in row["sources"].items()
        if STATE.verbose or " on " not in source
    ]
    lacking = f" (without {', '.join(row['missing'])})" if row["missing"] else ""
    if not said:
        return f"{row['clip_id']}{lacking}: no model can judge it"
    if row["parting"]:
        said.append(f"parts from fusion: {', '.join(row['parting'])}")
    return f"{row['clip_id']}{lacking}: {'; '.join(said)}"
