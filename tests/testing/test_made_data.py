"""Made data: conforms to the schemas, is the same each time, and holds the effects that were planted."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mixedsignals.errors import UsageError
from mixedsignals.tables import CLIPS, PREDICTIONS, SPLITS, TARGETS, VOTES, conform, read_table
from mixedsignals.testing import Plan, make_corpus, make_evidence, make_predictions, make_votes


@settings(deadline=None, max_examples=25)
@given(
    n_clips=st.integers(1, 60),
    n_speakers=st.one_of(st.none(), st.integers(1, 70)),
    labels=st.integers(2, 5).map(lambda k: tuple("abcde"[:k])),
    kind=st.sampled_from(["nominal", "ordinal"]),
    seed=st.integers(0, 1000),
    ids=st.booleans(),
)
def test_every_table_of_any_plan_conforms_to_its_schema(
    n_clips: int, n_speakers: int | None, labels: tuple[str, ...], kind: str, seed: int, ids: bool
) -> None:
    made = make_evidence(
        n_clips=n_clips,
        n_speakers=n_speakers,
        labels=labels,
        kind=kind,
        seed=seed,
        missing={"video": 0.3},
        n_raters=32 if ids else None,
        votes_per_clip=(1, 4),
    )
    for table, frame in (
        (CLIPS, made.clips),
        (VOTES, made.votes),
        (TARGETS, made.targets),
        (SPLITS, made.splits),
        (PREDICTIONS, made.predictions),
    ):
        conform(table, frame, labels=made.labels)
    sums = made.predictions.group_by("seed", "clip_id", "source", "given").agg(pl.col("probability").sum())
    assert (sums["probability"] - 1).abs().max() < 1e-9


def test_the_same_plan_gives_the_same_tables_and_another_seed_others() -> None:
    plan = Plan(n_clips=50)
    assert make_predictions(plan).equals(make_predictions(plan))
    assert not make_predictions(plan).equals(make_predictions(plan, seed=1))
    assert make_votes(plan).equals(make_evidence(plan).votes)


def test_a_million_clips_are_made_in_seconds() -> None:
    made = make_predictions(
        n_clips=1_000_000, n_speakers=1000, seeds=(1,), strength={"text": 1.0, "audio": 1.0}
    )
    assert len(made) == 1_000_000 * 3 * 2


def test_strength_is_accuracy_and_none_is_chance() -> None:
    made = make_evidence(n_clips=4000, strength={"text": 0.0, "audio": 1.0, "video": 3.0}, seeds=(1,))
    top = made.predictions.sort("probability", descending=True).unique(
        ["clip_id", "source"], keep="first", maintain_order=True
    )
    truth = made.targets.select("clip_id", truth="label")
    right = top.join(truth, on="clip_id").group_by("source").agg((pl.col("label") == pl.col("truth")).mean())
    accuracy = dict(right.iter_rows())
    assert accuracy["text"] == pytest.approx(0.5, abs=0.04)
    assert accuracy["text"] < accuracy["audio"] < accuracy["video"] <= accuracy["fusion"]


def test_made_probabilities_are_calibrated_when_nothing_spoils_them() -> None:
    made = make_evidence(n_clips=20_000, seeds=(1,), seed_noise=0.0, speaker_effect=0.0)
    video = made.predictions.filter(pl.col("source") == "video", pl.col("label") == "empathetic")
    joined = video.join(made.targets.select("clip_id", truth="label"), on="clip_id")
    said, seen = joined["probability"].to_numpy(), (joined["truth"] == "empathetic").to_numpy()
    for low in np.arange(0, 1, 0.2):
        held = (said >= low) & (said < low + 0.2)
        assert seen[held].mean() == pytest.approx(said[held].mean(), abs=0.04)


def test_conflicts_turn_the_cue_of_the_modality_that_they_name() -> None:
    truth = make_evidence(n_clips=3000, conflict={"audio": 0.2}, strength={"text": 3.0, "audio": 3.0}).truth
    turned = truth["conflicted"] == "audio"
    share = turned.fill_null(value=False)
    assert share.mean() == pytest.approx(0.2, abs=0.03)
    assert truth.filter(share)["strength_audio"].median() < -3
    assert truth.filter(share)["strength_text"].median() > 3


def test_nobody_judges_a_clip_twice_and_counts_are_as_planned() -> None:
    votes = make_votes(n_clips=200, n_raters=24, votes_per_clip=(2, 6))
    assert votes.select(pl.struct("clip_id", "rater_id").n_unique()).item() == len(votes)
    per = votes.group_by("clip_id", "given").len()["len"]
    assert (per.min(), per.max()) == (2, 6)


def test_anonymous_votes_are_counts_without_ids() -> None:
    votes = make_votes(n_clips=100, n_raters=None, votes_per_clip=9)
    assert votes["rater_id"].null_count() == len(votes)
    assert set(votes.group_by("clip_id", "given").agg(pl.col("count").sum())["count"]) == {9}


def test_careless_raters_vote_at_random() -> None:
    careful = make_votes(n_clips=600, careless=0.0, strength={"text": 4.0}, conditions=("text",))
    careless = make_votes(n_clips=600, careless=1.0, strength={"text": 4.0}, conditions=("text",))

    def split(votes: pl.DataFrame) -> float:
        counts = votes.group_by("clip_id", "label").len().group_by("clip_id").len()["len"]
        return float((counts > 1).mean())

    assert split(careless) > 0.9 > 0.6 > split(careful)


def test_folds_keep_speakers_together() -> None:
    made = make_evidence(n_clips=100, n_speakers=10)
    joined = made.splits.join(made.clips, on="clip_id")
    assert joined.group_by("fold", "speaker_id").agg(pl.col("role").n_unique())["role"].max() == 1
    tested = made.splits.filter(pl.col("role") == "test").group_by("clip_id").len()["len"]
    assert (tested == 1).all()
    assert len(tested) == 100


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"clips": 5}, "no clips"),
        ({"n_clips": 0}, "n_clips is 0"),
        ({"labels": ("one",)}, "fewer than two labels"),
        ({"conflict": {"smell": 0.1}}, "smell"),
        ({"prior": (1.0,)}, "prior"),
        ({"n_clips": 0, "n_speakers": 0}, "n_speakers is 0"),
    ],
)
def test_plans_that_cannot_be_are_refused(changes: dict[str, object], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        make_evidence(**changes)


def test_too_few_raters_are_refused() -> None:
    with pytest.raises(UsageError, match="nobody judges a clip twice"):
        make_votes(n_clips=5, n_raters=8, votes_per_clip=6)


def test_a_corpus_folder_has_tables_features_and_settings(tmp_path: Path) -> None:
    world = make_corpus(tmp_path / "corpus", n_clips=30, missing={"audio": 0.3})
    clips = read_table(CLIPS, tmp_path / "corpus" / "clips.csv")
    assert clips["clip_id"].to_list() == world.clip_ids.to_list()
    assert clips["transcript"].null_count() == 0
    audio = pl.read_parquet(tmp_path / "corpus" / "features" / "audio.parquet")
    assert len(audio) == int(world.present["audio"].sum()) < 30
    read_table(VOTES, tmp_path / "corpus" / "votes.csv")
    assert "labels" in (tmp_path / "corpus" / "corpus.toml").read_text()


def test_a_corpus_folder_is_one_that_the_corpus_room_reads(tmp_path: Path) -> None:
    from mixedsignals.corpus import read_corpus

    make_corpus(tmp_path / "corpus", n_clips=20)
    corpus = read_corpus(tmp_path / "corpus")
    assert corpus.labels.names == ("neutral", "empathetic")
    assert set(corpus.features) == {"text", "audio", "video"}


def test_media_are_real_and_silent_clips_have_no_sound(tmp_path: Path) -> None:
    from mixedsignals.media import frames, probe

    world = make_corpus(tmp_path, n_clips=3, media=True, seconds=0.5, missing={"audio": 0.5}, seed=3)
    for row, clip_id in enumerate(world.clip_ids):
        info = probe(tmp_path / "media" / f"{clip_id}.mp4")
        assert info.has_video
        assert info.has_audio == bool(world.present["audio"][row])
        assert frames(tmp_path / "media" / f"{clip_id}.mp4", count=2).shape == (2, 48, 64, 3)
