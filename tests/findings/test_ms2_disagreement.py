"""MS201 to MS205: rates against chance, patterns, misled and rescued clips, soft signals."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from finding_helpers import Ask, only, rows, value

from mixedsignals.diagnosis import Evidence
from mixedsignals.testing import Made, make_evidence


def test_disagreement_passes_and_names_rate_and_chance(ask: Ask) -> None:
    found = {row["source"]: row for row in ask("MS201", n_clips=400)}
    assert set(found) == {"text", "audio", "video"}
    assert {row["status"] for row in found.values()} == {"passed"}
    assert "independent given the label" in found["text"]["message"]


def test_pairs_fire_when_one_source_is_wrong_exactly_where_another_is_right() -> None:
    """Two sources of accuracy one half that never agree part far more than independent errors would."""
    made = make_evidence(n_clips=400, seeds=(1,))
    flip = pl.when(pl.col("source") == "audio").then(1 - pl.col("probability")).otherwise("probability")
    text = made.predictions.filter(pl.col("source") == "text")
    twin = text.with_columns(pl.lit("audio").alias("source"), pl.lit("audio").alias("given")).with_columns(
        flip.alias("probability")
    )
    evidence = Evidence(**{**made.evidence(), "predictions": pl.concat([text, twin])})
    diagnosis = only(evidence, "MS202")
    (row,) = rows(diagnosis, code="MS202")
    assert row["status"] == "issue"
    assert value(diagnosis, "disagreement_rate", "text|audio") == 1.0
    assert value(diagnosis, "chance:disagreement_rate", "text|audio") < 0.7


def test_disagreement_without_targets_still_gives_the_rate(ask: Ask) -> None:
    found = ask("MS201", n_clips=100, drop=("targets",))
    assert {row["status"] for row in found} == {"passed"}
    assert all("without targets" in row["message"] for row in found)


def test_disagreement_equals_a_count_by_hand() -> None:
    made = make_evidence(n_clips=150, seeds=(3,))
    top = (
        made.predictions.sort("probability", descending=True)
        .unique(["clip_id", "source"], keep="first", maintain_order=True)
        .pivot("source", index="clip_id", values="label")
    )
    diagnosis = only(Evidence(**made.evidence()), "MS201")
    expected = (top["text"] != top["fusion"]).mean()
    assert value(diagnosis, "disagreement_rate", "text") == pytest.approx(expected)


def test_patterns_sum_to_one_and_every_clip_has_one() -> None:
    made = make_evidence(n_clips=300, labels=("a", "b", "c"))
    diagnosis = only(Evidence(**made.evidence()), "MS203")
    shares = diagnosis.estimates.filter(pl.col("measure").str.starts_with("pattern:"))["value"]
    assert shares.sum() == pytest.approx(1.0)
    scores = diagnosis.scores.filter(pl.col("measure") == "pattern")
    assert len(scores) == 300
    assert set(scores["value"]) <= {-2.0, -1.0, 0.0, 1.0, 2.0}


def test_patterns_need_two_sources_of_one_modality(ask: Ask) -> None:
    (row,) = ask("MS203", n_clips=60, strength={"text": 1.0, "audio": 1.0}, fusion="audio")
    assert row["status"] == "not_applicable"
    assert "patterns need two" in row["message"]


def test_outcomes_sum_to_one_and_agree_with_the_scores() -> None:
    made = make_evidence(n_clips=400, seeds=(1,), conflict={"audio": 0.2}, weights={"audio": 3.0})
    diagnosis = only(Evidence(**made.evidence()), "MS204")
    rates = [value(diagnosis, f"{kind}_rate", "fusion") for kind in ("right", "rescued", "misled", "lost")]
    assert sum(rates) == pytest.approx(1.0)
    misled = diagnosis.scores.filter(pl.col("measure") == "misled")["value"].mean()
    assert misled == pytest.approx(rates[2])
    cells = [
        value(diagnosis, name, "text")
        for name in ("both_right", "both_wrong", "part_only_right", "fusion_only_right")
    ]
    assert sum(cells) == pytest.approx(1.0)


def test_misled_fires_when_fusion_errs_where_a_part_is_right_more_than_by_chance(ask: Ask) -> None:
    """Fusion that says the opposite of its one good part is misled far above what permuted sources show."""
    made = make_evidence(n_clips=400, seeds=(1,), strength={"text": 1.2, "audio": 0.0, "video": 0.0})
    text = pl.col("source") == "text"
    opposed = made.predictions.filter(text).with_columns(
        (1 - pl.col("probability")).alias("probability"),
        pl.lit("fusion").alias("source"),
        pl.lit("text+audio+video").alias("given"),
    )
    both = pl.concat([made.predictions.filter(text), opposed])
    diagnosis = only(Evidence(**{**made.evidence(), "predictions": both}), "MS204")
    (row,) = rows(diagnosis, code="MS204")
    assert row["status"] == "issue", row["message"]
    assert value(diagnosis, "misled_rate", "fusion") > 1.2 * value(diagnosis, "chance:misled_rate", "fusion")


def test_misled_stays_silent_on_an_ordinary_corpus_and_needs_targets(ask: Ask) -> None:
    (row,) = ask("MS204", n_clips=400)
    assert row["status"] == "passed"
    (row,) = ask("MS204", n_clips=60, drop=("targets",))
    assert row["status"] == "not_applicable"


def test_conflicted_clips_have_the_larger_divergence() -> None:
    made = make_evidence(
        n_clips=1000, strength={"text": 3.0, "audio": 3.0, "video": 3.0}, conflict={"audio": 0.2}
    )
    diagnosis = only(Evidence(**made.evidence()), "MS205")
    jsd = diagnosis.scores.filter(pl.col("measure") == "jsd").join(made.truth, on="clip_id")
    means = jsd.group_by(pl.col("conflicted").is_null().alias("plain")).agg(pl.col("value").mean())
    by_kind = dict(means.iter_rows())
    assert by_kind[False] > 3 * by_kind[True]


def test_signals_hold_no_nan_and_probabilities_stay_in_range() -> None:
    made = make_evidence(n_clips=200, missing={"video": 0.3, "text": 0.2})
    scores = only(Evidence(**made.evidence()), "MS205").scores
    assert np.isfinite(scores["value"].to_numpy()).all()
    p_target = scores.filter(pl.col("measure") == "p_target")
    assert p_target["value"].is_between(0, 1).all()
    assert p_target.filter(pl.col("source") == "video").height < 200


def test_signals_without_two_parts_say_so(ask: Ask) -> None:
    found = ask("MS205", n_clips=60, strength={"text": 1.0, "audio": 1.0}, fusion="audio")
    assert [row["status"] for row in found] == ["not_applicable"]


def with_rival(made: Made, better: bool) -> Evidence:
    """The evidence with a second fusion: right everywhere, or turned round on every clip."""
    fused = made.predictions.filter(pl.col("source") == "fusion").join(
        made.targets.select("clip_id", pl.col("label").alias("truth")), on="clip_id"
    )
    right = pl.when(pl.col("label") == pl.col("truth")).then(0.9).otherwise(0.1)
    rival = fused.with_columns(
        pl.lit("rival").alias("source"), (right if better else 1 - right).alias("probability")
    ).drop("truth")
    return Evidence(**{**made.evidence(), "predictions": pl.concat([made.predictions, rival])})


def test_a_fusion_that_misleads_more_than_another_is_an_issue() -> None:
    made = make_evidence(n_clips=300, conflict={"audio": 0.3}, weights={"audio": 6.0})
    diagnosis = only(with_rival(made, better=True), "MS204", "MS206")
    (row,) = rows(diagnosis, code="MS206")
    assert (row["status"], row["source"]) == ("issue", "rival")
    assert "fusion misleads more" in row["message"]
    assert value(diagnosis, "misled_rate", "rival") == 0.0
    assert value(diagnosis, "misled_difference", "fusion|rival") == pytest.approx(
        value(diagnosis, "misled_rate", "fusion")
    )


def test_another_fusion_that_misleads_more_is_no_issue_of_the_first() -> None:
    diagnosis = only(with_rival(make_evidence(n_clips=300), better=False), "MS206")
    (row,) = rows(diagnosis, code="MS206")
    assert row["status"] == "passed"
    assert "rival misleads more" in row["message"]
    assert value(diagnosis, "misled_difference", "fusion|rival") < 0


def test_with_one_fusion_there_is_nothing_to_compare(ask: Ask) -> None:
    (row,) = ask("MS206", n_clips=100)
    assert row["status"] == "not_applicable"
    assert "no other fusion" in row["message"]


def test_a_second_fusion_is_no_part_of_the_first() -> None:
    made = make_evidence(n_clips=200)
    with_it = only(with_rival(made, better=True), "MS201", "MS203", "MS204")
    without = only(Evidence(**made.evidence()), "MS201", "MS203", "MS204")
    assert with_it.estimates.sort("measure", "source").equals(without.estimates.sort("measure", "source"))
