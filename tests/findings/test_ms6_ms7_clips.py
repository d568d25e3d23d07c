"""MS601, MS701 and MS702: models against votes, challenging clips, slices."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from finding_helpers import Ask, only, rows, value

from mixedsignals.diagnosis import DiagnosisOptions, Evidence
from mixedsignals.testing import make_evidence

STRONG = {"text": 3.0, "audio": 3.0, "video": 3.0}


def test_models_are_closer_to_votes_than_their_average_unless_they_know_nothing(ask: Ask) -> None:
    found = {
        r["source"]: r for r in ask("MS601", n_clips=400, strength={"text": 0.0, "audio": 2.0, "video": 2.0})
    }
    assert found["text"]["status"] == "issue"
    assert found["audio"]["status"] == found["fusion"]["status"] == "passed"


def test_a_model_that_says_the_vote_shares_has_no_distance() -> None:
    made = make_evidence(
        n_clips=60, seeds=(1,), conditions=("text",), strength={"text": 1.0}, votes_per_clip=4
    )
    shares = (
        made.votes.group_by("clip_id", "label")
        .len()
        .join(made.votes.group_by("clip_id").len(name="all"), on="clip_id")
        .select("clip_id", "label", share=pl.col("len") / pl.col("all"))
    )
    exact = made.predictions.join(shares, on=["clip_id", "label"], how="left").with_columns(
        pl.col("share").fill_null(0.0).alias("probability")
    )
    tables = {**made.evidence(), "predictions": exact.drop("share"), "targets": None, "clips": None}
    diagnosis = only(Evidence(**tables), "MS601")
    assert value(diagnosis, "manhattan_to_votes", "text") == pytest.approx(0.0)
    assert value(diagnosis, "entropy_calibration_error", "text") == pytest.approx(0.0)


def test_ordinal_labels_add_the_wasserstein_distance() -> None:
    made = make_evidence(n_clips=60, labels=("low", "middle", "high"), kind="ordinal")
    measures = only(Evidence(**made.evidence()), "MS601").estimates["measure"].to_list()
    assert "wasserstein_to_votes" in measures


def test_against_votes_needs_both(ask: Ask) -> None:
    for drop in ("votes", "predictions"):
        (row,) = ask("MS601", n_clips=40, drop=(drop,))
        assert row["status"] == "not_applicable"


def test_planted_conflicts_and_ambiguity_rise_to_the_top() -> None:
    made = make_evidence(
        n_clips=1000,
        strength=STRONG,
        conflict={"audio": 0.06},
        ambiguous=0.06,
        speaker_effect=0.0,
        seeds=(1,),
    )
    diagnosis = only(Evidence(**made.evidence()), "MS701")
    scores = diagnosis.scores.filter(pl.col("measure") == "challenge").join(made.truth, on="clip_id")
    top = scores.sort("value", descending=True).head(100)
    planted = pl.col("ambiguous") | pl.col("conflicted").is_not_null()
    assert top.select(planted.mean()).item() > 4 * scores.select(planted.mean()).item()


def test_wrong_labels_are_found_as_label_errors() -> None:
    made = make_evidence(n_clips=500, strength=STRONG, seeds=(1,), speaker_effect=0.0)
    flipped = made.clips["clip_id"].sample(20, seed=4)
    other = pl.when(pl.col("label") == "neutral").then(pl.lit("empathetic")).otherwise(pl.lit("neutral"))
    wrong = made.targets.with_columns(
        pl.when(pl.col("clip_id").is_in(flipped.implode())).then(other).otherwise("label").alias("label")
    )
    evidence = Evidence(**{**made.evidence(), "targets": wrong})
    scores = only(evidence, "MS701").scores.filter(pl.col("measure") == "kind:label_error")
    found = set(scores["clip_id"])
    assert len(found & set(flipped)) >= 18
    assert len(found & set(flipped)) / len(found) > 0.9


def test_a_dominant_modality_that_misleads_is_named() -> None:
    made = make_evidence(
        n_clips=600, strength=STRONG, conflict={"audio": 0.2}, weights={"audio": 4.0}, seeds=(1,)
    )
    options = DiagnosisOptions(permutations=99, shown_clips=200)
    diagnosis = only(Evidence(**made.evidence()), "MS701", options=options)
    misled = diagnosis.scores.filter(pl.col("measure") == "kind:misled").join(made.truth, on="clip_id")
    assert (misled["conflicted"] == "audio").mean() > 0.8
    told = [
        r["message"]
        for r in rows(diagnosis, code="MS701")
        if r["clip_id"] and "like audio alone" in r["message"]
    ]
    assert len(told) > 20


def test_precision_stands_beside_chance_and_clips_have_findings_of_their_own() -> None:
    made = make_evidence(n_clips=600, ambiguous=0.2)
    diagnosis = only(
        Evidence(**made.evidence()), "MS701", options=DiagnosisOptions(permutations=99, shown_clips=7)
    )
    precision = value(diagnosis, "precision:challenge->fused_error", "fusion")
    assert precision > 1.5 * value(diagnosis, "chance:precision:challenge->fused_error", "fusion")
    assert diagnosis.findings.filter(pl.col("clip_id").is_not_null()).height == 7


def test_ranking_works_without_targets_and_votes_and_needs_fusion(ask: Ask) -> None:
    found = ask("MS701", n_clips=60, drop=("targets", "votes"))
    assert [row["status"] for row in found] == ["tip"]
    (row,) = ask("MS701", n_clips=60, fusion="nothing")
    assert row["status"] == "not_applicable"


def sliced(rate: float) -> Evidence:
    """A corpus in which fusion is turned on a share of the clips that a column calls noisy."""
    rng = np.random.default_rng(1)
    made = make_evidence(n_clips=1000, n_speakers=25, strength=STRONG, seeds=(1,), speaker_effect=0.0)
    noisy = rng.random(1000) < 0.3
    turned = set(made.clips["clip_id"].filter(pl.Series(noisy & (rng.random(1000) < rate))))
    clips = made.clips.with_columns(
        pl.when(pl.Series(noisy)).then(pl.lit("noisy")).otherwise(pl.lit("clean")).alias("room")
    )
    hit = (pl.col("source") == "fusion") & pl.col("clip_id").is_in(pl.Series(list(turned)).implode())
    predictions = made.predictions.with_columns(
        pl.when(hit).then(1 - pl.col("probability")).otherwise("probability").alias("probability")
    )
    return Evidence(**{**made.evidence(), "clips": clips, "predictions": predictions})


def test_a_bad_slice_is_found_and_an_even_corpus_has_none() -> None:
    found = rows(only(sliced(0.5), "MS702"), code="MS702", status="issue")
    assert {row["slice"] for row in found} == {"room=noisy", "room=noisy, any_disagreement"}
    assert all("Benjamini-Hochberg" in row["message"] for row in found)
    assert rows(only(sliced(0.0), "MS702"), code="MS702", status="issue") == []


def test_a_bad_speaker_is_found() -> None:
    made = make_evidence(n_clips=1000, n_speakers=20, strength=STRONG, seeds=(1,), speaker_effect=0.0)
    mine = made.clips.filter(pl.col("speaker_id") == "s0007")["clip_id"]
    hit = (pl.col("source") == "fusion") & pl.col("clip_id").is_in(mine.implode())
    turned = made.predictions.with_columns(
        pl.when(hit).then(1 - pl.col("probability")).otherwise("probability").alias("probability")
    )
    found = rows(only(Evidence(**{**made.evidence(), "predictions": turned}), "MS702"), status="issue")
    assert "speaker_id=s0007" in {row["slice"] for row in found}
    assert all("s0007" in row["slice"] for row in found)


def test_slices_need_fusion_and_columns(ask: Ask) -> None:
    assert ask("MS702", n_clips=60, fusion="nothing")[0]["status"] == "not_applicable"
    (row,) = ask("MS702", n_clips=60, drop=("clips", "targets"))
    assert row["status"] == "not_applicable"


def voted(counts: dict[str, tuple[int, int]]) -> pl.DataFrame:
    """Anonymous votes: clip to how many say each of the two labels."""
    rows = [
        {"clip_id": clip, "given": "text+audio+video", "label": label, "count": n}
        for clip, both in counts.items()
        for label, n in zip(("neutral", "empathetic"), both, strict=True)
        if n
    ]
    return pl.DataFrame(
        rows, schema={"clip_id": pl.String, "given": pl.String, "label": pl.String, "count": pl.Int64}
    )


def test_divided_and_agreed_people_are_told_by_thirds_and_fifths() -> None:
    made = make_evidence(n_clips=60, seeds=(1,))
    ids = made.targets["clip_id"].to_list()[:6]
    splits = [(5, 3), (4, 2), (2, 1), (2, 2), (4, 1), (7, 1)]
    votes = voted(dict(zip(ids, splits, strict=True)))
    # Fusion is wrong everywhere, so every clip on which people agree with the target is of ignorance.
    targets = made.targets.with_columns(
        pl.when(pl.col("clip_id") == ids[5])
        .then(pl.lit("empathetic"))
        .otherwise(pl.lit("neutral"))
        .alias("label")
    )
    target = dict(targets.select("clip_id", "label").iter_rows())
    wrong = pl.when(pl.col("label") == pl.col("clip_id").replace_strict(target)).then(0.4).otherwise(0.6)
    predictions = made.predictions.with_columns(
        pl.when(pl.col("source") == "fusion").then(wrong).otherwise("probability").alias("probability")
    )
    evidence = Evidence(**{**made.evidence(), "votes": votes, "targets": targets, "predictions": predictions})
    scores = only(evidence, "MS701").scores
    of_kind = {
        kind: set(scores.filter(pl.col("measure") == f"kind:{kind}")["clip_id"])
        for kind in ("ambiguous", "ignorance")
    }
    assert of_kind["ambiguous"] == {ids[0], ids[3]}, "5 of 8 and 2 of 4 are under two thirds, 4 of 6 is not"
    assert of_kind["ignorance"] == {ids[4]}, "four fifths for the target; 7 of 8 against it are no ignorance"


def test_a_source_at_chance_does_not_make_slices_part() -> None:
    made = make_evidence(
        n_clips=900, n_speakers=30, strength={"text": 0.0, "audio": 2.0, "video": 2.0}, seeds=(1,), seed=2
    )
    found = only(Evidence(**made.evidence()), "MS702").estimates
    parts = found.filter(pl.col("measure") == "any_disagreement")["value"].median()
    assert parts is not None
    alone = only(
        Evidence(**{**made.evidence(), "predictions": made.predictions.filter(pl.col("source") != "text")}),
        "MS702",
    ).estimates
    without = alone.filter(pl.col("measure") == "any_disagreement")["value"].median()
    assert parts == without
