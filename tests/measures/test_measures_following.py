"""Following: means and slopes over pairs of clips against clip-by-clip sums, and leaving out a group on both sides."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from mixedsignals.measures.dominance import swap_follow_rate
from mixedsignals.measures.following import (
    Pairs,
    against_zero,
    bins_of,
    follow_statistic,
    relative_entropy,
    slope_statistic,
)
from mixedsignals.measures.groups import Groups
from mixedsignals.measures.inference import Estimate, bootstrap_weights, estimate, mean, value_of


@st.composite
def swaps(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, np.ndarray, Groups]:
    """Values, who receives, who lends (−1 nobody), and groups of the clips."""
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    clips, pairs = draw(st.integers(2, 12)), draw(st.integers(1, 40))
    groups = Groups(rng.integers(0, 4, clips), 4)
    values = np.where(rng.random(pairs) < 0.1, np.nan, rng.uniform(-1, 1, pairs))
    return values, rng.integers(0, clips, pairs), rng.integers(-1, clips, pairs), groups


def by_hand(values: np.ndarray, clip: np.ndarray, weights: np.ndarray) -> float:
    """Partners averaged within a clip (by the shares they have when all are there), then clips."""
    top = bottom = 0.0
    for one in np.unique(clip[np.isfinite(values)]):
        mine = (clip == one) & np.isfinite(values)
        top += (values[mine] * weights[mine]).sum() / mine.sum()
        bottom += weights[mine].sum() / mine.sum()
    return top / bottom if bottom > 1e-12 else np.nan


@given(given=swaps())
@settings(deadline=None)
def test_a_group_is_left_out_where_it_receives_and_where_it_lends(given):
    values, clip, lender, groups = given
    found = follow_statistic(values, clip, lender, groups)
    receives = groups.codes[clip]
    lends = np.where(lender >= 0, groups.codes[lender], -1)
    whole = by_hand(values, clip, np.ones(len(values)))
    assert found.at(np.ones((1, 4)))[0] == pytest.approx(whole, nan_ok=True)
    for group, left in enumerate(found.without_each()):
        stays = ((receives != group) & (lends != group)).astype(float)
        assert left == pytest.approx(by_hand(values, clip, stays), nan_ok=True, abs=1e-9)
        weights = np.ones((1, 4))
        weights[0, group] = 0.0
        assert left == pytest.approx(found.at(weights)[0], nan_ok=True, abs=1e-9)


@given(given=swaps())
@settings(deadline=None)
def test_without_lenders_it_is_the_mean_over_groups(given):
    values, clip, _, groups = given
    nobody = np.full(len(clip), -1)
    count = np.bincount(clip[np.isfinite(values)], minlength=len(groups))
    total = np.bincount(clip, weights=np.nan_to_num(values), minlength=len(groups))
    per_clip = np.divide(total, count, out=np.full(len(groups), np.nan), where=count > 0)
    ours, theirs = estimate(follow_statistic(values, clip, nobody, groups)), mean(per_clip, groups)
    assert (ours.value is None) == (theirs.value is None)
    if ours.value is not None:
        assert ours.value == pytest.approx(theirs.value)
        assert (ours.n_clips, ours.n_groups) == (theirs.n_clips, theirs.n_groups)
        if ours.low is not None and theirs.low is not None:
            assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high))


def test_the_order_of_pairs_does_not_matter_and_twice_the_partners_change_nothing():
    rng = np.random.default_rng(1)
    values, clip, lender = rng.uniform(-1, 1, 60), rng.integers(0, 20, 60), rng.integers(0, 20, 60)
    groups, order = Groups(np.arange(20) % 5, 5), rng.permutation(60)
    one = estimate(follow_statistic(values, clip, lender, groups))
    other = estimate(follow_statistic(values[order], clip[order], lender[order], groups))
    twice = estimate(follow_statistic(np.tile(values, 2), np.tile(clip, 2), np.tile(lender, 2), groups))
    for found in (other, twice):
        assert (found.value, found.low, found.high) == pytest.approx((one.value, one.low, one.high))


def test_one_partner_a_clip_is_the_rate_of_the_dominance_measures():
    rng = np.random.default_rng(0)
    swapped, plain = (rng.dirichlet(np.ones(3), 80) for _ in range(2))
    donor, groups = rng.integers(0, 3, 80), Groups.of(np.arange(80) % 10)
    moved = (swapped - plain)[np.arange(80), donor]
    ours = estimate(follow_statistic(moved, np.arange(80), np.full(80, -1), groups))
    theirs = swap_follow_rate(swapped, plain, donor, groups)
    assert (ours.value, ours.low, ours.high) == pytest.approx((theirs.value, theirs.low, theirs.high))


def test_lenders_that_serve_many_make_the_interval_wider():
    """Every speaker's clips borrow from one other speaker, and what counts is who lends."""
    rng = np.random.default_rng(2)
    speaker = np.repeat(np.arange(12), 10)
    clip = np.repeat(np.arange(120), 4)
    lender = ((speaker[clip] + 1 + rng.integers(0, 3, 480)) % 12) * 10 + rng.integers(0, 10, 480)
    values = 0.3 + 0.2 * rng.normal(size=12)[speaker[lender]] + 0.02 * rng.normal(size=480)
    groups = Groups(speaker, 12)
    both = estimate(follow_statistic(values, clip, lender, groups))
    alone = estimate(follow_statistic(values, clip, np.full(480, -1), groups))
    assert both.value == pytest.approx(alone.value)
    assert both.se > 1.3 * alone.se


def test_the_bootstrap_weighs_a_pair_by_both_of_its_groups():
    groups = Groups.each(3)
    found = follow_statistic([1.0, 0.0], [0, 1], [1, 2], groups)
    weights = np.array([[2.0, 1.0, 0.0], [1.0, 1.0, 3.0]])
    assert found.at(weights).tolist() == [1.0, 0.25]
    drawn = found.at(bootstrap_weights(groups, 50))
    assert ((drawn >= 0) & (drawn <= 1) | np.isnan(drawn)).all()


@pytest.mark.parametrize("within", [False, True])
def test_a_slope_is_that_of_least_squares(within):
    rng = np.random.default_rng(3)
    clip = np.repeat(np.arange(40), 5)
    x = rng.normal(size=200) + rng.normal(size=40)[clip]
    y = -0.4 * x + (2.0 * rng.normal(size=40)[clip] if within else 0.0) + 0.1 * rng.normal(size=200)
    groups, nobody = Groups(np.arange(40) % 8, 8), np.full(200, -1)
    found = estimate(slope_statistic(y, x, clip, nobody, groups, within=within))
    if within:
        centred = [v - (np.bincount(clip, v) / 5)[clip] for v in (x, y)]
        assert found.value == pytest.approx(stats.linregress(*centred).slope)
        assert found.value == pytest.approx(-0.4, abs=0.05), "what differs between clips does not count"
    else:
        assert found.value == pytest.approx(stats.linregress(x, y).slope)
    assert found.low < -0.4 + 0.05
    assert found.low < found.value < found.high


def test_a_slope_needs_something_to_vary():
    flat = slope_statistic([0.1, 0.4], [0.2, 0.2], [0, 1], [-1, -1], Groups.each(2))
    assert value_of(flat) is None
    assert value_of(slope_statistic([np.nan], [0.1], [0], [-1], Groups.each(1))) is None
    nearly = ([0.1, 0.4], [0.2, 0.2001], [0, 1], [-1, -1], Groups.each(2))
    assert value_of(slope_statistic(*nearly)) == pytest.approx(3000)
    assert value_of(slope_statistic(*nearly, least=0.01)) is None
    alone = slope_statistic([0.1, 0.9], [0.0, 1.0], [0, 1], [-1, -1], Groups.each(2), within=True)
    assert value_of(alone) is None, "one partner a clip leaves nothing to compare within it"


@given(own=st.floats(0, 5), others=st.lists(st.floats(0, 5), min_size=1, max_size=3))
@settings(deadline=None)
def test_relative_entropy_stays_between_and_changes_sign_with_who_is_surer(own, others):
    found = relative_entropy([own], [[one] for one in others])[0]
    assert -1 <= found <= 1
    if own + sum(others) > 1e-9:
        assert np.sign(np.round(found, 12)) in (0, np.sign(own - np.mean(others)))
    if len(others) == 1:
        swapped = relative_entropy(others, [[own]])[0]
        assert found == pytest.approx(-swapped)


@given(
    values=st.lists(st.one_of(st.floats(-1, 1), st.just(float("nan"))), max_size=50), count=st.integers(1, 6)
)
@settings(deadline=None)
def test_bins_keep_the_order_and_share_out_the_values(values, count):
    given = np.asarray(values, dtype=np.float64)
    bins = bins_of(given, count)
    known = np.isfinite(given)
    assert (bins[~known] == -1).all()
    if known.any():
        assert sorted(set(bins[known])) == list(range(bins.max() + 1))
        order = np.argsort(given[known])
        assert (np.diff(bins[known][order]) >= 0).all()
    distinct = np.arange(30.0)
    assert np.bincount(bins_of(distinct, 5)).tolist() == [6] * 5


@pytest.mark.parametrize("freedom", [1.5, 3.0, 11.0, 250.0])
def test_the_p_of_zero_agrees_with_the_interval(freedom):
    reach = float(stats.t.ppf(0.975, freedom))
    for value in (0.0, 0.05, 0.4, -0.9):
        found = Estimate(value, value - reach * 0.2, value + reach * 0.2, 0.95, "x", 9, 9, 9.0, True, se=0.2)
        p = against_zero(found).p
        assert p == pytest.approx(2 * stats.t.sf(abs(value) / 0.2, freedom), rel=1e-3)
        assert (p < 0.05) == (found.low > 0 or found.high < 0)
    edge = Estimate(reach * 0.2, 0.0, 2 * reach * 0.2, 0.95, "x", 9, 9, 9.0, True, se=0.2)
    assert against_zero(edge).p == pytest.approx(0.05, abs=1e-4)


def test_there_is_no_p_without_spread():
    assert against_zero(Estimate.absent("nothing")).p is None
    assert against_zero(Estimate(1.0, 1.0, 1.0, 0.95, "x", 9, 9, 9.0, True, se=0.0)).p is None


def test_pairs_of_nothing_have_no_value():
    nothing = follow_statistic([], [], [], Groups.each(3))
    assert isinstance(nothing, Pairs)
    assert estimate(nothing).value is None
