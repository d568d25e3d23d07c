"""To Label Studio and back: what annotators get, and their annotations as votes with `given` and annotators kept."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import av
import polars as pl
import pytest

from mixedsignals import api
from mixedsignals.errors import InputError, UsageError
from mixedsignals.study.label_studio import config
from mixedsignals.study.settings import StudySettings

CONDITIONS = ("audio", "text+audio+video")


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five clips of the built-in corpus, with its own media."""
    folder = tmp_path_factory.mktemp("few")
    pl.read_csv(api.playhouse() / "clips.csv", infer_schema=False).head(5).write_csv(folder / "clips.csv")
    toml = f'name = "few"\nlabels = ["neutral", "empathetic"]\n[media]\nfolder = "{api.playhouse()}"\n'
    (folder / "corpus.toml").write_text(toml, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def exported(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project per condition."""
    out = tmp_path_factory.mktemp("ls") / "projects"
    made = api.export_label_studio(corpus, out, conditions=CONDITIONS)
    assert (made.n_tasks, made.n_files, len(made.projects)) == (10, 10, 2)
    return out


def tasks(folder: Path, condition: str) -> list[dict[str, Any]]:
    """The tasks of one project."""
    found: list[dict[str, Any]] = json.loads((folder / condition / "tasks.json").read_text(encoding="utf-8"))
    return found


def annotated(task: dict[str, Any], who: Any, label: str | None, **more: Any) -> dict[str, Any]:
    """An annotation as Label Studio's full export has it."""
    results = []
    if label is not None:
        results.append(
            {"from_name": "label", "to_name": "media", "type": "choices", "value": {"choices": [label]}}
        )
    if "confidence" in more:
        rating = {"rating": more.pop("confidence")}
        results.append({"from_name": "confidence", "to_name": "media", "type": "rating", "value": rating})
    return {"completed_by": who, "lead_time": 4.5, "was_cancelled": False, "result": results, **more}


def test_annotators_get_what_is_given_and_no_name(exported: Path) -> None:
    for condition, kinds in (("audio", {"audio"}), ("text+audio+video", {"audio", "video"})):
        for task in tasks(exported, condition):
            data = task["data"]
            assert set(data) == {"stimulus_id", "given", "media"} | (
                {"text"} if "text" in condition else set()
            )
            assert data["given"] == condition
            file = exported / "media" / data["media"].removeprefix("/data/local-files/?d=media/")
            with av.open(str(file)) as container:
                assert {stream.type for stream in container.streams} == kinds
            assert "ph0" not in json.dumps(task)


def test_every_variable_of_the_config_is_in_the_tasks_and_every_label_a_choice(exported: Path) -> None:
    for condition in CONDITIONS:
        view = ET.fromstring((exported / condition / "config.xml").read_text(encoding="utf-8"))
        variables = {value[1:] for tag in view.iter() if (value := tag.get("value", "")).startswith("$")}
        assert variables <= set(tasks(exported, condition)[0]["data"])
        assert [choice.get("value") for choice in view.iter("Choice")] == ["neutral", "empathetic"]
        shown = {tag.get("name") for tag in view if tag.get("value", "").startswith("$")}
        assert {tag.get("toName") for tag in view if tag.get("toName")} <= shown


def test_a_config_escapes_what_labels_hold() -> None:
    study = StudySettings("s", ("text",), labels=('<b>"&', "other"), scale=5, free_text=True)
    view = ET.fromstring(config("text", study, question="What & why?"))
    assert next(view.iter("Choice")).get("value") == '<b>"&'
    assert {tag.get("name") for tag in view.iter() if tag.get("toName")} == {
        "label",
        "scale",
        "confidence",
        "free_text",
    }


def test_round_trip_with_several_annotators(exported: Path, corpus: Path, tmp_path: Path) -> None:
    said: dict[tuple[str, str, str], str] = {}
    key = {
        row["stimulus_id"]: row for row in pl.read_csv(exported / "key.csv", infer_schema=False).to_dicts()
    }
    folder = tmp_path / "annotations"
    folder.mkdir()
    for condition in CONDITIONS:
        made = tasks(exported, condition)
        for number, task in enumerate(made):
            labels = {"1": "neutral", "2": "empathetic" if number % 2 else "neutral", "7": "empathetic"}
            task["annotations"] = [
                annotated(task, int(who), label, confidence=4, created_at=f"2026-01-01T00:00:{number:02}Z")
                for who, label in labels.items()
            ]
            task["annotations"].append(annotated(task, 9, None, was_cancelled=True))
            clip = key[task["data"]["stimulus_id"]]["clip_id"]
            said |= {(clip, who, condition): label for who, label in labels.items()}
        (folder / f"{condition}.json").write_text(json.dumps(made), encoding="utf-8")
    summary = api.import_corpus(
        "label-studio",
        folder,
        tmp_path / "back",
        key=str(exported / "key.csv"),
        labels=["neutral", "empathetic"],
    )
    assert any("10 cancelled" in str(warning) for warning in summary.warnings)
    back = api.read(tmp_path / "back")
    assert back.votes is not None
    rows = back.votes.select("clip_id", "rater_id", "given", "label").rows()
    assert {row[:3]: row[3] for row in rows} == said
    assert set(back.votes["confidence"]) == {4.0}
    assert set(back.votes["seconds"]) == {4.5}
    original = api.read(corpus).clips.select("clip_id", "speaker_id", "transcript").sort("clip_id")
    assert back.clips.select("clip_id", "speaker_id", "transcript").sort("clip_id").equals(original)
    assert back.labels.names == ("neutral", "empathetic")


def test_the_short_export_and_repeats(tmp_path: Path) -> None:
    rows = [
        {
            "id": 1,
            "clip_id": "a",
            "given": "video + audio",
            "label": "x",
            "annotator": 3,
            "lead_time": 1,
            "confidence": 2,
        },
        {
            "id": 1,
            "clip_id": "a",
            "given": "audio+video",
            "label": "y",
            "annotator": 3,
            "created_at": "2026-02",
        },
        {"id": 2, "clip_id": "b", "given": "text", "label": "y", "annotator": {"id": 5, "email": "a@b.c"}},
    ]
    (tmp_path / "min.json").write_text(json.dumps(rows), encoding="utf-8")
    api.import_corpus("label-studio", tmp_path / "min.json", tmp_path / "back")
    votes = api.read(tmp_path / "back").votes
    assert votes is not None
    assert votes.sort("clip_id", "occasion").select(
        "clip_id", "rater_id", "given", "occasion", "label"
    ).rows() == [
        ("a", "3", "audio+video", 0, "x"),
        ("a", "3", "audio+video", 1, "y"),
        ("b", "5", "text", 0, "y"),
    ]


def test_annotations_of_nobody_are_counted(tmp_path: Path) -> None:
    rows = [{"clip_id": "a", "label": label} for label in "xxy"]
    (tmp_path / "min.json").write_text(json.dumps(rows), encoding="utf-8")
    api.import_corpus("label-studio", tmp_path / "min.json", tmp_path / "back", given="text")
    votes = api.read(tmp_path / "back").votes
    assert votes is not None
    assert votes.sort("label").select("rater_id", "label", "count").rows() == [(None, "x", 2), (None, "y", 1)]


def test_every_bad_annotation_is_named(exported: Path, tmp_path: Path) -> None:
    made = tasks(exported, "audio")
    made[0]["annotations"] = [annotated(made[0], 1, None)]
    two = annotated(made[1], 1, "neutral")
    two["result"][0]["value"]["choices"].append("empathetic")
    made[1]["annotations"] = [two]
    made[2]["data"]["stimulus_id"] = "unheard-of"
    made[2]["annotations"] = [annotated(made[2], 1, "neutral")]
    made.append({"data": {"clip_id": "x", "given": "smell"}, "annotations": [annotated({}, 1, "neutral")]})
    (tmp_path / "bad.json").write_text(json.dumps(made), encoding="utf-8")
    with pytest.raises(InputError) as caught:
        api.import_corpus(
            "label-studio", tmp_path / "bad.json", tmp_path / "back", key=str(exported / "key.csv")
        )
    told = str(caught.value)
    for what in ("no label was chosen", "several labels", "unheard-of is not in the key", "'smell'"):
        assert what in told
    assert not (tmp_path / "back").exists()


@pytest.mark.parametrize("content", ["", "{}", "[1]", "[]", '[{"data": {}}]'])
def test_what_is_no_export_is_refused_in_words(tmp_path: Path, content: str) -> None:
    (tmp_path / "odd.json").write_text(content, encoding="utf-8")
    with pytest.raises(InputError):
        api.import_corpus("label-studio", tmp_path / "odd.json", tmp_path / "back")


def test_a_study_is_exported_with_its_own_stimuli(tmp_path: Path) -> None:
    chosen = {"conditions": ("text", "audio-lowpass"), "items_per_participant": 2}
    study = api.create_study(api.playhouse(), tmp_path / "study", settings=chosen, clips=4, simulations=0)
    made = api.export_label_studio(study.path, tmp_path / "out")
    assert (made.n_tasks, made.n_files) == (4, 2)
    own = pl.read_parquet(study.path / "stimuli.parquet").filter(kind="item")
    key = pl.read_csv(tmp_path / "out" / "key.csv", infer_schema=False)
    assert set(key["stimulus_id"]) == set(own["stimulus_id"])
    with pytest.raises(UsageError, match="its own conditions"):
        api.export_label_studio(study.path, tmp_path / "other", conditions=["video"])
    with pytest.raises(InputError, match="not empty"):
        api.export_label_studio(study.path, tmp_path / "out")
    with pytest.raises(UsageError, match="goes with a run"):
        api.export_label_studio(study.path, tmp_path / "other", suggest=True)
