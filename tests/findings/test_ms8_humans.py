"""MS801 to MS804: people under withheld modalities."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from finding_helpers import Ask, only, rows, value

from mixedsignals.diagnosis import Evidence
from mixedsignals.measures.groups import Groups
from mixedsignals.measures.humans import hurt_by_more, loss_where_hurt
from mixedsignals.testing import make_evidence

PLAN = {"n_clips": 400, "n_speakers": 40, "n_raters": 80, "votes_per_clip": 8}


def test_people_who_add_up_what_they_perceive_gain(ask: Ask) -> None:
    (row,) = ask("MS801", **PLAN)
    assert row["status"] == "passed"
    assert row["message"].startswith("People gain from more modalities")


def test_people_who_follow_one_modality_do_not_gain(ask: Ask) -> None:
    (row,) = ask("MS801", **PLAN, strength={"text": 0.0, "audio": 0.0, "video": 2.0})
    assert row["status"] == "tip"
    assert "do not gain" in row["message"] or "as good with the best single" in row["message"]


def test_accuracy_of_people_equals_a_count_by_hand() -> None:
    made = make_evidence(**PLAN)
    diagnosis = only(Evidence(**made.evidence()), "MS801")
    votes = made.votes.filter(pl.col("given") == "audio").join(
        made.targets.select("clip_id", truth="label"), on="clip_id"
    )
    by_hand = (votes["label"] == votes["truth"]).mean()
    assert value(diagnosis, "accuracy", "people", "given=audio") == pytest.approx(by_hand)


def test_anonymous_votes_say_that_raters_are_fixed(ask: Ask) -> None:
    (row,) = ask("MS801", **{**PLAN, "n_raters": None})
    assert "raters taken as fixed" in row["message"]


@pytest.mark.parametrize("code", ["MS801", "MS802", "MS803", "MS804"])
def test_conditions_that_cannot_be_compared_are_not_applicable(ask: Ask, code: str) -> None:
    (row,) = ask(code, n_clips=40, conditions=("text", "audio"))
    assert row["status"] == "not_applicable"
    (row,) = ask(code, n_clips=40, drop=("votes",))
    assert row["status"] == "not_applicable"


@pytest.mark.parametrize("code", ["MS801", "MS802", "MS804"])
def test_majorities_are_no_target_for_the_same_votes(code: str) -> None:
    made = make_evidence(n_clips=60)
    evidence = Evidence(**made.evidence(), target_source="votes")
    (row,) = only(evidence, code).findings.iter_rows(named=True)
    assert row["status"] == "not_applicable"
    assert "independent target" in row["message"]


def test_nobody_is_hurt_when_everybody_is_right_given_all() -> None:
    made = make_evidence(**PLAN)
    truth = made.votes.join(made.targets.select("clip_id", truth="label"), on="clip_id")
    full = pl.col("given") == "text+audio+video"
    votes = truth.with_columns(pl.when(full).then("truth").otherwise("label").alias("label")).drop("truth")
    diagnosis = only(Evidence(**{**made.evidence(), "votes": votes}), "MS802")
    assert diagnosis.findings["status"].to_list() == ["passed"]
    assert value(diagnosis, "hurt_by_more", "people") == 0.0


def test_people_who_are_misled_by_all_modalities_together_are_found() -> None:
    made = make_evidence(**PLAN, strength={"text": 3.0, "audio": 3.0, "video": 3.0})
    other = pl.when(pl.col("label") == "neutral").then(pl.lit("empathetic")).otherwise(pl.lit("neutral"))
    hurt = (pl.col("given") == "text+audio+video") & (pl.col("clip_id") < "c0200")
    votes = made.votes.with_columns(pl.when(hurt).then(other).otherwise("label").alias("label"))
    (row,) = only(Evidence(**{**made.evidence(), "votes": votes}), "MS802").findings.iter_rows(named=True)
    assert row["status"] == "tip"


def test_the_modality_that_people_follow_under_conflict_is_named(ask: Ask) -> None:
    plan = {**PLAN, "strength": {"text": 1.0, "audio": 4.0}, "conflict": {"text": 0.4}}
    (row,) = ask("MS803", **plan)
    assert row["status"] == "tip"
    assert "people follow audio" in row["message"]


def test_people_stand_beside_models_on_the_same_clips() -> None:
    made = make_evidence(**PLAN, seeds=(1,))
    diagnosis = only(Evidence(**made.evidence()), "MS804", "MS101")
    beside = value(diagnosis, "accuracy_beside_people", "audio", "given=audio")
    assert beside == pytest.approx(value(diagnosis, "accuracy", "audio"))
    (row,) = diagnosis.findings.filter(pl.col("code") == "MS804").iter_rows(named=True)
    assert "given text+audio+video people" in row["message"]


def test_the_test_of_gain_agrees_with_its_verdict_and_is_adjusted_with_the_family() -> None:
    for strength in ({"text": 1.2, "audio": 1.5, "video": 1.8}, {"text": 0.0, "audio": 0.0, "video": 2.0}):
        made = make_evidence(**PLAN, strength=strength)
        diagnosis = only(Evidence(**made.evidence()), "MS501", "MS801")
        gain = diagnosis.estimates.filter(pl.col("measure") == "human_gain")
        (whole,) = gain.filter(pl.col("slice") == "all").iter_rows(named=True)
        every = gain.filter(pl.col("slice") != "all")
        assert (whole["p"] < 0.05) == bool((every["low"] > 0).all() or (every["high"] < 0).all())
        assert whole["p_adjusted"] >= whole["p"]


def test_people_alone_are_the_whole_family() -> None:
    made = make_evidence(**PLAN)
    tables = {**made.evidence(), "predictions": None}
    (whole,) = (
        only(Evidence(**tables), "MS801")
        .estimates.filter(pl.col("measure") == "human_gain", pl.col("slice") == "all")
        .iter_rows(named=True)
    )
    assert whole["p"] == whole["p_adjusted"]


def chances(world: str, rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray]:
    """The chance of a right vote of each clip under two single conditions."""
    if world == "spread":
        return rng.beta(1, 1, n), rng.beta(1, 1, n)
    if world == "equal":
        both = rng.beta(1, 1, n)
        return both, both
    plain, other = np.where(rng.random(n) < 0.4, 0.9, 0.1), np.where(rng.random(n) < 0.6, 0.95, 0.1)
    return plain, other


@pytest.mark.parametrize("hurt", [0.0, 0.1])
@pytest.mark.parametrize("world", ["spread", "equal", "plain or hopeless"])
def test_hurt_is_claimed_where_people_are_and_not_where_both_are_as_good_as_the_better(
    world: str, hurt: float
) -> None:
    rng = np.random.default_rng(7)
    claimed = []
    for _ in range(20):
        audio, video = chances(world, rng, 1000)
        full = np.where(rng.random(1000) < hurt, 0.1, np.maximum(audio, video))
        votes = [(k := rng.binomial(9, p), np.stack([k, 9 - k], axis=1))[1] for p in (full, audio, video)]
        found = hurt_by_more(votes[0], votes[1:], np.zeros(1000, dtype=int), simulations=2)
        loss = loss_where_hurt(found, Groups(np.arange(1000) % 40, 40))
        claimed.append(loss.low is not None and loss.low > 0)
    assert np.mean(claimed) > 0.9 if hurt else np.mean(claimed) <= 0.1


def test_what_models_gain_stands_beside_what_people_gain() -> None:
    made = make_evidence(n_clips=300, n_speakers=20, seeds=(1,), pairs=True)
    diagnosis = only(Evidence(**made.evidence()), "MS801", "MS804")
    gains = diagnosis.estimates.filter(pl.col("measure") == "model_gain")
    people = diagnosis.estimates.filter(pl.col("measure") == "human_gain", pl.col("slice") != "all")
    assert set(gains["slice"]) == set(people["slice"])
    accuracy = {
        piece: value(diagnosis, "accuracy_beside_people", source, f"given={piece}")
        for source, piece in (("fusion", "text+audio+video"), ("text", "text"))
    }
    found = value(diagnosis, "model_gain", "fusion", "over=text")
    assert abs(found - (accuracy["text+audio+video"] - accuracy["text"])) < 1e-9
    (row,) = rows(diagnosis, code="MS804")
    assert "Given everything, models gain" in row["message"]
