"""Quick ways for very many clips give what the plain ways give: ranks by counting, influence instead of leaving out."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from mixedsignals.measures import inference
from mixedsignals.measures.correlation import spearman_statistic
from mixedsignals.measures.coverage import area_statistic, risk_at_coverage
from mixedsignals.measures.groups import Groups
from mixedsignals.measures.inference import ByClip, estimate
from mixedsignals.measures.ranking import auprc_statistic, auroc_statistic
from mixedsignals.measures.ranks import dense_ranks, ranked

RNG = np.random.default_rng(0)
N = 300
SIGNAL = np.round(RNG.random(N), 2)
ERROR = (RNG.random(N) < SIGNAL).astype(float)
SHARE = np.round(np.clip(SIGNAL + RNG.normal(0, 0.3, N), 0, 1), 1)
OTHER = np.round(RNG.random(N) + SIGNAL, 1)
GROUPS = Groups.of(np.arange(N) % 30)

STATISTICS: dict[str, Callable[[], ByClip]] = {
    "auprc": lambda: auprc_statistic(SIGNAL, ERROR, GROUPS),
    "auprc of shares within folds": lambda: auprc_statistic(SIGNAL, SHARE, GROUPS, strata=np.arange(N) % 3),
    "aurc": lambda: area_statistic(-SIGNAL, ERROR, GROUPS),
    "excess_aurc": lambda: area_statistic(-SIGNAL, ERROR, GROUPS, area="excess_aurc"),
    "augrc": lambda: area_statistic(-SIGNAL, ERROR, GROUPS, area="augrc"),
    "spearman": lambda: spearman_statistic(SIGNAL, SHARE, GROUPS),
    "partial": lambda: spearman_statistic(
        SIGNAL, SHARE, GROUPS, given=np.stack([OTHER, SIGNAL**2 + OTHER], 1)
    ),
}


@pytest.fixture
def many(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few clips count as very many."""
    monkeypatch.setattr(inference, "EXACT_CLIPS", 0)
    monkeypatch.setattr(inference, "EXACT_WORK", 0)


@settings(deadline=None, max_examples=50)
@given(st.lists(st.one_of(st.integers(-5, 5), st.floats(-3, 3)), min_size=1, max_size=30))
def test_dense_ranks_are_those_of_scipy(values: list[float]) -> None:
    expected = stats.rankdata(values, method="dense") - 1
    found = ranked(values)
    assert found.of.tolist() == expected.tolist()
    assert found.levels == len(set(values))
    assert dense_ranks([*values, np.nan])[:-1].tolist() == expected.tolist()


def test_ranks_may_stand_for_the_signal() -> None:
    for make in (auroc_statistic, auprc_statistic):
        of_signal, of_ranks = make(SIGNAL, SHARE, GROUPS), make(dense_ranks(SIGNAL), SHARE, GROUPS)
        assert np.array_equal(of_signal.without_each(), of_ranks.without_each())


@pytest.mark.parametrize("name", STATISTICS)
def test_a_slope_is_the_derivative_by_the_weight_of_a_clip(name: str, many: None) -> None:
    statistic = STATISTICS[name]()
    assert statistic.slope is not None
    slope, step = statistic.slope(), 1e-5
    for clip in range(0, N, 29):
        weights = np.ones((2, N))
        weights[:, clip] += (step, -step)
        above, below = statistic.function(weights)
        assert (above - below) / (2 * step) == pytest.approx(slope[clip], abs=1e-8)


@pytest.mark.parametrize("name", STATISTICS)
def test_summing_influence_comes_near_leaving_out(
    name: str, many: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    quick = STATISTICS[name]()
    monkeypatch.undo()
    exact = STATISTICS[name]()
    assert quick.linear
    assert not exact.linear
    with_slopes, left_out = estimate(quick), estimate(exact)
    assert with_slopes.value == left_out.value
    assert with_slopes.se == pytest.approx(left_out.se, rel=0.05)
    assert "influence" in with_slopes.method
    assert "influence" not in left_out.method


def test_the_slope_of_a_risk_comes_near_leaving_out(many: None, monkeypatch: pytest.MonkeyPatch) -> None:
    quick = risk_at_coverage(-SIGNAL, ERROR, GROUPS, coverage=0.83)
    monkeypatch.undo()
    exact = risk_at_coverage(-SIGNAL, ERROR, GROUPS, coverage=0.83)
    assert quick.method == "influence-logit"
    assert (quick.low, quick.high) == pytest.approx((exact.low, exact.high), abs=0.005)


def test_few_clips_and_few_groups_are_left_out_exactly() -> None:
    few = Groups.of(np.arange(30_000) % 20)
    signal, error = RNG.random(30_000), RNG.integers(0, 2, 30_000)
    assert not auprc_statistic(signal, error, few).linear
    assert auprc_statistic(signal, error, Groups.each(30_000)).linear
