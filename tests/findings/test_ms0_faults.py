"""MS001 to MS009: faults of data that imitate disagreement."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest
from finding_helpers import Ask, only, rows, value

from mixedsignals.diagnosis import CHECKS, Evidence
from mixedsignals.labels import Labels
from mixedsignals.testing import Made, make_evidence


def found(made: Made, code: str, **tables: Any) -> list[dict[str, Any]]:
    evidence = Evidence(**{**made.evidence(), **tables})
    return rows(only(evidence, code), code=code)


def test_rows_that_do_not_join_are_named_and_counted() -> None:
    made = make_evidence(n_clips=50)
    votes = made.votes.with_columns(pl.col("clip_id").replace("c0007", "c7777"))
    by_source = {row["source"]: row for row in found(made, "MS001", votes=votes)}
    assert by_source["votes"]["status"] == "issue"
    assert "'c7777'" in by_source["votes"]["message"]
    assert "1 of 50 clips" in by_source["votes"]["message"]
    assert by_source["predictions"]["status"] == "passed"


def test_rows_that_do_not_join_are_kept() -> None:
    made = make_evidence(n_clips=50)
    votes = made.votes.with_columns(pl.col("clip_id").replace("c0007", "c7777"))
    diagnosis = only(Evidence(**{**made.evidence(), "votes": votes}), "MS401")
    scored = diagnosis.scores.filter(pl.col("measure") == "rater_disagreement")
    assert "c7777" in scored["clip_id"].to_list()
    assert len(scored) == 50


def test_ids_that_lost_their_zeros_do_not_join_at_all() -> None:
    made = make_evidence(n_clips=50)
    stripped = made.predictions.with_columns(pl.col("clip_id").str.strip_prefix("c0"))
    by_source = {row["source"]: row for row in found(made, "MS001", predictions=stripped)}
    assert (by_source["predictions"]["status"], by_source["predictions"]["severity"]) == ("issue", "high")


def test_clips_without_predictions_are_a_tip_and_one_table_is_not_applicable() -> None:
    made = make_evidence(n_clips=50)
    part = made.predictions.filter(pl.col("clip_id") != "c0003")
    by_source = {row["source"]: row for row in found(made, "MS001", predictions=part)}
    assert by_source["predictions"]["status"] == "tip"
    alone = found(made, "MS001", votes=None, clips=None, targets=None, splits=None)
    assert [row["status"] for row in alone] == ["not_applicable"]


def test_missing_seeds_fire_for_the_source_that_lacks_them() -> None:
    made = make_evidence(n_clips=40)
    gone = (pl.col("source") == "audio") & (pl.col("seed") == 42) & (pl.col("clip_id") < "c0010")
    by_source = {
        row["source"]: row for row in found(made, "MS002", predictions=made.predictions.filter(~gone))
    }
    assert by_source["audio"]["status"] == "issue"
    assert "10 of 40 clips" in by_source["audio"]["message"]
    assert by_source["text"]["status"] == "passed"


def test_training_clips_fire_when_no_fold_tests_them(ask: Ask) -> None:
    made = make_evidence(n_clips=50)
    one_fold = made.splits.filter(pl.col("fold") == 0)
    (row,) = found(made, "MS003", splits=one_fold)
    assert (row["status"], row["severity"]) == ("issue", "high")
    assert ask("MS003", n_clips=50)[0]["status"] == "passed"
    assert ask("MS003", n_clips=50, drop=("splits",))[0]["status"] == "not_applicable"


def test_copies_are_found_by_their_predictions_and_by_their_media() -> None:
    made = make_evidence(n_clips=40)
    assert found(made, "MS004")[0]["status"] == "passed"
    original = made.predictions.filter(pl.col("clip_id") == "c0003").with_columns(
        pl.lit("c0004").alias("clip_id")
    )
    rest = made.predictions.filter(pl.col("clip_id") != "c0004")
    (row,) = found(made, "MS004", predictions=pl.concat([rest, original]))
    assert row["status"] == "issue"
    assert "'c0003' = 'c0004'" in row["message"]
    media = pl.when(pl.col("clip_id") < "c0002").then(pl.lit("a.mp4")).otherwise("clip_id").alias("media")
    (row,) = found(made, "MS004", clips=made.clips.with_columns(media))
    assert "'c0000' = 'c0001'" in row["message"]


@pytest.mark.parametrize("step", [1, -3])
def test_a_shifted_source_is_found(step: int) -> None:
    made = make_evidence(n_clips=400, seeds=(1,), strength={"text": 2.0, "audio": 2.0})
    ids = made.clips["clip_id"]
    moved = dict(zip(ids, [*ids[step:], *ids[:step]], strict=True))
    text = pl.col("source") == "text"
    shifted = made.predictions.with_columns(
        pl.when(text).then(pl.col("clip_id").replace(moved)).otherwise("clip_id").alias("clip_id")
    )
    by_source = {row["source"]: row for row in found(made, "MS005", predictions=shifted)}
    assert (by_source["text"]["status"], by_source["text"]["severity"]) == ("issue", "high")
    assert f"shifted by {abs(step)} row" in by_source["text"]["message"]
    assert by_source["audio"]["status"] == "passed"


def test_a_shuffled_source_is_suspected_and_an_honest_one_at_chance_is_not() -> None:
    made = make_evidence(n_clips=600, seeds=(1,), strength={"text": 3.0, "audio": 0.0}, n_speakers=None)
    ids = made.clips["clip_id"]
    moved = dict(zip(ids, ids.sample(fraction=1, shuffle=True, seed=1), strict=True))
    text = pl.col("source") == "text"
    shuffled = made.predictions.with_columns(
        pl.when(text).then(pl.col("clip_id").replace(moved)).otherwise("clip_id").alias("clip_id")
    )
    by_source = {row["source"]: row for row in found(made, "MS005", predictions=shuffled)}
    assert by_source["text"]["status"] == "tip"
    assert by_source["audio"]["status"] == "passed"


def test_misaligned_needs_targets_and_clips(ask: Ask) -> None:
    assert ask("MS005", n_clips=60, drop=("targets",))[0]["status"] == "not_applicable"
    assert {row["status"] for row in ask("MS005", n_clips=20)} == {"not_applicable"}


def test_a_source_that_ignores_its_input_is_found() -> None:
    made = make_evidence(n_clips=80)
    text = pl.col("source") == "text"
    fixed = pl.when(pl.col("label") == "neutral").then(0.7).otherwise(0.3)
    constant = made.predictions.with_columns(
        pl.when(text).then(fixed).otherwise("probability").alias("probability")
    )
    by_source = {row["source"]: row for row in found(made, "MS006", predictions=constant)}
    assert (by_source["text"]["status"], by_source["text"]["severity"]) == ("issue", "high")
    assert by_source["audio"]["status"] == "passed"


def test_a_source_that_always_says_one_label_is_found() -> None:
    made = make_evidence(n_clips=80)
    text = pl.col("source") == "text"
    neutral = (
        pl.when(pl.col("label") == "neutral")
        .then(0.5 + pl.col("probability") / 2)
        .otherwise(pl.col("probability") / 2)
    )
    leaning = made.predictions.with_columns(
        pl.when(text).then(neutral).otherwise("probability").alias("probability")
    )
    by_source = {row["source"]: row for row in found(made, "MS006", predictions=leaning)}
    assert by_source["text"]["status"] == "issue"
    assert "'neutral'" in by_source["text"]["message"]


def test_a_label_of_one_rater_is_found(ask: Ask) -> None:
    made = make_evidence(n_clips=60, labels=("a", "b", "c"))
    odd = (pl.col("label") == "c") & (pl.col("rater_id") != "r0005")
    votes = made.votes.with_columns(pl.when(odd).then(pl.lit("a")).otherwise("label").alias("label"))
    (row,) = found(made, "MS007", votes=votes)
    assert row["status"] == "issue"
    assert "r0005" in row["message"]
    assert ask("MS007", n_clips=60)[0]["status"] == "passed"
    assert "no rater ids" in ask("MS007", n_clips=60, n_raters=None)[0]["message"]


def test_targets_against_unanimous_votes_are_found() -> None:
    made = make_evidence(n_clips=60, strength={"text": 5.0, "audio": 5.0, "video": 5.0})
    assert found(made, "MS008")[0]["status"] == "passed"
    other = pl.when(pl.col("label") == "neutral").then(pl.lit("empathetic")).otherwise(pl.lit("neutral"))
    wrong = made.targets.with_columns(
        pl.when(pl.col("clip_id") == "c0011").then(other).otherwise("label").alias("label")
    )
    (row,) = found(made, "MS008", targets=wrong)
    assert row["status"] == "issue"
    assert "'c0011'" in row["message"]


def test_targets_that_are_majorities_cannot_contradict_them() -> None:
    made = make_evidence(n_clips=60)
    (row,) = found(made, "MS008", target_source="votes")
    assert row["status"] == "not_applicable"


def test_a_label_that_no_source_gives_is_found(ask: Ask) -> None:
    made = make_evidence(n_clips=120, labels=("a", "b", "c"), seeds=(1,))
    moved = pl.when(pl.col("label") == "c").then(0.0).otherwise(0.5)
    never = made.predictions.with_columns(probability=moved)
    diagnosis = only(Evidence(**{**made.evidence(), "predictions": never}), "MS009")
    (row,) = [r for r in rows(diagnosis, code="MS009") if r["slice"] == "label=c"]
    clips = int((made.targets["label"] == "c").sum())
    assert (row["status"], row["severity"]) == ("issue", "high")
    assert row["message"] == (
        f"No source ever finds 'c' most probable (its largest probability is .00); it is the target of {clips} clips."
    )
    assert value(diagnosis, "fault_rate", "models", "fault=label-nobody-predicts") >= clips / 120
    assert {row["status"] for row in ask("MS009", n_clips=120)} == {"passed"}
    (row,) = ask("MS009", n_clips=20, drop=("predictions",))
    assert (row["status"], row["message"]) == ("not_applicable", "There are no predictions.")


def test_a_label_of_nobody_at_all_is_a_tip() -> None:
    made = make_evidence(n_clips=80)
    labels = Labels((*made.labels.names, "angry"))
    (row,) = rows(only(Evidence(**{**made.evidence(), "labels": labels}), "MS009"), code="MS009")
    assert (row["status"], row["slice"]) == ("tip", "label=angry")


def test_faults_are_counted_whether_they_fire_or_not() -> None:
    made = make_evidence(n_clips=60)
    found = only(Evidence(**made.evidence()), *(f"MS00{n}" for n in range(1, 10))).estimates
    rates = found.filter(pl.col("measure") == "fault_rate")
    named = {piece.removeprefix("fault=") for piece in rates["slice"].to_list()}
    assert named == {check.name for check in CHECKS if check.code.startswith("MS00")}
    other = rates.filter(pl.col("slice") != "fault=targets-against-votes")["value"]
    assert other.sum() == 0, "people contradict a target now and then; the rest is sound"
    assert rates.select("source", "slice").is_unique().all()
