"""`mixedsignals predict`: what a run says of new clips."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mixedsignals.cli._columns import print_columns
from mixedsignals.cli._options import FOLDER
from mixedsignals.cli._state import STATE
from mixedsignals.cli._verb import progress, verb

Said = dict[str, dict[str, dict[str, float]]]  # clip -> source -> label -> probability

if TYPE_CHECKING:
    from mixedsignals.api.predicting import Prediction


@verb("predict", example="mixedsignals predict RUN clip.mp4 other.flv --json")
@click.argument("run", type=FOLDER)
@click.argument("clips", type=FOLDER, nargs=-1, required=True)
@click.option(
    "--risk",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    default=0.1,
    show_default=True,
    help="Highest share of errors among the clips to believe.",
)
@click.option(
    "--transcribe",
    is_flag=True,
    help="Hear the words of clips without transcript (Whisper tiny.en, English).",
)
def command(run: Path, clips: tuple[Path, ...], risk: float, transcribe: bool) -> None:
    """Probabilities, gates and disagreement of CLIPS by the models of RUN, and whether to believe them.

    CLIPS are media files, a folder of them, or a corpus folder. A clip of the run itself is predicted only by models
    that never saw it. A modality that a clip lacks is masked, and named; the clip is then judged by the model trained
    on just what it has. It is believed where that model's errors on the run's clips, at such confidence, stay within
    --risk with 95 % certainty; else a person is to be asked. Disagreement is the divergence of the single modalities,
    with its percentile among the run's clips. --json has one line per clip, with all probabilities; -v shows fusion of
    the pairs as well.
    """
    from mixedsignals import api

    given = clips[0] if len(clips) == 1 else list(clips)
    made = api.predict(run, given, risk=risk, transcribe=transcribe, progress=progress())
    rows = _rows(made)
    if STATE.json:
        for row in rows:
            click.echo(json.dumps(row, ensure_ascii=False))
        return
    print_columns([_cells(row, rows) for row in rows])
    for line in _notes(made, risk):
        progress().say(line)


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
    # A second fusion has gates of its own; those shown are of the first.
    for row in made.gates.filter(given=fullest, source="fusion").iter_rows(named=True):
        gates[row["clip_id"]][row["modality"]] = {"gate": row["gate"], "weight": row["weight"]}
    judged = {row["clip_id"]: row for row in made.judgements.iter_rows(named=True)}
    order = dict.fromkeys([*made.predictions["clip_id"].unique(maintain_order=True), *raw])
    return [
        {
            "clip_id": clip,
            "missing": list(made.missing.get(clip, ())),
            **({"transcribed": made.transcribed[clip]} if clip in made.transcribed else {}),
            "sources": raw[clip],
            "calibrated": calibrated.get(clip, {}),
            "parting": _parting(raw[clip], fullest),
            "gates": gates[clip],
            **_judged(judged.get(clip)),
        }
        for clip in order
    ]


def _judged(row: dict[str, Any] | None) -> dict[str, Any]:
    """What is said of the clip as a whole; nulls where no model can judge it."""
    if row is None:
        row = dict.fromkeys(("label", "confidence", "is_calibrated", "disagreement", "percentile", "given"))
        row |= {"believe": None, "reason": "no model can judge it"}
    advice = "cannot be told" if row["believe"] is None else "believe" if row["believe"] else "ask a person"
    return {
        "label": row["label"],
        "judged_by": row["given"],
        "confidence": row["confidence"],
        "confidence_is_calibrated": row["is_calibrated"],
        "disagreement": {"jsd_bits": row["disagreement"], "percentile": row["percentile"]},
        "advice": advice,
        "reason": row["reason"],
    }


def _parting(said: dict[str, dict[str, float]], fullest: str) -> list[str]:
    """The modalities whose label is not that of the fullest fusion."""
    fused = next((name for name in said if " on " not in name and name not in fullest.split("+")), None)
    if fused is None:
        return []
    return [name for name in fullest.split("+") if name in said and _label(said[name]) != _label(said[fused])]


def _label(probabilities: dict[str, float]) -> str:
    return max(probabilities, key=lambda name: probabilities[name])


def _cells(row: dict[str, Any], rows: list[dict[str, Any]]) -> dict[str, str]:
    """A line of the table: every source's label and probability, the divergence and the advice."""
    sources = dict.fromkeys(
        source for one in rows for source in one["sources"] if STATE.verbose or " on " not in source
    )
    cells = {"clip": row["clip_id"]}
    for source in sources:
        said = row["sources"].get(source)
        cells[source] = f"{_label(said)} {said[_label(said)]:.2f}" if said else "-"
    apart = row["disagreement"]
    bits, percentile = apart["jsd_bits"], apart["percentile"]
    where = "" if percentile is None else f" (percentile {percentile:.0f})"
    cells["bits apart"] = "-" if bits is None else f"{bits:.2f}{where}"
    sure = "" if row["confidence"] is None else f"{row['label']} {row['confidence']:.2f}: "
    cells["advice"] = f"{sure}{row['advice']}" if row["label"] else row["reason"]
    if any(one["missing"] for one in rows):
        cells["missing"] = ", ".join(row["missing"])
    return cells


def _notes(made: Prediction, risk: float) -> Iterator[str]:
    """The rules behind the advice, what was heard, and what is not calibrated."""
    for (source, given), rule in made.rules.items():
        name = source if source == given else f"{source} of {given}"
        behind = f"{rule.n_clips} clips of {rule.n_groups} speakers"
        if rule.threshold is None:
            way = f"; --risk {rule.lowest:g} is the lowest it can promise" if rule.lowest else ""
            yield f"{name}: this run cannot keep errors at {risk:.0%} at any confidence (set on {behind}){way}."
        else:
            yield (
                f"{name}: believed from a confidence of {rule.threshold:.2f}, where {rule.coverage:.0%} of the run's "
                f"clips lie; with {rule.level:.0%} certainty at most {risk:.0%} of clips like those are wrong "
                f"(set on {behind})."
            )
    for clip, words in made.transcribed.items():
        yield f"{clip}: heard “{words}”"
    if made.judgements.height and not made.judgements["is_calibrated"].all():
        yield "Confidences are not calibrated: run `mixedsignals diagnose` on the run first."
