"""Sources without some of their modalities: hidden from ordinary checks, offered by handling; the training prior."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from mixedsignals.diagnosis import Case, DiagnosisOptions, Evidence, diagnose
from mixedsignals.labels import all_combinations
from mixedsignals.tables import PROBES, conform
from mixedsignals.testing import Made, make_evidence

ALL = "text+audio+video"
QUICK = DiagnosisOptions(permutations=99)


@pytest.fixture(scope="module")
def made() -> Made:
    return make_evidence(n_clips=60, n_speakers=12, seeds=(1, 2), pairs=True, votes_per_clip=4)


def renamed(predictions: pl.DataFrame, given: str, name: str, shown: str) -> pl.DataFrame:
    """The rows of fusion (or of a single modality) as if `name` had said them given `shown`."""
    source = "fusion" if "+" in given else given
    own = predictions.filter(source=source, given=given)
    return own.with_columns(pl.lit(name).alias("source"), pl.lit(shown).alias("given"))


def probed(made: Made, source: str = "fusion") -> pl.DataFrame:
    """The `plain` rows that every probed source has."""
    own = made.predictions.filter(source="fusion", given=ALL)
    return conform(
        PROBES,
        own.select(
            "run_id",
            "seed",
            "clip_id",
            pl.lit(source).alias("source"),
            pl.lit("plain").alias("probe"),
            pl.lit(ALL).alias("modality"),
            pl.lit(None, pl.String).alias("donor_id"),
            "label",
            "probability",
        ),
    )


def added(made: Made) -> pl.DataFrame:
    """The predictions with what probes add: two handlings, and a second fusion given every subset."""
    p = made.predictions
    subsets = all_combinations(("text", "audio", "video"))
    handled = [
        renamed(p, given, f"fusion~{word}", given) for word in ("token", "resampled") for given in subsets
    ]
    second = [renamed(p, given, "product", given) for given in subsets]
    singles = [renamed(p, m, "fusion", m) for m in ("text", "audio", "video")]
    return pl.concat([p, *handled, *second, *singles])


def test_ordinary_checks_do_not_see_what_probes_add(made: Made) -> None:
    full = [*made.predictions.partition_by("source"), renamed(made.predictions, ALL, "product", ALL)]
    before = diagnose(Evidence(**{**made.evidence(), "predictions": pl.concat(full)}), options=QUICK)
    tables = {**made.evidence(), "predictions": added(made), "probes": probed(made)}
    tables["probes"] = pl.concat([tables["probes"], probed(made, "product")])
    after = diagnose(Evidence(**tables), options=QUICK)
    ordinary = pl.col("code") < "MS904"
    assert after.findings.filter(ordinary).equals(before.findings.filter(ordinary))
    measures = before.estimates["measure"].unique()
    assert (
        after.estimates.filter(pl.col("measure").is_in(measures.implode())).height >= before.estimates.height
    )
    kept = after.estimates.join(
        before.estimates, on=["measure", "source", "slice", "value"], how="semi", nulls_equal=True
    )
    assert kept.height == before.estimates.height
    assert after.predictions is not None
    hidden = after.predictions.filter(pl.col("source").str.contains("~", literal=True))
    assert hidden["calibrated"].null_count() == hidden.height
    assert after.predictions.height == tables["predictions"].height, "they stay in the table"


def test_without_probes_anybodys_subsets_stay_ordinary(made: Made) -> None:
    case = Case(Evidence(**{**made.evidence(), "predictions": added(made)}), QUICK)
    assert ("product", "text+audio") in {(s.name, s.given) for s in case.sources}
    assert not any("~" in s.name for s in case.sources)
    assert sum("~" in s.name for s in case.every_source) == 14


def test_handlings_offer_every_subset_by_word(made: Made) -> None:
    case = Case(Evidence(**{**made.evidence(), "predictions": added(made), "probes": probed(made)}), QUICK)
    found = case.handlings("fusion")
    assert list(found) == ["subset", "token", "resampled"]
    assert all(list(held) == all_combinations(("text", "audio", "video")) for held in found.values())
    assert found["subset"]["audio"].name == "fusion", "its own rows come before a single source"
    assert found["token"]["audio"].name == "fusion~token"
    assert list(case.handlings("product")) == ["subset"]
    assert case.handlings("audio") == {}
    assert case.handlings("nobody") == {}


def test_singles_of_the_run_stand_in_for_subsets(made: Made) -> None:
    case = Case(Evidence(**made.evidence()), QUICK)
    held = case.handlings("fusion")["subset"]
    assert {given: source.name for given, source in held.items() if "+" not in given} == {
        m: m for m in ("text", "audio", "video")
    }
    two = renamed(made.predictions, "audio", "other", "audio")
    case = Case(Evidence(**{**made.evidence(), "predictions": pl.concat([made.predictions, two])}), QUICK)
    assert case.handlings("fusion")["subset"]["audio"].name == "audio", "the one of its name"


def test_the_prior_is_that_of_the_clips_trained_on(made: Made) -> None:
    case = Case(Evidence(**made.evidence()), QUICK)
    assert case.prior.shares.shape == (60, 2)
    np.testing.assert_allclose(case.prior.shares.sum(1), 1.0)
    at = 7
    clip = case.clip_ids[at]
    fold = made.splits.filter(clip_id=clip, role="test")["fold"][0]
    train = made.splits.filter(fold=fold, role="train").join(made.targets, on="clip_id")
    shares = [train["label"].eq(name).mean() for name in made.labels]
    np.testing.assert_allclose(case.prior.shares[at], shares)
    assert "trained on" in case.prior.note


def test_without_splits_the_prior_is_that_of_all_targets_and_says_so(made: Made) -> None:
    tables = {**made.evidence(), "splits": None}
    case = Case(Evidence(**tables), QUICK)
    shares = [made.targets["label"].eq(name).mean() for name in made.labels]
    np.testing.assert_allclose(case.prior.shares, np.tile(shares, (60, 1)))
    assert "no splits" in case.prior.note
    bare = Case(Evidence(**{**tables, "targets": None, "clips": None}), QUICK)
    assert (bare.prior.shares == 0.5).all()
    assert "no targets" in bare.prior.note
