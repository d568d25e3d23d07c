"""Very many clips of one speaker: everything is answered or declined with its reason, and no number is made up."""

from __future__ import annotations

import polars as pl
import polars.selectors as cs
import pytest

from mixedsignals.diagnosis import Diagnosis, DiagnosisOptions, Evidence, diagnose
from mixedsignals.testing import make_evidence

CLIPS = 3000


@pytest.fixture(scope="module")
def alone() -> Diagnosis:
    made = make_evidence(
        n_clips=CLIPS, n_speakers=1, labels=("sad", "neutral", "happy"), seeds=(0, 1), votes_per_clip=5
    )
    return diagnose(Evidence(**made.evidence()), options=DiagnosisOptions(permutations=199))


def test_no_table_holds_a_number_that_is_none(alone: Diagnosis) -> None:
    assert alone.predictions is not None
    for table in (alone.predictions, alone.scores, alone.estimates):
        numbers = table.select(cs.float())
        assert numbers.width
        assert all(column.drop_nulls().is_finite().all() for column in numbers)
    assert not alone.findings.filter(pl.col("message").str.contains(r"(?i)\bnan\b|\binf\b")).height


def test_nothing_that_needs_other_speakers_is_claimed(alone: Diagnosis) -> None:
    for code, reason in {
        "MS104": "one speaker",
        "MS301": "one group",
        "MS302": "one group",
        "MS501": "too few groups",
        "MS601": "cannot be told",
    }.items():
        rows = alone.findings.filter(pl.col("code") == code)
        assert rows.height, code
        assert set(rows["status"]) == {"not_applicable"}, code
        assert all(reason in message for message in rows["message"]), code


def test_no_interval_is_given_and_few_groups_are_named(alone: Diagnosis) -> None:
    by_groups = alone.estimates.filter((pl.col("n_groups") == 1) & pl.col("method").str.contains("jackknife"))
    assert by_groups.is_empty()
    (row,) = alone.findings.filter(pl.col("code") == "MS103").iter_rows(named=True)
    assert (row["status"], row["severity"]) == ("issue", "high")
    measured = alone.estimates.filter((pl.col("measure") == "accuracy") & (pl.col("source") == "fusion"))
    assert measured["n_clips"].to_list() == [CLIPS]
    assert measured["low"].to_list() == [None]
