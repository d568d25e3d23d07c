"""Shapley values per clip from what a model says given each subset: exact where logits add up, absent elsewhere."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from mixedsignals.diagnosis import Case, DiagnosisOptions, Evidence, NotApplicable
from mixedsignals.diagnosis.attribution import Attribution, attributions, first_of_each, largest
from mixedsignals.testing import Made, make_evidence

EXACT = {
    "speaker_effect": 0.0,
    "seed_noise": 0.0,
    "n_clips": 80,
    "n_speakers": 8,
    "seeds": (1, 2),
    "pairs": True,
    "strength": {"text": 0.8, "audio": 1.0, "video": 1.2},
}


def found(made: Made, **changes: pl.DataFrame | None) -> dict[str, Attribution]:
    return dict(attributions(Case(Evidence(**{**made.evidence(), **changes}), DiagnosisOptions())))


@pytest.fixture(scope="module")
def made() -> Made:
    return make_evidence(**EXACT)


def test_where_log_odds_add_up_a_value_is_what_the_modality_adds(made: Made) -> None:
    one = found(made, splits=None)["fusion"]
    assert one.modalities == ("text", "audio", "video")
    assert one.shapley_predicted.shape == (3, 2, 80)
    shares = made.targets["label"].eq(made.labels.names[0]).mean()
    prior = np.where(one.said == 0, np.log(shares / (1 - shares)), np.log((1 - shares) / shares))
    sign = np.where(one.said == one.target, 1.0, -1.0)
    for at, modality in enumerate(one.modalities):
        own = made.truth[f"strength_{modality}"].to_numpy() * sign
        np.testing.assert_allclose(one.shapley_predicted[at], np.tile(own - prior / 3, (2, 1)), atol=2e-3)


def test_values_sum_to_what_everything_adds_to_nothing(made: Made) -> None:
    one = found(made)["fusion"]
    for kind, own in (
        ("predicted", one.shapley_predicted),
        ("own", one.shapley_own),
        ("true", one.shapley_true),
        ("right", one.shapley_right),
    ):
        values = one.values(kind)  # type: ignore[arg-type]
        assert values.shape == (8, 2, 80)
        np.testing.assert_allclose(own.sum(axis=0), values[-1] - values[0], atol=1e-9)
    assert set(np.unique(one.values("right")[1:])) == {0.0, 1.0}
    np.testing.assert_array_equal(one.without("audio"), one.predicted(0b101))


def test_each_seed_is_asked_about_its_own_label() -> None:
    wavering = make_evidence(**{**EXACT, "seed_noise": 2.0})
    one = found(wavering)["fusion"]
    label = one.predicted(7)
    assert (label != one.said).any(axis=0).sum() > 5
    for seed, clip in zip(*np.nonzero(label != one.said), strict=True):
        np.testing.assert_allclose(
            one.shapley_own[:, seed, clip], -one.shapley_predicted[:, seed, clip], atol=1e-6
        )
    same = label == one.said
    np.testing.assert_allclose(one.shapley_own[:, same], one.shapley_predicted[:, same])


def test_the_dominant_modality_is_the_one_that_was_planted() -> None:
    made = make_evidence(**{**EXACT, "strength": {"text": 0.0, "audio": 3.0, "video": 1.0}})
    one = found(made)["fusion"]
    assert (largest(one.shapley_predicted) == 1).mean() > 0.8
    assert one.shapley_true.mean(axis=(1, 2)).argmax() == 1
    assert one.shapley_right.mean(axis=(1, 2)).argmax() == 1
    assert abs(one.shapley_right.mean(axis=(1, 2))[0]) < 0.05


def test_a_clip_that_lacks_a_modality_has_no_values() -> None:
    made = make_evidence(**{**EXACT, "missing": {"video": 0.5}})
    one = found(made)["fusion"]
    has = set(made.predictions.filter(source="video")["clip_id"])
    np.testing.assert_array_equal(one.present, [clip in has for clip in made.clips["clip_id"]])
    assert np.isnan(one.shapley_predicted[..., ~one.present]).all()
    assert np.isfinite(one.shapley_predicted[..., one.present]).all()
    assert (largest(one.shapley_predicted)[:, ~one.present] == -1).all()
    assert one.lacking.sum() == (~one.present).sum()


def test_handlings_come_side_by_side_and_two_modalities_do(made: Made) -> None:
    p = made.predictions
    renamed = [
        p.filter(source="fusion" if "+" in given else given, given=given).with_columns(
            pl.lit("fusion~token").alias("source")
        )
        for given in p["given"].unique()
    ]
    several = found(made, predictions=pl.concat([p, *renamed]))
    assert list(several) == ["fusion", "fusion~token"]
    np.testing.assert_array_equal(
        several["fusion"].shapley_predicted, several["fusion~token"].shapley_predicted
    )
    assert list(first_of_each(several)) == ["fusion"]
    two = found(make_evidence(n_clips=40, strength={"audio": 1.0, "video": 2.0}))
    assert two["fusion"].modalities == ("audio", "video"), "no model of a pair is needed then"


def test_one_seed_has_no_spread_and_seeds_that_differ_are_averaged(made: Made) -> None:
    p = made.predictions
    alone = found(made, predictions=p.filter(seed=1))["fusion"]
    assert np.isnan(alone.spread).all()
    assert (found(made)["fusion"].spread < 1e-9).all(), "the seeds of this corpus say the same"
    other = p.with_columns(
        pl.when(pl.col("source") == "audio").then(pl.col("seed") + 10).otherwise(pl.col("seed"))
    )
    apart = found(made, predictions=other)["fusion"]
    assert apart.seeds == ()
    assert apart.shapley_predicted.shape == (3, 1, 80)


@pytest.mark.parametrize(
    ("drop", "reason"),
    [
        (
            pl.col("given").str.contains(r"^(?:text\+audio|text\+video)$"),
            "given text+audio, text+video: run `mixed",
        ),
        (pl.col("source") == "fusion", "No source was given two modalities"),
    ],
)
def test_it_says_what_is_missing(made: Made, drop: pl.Expr, reason: str) -> None:
    with pytest.raises(NotApplicable) as told:
        found(made, predictions=made.predictions.filter(~drop))
    assert reason in str(told.value)
