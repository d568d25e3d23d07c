"""What simulations hold against an interval is told wherever it is shown, and is what the benchmark found."""

from __future__ import annotations

import json
from fnmatch import fnmatchcase
from pathlib import Path

import polars as pl
import pytest

from mixedsignals.diagnosis import DiagnosisOptions, Evidence, diagnose
from mixedsignals.diagnosis.cautions import CAUTIONS, caution
from mixedsignals.diagnosis.explain import pages
from mixedsignals.diagnosis.names import ESTIMATE_NAMES, expanded
from mixedsignals.measures.inference import Estimate
from mixedsignals.testing import make_evidence

FIGURES = Path(__file__).parents[2] / "benchmarks" / "results" / "trust.json"


@pytest.fixture(scope="module")
def missed() -> list[dict]:
    if not FIGURES.is_file():
        pytest.skip("the figures of the benchmark are not beside the tests")
    rows = json.loads(FIGURES.read_text(encoding="utf-8"))["rows"]
    return [row for row in rows if row["verdict"] == "misses"]


def test_every_interval_that_misses_has_its_caution(missed):
    for row in (row for row in missed if "interval" in row):
        known = [one for one in CAUTIONS if row["interval"] in one.simulated]
        assert known, row["interval"]
        low, high = known[0].covers
        assert low - 0.01 <= row["coverage"] <= high + 0.01, row
        assert int(row["corpora like"].split()[0]) < known[0].below, row


def test_every_caution_is_about_a_miss(missed):
    names = {row["interval"] for row in missed if "interval" in row}
    assert all(names & set(one.simulated) for one in CAUTIONS)


def test_no_test_claims_too_much(missed):
    assert not [row["test"] for row in missed if "test" in row]


def test_every_measure_in_a_caution_is_one_and_its_page_speaks_of_simulations():
    for one in CAUTIONS:
        for pattern in one.measures:
            meant = {
                d.check
                for name, d in ESTIMATE_NAMES.items()
                for e in expanded(name)
                if fnmatchcase(e, pattern)
            }
            assert meant, pattern
            assert any(
                "simulations" in pages()[check].split("## When not to believe it")[1] for check in meant
            )


def test_an_estimate_says_it_beside_its_method():
    evidence = Evidence(**make_evidence(n_clips=120, n_speakers=12, seed=1).evidence())
    found = diagnose(evidence, options=DiagnosisOptions(permutations=99)).estimates
    gains = found.filter(pl.col("measure").str.starts_with("delta_auroc:") & pl.col("low").is_not_null())
    assert gains.height
    assert gains["method"].str.contains("95 % intervals held the truth in").all()
    assert not found.filter(pl.col("measure") == "accuracy")["method"].str.contains("simulations").any()


def test_only_the_whole_and_only_few_groups_where_that_is_so():
    (best,) = (one for one in CAUTIONS if one.whole)
    few, many = (Estimate(0.1, 0.0, 0.2, 0.95, "jackknife", 99, n, float(n), True) for n in (12, 60))
    assert caution("human_gain", "all", few) == str(best)
    assert not caution("human_gain", "all", many)
    assert not caution("human_gain", "over=audio", few)
    assert not caution("delta_auroc:misled", "all", Estimate.absent("no clip"))
