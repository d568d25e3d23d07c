"""The short form of `benchmarks/trust.py`: on simulated corpora the intervals hold the truth and tests do not cry wolf.

A few dozen corpora cannot tell 95 from 90 %; they do tell a broken interval or test. The full form is the benchmark.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CORPORA = 40


@pytest.fixture
def trust(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT))
    if not (ROOT / "benchmarks" / "trust.py").is_file():
        pytest.skip("benchmarks are not installed with the package")
    from benchmarks import trust

    return trust


def test_every_headline_interval_holds_the_truth_of_most_corpora(trust, tmp_path):
    from benchmarks.simulated.chunks import Chunks
    from benchmarks.simulated.measured import HEADLINE

    amount, chunks = trust.Amount(CORPORA, 5, 5, endless=3000), Chunks(tmp_path)
    chunks.do([task for task in trust.tasks(trust.SHORT, (), amount) if "fitted" not in task.name])
    rows = trust.intervals(trust.SHORT, amount, chunks)
    headline = [row for row in rows if row["interval"] in HEADLINE]
    assert len(headline) >= 18
    # 40 corpora of an interval that covers 93 % show less than 75 % less than once in ten thousand times.
    assert not {row["interval"]: row["coverage"] for row in headline if row["coverage"] < 0.75}
    assert all(row["corpora"] >= 0.9 * CORPORA for row in headline)
    assert all(row["mean width"] > 0 for row in rows)


def test_no_headline_test_claims_what_is_not_there_and_all_find_what_is(trust):
    for name, test in trust.JUDGED.items():
        if test.headline:
            false, found = (trust.claim(name, 20, effect, range(30)) for effect in (0.0, 2.5 * test.effect))
            assert false <= 6, name
            assert found >= 10, name
            assert found > false + 5, name


def test_a_run_that_was_stopped_goes_on_where_it_was_and_finds_the_same(trust, tmp_path):
    from benchmarks.simulated.chunks import Chunks

    name, amount = "sign-flip, two models", trust.Amount(250, 250, 100)
    work = [*trust._claim_tasks(name, 20, 0.0, 250), *trust._claim_tasks(name, 20, 0.08, 100)]
    whole, parts = Chunks(tmp_path / "whole"), Chunks(tmp_path / "parts")
    whole.do(work)
    parts.do(work[:2])
    assert [parts.get(task.name) is not None for task in work] == [True, True, False, False]
    (before,) = [row for row in trust.tests((20,), amount, whole) if row["test"] == name]
    written = parts.path(work[0].name).stat().st_mtime_ns
    parts.do(work)
    assert parts.path(work[0].name).stat().st_mtime_ns == written
    (after,) = [row for row in trust.tests((20,), amount, parts) if row["test"] == name]
    assert before == after
    assert after["corpora"] == 250


def test_figures_of_other_code_are_not_mixed_in(trust, tmp_path, monkeypatch):
    from benchmarks.simulated import chunks as module

    chunks, task = module.Chunks(tmp_path), trust._claim_tasks("sign-flip, two models", 10, 0.0, 5)[0]
    chunks.do([task])
    assert chunks.get(task.name) is not None
    monkeypatch.setattr(module, "code_digest", lambda: "another")
    assert chunks.get(task.name) is None


def test_an_endless_corpus_has_the_same_truth_for_another_size(trust):
    setting = replace(trust.SHORT[0], speakers=500)
    one, other = (trust.truths(setting, speakers) for speakers in (2000, 4000))
    for name in ("accuracy", "misled_rate", "krippendorff_alpha, nominal", "human_gain, raters as fixed"):
        assert one[name] == pytest.approx(other[name], abs=0.02), name


def test_judgements_allow_for_monte_carlo_error(trust):
    assert trust.judge_interval(0.92, 4000) == "misses"
    assert trust.judge_interval(0.92, 400) == "right"
    assert trust.judge_interval(0.99, 4000) == "conservative"
    assert trust.judge_interval(1.0, 20) == "right"
    assert trust.judge_test(0.08, 4000, upper_only=False) == "misses"
    assert trust.judge_test(0.01, 4000, upper_only=False) == "conservative"
    assert trust.judge_test(0.01, 4000, upper_only=True) == "right"
