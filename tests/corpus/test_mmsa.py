"""The MMSA format: labels with and without a header, splits, pooled features."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from mixedsignals.corpus import import_corpus, read_corpus
from mixedsignals.errors import InputError, UsageError

HEADER = "video_id,clip_id,text,label,label_T,label_A,label_V,annotation,mode\n"
ROWS = (
    'video_0001,0001,"Well, no",-0.8,-1,0.0,0.2,Negative,train\n'
    "video_0001,0002,It is,0.0,0,,0.0,Neutral,train\n"
    "video_0002,0001,Great,1.0,1,1,1,Positive,valid\n"
    "video_0003,0001,Great,0.6,1,1,1,Positive,test\n"
)
IDS = ["video_0001$_$0001", "video_0001$_$0002", "video_0002$_$0001", "video_0003$_$0001"]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "SIMS"
    (folder / "Raw" / "video_0001").mkdir(parents=True)
    (folder / "Raw" / "video_0001" / "0002.mp4").write_bytes(b"-")
    (folder / "label.csv").write_text(HEADER + ROWS)
    return folder


@pytest.mark.parametrize("header", [HEADER, ""])
def test_labels_scores_media_and_splits(source: Path, tmp_path: Path, header: str) -> None:
    (source / "label.csv").write_text(header + ROWS)
    summary = import_corpus("mmsa", source, tmp_path / "out")
    assert [warning.code for warning in summary.warnings] == ["no-speakers"]
    corpus = read_corpus(tmp_path / "out")
    assert (corpus.name, corpus.labels.names, corpus.labels.kind) == (
        "SIMS",
        ("Negative", "Neutral", "Positive"),
        "ordinal",
    )
    assert corpus.clips["clip_id"].to_list() == IDS
    assert corpus.clips["transcript"][0] == "Well, no"
    assert corpus.clips["score"].to_list() == [-0.8, 0.0, 1.0, 0.6]
    assert corpus.clips["label_A"].to_list() == [0.0, None, 1.0, 1.0]
    assert corpus.clips["media"].to_list() == [None, "media/video_0001/0002.mp4", None, None]
    assert corpus.splits is not None
    assert corpus.splits["role"].to_list() == ["train", "train", "tune", "test"]


def test_videos_as_speakers_and_folds_to_be_made(source: Path, tmp_path: Path) -> None:
    (source / "label.csv").write_text(HEADER + ROWS.replace("Neutral,train", "Neutral,test"))
    summary = import_corpus("mmsa", source, tmp_path / "given")
    assert [warning.code for warning in summary.warnings] == ["video-in-two-parts", "no-speakers"]
    summary = import_corpus("mmsa", source, tmp_path / "made", speaker="video", splits="make")
    assert (summary.n_speakers, summary.warnings) == (3, ())
    assert read_corpus(tmp_path / "made").splits is None
    with pytest.raises(UsageError, match="none, video"):
        import_corpus("mmsa", source, tmp_path / "bad", speaker="person")


def test_a_headerless_file_only_where_it_is_certain(source: Path, tmp_path: Path) -> None:
    (source / "label.csv").write_text(ROWS.replace("Negative,train", "Bad,train"))
    with pytest.raises(InputError, match=r"label\.csv, row 1: no column video_id.*no row of data either"):
        import_corpus("mmsa", source, tmp_path / "out")
    (source / "label.csv").write_text(ROWS.replace("Neutral,train", "Neutral,dev"))
    with pytest.raises(InputError, match="row 2: mode is 'dev'"):
        import_corpus("mmsa", source, tmp_path / "out")


def test_every_faulty_cell_at_once(source: Path, tmp_path: Path) -> None:
    bad = "../x,0001,t,1,,,,Positive,train\nv,,t,high,,,,Joyful,train\n"
    (source / "label.csv").write_text(HEADER + bad)
    with pytest.raises(InputError) as caught:
        import_corpus("mmsa", source, tmp_path / "out")
    assert {(p.row, p.message.split(" is ")[0]) for p in caught.value.problems} == {
        (2, "video_id"),
        (3, "clip_id"),
        (3, "annotation"),
        (3, "label"),
    }


def part(ids: list[str], steps: int = 4) -> dict[str, Any]:
    """Clip number i (by its id's place in IDS) has i + 1 real steps of value i + 1; the rest is padding of 99."""
    numbers = np.array([IDS.index(clip) + 1 for clip in ids])
    real = np.arange(steps) < numbers[:, None]
    values = np.where(real, numbers[:, None], 99)[..., None] * np.array([1.0, 10.0])
    tokens = np.stack([np.zeros_like(real), real, np.zeros_like(real)], axis=1).astype(np.int64)
    return {
        "id": ids,
        "audio": values.astype(np.float32),
        "audio_lengths": numbers.tolist(),
        "vision": values * 2,
        "vision_lengths": numbers,
        "text": values * 3,
        "text_bert": tokens,
        "raw_text": np.array(["x"] * len(ids), dtype=object),
        "regression_labels": np.zeros(len(ids)),
    }


def write(path: Path, content: object) -> Path:
    path.write_bytes(pickle.dumps(content))
    return path


def test_features_are_averaged_over_real_steps_and_joined_by_id(source: Path, tmp_path: Path) -> None:
    content = {"train": part([IDS[1], IDS[0]]), "valid": part([IDS[2]]), "test": part([IDS[3]])}
    summary = import_corpus("mmsa", source, tmp_path / "out", features=write(tmp_path / "f.pkl", content))
    assert summary.features == ("text", "audio", "video")
    corpus = read_corpus(tmp_path / "out")
    for modality, factor in (("audio", 1), ("video", 2), ("text", 3)):
        rows = {row[0]: row[1:] for row in pl.read_parquet(corpus.features[modality]).iter_rows()}
        assert rows == {clip: (factor * n, factor * n * 10.0) for n, clip in enumerate(IDS, start=1)}


def test_padding_without_lengths_broken_steps_and_absent_clips_are_told(source: Path, tmp_path: Path) -> None:
    audio = np.zeros((2, 3, 2))
    audio[0, :2] = [[1, 2], [-np.inf, 4]]  # clip 1 is all zero: it lacks the modality
    content = {
        "train": {"id": np.array(IDS[:2]), "audio": audio},
        "test": {"id": IDS[3:], "audio": np.ones((1, 2))},
    }
    summary = import_corpus("mmsa", source, tmp_path / "out", features=write(tmp_path / "f.pkl", content))
    assert [w.code for w in summary.warnings] == ["no-speakers", "no-lengths", "not-finite"]
    rows = pl.read_parquet(tmp_path / "out" / "features" / "audio.parquet").rows()
    assert rows == [(IDS[0], 1.0, 2.0), (IDS[3], 1.0, 1.0)]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ([1, 2], "holds no features"),
        ({"train": {"id": ["x"], "audio": np.ones((1, 2, 3))}}, "1 clips are not in label.csv: x"),
        ({"train": {"id": IDS, "audio": np.ones((1, 2, 3))}}, r"shape \(1, 2, 3\)"),
        ({"train": {"id": IDS[:1], "audio": np.array([["a"]])}}, "legal are numbers"),
        (
            {
                "train": {"id": IDS[:1], "audio": np.ones((1, 2))},
                "test": {"id": IDS[3:], "audio": np.ones((1, 3))},
            },
            "features of audio differ in width",
        ),
    ],
)
def test_feature_files_of_another_form(source: Path, tmp_path: Path, content: object, said: str) -> None:
    with pytest.raises(InputError, match=said):
        import_corpus("mmsa", source, tmp_path / "out", features=write(tmp_path / "f.pkl", content))
    assert not (tmp_path / "out").exists()
