"""Folds: nobody on two sides, everybody tested once, the same seed the same folds."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st

from mixedsignals.corpus import complete_splits, make_splits
from mixedsignals.errors import CannotFinish, UsageError
from mixedsignals.tables import SPLITS, conform


def corpus(
    speakers: int, each: int, labels: int = 3
) -> tuple[list[str], dict[str, str], dict[str, str | None]]:
    ids = [f"s{s:02}-{n:02}" for s in range(speakers) for n in range(each)]
    return ids, {c: f"l{i % labels}" for i, c in enumerate(ids)}, {c: c.split("-")[0] for c in ids}


def sides(splits: pl.DataFrame, groups: dict[str, str | None]) -> pl.DataFrame:
    """Per fold and speaker how many roles there are."""
    named = pl.DataFrame({"clip_id": list(groups), "speaker": list(groups.values())})
    return splits.join(named, on="clip_id").group_by("fold", "speaker").agg(pl.col("role").n_unique())


def test_ravdess_like_folds() -> None:
    ids, labels, groups = corpus(24, 16, labels=8)
    splits = make_splits(ids, labels, groups)
    assert splits.group_by("fold").len()["len"].to_list() == [len(ids)] * 5
    assert sides(splits, groups)["role"].max() == 1
    tested = splits.filter(pl.col("role") == "test")
    assert sorted(tested["clip_id"]) == sorted(ids)
    shares = splits.group_by("fold", "role").len().with_columns(pl.col("len") / len(ids))
    assert shares.filter(pl.col("role") == "test")["len"].is_between(0.16, 0.21).all()
    assert shares.filter(pl.col("role") == "tune")["len"].is_between(0.08, 0.17).all()


def test_labels_are_spread_evenly() -> None:
    ids, _, groups = corpus(40, 10)
    labels = {clip: "rare" if int(clip[-1]) == 0 else "common" for clip in ids}
    splits = make_splits(ids, labels, groups, folds=4)
    rare = splits.filter(pl.col("clip_id").is_in([c for c in ids if labels[c] == "rare"]))
    assert rare.filter(pl.col("role") == "test").group_by("fold").len()["len"].to_list() == [10] * 4


def test_without_speakers_each_clip_is_its_own_group() -> None:
    ids, labels, _ = corpus(30, 1)
    alone = make_splits(ids, labels, None, seed=3)
    assert alone.equals(make_splits(ids, labels, dict.fromkeys(ids), seed=3))
    assert alone.filter(pl.col("role") == "test").group_by("fold").len()["len"].to_list() == [6] * 5


def test_a_clip_may_bear_the_name_of_a_speaker() -> None:
    ids = [f"x{n}" for n in range(12)]
    labels = {c: "ab"[i % 2] for i, c in enumerate(ids)}
    groups: dict[str, str | None] = dict.fromkeys(ids[:6], "x7")  # x7 itself has no speaker
    splits = make_splits(ids, labels, groups, folds=3)
    first = splits.filter(pl.col("clip_id").is_in(ids[:6]) & (pl.col("role") == "test"))
    assert first["fold"].n_unique() == 1


SIZES = st.lists(st.integers(1, 9), min_size=6, max_size=25)


@settings(deadline=None, max_examples=40)
@given(SIZES, st.integers(2, 5), st.integers(0, 99), st.data())
def test_properties(sizes: list[int], folds: int, seed: int, data: st.DataObject) -> None:
    groups: dict[str, str | None] = {f"{s}-{n}": f"s{s}" for s, size in enumerate(sizes) for n in range(size)}
    ids = list(groups)
    labels = {clip: data.draw(st.sampled_from("xyz")) for clip in ids}
    try:
        splits = make_splits(ids, labels, groups, folds=folds, seed=seed)
    except CannotFinish:  # too few speakers or labels; that they are told is tested below
        reject()
    assert sides(splits, groups)["role"].max() == 1
    assert sorted(splits.filter(pl.col("role") == "test")["clip_id"]) == sorted(ids)
    assert set(splits["fold"]) == set(range(folds))
    for part in splits.partition_by("fold"):
        assert set(part["role"]) == {"train", "tune", "test"}
        learnt = part.filter(pl.col("role") == "train")["clip_id"]
        assert len({labels[clip] for clip in learnt}) >= 2
    again = make_splits(ids[::-1], labels, dict(reversed(groups.items())), folds=folds, seed=seed)
    assert splits.equals(again)


def test_another_seed_gives_other_folds() -> None:
    ids, labels, groups = corpus(24, 8)
    assert not make_splits(ids, labels, groups, seed=0).equals(make_splits(ids, labels, groups, seed=1))


def test_six_clips_of_one_actor_end_in_one_clear_sentence() -> None:
    names = ("anger", "disgust", "fear", "happy", "neutral", "sad")
    with pytest.raises(CannotFinish) as caught:
        make_splits(list("abcdef"), dict(zip("abcdef", names, strict=True)), dict.fromkeys("abcdef", "1001"))
    assert str(caught.value) == (
        "5 folds with no speaker in two parts need at least 5 speakers, and the 6 clips with a target have 1 speaker: "
        "add clips of other speakers, or give splits of your own."
    )


@pytest.mark.parametrize(
    ("count", "speakers", "labels", "said"),
    [
        (0, None, "xy", "no clip has a target"),
        (40, 20, "x", "all 40 clips have the target 'x'"),
        (4, None, "xy", "there are 4 clips with a target"),
        (40, 4, "xy", "have 4 speakers"),
        (6, None, "uvwxyz", "the most frequent, 'u', has 1"),
    ],
)
def test_too_little_for_folds(count: int, speakers: int | None, labels: str, said: str) -> None:
    ids = [f"c{n:02}" for n in range(count)]
    groups = None if speakers is None else {c: f"s{n % speakers}" for n, c in enumerate(ids)}
    with pytest.raises(CannotFinish, match=said) as caught:
        make_splits(ids, {c: labels[n % len(labels)] for n, c in enumerate(ids)}, groups)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("options", [{"folds": 1}, {"tune_share": 0.0}, {"tune_share": 0.8}])
def test_options_out_of_range(options: dict[str, float]) -> None:
    ids, labels, groups = corpus(10, 2)
    with pytest.raises(UsageError):
        make_splits(ids, labels, groups, **options)  # type: ignore[arg-type]


def test_given_splits_stay_and_get_a_tuning_part_where_they_have_none() -> None:
    ids, labels, groups = corpus(10, 6)
    rows = [(clip, 0, "test" if groups[clip] in ("s08", "s09") else "train") for clip in ids]
    given_ = conform(SPLITS, pl.DataFrame(rows, schema=["clip_id", "fold", "role"], orient="row"))
    made = complete_splits(given_, labels, groups)
    assert made.filter(pl.col("role") == "test").equals(given_.filter(pl.col("role") == "test"))
    assert sides(made, groups)["role"].max() == 1
    tune = made.filter(pl.col("role") == "tune").height
    assert 0 < tune <= 12
    assert complete_splits(made, labels, groups).equals(made)  # nothing is moved where a tuning part is
    labels.pop(ids[0])
    assert ids[0] not in set(complete_splits(given_, labels, groups)["clip_id"])


@pytest.mark.parametrize(
    ("roles", "said"),
    [
        (["train"] * 4, "no test clips"),
        (["test"] * 4, "no train clips"),
        (["train", "train", "test", "test"], "one speaker is left"),
        (["train", "tune", "test", "test"], "one label"),
    ],
)
def test_given_splits_that_cannot_be_trained_on(roles: list[str], said: str) -> None:
    labels, groups = dict(zip("abcd", "xyxy", strict=True)), dict(zip("abcd", "sstt", strict=True))
    given_ = conform(SPLITS, {"clip_id": list("abcd"), "fold": [0] * 4, "role": roles})
    with pytest.raises(CannotFinish, match=said):
        complete_splits(given_, labels, groups)
    with pytest.raises(CannotFinish, match="nothing to train on"):
        complete_splits(given_, {"other": "x"}, groups)
