"""MS901 to MS903: what in the clip goes with disagreement and with being misled, on cues planted and not."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest
from finding_helpers import only, rows, value

from mixedsignals.diagnosis import Evidence
from mixedsignals.tables import CUES, conform
from mixedsignals.testing import Made, make_evidence

PLAN = {"n_clips": 600, "n_speakers": 20, "seed": 4, "strength": {"text": 1.2, "audio": 1.2, "video": 1.2}}


def outcomes(made: Made) -> pl.DataFrame:
    """clip_id, speaker_id, parts (a source parts from fusion), misled (null where none parts)."""
    said = made.predictions.group_by("clip_id", "source", "label").agg(pl.col("probability").mean())
    top = said.sort("probability", descending=True).group_by("clip_id", "source").agg(pl.col("label").first())
    wide = top.pivot(on="source", index="clip_id", values="label").join(
        made.targets.select("clip_id", pl.col("label").alias("target")), on="clip_id"
    )
    parts = pl.any_horizontal(pl.col(name) != pl.col("fusion") for name in ("text", "audio", "video"))
    right = pl.any_horizontal(pl.col(name) == pl.col("target") for name in ("text", "audio", "video"))
    found = wide.with_columns(parts.alias("parts")).with_columns(
        pl.when("parts").then((pl.col("fusion") != pl.col("target")) & right).alias("misled")
    )
    return made.clips.select("clip_id", "speaker_id").join(
        found.select("clip_id", "parts", "misled"), on="clip_id", maintain_order="left"
    )


def cues(made: Made, **values: Any) -> pl.DataFrame:
    ids = made.clips["clip_id"]
    parts = [
        pl.DataFrame({"clip_id": ids, "cue": name, "modality": "audio", "value": held, "unit": "x"})
        for name, held in values.items()
    ]
    return conform(CUES, pl.concat(parts).filter(pl.col("value").is_finite()))


def found(made: Made, table: pl.DataFrame | None, code: str, **changed: Any) -> list[dict[str, Any]]:
    evidence = Evidence(**{**made.evidence(), **changed}, cues=table)
    return rows(only(evidence, code), code=code)


@pytest.fixture(scope="module")
def planted() -> tuple[Made, pl.DataFrame]:
    """A loudness that goes with disagreement and misled clips, a pitch that only goes with speakers, and noise."""
    made = make_evidence(**PLAN)
    truth, rng = outcomes(made), np.random.default_rng(0)
    n = truth.height
    apart = truth["parts"].cast(pl.Float64).to_numpy()
    misled = truth["misled"].cast(pl.Float64).fill_null(0.0).to_numpy()
    speaker = truth["speaker_id"].rank("dense").to_numpy()
    noise = {f"noise{k}": rng.normal(size=n) for k in range(8)}
    return made, cues(
        made,
        loud=rng.normal(size=n) + 0.8 * apart + 0.9 * misled,
        pitch=10.0 * speaker + rng.normal(size=n),
        same=np.ones(n),
        **noise,
    )


def test_a_cue_that_goes_with_disagreement_is_named_and_others_are_not(
    planted: tuple[Made, pl.DataFrame],
) -> None:
    made, table = planted
    said = found(made, table, "MS901")[0]
    assert said["status"] == "tip"
    assert "loud is higher" in said["message"]
    assert "pitch is" not in said["message"]
    assert "10 cues" in said["message"], "a cue that never varies is not counted"


def test_the_difference_is_cohens_d_of_values_centred_on_speakers(planted: tuple[Made, pl.DataFrame]) -> None:
    made, table = planted
    truth = outcomes(made).join(table.filter(cue="loud").select("clip_id", "value"), on="clip_id")
    own = truth.with_columns(pl.col("value") - pl.col("value").mean().over("speaker_id"))
    one, other = (own.filter(pl.col("parts") == arm)["value"].to_numpy() for arm in (True, False))
    pooled = np.sqrt(((one - one.mean()) ** 2).sum() + ((other - other.mean()) ** 2).sum()) / np.sqrt(
        len(one) + len(other) - 2
    )
    made_of = only(Evidence(**made.evidence(), cues=table), "MS901")
    given = value(made_of, "cue_difference:disagreement", "fusion", "cue=loud")
    assert given == pytest.approx((one.mean() - other.mean()) / pooled, abs=1e-9)


def test_without_a_difference_it_passes(planted: tuple[Made, pl.DataFrame]) -> None:
    made, table = planted
    quiet = table.filter(~pl.col("cue").is_in(["loud"]))
    assert [row["status"] for row in found(made, quiet, "MS901")] == ["passed"]


def test_what_goes_with_being_misled_is_found_among_clips_that_part(
    planted: tuple[Made, pl.DataFrame],
) -> None:
    made, table = planted
    said = found(made, table, "MS902")[0]
    assert said["status"] == "tip"
    assert "loud is higher" in said["message"]


def test_a_planted_cue_tells_when_fusion_is_misled(planted: tuple[Made, pl.DataFrame]) -> None:
    made, table = planted
    diagnosis = only(Evidence(**made.evidence(), cues=table), "MS903")
    said = rows(diagnosis, code="MS903")
    assert said[0]["status"] == "tip"
    assert "loud" in said[1]["message"]
    assert "noise" not in said[1]["message"].partition("every fold")[2].partition("loud")[0]
    assert value(diagnosis, "auroc:cues->misled", "fusion") > 0.6
    scores = diagnosis.scores.filter(measure="misled_by_cues")
    assert set(scores["clip_id"]) == set(outcomes(made).drop_nulls("misled")["clip_id"])


def test_cues_that_are_noise_do_not_tell_when_fusion_is_misled() -> None:
    claims = 0
    for seed in range(6):
        made = make_evidence(n_clips=400, n_speakers=12, seed=seed)
        rng = np.random.default_rng(seed)
        table = cues(made, **{f"noise{k}": rng.normal(size=400) for k in range(6)})
        said = found(made, table, "MS903")[0]
        claims += said["status"] == "tip"
        assert "tell something" not in said["message"] or claims
    assert claims <= 1


@pytest.mark.parametrize("code", ["MS901", "MS902", "MS903"])
def test_without_cues_or_with_those_of_other_clips_it_says_so(
    planted: tuple[Made, pl.DataFrame], code: str
) -> None:
    made, table = planted
    assert "There are no cues" in found(made, None, code)[0]["message"]
    strange = table.with_columns(pl.format("other-{}", "clip_id").alias("clip_id"))
    said = found(made, strange, code)[0]
    assert said["status"] == "not_applicable"
    assert "other clips" in said["message"]


def test_without_speakers_the_unit_is_the_clip(planted: tuple[Made, pl.DataFrame]) -> None:
    made, table = planted
    clips = made.clips.drop("speaker_id")
    diagnosis = only(Evidence(**{**made.evidence(), "clips": clips}, cues=table), "MS901")
    row = diagnosis.estimates.filter(measure="cue_difference:disagreement", slice="cue=loud").row(
        0, named=True
    )
    assert row["n_groups"] == row["n_clips"] == 600
    assert "speakers not known" in row["method"]


def test_half_of_the_clips_without_a_cue_are_left_out_and_counted(planted: tuple[Made, pl.DataFrame]) -> None:
    made, table = planted
    half = set(made.clips["clip_id"][::2])
    diagnosis = only(
        Evidence(**made.evidence(), cues=table.filter(pl.col("clip_id").is_in(half))), "MS901", "MS903"
    )
    row = diagnosis.estimates.filter(measure="cue_difference:disagreement", slice="cue=loud").row(
        0, named=True
    )
    assert row["n_clips"] == 300
    assert rows(diagnosis, code="MS903")[0]["status"] in ("tip", "passed", "not_applicable")


@pytest.mark.parametrize("code", ["MS901", "MS902", "MS903"])
def test_with_one_modality_there_is_nothing_to_part_from(
    planted: tuple[Made, pl.DataFrame], code: str
) -> None:
    made, table = planted
    alone = made.predictions.filter(source="audio")
    said = found(made, table, code, predictions=alone)[0]
    assert said["status"] == "not_applicable"
    assert "No source is named 'fusion'" in said["message"]


def test_two_modalities_are_enough(planted: tuple[Made, pl.DataFrame]) -> None:
    made, table = planted
    two = made.predictions.filter(pl.col("source").is_in(["text", "audio", "fusion"]))
    assert found(made, table, "MS901", predictions=two)[0]["status"] in ("tip", "passed")
    assert found(made, table, "MS902", predictions=two)[0]["status"] in ("tip", "passed")


def test_without_targets_only_disagreement_can_be_asked_about(planted: tuple[Made, pl.DataFrame]) -> None:
    made, table = planted
    bare = {"targets": None, "clips": made.clips.drop("label")}
    assert found(made, table, "MS901", **bare)[0]["status"] == "tip"
    for code in ("MS902", "MS903"):
        said = found(made, table, code, **bare)[0]
        assert (said["status"], "target" in said["message"]) == ("not_applicable", True)


def test_scores_that_know_the_target_are_never_taken_for_cues(planted: tuple[Made, pl.DataFrame]) -> None:
    made, _ = planted
    truth, rng = outcomes(made), np.random.default_rng(5)
    misled = truth["misled"].cast(pl.Float64).fill_null(0.0).to_numpy()
    leak = {"unsupported_dominance": misled, "shapley_true:audio": -misled, "misled": misled}
    table = cues(made, noise=rng.normal(size=truth.height), **leak)
    said = found(made, table, "MS903")
    assert {one["slice"] for one in said if one["status"] == "tip"} == {"left out"}
    assert all(name in said[0]["message"] for name in leak)
    (why,) = found(made, cues(made, **leak), "MS903")
    assert why["status"] == "not_applicable"
    assert "made from the target" in why["message"]
    from mixedsignals.diagnosis.cuetable import made_from_the_target
    from mixedsignals.diagnosis.names import SCORE_NAMES

    known = ("misled", "dominance", "target", "shapley", "flips", "kind", "training")
    assert all(made_from_the_target(name) for name in SCORE_NAMES if any(part in name for part in known))
