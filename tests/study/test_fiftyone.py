"""FiftyOne at its boundary: the calls that a dataset is made with, and what is said where it is not installed."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import polars as pl
import pytest

from mixedsignals.errors import CannotFinish, UsageError
from mixedsignals.study.fiftyone import make_dataset
from mixedsignals.testing import make_evidence


class Record:
    """Anything made with keywords."""

    def __init__(self, **given: Any) -> None:
        self.__dict__.update(given)


class Library:
    """The part of FiftyOne that is used, in memory."""

    Sample = Classification = Record

    def __init__(self) -> None:
        self.datasets: dict[str, list[Any]] = {}

    def dataset_exists(self, name: str) -> bool:
        return name in self.datasets

    def delete_dataset(self, name: str) -> None:
        del self.datasets[name]

    def Dataset(self, name: str, *, persistent: bool) -> Any:
        assert persistent
        assert name not in self.datasets
        self.datasets[name] = []
        return SimpleNamespace(add_samples=lambda samples, progress: self.datasets[name].extend(samples))


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch) -> Library:
    made = Library()
    monkeypatch.setitem(sys.modules, "fiftyone", made)
    return made


MADE = make_evidence(n_clips=30, n_speakers=6, seed=1)
PATHS = {clip: Path("media") / f"{clip}.mp4" for clip in MADE.clips["clip_id"].head(20)}


def test_samples_hold_votes_and_predictions_under_names_that_are_allowed(library: Library) -> None:
    count = make_dataset(
        "d",
        MADE.clips,
        PATHS,
        tables={
            "votes": MADE.votes,
            "predictions": MADE.predictions,
            "targets": MADE.targets,
            "scores": None,
        },
    )
    samples = library.datasets["d"]
    assert count == len(samples) == 20
    one = samples[0]
    assert one.filepath == str(PATHS[one.clip_id].resolve())
    assert all(name.isidentifier() for name in vars(one))
    votes = MADE.votes.filter(clip_id=one.clip_id, given="text+audio+video")
    counts = votes.group_by("label").agg(pl.col("count").fill_null(1).sum()).sort("label")
    assert one.people_text_audio_video_counts == {label: int(n) for label, n in counts.rows()}
    top = max(one.people_text_audio_video_counts.values())
    assert one.people_text_audio_video_counts[one.people_text_audio_video.label] == top
    fused = MADE.predictions.filter(clip_id=one.clip_id, source="fusion")
    mean = fused.group_by("label").agg(pl.col("probability").mean()).sort("probability", descending=True)
    assert one.fusion.label == mean["label"][0]
    assert one.fusion.confidence == pytest.approx(mean["probability"][0])


def test_a_dataset_is_replaced_only_when_told(library: Library) -> None:
    make_dataset("d", MADE.clips, PATHS)
    with pytest.raises(UsageError, match="--overwrite"):
        make_dataset("d", MADE.clips, PATHS)
    make_dataset("d", MADE.clips, PATHS, overwrite=True)
    assert len(library.datasets["d"]) == 20


def test_clips_without_files_are_no_samples(library: Library) -> None:
    with pytest.raises(CannotFinish, match="No clip has a media file"):
        make_dataset("d", MADE.clips, {})


def test_without_fiftyone_the_way_to_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fiftyone", None)
    with pytest.raises(CannotFinish, match="pip install fiftyone"):
        make_dataset("d", MADE.clips, PATHS)
