"""Whatever lies in a folder, `check_corpus` gives problems and never another exception."""

from __future__ import annotations

import csv
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mixedsignals.corpus import check_corpus

CELL = st.sampled_from(
    [
        "",
        " ",
        "c1",
        "c2",
        "../c",
        "a/b",
        "\x07",
        "..",
        "é",
        "1",
        "-1",
        "nan",
        "inf",
        "1e400",
        "neutral",
        "media/x.mp4",
    ]
) | st.text(max_size=6)
CLIPS = ("clip_id", "speaker_id", "media", "audio", "video", "start", "end", "transcript", "label")
VOTES = ("clip_id", "rater_id", "given", "occasion", "label", "count")
SPLITS = ("clip_id", "fold", "role")


def write(path: Path, columns: tuple[str, ...], rows: list[list[str]]) -> None:
    with path.open("w", encoding="utf-8", newline="", errors="surrogateescape") as file:
        csv.writer(file).writerows([columns, *rows])


def rows(columns: tuple[str, ...]) -> st.SearchStrategy[list[list[str]]]:
    return st.lists(st.lists(CELL, min_size=len(columns), max_size=len(columns)), max_size=4)


@settings(deadline=None, max_examples=60)
@given(clips=rows(CLIPS), votes=rows(VOTES), splits=rows(SPLITS), listed=st.booleans())
def test_any_cells_give_problems(
    tmp_path_factory: pytest.TempPathFactory,
    clips: list[list[str]],
    votes: list[list[str]],
    splits: list[list[str]],
    listed: bool,
) -> None:
    root = tmp_path_factory.mktemp("corpus")
    (root / "media").mkdir()
    (root / "media" / "x.mp4").write_bytes(b"no film")
    write(root / "clips.csv", CLIPS, clips)
    write(root / "votes.csv", VOTES, votes)
    write(root / "splits.csv", SPLITS, splits)
    if listed:
        (root / "corpus.toml").write_text('labels = ["neutral", "é"]\n')
    for problem in check_corpus(root):
        assert problem.code
        assert problem.message
        assert problem.severity in ("fault", "warning")
        assert str(problem)


@settings(deadline=None, max_examples=60)
@given(
    content=st.binary(max_size=200),
    toml=st.text(max_size=60) | st.sampled_from(["labels = 3", "[media]\nfolder=1"]),
)
def test_any_bytes_give_problems(tmp_path_factory: pytest.TempPathFactory, content: bytes, toml: str) -> None:
    root = tmp_path_factory.mktemp("corpus")
    (root / "clips.csv").write_bytes(content)
    (root / "corpus.toml").write_text(toml, encoding="utf-8")
    assert all(problem.code for problem in check_corpus(root))


@pytest.mark.parametrize(
    "clip_id", ["a/b", "../up", "a\\b", "tab\there", "line\nfeed", "..", ".", "nul\x00", " led", "x" * 300]
)
def test_an_id_that_is_no_name_is_named_with_its_row(tmp_path: Path, clip_id: str) -> None:
    frame = pl.DataFrame({"clip_id": ["good", clip_id, "fine"], "label": ["yes", "no", "no"]})
    frame.write_parquet(tmp_path / "clips.parquet")
    found = [(problem.code, problem.row) for problem in check_corpus(tmp_path) if problem.severity == "fault"]
    assert found == [("illegal-clip-id", 3)]


def test_an_empty_id_is_named_with_its_row(tmp_path: Path) -> None:
    (tmp_path / "clips.csv").write_text("clip_id,label\na,yes\n,no\nb,no\n")
    found = [(problem.code, problem.row) for problem in check_corpus(tmp_path) if problem.severity == "fault"]
    assert found == [("missing-value", 3)]


@pytest.mark.parametrize(
    "named", ["/etc/hostname", "../other/clip.mp4", "media/../../clip.mp4", "C:\\clips\\a.mp4"]
)
def test_a_path_outside_is_named_and_never_opened(tmp_path: Path, named: str) -> None:
    root = tmp_path / "corpus"
    root.mkdir()
    (tmp_path / "clip.mp4").write_bytes(b"no film")
    (root / "clips.csv").write_text(f"clip_id,media,label\na,{named},yes\nb,,no\n")
    found = [(problem.code, problem.row) for problem in check_corpus(root) if problem.severity == "fault"]
    assert found == [("path-outside", 2)]


def test_a_link_within_the_corpus_is_followed(tmp_path: Path) -> None:
    from mixedsignals.media import write_audio

    root = tmp_path / "corpus"
    (root / "store").mkdir(parents=True)
    (root / "media").mkdir()
    write_audio(root / "store" / "1.wav", pl.Series([0.1] * 800).to_numpy().astype("float32"))
    (root / "media" / "a.wav").symlink_to("../store/1.wav")
    (root / "clips.csv").write_text("clip_id,audio,label\na,media/a.wav,yes\nb,,no\n")
    assert [problem for problem in check_corpus(root) if problem.severity == "fault"] == []
    linked = tmp_path / "linked"
    linked.symlink_to(root)
    assert [problem for problem in check_corpus(linked) if problem.severity == "fault"] == []
