"""The short form of `benchmarks/trust.py`: on simulated corpora the intervals hold the truth and tests do not cry wolf.

A few dozen corpora cannot tell 95 from 90 %; they do tell a broken interval or test. The full form is the benchmark.
"""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CORPORA = 60


@pytest.fixture
def trust(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT))
    if not (ROOT / "benchmarks" / "trust.py").is_file():
        pytest.skip("benchmarks are not installed with the package")
    from benchmarks import trust

    return trust


def test_every_interval_holds_the_truth_of_most_corpora(trust):
    rows = trust.intervals(trust.SHORT, CORPORA, 1, endless=3000)
    assert {row["interval"] for row in rows} >= {"accuracy", "macro_f1, mean over seeds", "noise_ceiling"}
    missed = {row["interval"]: row["coverage"] for row in rows if row["coverage"] < 0.82}
    assert not missed
    assert all(row["corpora"] >= 0.9 * CORPORA for row in rows)


def test_no_test_claims_what_is_not_there_and_all_find_what_is(trust):
    for name, test in trust.JUDGED.items():
        false, found = (trust.claim(name, 20, effect, range(30)) for effect in (0.0, 2.5 * test.effect))
        assert false <= 6, name
        assert found >= 10, name
        assert found > false + 5, name


def test_judgements_allow_for_monte_carlo_error(trust):
    assert trust.judge_interval(0.92, 4000) == "too narrow"
    assert trust.judge_interval(0.92, 400) == "holds"
    assert trust.judge_interval(0.99, 4000) == "cautious"
    assert trust.judge_test(0.08, 4000, upper_only=False) == "too many"
    assert trust.judge_test(0.01, 4000, upper_only=False) == "conservative"
    assert trust.judge_test(0.01, 4000, upper_only=True) == "holds"
