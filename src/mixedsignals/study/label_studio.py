"""Label Studio: a project per condition (tasks and labelling config) around rendered stimuli, and a key to read it by.

Tasks name stimuli by random tokens only, because annotators can see a task's data and a clip's own id often tells its
label. `key.csv`, which stays with the owner, says which clip each token is; `mixedsignals import label-studio` uses it.
"""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl

from mixedsignals.store import atomic
from mixedsignals.study.settings import StudySettings

__all__ = ["config", "tasks", "write_projects"]

_CONFIDENCE = 5


def write_projects(
    out: Path,
    stimuli: pl.DataFrame,
    clips: pl.DataFrame,
    settings: StudySettings,
    *,
    question: str,
    media_url: str,
    suggested: Mapping[str, tuple[str, str, float]] | None = None,
) -> list[Path]:
    """Write `OUT/CONDITION/tasks.json` and `config.xml` for every condition, and `OUT/key.csv`; give the folders.

    Args:
        out: the folder; media are expected to be served from `media_url`.
        stimuli: a `STIMULI` table; only items become tasks.
        clips: the clips, for the key.
        settings: what is asked.
        question: the question above the labels.
        media_url: what a file's name is appended to, such as `/data/local-files/?d=media/`.
        suggested: per clip a model's name, label and probability, shown to annotators as a prediction.
    """
    items = stimuli.filter(kind="item")
    folders = []
    for condition in settings.conditions:
        shown = items.filter(condition=condition)
        place = out / condition
        rows = tasks(shown, media_url=media_url, suggested=suggested or {})
        text = json.dumps(rows, ensure_ascii=False, indent=1)
        _write(place / "tasks.json", text)
        _write(place / "config.xml", config(condition, settings, question=question))
        folders.append(place)
    key = items.join(
        clips.select("clip_id", "speaker_id", "transcript"), on="clip_id", how="left", maintain_order="left"
    )
    _write(
        out / "key.csv",
        key.select(
            "stimulus_id", "clip_id", pl.col("condition").alias("given"), "speaker_id", "transcript"
        ).write_csv(),
    )
    return folders


def _write(path: Path, text: str) -> None:
    with atomic(path) as partial:
        partial.write_text(text, encoding="utf-8")


def tasks(
    shown: pl.DataFrame, *, media_url: str, suggested: Mapping[str, tuple[str, str, float]]
) -> list[dict[str, Any]]:
    """Label Studio tasks of some stimuli: their token, what is given, and the media or words to show."""
    made = []
    for row in shown.iter_rows(named=True):
        data = {"stimulus_id": row["stimulus_id"], "given": row["condition"]}
        if row["file"] is not None:
            data["media"] = media_url + row["file"]
        if row["text"] is not None:
            data["text"] = row["text"]
        task: dict[str, Any] = {"data": data}
        if row["clip_id"] in suggested:
            task["predictions"] = [_prediction(row, *suggested[row["clip_id"]])]
        made.append(task)
    return made


def _prediction(row: Mapping[str, Any], model: str, label: str, probability: float) -> dict[str, Any]:
    choice = {
        "from_name": "label",
        "to_name": _target(row["file"] is not None),
        "type": "choices",
        "value": {"choices": [label]},
    }
    return {"model_version": model, "score": probability, "result": [choice]}


def _target(has_media: bool) -> str:
    return "media" if has_media else "text"


def config(condition: str, settings: StudySettings, *, question: str) -> str:
    """The labelling config (XML) of one condition: what is shown, and the controls `label`, `scale`, `confidence`."""
    named = condition.split("+")
    picture, sound = "video" in named, any(part.startswith("audio") for part in named)
    view = ET.Element("View")
    if picture or sound:
        ET.SubElement(view, "Video" if picture else "Audio", name="media", value="$media")
    if "text" in named:
        ET.SubElement(view, "Text", name="text", value="$text")
    ET.SubElement(view, "Header", value=question)
    about = _target(picture or sound)
    if settings.labels:
        control = {"choice": "single", "required": "true", "showInline": "true"}
        choices = ET.SubElement(view, "Choices", {"name": "label", "toName": about, **control})
        for label in settings.labels:
            ET.SubElement(choices, "Choice", value=label)
    if settings.scale:
        ET.SubElement(
            view, "Header", value=f"1: {settings.scale_low}, {settings.scale}: {settings.scale_high}"
        )
        _rating(view, "scale", about, settings.scale)
    if settings.confidence:
        ET.SubElement(view, "Header", value="How sure are you?")
        _rating(view, "confidence", about, _CONFIDENCE)
    if settings.free_text:
        ET.SubElement(view, "TextArea", name="free_text", toName=about)
    ET.indent(view)
    return ET.tostring(view, encoding="unicode") + "\n"


def _rating(view: ET.Element, name: str, about: str, points: int) -> None:
    ET.SubElement(view, "Rating", name=name, toName=about, maxRating=str(points))
