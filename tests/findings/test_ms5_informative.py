"""MS501 and MS502: whether disagreement tells more than confidence does, and how well signals rank clips."""

from __future__ import annotations

import numpy as np
import polars as pl
from finding_helpers import Ask, only, rows, value

from mixedsignals.diagnosis import Evidence
from mixedsignals.diagnosis.summary import answer
from mixedsignals.testing import make_evidence


def three_sources(seed: int, tells: bool, *, backwards: bool = False) -> Evidence:
    """Three parts of equal, constant confidence that agree or not, and errors of fusion that follow that, or do not.

    Confidence carries nothing here, so whatever disagreement tells it tells beyond confidence. `backwards`: fusion errs
    more where the parts agree.
    """
    rng = np.random.default_rng(seed)
    n = 1200
    made = make_evidence(n_clips=n, n_speakers=40, seeds=(1,), seed=seed)
    target = (made.targets["label"] == "empathetic").to_numpy().astype(int)
    parts_right = rng.random((3, n)) < 0.7
    split = ~(parts_right.all(0) | ~parts_right.any(0))
    chance = np.where(split, 0.45, 0.1) if tells else np.full(n, 0.3)
    chance = 0.55 - chance if backwards else chance
    fusion_right = rng.random(n) >= chance
    frames = []
    for name, right in (*zip(("text", "audio", "video"), parts_right, strict=True), ("fusion", fusion_right)):
        said = np.where(right, target, 1 - target)
        sure = np.clip(0.8 + 0.02 * rng.normal(size=n), 0.6, 0.95)
        probability = np.where(np.arange(2) == said[:, None], sure[:, None], 1 - sure[:, None])
        rows_of = made.predictions.filter(pl.col("source") == name).sort("clip_id", maintain_order=True)
        frames.append(rows_of.with_columns(pl.Series("probability", probability.ravel())))
    return Evidence(**{**made.evidence(), "predictions": pl.concat(frames)})


def test_disagreement_that_tells_of_errors_is_a_yes_and_the_control_finds_nothing() -> None:
    diagnosis = only(three_sources(1, tells=True), "MS501")
    (row,) = rows(diagnosis, code="MS501", slice="target=fused_error")
    assert row["status"] == "tip"
    assert row["message"].startswith(
        "Yes: beyond confidence, more disagreement of the modalities goes with more errors"
    )
    assert value(diagnosis, "delta_auroc:fused_error", "models") > 0.1
    assert abs(value(diagnosis, "control:delta_auroc:fused_error", "models")) < 0.03


VERDICTS = ("Yes", "A little", "No", "It cannot be told with this many clips")


def test_disagreement_that_goes_the_other_way_says_so_at_once() -> None:
    diagnosis = only(three_sources(1, tells=True, backwards=True), "MS501")
    (row,) = rows(diagnosis, code="MS501", slice="target=fused_error")
    assert row["message"].startswith("Yes, but the other way round: beyond confidence, more disagreement")
    assert "goes with fewer errors of fusion" in row["message"].split(". ")[0]
    assert value(diagnosis, "residual_correlation:fused_error", "models") < 0
    said = " ".join(answer(diagnosis.estimates, diagnosis.findings))
    assert "yes, but the other way round" in said


def test_every_verdict_is_one_of_four_and_untold_ones_say_what_could_have_been_shown() -> None:
    seen = set()
    for plan in ({"n_clips": 150}, {"n_clips": 1500, "n_speakers": 60}, {"n_clips": 700, "ambiguous": 0.3}):
        diagnosis = only(Evidence(**make_evidence(**plan).evidence()), "MS501")
        for row in rows(diagnosis, code="MS501"):
            first = row["message"].split(". ")[0]
            (verdict,) = [
                v for v in VERDICTS if first.startswith((f"{v}:", f"{v}, but the other", f"{v} whe"))
            ]
            seen.add(verdict)
            least = value(diagnosis, f"detectable:{row['slice'].removeprefix('target=')}", "models")
            assert (f"{least:.3f}".lstrip("0") in first) == (verdict == VERDICTS[-1])
    assert VERDICTS[-1] in seen


def test_errors_against_majorities_say_how_often_an_oracle_errs() -> None:
    made = make_evidence(n_clips=300, n_speakers=20, votes_per_clip=5, ambiguous=0.4)
    tables = made.evidence()
    counts = made.votes.filter(given="text+audio+video").group_by("clip_id", "label").len()
    leader = counts.sort("len", descending=True).unique("clip_id", keep="first", maintain_order=True)
    targets = leader.select("clip_id", "label", share=pl.lit(1.0))
    held = Evidence(**{**tables, "targets": targets, "target_source": "votes"})
    diagnosis = only(held, "MS101", "MS204", "MS403", "MS501", "MS502")
    errs = value(diagnosis, "oracle_error", "people")
    assert 0.02 < errs < 0.4
    said = f"would err on {errs:.2f}".replace("0.", ".")
    for code in ("MS101", "MS204", "MS403"):
        assert any(said in row["message"] for row in rows(diagnosis, code=code)), code
    for code in ("MS501", "MS502"):
        by_target = {row["slice"]: row["message"] for row in rows(diagnosis, code=code)}
        assert said in by_target["target=fused_error"]
        assert said in by_target["target=misled"]
        assert "oracle" not in by_target["target=annotator_uncertainty"]
    independent = only(Evidence(**tables), "MS101", "MS403", "MS501")
    assert not any("oracle" in message for message in independent.findings["message"])
    assert "oracle_error" not in independent.estimates["measure"].to_list()


def test_disagreement_that_tells_nothing_is_not_claimed() -> None:
    claimed = 0
    for seed in range(4):
        diagnosis = only(three_sources(seed, tells=False), "MS501")
        (row,) = rows(diagnosis, code="MS501", slice="target=fused_error")
        claimed += row["message"].startswith(("Yes", "A little"))
    assert claimed <= 1


def test_every_target_has_one_answer_and_holm_never_lowers_p() -> None:
    made = make_evidence(n_clips=400, n_speakers=20, ambiguous=0.3)
    diagnosis = only(Evidence(**made.evidence()), "MS501")
    assert set(diagnosis.findings["slice"]) == {
        "target=annotator_uncertainty",
        "target=fused_error",
        "target=misled",
    }
    tested = diagnosis.estimates.filter(pl.col("measure").str.starts_with("delta_auroc:"))
    assert len(tested) == 3
    assert (tested["p_adjusted"] >= tested["p"]).all()


def test_answers_are_not_applicable_with_the_reason(ask: Ask) -> None:
    found = {row["slice"]: row for row in ask("MS501", n_clips=200, drop=("votes",))}
    assert "there are no votes" in found["target=annotator_uncertainty"]["message"]
    few = ask("MS501", n_clips=40)
    assert {row["status"] for row in few} == {"not_applicable"}
    assert any("50 are needed" in row["message"] for row in few)
    (row,) = ask("MS501", n_clips=60, drop=("predictions",))
    assert row["status"] == "not_applicable"


def test_signals_are_ranked_as_scikit_learn_does() -> None:
    from sklearn.metrics import average_precision_score, roc_auc_score

    made = make_evidence(n_clips=300, seeds=(1,), n_speakers=None)
    tables = {**made.evidence(), "splits": None}
    diagnosis = only(Evidence(**tables), "MS205", "MS502", "MS204")
    jsd = diagnosis.scores.filter(pl.col("measure") == "jsd").select("clip_id", jsd="value")
    top = made.predictions.filter(pl.col("source") == "fusion").sort("probability", descending=True)
    said = top.unique("clip_id", keep="first", maintain_order=True).select("clip_id", said="label")
    joined = jsd.join(said, on="clip_id").join(made.targets, on="clip_id")
    wrong = (joined["said"] != joined["label"]).to_numpy()
    signal = joined["jsd"].to_numpy()
    assert np.isclose(value(diagnosis, "auroc:jsd->fused_error", "models"), roc_auc_score(wrong, signal))
    assert np.isclose(
        value(diagnosis, "auprc:jsd->fused_error", "models"), average_precision_score(wrong, signal)
    )
    assert np.isclose(value(diagnosis, "base_rate:fused_error", "models"), wrong.mean())


def test_signals_say_when_plain_confidence_ranks_better(ask: Ask) -> None:
    found = {
        r["slice"]: r for r in ask("MS502", n_clips=1500, strength={"text": 0.0, "audio": 1.5, "video": 1.8})
    }
    assert found["target=fused_error"]["status"] == "tip"
    assert "of fusion ranks better than any signal of disagreement" in found["target=fused_error"]["message"]


def test_a_lead_within_the_noise_is_not_called_better(ask: Ask) -> None:
    found = {r["slice"]: r for r in ask("MS502", n_clips=150, n_speakers=12)}
    said = found["target=fused_error"]["message"]
    assert "ranks better than any" not in said
    assert said.startswith(("No signal of disagreement is shown to rank better", "AUROC for"))


def test_signals_pass_when_disagreement_ranks_better() -> None:
    diagnosis = only(three_sources(2, tells=True), "MS502")
    (row,) = rows(diagnosis, code="MS502", slice="target=fused_error")
    assert row["status"] == "passed"
    assert value(diagnosis, "risk_at_70:jsd", "models") < value(diagnosis, "risk_at_90:jsd", "models")


def test_signals_without_targets_or_votes_are_not_applicable(ask: Ask) -> None:
    found = ask("MS502", n_clips=100, drop=("votes", "targets"))
    assert {row["status"] for row in found} == {"not_applicable"}
