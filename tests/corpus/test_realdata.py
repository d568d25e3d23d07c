"""The importers on real corpora: what the data give, never what was published about them."""

from __future__ import annotations

import time
from pathlib import Path

import polars as pl
import pytest

from mixedsignals.corpus import (
    import_corpus,
    load_lenient,
    make_splits,
    make_targets,
    read_corpus,
    read_features,
)
from mixedsignals.errors import CannotFinish

pytestmark = pytest.mark.realdata


def test_ravdess(realdata: Path, tmp_path: Path) -> None:
    began = time.perf_counter()
    summary = import_corpus("ravdess", realdata / "ravdess", tmp_path / "corpus", media="link")
    corpus = read_corpus(tmp_path / "corpus")
    assert time.perf_counter() - began < 5
    assert (summary.n_clips, summary.n_speakers, summary.n_media) == (1440, 24, 1440)
    assert len(corpus.labels) == 8
    assert dict(corpus.clips["label"].value_counts().iter_rows()) == {
        n: 192 - 96 * (n == "neutral") for n in corpus.labels
    }
    assert corpus.clips.group_by("transcript").agg(pl.col("label").n_unique())["label"].to_list() == [8, 8]
    made = make_targets(corpus.clips, None, None, corpus.labels)
    assert (made.source, len(made.labels_by_clip), made.excluded, made.missing) == ("label", 1440, (), ())
    splits = make_splits(list(made.labels_by_clip), made.labels_by_clip, corpus.groups)
    actors = (
        splits.join(corpus.clips, on="clip_id").group_by("fold", "speaker_id").agg(pl.col("role").n_unique())
    )
    assert actors["role"].max() == 1
    # A row of the action units as the file has it, found by its id.
    units = read_features(corpus.features["video"], "video")
    assert len(units) == 1440
    row = units.select(["01-01-01-01-02"]).values[0]
    assert row[:4] == pytest.approx([0.0, 0.341284, 0.034954, 0.05367])


def test_cremad_votes(realdata: Path, tmp_path: Path) -> None:
    began = time.perf_counter()
    summary = import_corpus("cremad", realdata / "cremad", tmp_path / "corpus")
    corpus = read_corpus(tmp_path / "corpus")
    assert time.perf_counter() - began < 5
    assert (summary.n_clips, summary.n_speakers, summary.n_votes, summary.n_media) == (7442, 91, 212_000, 6)
    assert corpus.votes is not None
    assert dict(corpus.votes.group_by("given").agg(pl.col("count").sum()).iter_rows()) == {
        "audio": 68_568,
        "video": 71_654,
        "audio+video": 71_778,
    }
    assert corpus.votes["rater_id"].null_count() == corpus.votes.height
    assert corpus.clips.null_count().select("speaker_id", "transcript", "label", "age").row(0) == (0, 0, 0, 0)
    assert corpus.clips.filter(pl.col("faulty") == "yes").height == 4
    assert sum(warning.code == "faulty-clip" for warning in summary.warnings) == 4
    _, problems = load_lenient(tmp_path / "corpus")
    assert problems == []


def test_cremad_majorities_are_those_of_its_own_summary(realdata: Path, tmp_path: Path) -> None:
    import_corpus("cremad", realdata / "cremad", tmp_path / "corpus")
    corpus = read_corpus(tmp_path / "corpus")
    unlabelled = corpus.clips.with_columns(label=pl.lit(None, dtype=pl.String))
    made = make_targets(unlabelled, corpus.votes, None, corpus.labels)
    assert made.given == "audio+video"
    letters = {name[0].upper(): name for name in corpus.labels}
    published = pl.read_csv(realdata / "cremad" / "summaryTable.csv", infer_schema=False)
    majority = dict(published.select("FileName", "MultiModalVote").iter_rows())
    tied = {clip for clip, vote in majority.items() if ":" in vote}
    assert set(made.excluded) == tied
    assert made.labels_by_clip == {clip: letters[vote] for clip, vote in majority.items() if clip not in tied}


def test_six_real_clips_can_be_read_and_not_split(realdata: Path, tmp_path: Path) -> None:
    import_corpus("cremad", realdata / "cremad", tmp_path / "corpus", only_media=True)
    corpus = read_corpus(tmp_path / "corpus")
    assert corpus.clips.height == 6
    assert corpus.modalities == ("text", "audio", "video")
    made = make_targets(corpus.clips, corpus.votes, None, corpus.labels)
    with pytest.raises(CannotFinish, match="the 6 clips with a target have 1 speaker"):
        make_splits(list(made.labels_by_clip), made.labels_by_clip, corpus.groups)
