"""MS301 to MS303: calibration, disagreement after it, and seeds apart from modalities."""

from __future__ import annotations

import polars as pl
from finding_helpers import Ask, only, rows, value

from mixedsignals.diagnosis import Evidence
from mixedsignals.testing import make_evidence


def test_calibration_fires_for_the_source_that_is_too_sure_and_finds_its_temperature() -> None:
    made = make_evidence(
        n_clips=2000, temperature={"audio": 0.4}, seeds=(1,), seed_noise=0.0, speaker_effect=0.0
    )
    diagnosis = only(Evidence(**made.evidence()), "MS301")
    status = dict(diagnosis.findings.select("source", "status").iter_rows())
    assert status["audio"] == "tip"
    assert status["text"] == status["video"] == "passed"
    assert abs(value(diagnosis, "temperature", "audio") - 2.5) < 0.5
    assert (
        value(diagnosis, "calibration_error:calibrated", "audio")
        < value(diagnosis, "calibration_error", "audio") / 3
    )
    assert value(diagnosis, "log_loss:calibrated", "audio") < value(diagnosis, "log_loss", "audio")


def test_calibrated_column_is_filled_sums_to_one_and_keeps_the_label() -> None:
    made = make_evidence(n_clips=200, labels=("a", "b", "c"), temperature=0.5)
    table = only(Evidence(**made.evidence()), "MS301").predictions
    assert table is not None
    assert table["calibrated"].null_count() == 0
    key = ["seed", "clip_id", "source"]
    sums = table.group_by(key).agg(pl.col("calibrated").sum())
    assert (sums["calibrated"] - 1).abs().max() < 1e-9
    top = table.group_by(key).agg(
        pl.col("label").get(pl.col("probability").arg_max()).alias("raw"),
        pl.col("label").get(pl.col("calibrated").arg_max()).alias("scaled"),
    )
    assert (top["raw"] == top["scaled"]).all()


def test_calibration_never_sees_the_clip_s_own_group() -> None:
    """Changing the targets of one speaker leaves that speaker's calibrated probabilities as they were."""
    made = make_evidence(n_clips=200, n_speakers=10, seeds=(1,))
    first = only(Evidence(**made.evidence()), "MS301").predictions
    mine = made.clips.filter(pl.col("speaker_id") == "s0003")["clip_id"]
    other = pl.when(pl.col("label") == "neutral").then(pl.lit("empathetic")).otherwise(pl.lit("neutral"))
    targets = made.targets.with_columns(
        pl.when(pl.col("clip_id").is_in(mine.implode())).then(other).otherwise("label").alias("label")
    )
    second = only(Evidence(**{**made.evidence(), "targets": targets}), "MS301").predictions
    assert first is not None
    assert second is not None
    is_mine = first["clip_id"].is_in(mine.implode())
    assert first.filter(is_mine).equals(second.filter(is_mine))
    assert not first.filter(~is_mine).equals(second.filter(~is_mine))


def test_calibration_says_why_not(ask: Ask) -> None:
    for plan, words in (
        ({"drop": ("targets",)}, "target"),
        ({"drop": ("predictions",)}, "no predictions"),
        ({"n_speakers": 1}, "one group"),
    ):
        (row,) = ask("MS301", n_clips=60, **plan)
        assert row["status"] == "not_applicable"
        assert words in row["message"]


def test_soft_disagreement_that_was_confidence_is_named(ask: Ask) -> None:
    strength = {"text": 0.3, "audio": 0.3, "video": 0.3}
    (row,) = ask("MS302", n_clips=1000, strength=strength, temperature=0.05, seeds=(1,))
    assert row["status"] == "tip"
    assert "difference of confidence" in row["message"]
    (row,) = ask("MS302", n_clips=600, speaker_effect=0.0, seeds=(1,))
    assert row["status"] == "passed"


def test_soft_disagreement_needs_two_parts(ask: Ask) -> None:
    (row,) = ask("MS302", n_clips=80, strength={"text": 1.0, "audio": 1.0}, fusion="audio")
    assert row["status"] == "not_applicable"


def test_seeds_fire_for_the_source_whose_disagreement_is_noise_of_training(ask: Ask) -> None:
    found = {
        r["source"]: r for r in ask("MS303", strength={"text": 0.0, "audio": 2.0, "video": 2.0}, n_clips=500)
    }
    assert found["text"]["status"] == "issue"
    assert found["audio"]["status"] == found["video"]["status"] == "passed"


def test_seeds_need_two_of_them(ask: Ask) -> None:
    (row,) = ask("MS303", n_clips=60, seeds=(42,))
    assert row["status"] == "not_applicable"
    assert "seed" in row["message"]


def test_vector_scaling_is_tried_where_every_label_has_clips_enough() -> None:
    many = only(Evidence(**make_evidence(n_clips=300).evidence()), "MS301")
    assert set(many.estimates.filter(pl.col("measure") == "calibration_error:vector_scaled")["source"]) == {
        "text",
        "audio",
        "video",
        "fusion",
    }
    assert "after vector scaling" in rows(many, code="MS301")[0]["message"]
    few = only(Evidence(**make_evidence(n_clips=30).evidence()), "MS301")
    assert "calibration_error:vector_scaled" not in few.estimates["measure"].to_list()
