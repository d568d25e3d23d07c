"""Members compared from their predictions: slices, gains, signs and p values against hand-made truths."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest
from sklearn.metrics import f1_score

from mixedsignals.diagnosis import Evidence
from mixedsignals.diagnosis.comparison import Comparison, compare_sources
from mixedsignals.errors import InputError
from mixedsignals.testing import Made, make_evidence

FULL = "text+audio+video"


def renamed(made: Made, **changes: Any) -> pl.DataFrame:
    """The predictions with copies of fusion under other names, each with its probabilities changed."""
    fused = made.predictions.filter(source="fusion")
    copies = [
        fused.with_columns(pl.lit(name).alias("source"), change.alias("probability"))
        for name, change in changes.items()
    ]
    return pl.concat([made.predictions, *copies])


def compared(made: Made, members: list[str], predictions: pl.DataFrame, **options: Any) -> Comparison:
    evidence = Evidence(**{**made.evidence(), "predictions": predictions})
    return compare_sources(evidence, members, against=members[:1], **options)


def row(found: Comparison, measure: str, source: str, where: str) -> dict[str, Any]:
    (only,) = found.estimates.filter(measure=measure, source=source, slice=where).to_dicts()
    return only


@pytest.fixture(scope="module")
def made() -> Made:
    return make_evidence(
        n_clips=300, conflict={"audio": 0.2}, seeds=(1, 2), strength={"text": 0.0, "audio": 1.5, "video": 1.8}
    )


@pytest.fixture(scope="module")
def found(made: Made) -> Comparison:
    p = pl.col("probability")
    return compared(made, ["fusion", "twin", "worse"], renamed(made, twin=p, worse=1 - p))


def test_a_modality_without_a_word_to_say_makes_no_conflict(made: Made, found: Comparison) -> None:
    assert found.informative == ("audio", "video")
    mean = made.predictions.group_by("clip_id", "source", "label").agg(pl.col("probability").mean())
    top = (
        mean.sort("probability")
        .group_by("clip_id", "source")
        .last()
        .pivot("source", index="clip_id", values="label")
    )
    parting = set(top.filter(pl.col("audio") != pl.col("video"))["clip_id"])
    assert set(found.conflict) == parting


def test_measures_are_means_over_seeds(made: Made, found: Comparison) -> None:
    truth = dict(made.targets.select("clip_id", "label").iter_rows())
    scores = []
    for (_,), part in made.predictions.filter(source="fusion").partition_by("seed", as_dict=True).items():
        top = part.sort("probability").group_by("clip_id").last()
        scores.append(f1_score([truth[c] for c in top["clip_id"]], top["label"].to_list(), average="macro"))
    assert row(found, "macro_f1", "fusion", "all")["value"] == pytest.approx(np.mean(scores))
    every = [
        row(found, "macro_f1", "fusion", where)["n_clips"] for where in ("all", "conflict=yes", "conflict=no")
    ]
    assert every[0] == every[1] + every[2] == 300


def test_a_twin_gains_nothing_and_a_worse_one_loses(found: Comparison) -> None:
    for where in ("all", "conflict=yes", "conflict=no"):
        twin = row(found, "log_loss_gain", "fusion|twin", where)
        assert (twin["value"], twin["p"]) == (0.0, None)
        for measure in ("macro_f1_gain", "log_loss_gain"):
            worse = row(found, measure, "fusion|worse", where)
            assert worse["value"] > 0
    assert row(found, "log_loss_gain", "fusion|worse", "all")["p"] < 0.01
    assert row(found, "macro_f1_gain", "fusion|worse", "all")["low"] > 0


def test_masked_models_and_fewer_modalities_have_slices_of_their_own(made: Made) -> None:
    fused = made.predictions.filter(source="fusion")
    fewer = fused.with_columns(pl.lit("audio+video").alias("given"))
    masked = fewer.with_columns(pl.lit("fusion~masked").alias("source"))
    found = compared(made, ["fusion"], pl.concat([made.predictions, fewer, masked]))
    wheres = found.estimates.filter(measure="macro_f1", source="fusion")["slice"].to_list()
    assert set(wheres) == {
        "all",
        "conflict=yes",
        "conflict=no",
        "given=audio+video",
        "masked given=audio+video",
    }
    against_itself = row(found, "log_loss_gain", "fusion|fusion", "given=audio+video")
    assert against_itself["value"] == 0.0


def test_clips_without_a_target_count_nowhere(made: Made) -> None:
    few = made.targets.filter(pl.col("clip_id") < "c0100")
    evidence = Evidence(
        **{**made.evidence(), "targets": few, "clips": made.evidence()["clips"].drop("label")}
    )
    found = compare_sources(evidence, ["fusion"], against=())
    assert row(found, "macro_f1", "fusion", "all")["n_clips"] == few["clip_id"].n_unique()


def test_absent_members_and_no_single_modality_are_named(made: Made) -> None:
    with pytest.raises(InputError, match="no predictions of magic"):
        compared(made, ["magic"], made.predictions)
    with pytest.raises(InputError, match="no source of a single modality"):
        compared(made, ["fusion"], made.predictions.filter(source="fusion"))
