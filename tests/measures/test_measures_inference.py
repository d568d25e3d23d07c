"""Intervals and tests over groups: what they rest on, what they refuse, and that no NaN leaves."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mixedsignals.measures.crossed import across_seeds, two_way_contrast
from mixedsignals.measures.groups import Groups, kish
from mixedsignals.measures.inference import (
    ByClip,
    Estimate,
    Resampling,
    Totals,
    bootstrap_weights,
    difference,
    estimate,
    jackknife_variance,
    mean,
    rate,
    ratio,
    value_of,
)
from mixedsignals.measures.significance import benjamini_hochberg, group_t_test, holm, sign_flip


def speakers(count, clips):
    return Groups.of(np.arange(count * clips) % count)


def no_nan(found: Estimate) -> None:
    for field in dataclasses.fields(found):
        value = getattr(found, field.name)
        assert not (isinstance(value, float) and not math.isfinite(value)), field.name


def test_a_clip_without_a_speaker_is_its_own_group():
    groups = Groups.of(["ann", None, None, "ann", float("nan")])
    assert groups.count == 4
    assert groups.sizes.tolist() == [2, 1, 1, 1]


def test_part_of_the_clips_keeps_the_numbering_and_forgets_no_group():
    groups = Groups.of("aabbcc").take([True, True, False, False, True, False])
    assert groups.count == 3
    assert groups.sizes.tolist() == [2, 0, 1]
    assert groups.distinct == 2


def test_blocks_hold_whole_groups_and_say_how_many():
    groups = Groups.of(np.arange(6000) // 3)
    blocks = groups.blocks(50)
    assert blocks.count == 50
    assert blocks.distinct == 2000
    assert all(len(set(blocks.codes[groups.codes == group])) == 1 for group in range(0, 2000, 97))
    assert groups.blocks(2000) is groups


def test_effective_groups_fall_when_one_speaker_has_most_clips():
    assert kish([5, 5, 5, 5]) == 4
    assert kish([97, 1, 1, 1]) < 1.1
    assert kish([]) == 0


def test_the_interval_of_a_mean_of_equal_groups_is_the_t_interval_of_group_means():
    from scipy import stats

    rng = np.random.default_rng(0)
    values, groups = rng.normal(size=120), speakers(12, 10)
    means = groups.sums(values) / 10
    theirs = stats.t.interval(0.95, 11, loc=means.mean(), scale=means.std(ddof=1) / np.sqrt(12))
    found = mean(values, groups)
    assert (found.low, found.high) == pytest.approx(theirs)
    assert found.n_clips == 120
    assert found.n_groups == 12
    assert found.trusted


@given(
    st.lists(
        st.tuples(st.sampled_from("abcd"), st.one_of(st.none(), st.floats(0, 1))), min_size=1, max_size=30
    )
)
@settings(deadline=None)
def test_no_rate_ever_holds_a_nan_and_every_interval_holds_its_value(rows):
    groups = Groups.of(speaker for speaker, _ in rows)
    found = rate([np.nan if hit is None else hit for _, hit in rows], groups)
    no_nan(found)
    assert (found.value is None) == all(hit is None for _, hit in rows)
    if found.low is not None:
        assert 0 <= found.low <= found.value + 1e-9
        assert found.value - 1e-9 <= found.high <= 1
    elif found.value is not None:
        assert found.note


def test_a_share_of_zero_or_one_has_an_exact_interval_and_says_so():
    groups = speakers(20, 5)
    nothing, everything = rate(np.zeros(100), groups), rate(np.ones(100), groups)
    assert nothing.method == everything.method == "clopper-pearson-groups"
    assert nothing.low == 0
    assert nothing.high == pytest.approx(1 - 0.025 ** (1 / 20))
    assert (everything.low, everything.high) == pytest.approx((1 - nothing.high, 1))


def test_one_group_gives_a_value_and_says_why_it_has_no_interval():
    found = rate([0, 1, 1, 1], Groups.of("aaaa"))
    assert found.value == 0.75
    assert found.low is None
    assert "one group" in found.note
    assert not found.trusted


def test_no_clip_gives_no_value_and_a_reason():
    found = rate([np.nan, np.nan], Groups.each(2))
    assert found.value is None
    assert found.note
    no_nan(found)


def test_a_number_that_hangs_on_one_group_has_no_interval():
    found = estimate(ratio([1, 0, 0, 0], [1, 0, 0, 0], Groups.each(4)))
    assert found.value == 1
    assert found.low is None
    assert "single group" in found.note


def test_below_ten_effective_groups_an_interval_is_not_trusted():
    rng = np.random.default_rng(0)
    assert not rate(rng.integers(0, 2, 90), speakers(9, 10)).trusted
    assert rate(rng.integers(0, 2, 100), speakers(10, 10)).trusted


def test_an_estimate_refuses_nan():
    with pytest.raises(ValueError, match="finite"):
        Estimate(float("nan"), None, None, 0.95, "x", 1, 1, 1.0, False)


def test_the_bootstrap_is_used_from_forty_groups_and_is_the_same_again():
    rng = np.random.default_rng(0)
    values, options = rng.normal(size=400), Resampling(method="bootstrap")
    few, many = mean(values, speakers(39, 11).take(slice(400)), options=options), speakers(40, 10)
    assert few.method.startswith("jackknife")
    found = mean(values, many, options=options)
    assert found.method == "bootstrap"
    assert found == mean(values, many, options=options)
    assert found.high - found.low == pytest.approx(mean(values, many).high - mean(values, many).low, rel=0.15)


@pytest.mark.parametrize("wrong", [{"level": 1.0}, {"method": "bootstrap", "resamples": 100}])
def test_illegal_resampling_is_refused(wrong):
    with pytest.raises(ValueError):
        Resampling(**wrong)


def test_a_bootstrap_draws_as_many_groups_as_have_clips():
    groups = Groups.of("aabbccdd").take(slice(0, 6))
    weights = bootstrap_weights(groups, 10)
    assert (weights.sum(axis=1) == 3).all()
    assert (weights[:, 3] == 0).all()


def test_a_statistic_by_clip_and_by_totals_are_the_same():
    rng = np.random.default_rng(0)
    values, groups = rng.normal(size=60), speakers(6, 10)
    by_clip = ByClip(lambda weights: (weights @ values) / weights.sum(axis=1), groups)
    totals = ratio(values, np.ones(60), groups)
    weights = bootstrap_weights(groups, 7)
    np.testing.assert_allclose(by_clip.at(weights), totals.at(weights))
    np.testing.assert_allclose(by_clip.without_each(), totals.without_each())


def test_a_paired_difference_is_narrower_than_two_intervals_apart():
    rng = np.random.default_rng(0)
    groups = speakers(20, 20)
    easy = rng.normal(size=20)[groups.codes] + rng.normal(size=400)
    first, second = (easy + rng.normal(size=400) > cut for cut in (0.0, 0.2))
    paired = estimate(difference(ratio(first, np.ones(400), groups), ratio(second, np.ones(400), groups)))
    assert paired.value == pytest.approx(first.mean() - second.mean())
    assert paired.se < np.hypot(rate(first, groups).se, rate(second, groups).se)


def test_a_difference_needs_the_same_groups():
    with pytest.raises(ValueError, match="same groups"):
        difference(ratio([1], [1], Groups.each(1)), ratio([1, 1], [1, 1], Groups.each(2)))


def test_one_seed_is_the_plain_estimate_and_says_so():
    rng = np.random.default_rng(0)
    hits, groups = rng.integers(0, 2, 200), speakers(20, 10)
    found = across_seeds([ratio(hits, np.ones(200), groups)], scale="logit")
    assert (found.low, found.high) == (rate(hits, groups).low, rate(hits, groups).high)
    assert "one seed" in found.note


def test_identical_seeds_add_nothing_and_different_ones_widen():
    rng = np.random.default_rng(0)
    groups = speakers(20, 10)
    hits = rng.integers(0, 2, 200).astype(float)
    same = across_seeds([ratio(hits, np.ones(200), groups)] * 4)
    assert (same.low, same.high) == pytest.approx((mean(hits, groups).low, mean(hits, groups).high))
    shifted = [ratio(np.clip(hits + shift, -1, 2), np.ones(200), groups) for shift in (-0.3, -0.1, 0.1, 0.3)]
    wide = across_seeds(shifted)
    assert wide.value == pytest.approx(same.value)
    assert wide.high - wide.low > 2 * (same.high - same.low)


def test_the_variance_of_seeds_and_groups_is_that_of_the_two_way_table():
    rng = np.random.default_rng(1)
    table = rng.normal(size=(5, 1)) + rng.normal(size=(1, 30)) + rng.normal(size=(5, 30))
    found = across_seeds([ratio(row, np.ones(30), Groups.each(30)) for row in table])
    rows, columns = table.mean(axis=1), table.mean(axis=0)
    residual = table - rows[:, None] - columns + table.mean()
    expected = rows.var(ddof=1) / 5 + columns.var(ddof=1) / 30 - (residual**2).sum() / (4 * 29) / 150
    assert found.se**2 == pytest.approx(expected)


def test_a_contrast_with_one_rater_has_no_interval():
    found = two_way_contrast([0.1, -0.1], 0.3, Groups.each(2), Groups.of("aa"))
    assert found.value == 0.3
    assert found.low is None
    assert "one rater" in found.note


def test_jackknife_variance_of_a_mean_is_the_usual_one():
    values = np.random.default_rng(0).normal(size=15)
    left_out = (values.sum() - values) / 14
    assert jackknife_variance(left_out) == pytest.approx(values.var(ddof=1) / 15)


def test_the_sign_flip_is_exact_with_few_groups_and_symmetric():
    assert sign_flip([1, 2, 3]) == 0.25
    assert sign_flip([1, 2, 3], alternative="greater") == 0.125
    assert sign_flip([1, 2, 3], alternative="less") == 1
    sums = np.random.default_rng(0).normal(size=30)
    assert sign_flip(sums) == sign_flip(sums)
    assert sign_flip(sums) == pytest.approx(sign_flip(-sums), abs=0.02)


def test_groups_without_a_difference_say_nothing():
    assert sign_flip([0.0, 0.0]) is None
    assert sign_flip([1, 1, 1, 0, 0]) == sign_flip([1, 1, 1])
    assert group_t_test([0.0, 0.0], [3, 3]) is None
    assert group_t_test([1.0], [3]) is None


def test_the_random_sign_flip_never_gives_zero():
    assert sign_flip(np.ones(50), draws=99) == pytest.approx(1 / 100)


@given(st.lists(st.one_of(st.none(), st.floats(0, 1)), max_size=8))
def test_adjusted_p_values_never_fall_and_keep_what_was_not_applicable(p_values):
    for adjust in (holm, benjamini_hochberg):
        found = adjust(p_values)
        assert [one is None for one in found] == [one is None for one in p_values]
        for before, after in zip(p_values, found, strict=True):
            assert before is None or before <= after + 1e-12 <= 1 + 2e-12


def test_a_statistic_undefined_everywhere_is_none():
    groups = Groups.each(3)
    assert value_of(Totals(np.zeros((3, 1)), lambda totals: np.full(len(totals), np.nan), groups)) is None
