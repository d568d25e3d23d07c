"""Disagreement, soft signals and the question whether a signal says more than confidence."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from mixedsignals.measures import disagreement as hard
from mixedsignals.measures import divergence as soft
from mixedsignals.measures.association import association, residual_test, smallest_detectable, verdict
from mixedsignals.measures.crossfit import cross_fitted, products_per_group
from mixedsignals.measures.groups import Groups
from mixedsignals.measures.inference import difference, estimate, value_of
from mixedsignals.measures.splines import make_basis

sources = hnp.arrays(np.int64, st.tuples(st.integers(1, 4), st.integers(1, 20)), elements=st.integers(-1, 2))


@given(each=sources, data=st.data())
@settings(deadline=None)
def test_every_clip_has_one_pattern_whatever_the_order_of_sources(each, data):
    fused = data.draw(hnp.arrays(np.int64, each.shape[1], elements=st.integers(-1, 2)))
    found = hard.pattern(each, fused)
    named = {"", "agree", "fusion_alone", "split"} | {f"fusion_with_{k}" for k in range(1, len(each))}
    assert set(found) <= named
    assert np.array_equal(found, hard.pattern(each[::-1], fused))
    assert ((found == "") == ((fused < 0) | (each < 0).all(axis=0))).all()
    assert ((found == "agree") <= (hard.unimodal_split(each) != 1)).all()


def test_a_missing_source_is_not_counted_against_agreement():
    assert hard.pattern([[1], [-1], [1]], [1]).tolist() == ["agree"]
    assert hard.pattern([[0], [-1], [0]], [1]).tolist() == ["fusion_alone"]


@given(each=sources, data=st.data())
@settings(deadline=None)
def test_every_known_clip_has_exactly_one_outcome(each, data):
    codes = hnp.arrays(np.int64, each.shape[1], elements=st.integers(-1, 2))
    fused, target = data.draw(codes), data.draw(codes)
    found = hard.outcomes(each, fused, target)
    several = np.stack([found.right, found.rescued, found.misled, found.lost]).sum(axis=0)
    assert np.array_equal(several == 1, found.known)
    assert (several[~found.known] == 0).all()
    # Being misled implies that fusion parts from some source.
    assert not (found.misled & (hard.pattern(each, fused) == "agree")).any()


def test_the_two_by_two_counts_right_and_wrong():
    table = hard.two_by_two([0, 0, 1, -1], [0, 1, 1, 0], [0, 0, 0, 0], Groups.each(4)).sum(axis=0)
    assert table.tolist() == [[1, 0], [1, 1]]


def test_independent_errors_disagree_as_often_as_expected():
    rng = np.random.default_rng(0)
    n, labels = 40_000, 4
    target = rng.choice(labels, n, p=[0.4, 0.3, 0.2, 0.1])
    first, second = (
        np.where(rng.random(n) < right, target, rng.integers(0, labels, n)) for right in (0.4, 0.7)
    )
    expected = hard.expected_disagreement(first, second, target, labels)
    assert expected == pytest.approx((first != second).mean(), abs=0.01)
    observed, by_chance = hard.disagreement_statistics(
        first, second, target, Groups.of(np.arange(n) % 50), labels
    )
    assert value_of(by_chance) == pytest.approx(expected)
    gap = estimate(difference(observed, by_chance))
    assert gap.low < 0 < gap.high
    copied = hard.disagreement_statistics(first, first, target, Groups.of(np.arange(n) % 50), labels)
    assert estimate(difference(*copied)).high < -0.1


def test_chance_of_perfect_constant_and_random_sources():
    target = np.arange(3000) % 3
    assert hard.expected_disagreement(target, target, target, 3) == 0
    assert hard.expected_disagreement(0 * target, 0 * target, target, 3) == 0
    random = np.random.default_rng(0).integers(0, 3, 3000)
    assert hard.expected_disagreement(random, target, target, 3) == pytest.approx(2 / 3, abs=0.03)
    assert hard.expected_disagreement([0], [0], [-1], 3) is None


def test_a_coin_is_right_on_its_share_of_the_errors_of_fusion():
    rng = np.random.default_rng(0)
    target = rng.integers(0, 8, 20_000)
    fused = np.where(rng.random(20_000) < 0.6, target, (target + 1) % 8)
    coin = rng.integers(0, 8, (1, 20_000))
    expected = hard.expected_misled(coin, fused, target, 8)
    assert expected == pytest.approx(0.4 / 8, abs=0.005)
    assert hard.outcomes(coin, fused, target).misled.mean() == pytest.approx(expected, abs=0.006)
    assert hard.expected_misled(coin, target, target, 8) == 0
    assert hard.expected_misled([[0]], [0], [-1], 8) is None


MOST = {
    soft.jensen_shannon: np.log2(3),
    soft.mean_total_variation: 1.0,
    soft.collision_disagreement: 1.0,
}


@given(raw=hnp.arrays(np.float64, (3, 6, 4), elements=st.floats(0.01, 1)))
@settings(deadline=None)
def test_soft_signals_stay_in_range_and_ignore_the_order_of_sources(raw):
    each = raw / raw.sum(axis=-1, keepdims=True)
    for signal, most in MOST.items():
        found = signal(each)
        assert (found >= 0).all()
        assert (found <= most + 1e-9).all()
        np.testing.assert_allclose(found, signal(each[::-1]), atol=1e-12)
    np.testing.assert_allclose(soft.jensen_shannon(each[[0, 0, 0]]), 0, atol=1e-12)
    np.testing.assert_allclose(soft.mean_total_variation(each[[0, 0, 0]]), 0, atol=1e-12)
    assert (soft.fusion_gap(each[0], each) <= 1).all()


def test_soft_signals_are_largest_for_sources_that_are_sure_of_different_labels():
    each = np.eye(3)[:, None, :]
    assert soft.jensen_shannon(each)[0] == pytest.approx(np.log2(3))
    assert soft.mean_total_variation(each)[0] == 1
    assert soft.collision_disagreement(each)[0] == 1
    assert soft.seed_disagreement(each)[0] == pytest.approx(np.log2(3))


def test_a_missing_source_is_left_out_of_soft_signals():
    each = np.array([[[0.9, 0.1]], [[0.2, 0.8]], [[np.nan, np.nan]]])
    for signal in MOST:
        np.testing.assert_allclose(signal(each), signal(each[:2]))
        assert np.isnan(signal(each[1:])).all()
    assert np.isfinite(soft.mean_entropy(each[1:])).all()
    assert np.isnan(soft.mean_entropy(each[2:])).all()
    assert np.isnan(soft.fusion_gap([[np.nan, np.nan]], each)).all()


def test_the_gap_of_the_true_class_needs_a_target():
    gap = soft.true_class_gap([[0.9, 0.1]] * 2, [[0.4, 0.6]] * 2, [1, -1])
    assert gap[0] == pytest.approx(-0.5)
    assert np.isnan(gap[1])


def corpus(seed=0, effect=0.0, clips=900, speakers=30):
    """Confidences, a signal that is a bent function of them plus noise, and a target that may follow the noise."""
    rng = np.random.default_rng(seed)
    groups = Groups.of(np.arange(clips) % speakers)
    latent = rng.normal(size=(clips, 3)) + 0.5 * rng.normal(size=(speakers, 1))[groups.codes]
    noise = rng.normal(size=clips) + 0.5 * rng.normal(size=speakers)[groups.codes]
    bent = np.sin(1.5 * latent[:, 0]) + 0.5 * latent[:, 1] * latent[:, 2]
    target = rng.random(clips) < 1 / (1 + np.exp(-(bent + effect * noise)))
    return target.astype(float), bent + noise, 1 / (1 + np.exp(-latent)), groups


def test_a_signal_that_only_repeats_confidence_adds_nothing():
    target, signal, base, groups = corpus()
    assert np.corrcoef(target, signal)[0, 1] > 0.2
    found = association(target, signal, base, groups)
    assert found.p > 0.05
    assert found.verdict in ("no", "cannot be told")
    assert found.detectable == smallest_detectable(found.delta_auroc.se)


def test_a_signal_with_news_is_found_in_its_direction():
    target, signal, base, groups = corpus(effect=1.0)
    found = association(target, signal, base, groups)
    assert found.verdict == "yes"
    assert found.t > 0
    assert found.correlation > 0.2
    assert found.delta_auroc.low > 0.02
    assert found.delta_log_loss.low > 0
    assert found.delta_auroc.p == found.p
    other = residual_test(target, -signal, base, groups)
    assert other.t == pytest.approx(-found.t)
    assert other.p == pytest.approx(found.p)


def test_the_test_does_not_change_when_confidence_is_recalibrated():
    target, signal, base, groups = corpus(effect=0.3)
    plain, bent = (residual_test(target, signal, each, groups) for each in (base, base**3))
    assert bent.t == pytest.approx(plain.t, abs=0.05)


def test_a_share_as_target_and_several_signals_work():
    target, signal, base, groups = corpus(effect=1.0)
    share = np.clip(0.5 * target + 0.25, 0, 1)
    several = np.column_stack([signal, np.random.default_rng(0).random(len(signal))])
    found = association(share, several, base, groups)
    assert found.verdict == "yes" or found.verdict == "a little"
    assert found.p == pytest.approx(association(target, signal, base, groups).p)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda t, s, b, g: (t[:40], s[:40], b[:40], g.take(slice(40))), "(40; 50 are needed)"),
        (lambda t, s, b, g: (0 * t, s, b, g), "target is the same"),
        (lambda t, s, b, g: (t, 0 * s, b, g), "signal is the same"),
        (lambda t, s, b, g: (t, s, b, Groups.of(g.codes % 3)), "too few groups"),
        (lambda t, s, b, g: (t, np.where(t >= 0, np.nan, s), b, g), "(0; 50 are needed)"),
    ],
)
def test_what_cannot_be_tested_says_why(change, reason):
    given_ = change(*corpus())
    found = association(*given_)
    assert found.verdict is None
    assert found.p is None
    assert reason in found.note
    assert found.delta_auroc.value is None
    assert residual_test(*given_) is None


def test_a_signal_that_is_confidence_itself_leaves_nothing_to_test():
    target, _, base, groups = corpus()
    found = association(
        target, base[:, 0] > np.median(base[:, 0]), base[:, :1] > np.median(base[:, 0]), groups
    )
    assert found.verdict is None
    assert "nothing" in found.note


def test_the_verdict_is_never_yes_without_a_bound_above_delta():
    assert verdict(0.001, 0.0199, 0.2) == "a little"
    assert verdict(0.001, None, None) == "a little"
    assert verdict(None, 0.1, 0.2) == "cannot be told"
    assert verdict(0.5, None, None) == "cannot be told"
    assert smallest_detectable(None) is None


@pytest.mark.parametrize(("clips", "variables"), [(50, 4), (120, 4), (600, 4), (5000, 4), (60, 1)])
def test_the_basis_grows_with_the_corpus_and_leaves_clips_to_spare(clips, variables):
    given_ = np.random.default_rng(0).random((clips, variables))
    basis = make_basis(given_)
    assert basis.width * 3 <= clips
    columns = basis(given_)
    assert columns.shape == (clips, basis.width)
    np.testing.assert_allclose(columns.std(axis=0), 1, rtol=0.05)


def test_a_constant_confidence_makes_no_column_blow_up():
    given_ = np.column_stack([np.full(200, 0.5), np.random.default_rng(0).random(200)])
    assert np.isfinite(make_basis(given_)(given_)).all()


def test_products_per_group_are_the_products_of_all_clips():
    rng = np.random.default_rng(0)
    given_, outcome = rng.random((70, 2)), rng.random((70, 1))
    basis = make_basis(given_)
    parts = products_per_group(basis, given_, outcome, Groups.of(rng.integers(0, 6, 70)))
    table = np.column_stack([np.ones(70), basis(given_), outcome])
    np.testing.assert_allclose(parts.sum(axis=0), table.T @ table, atol=1e-9)


def test_cross_fitted_predictions_never_saw_their_fold():
    rng = np.random.default_rng(0)
    given_, fold = rng.random((300, 1)), np.arange(300) % 3
    outcome = np.sin(3 * given_)
    basis = make_basis(given_)
    plain = cross_fitted(basis, given_, outcome, fold)
    changed = np.where(fold[:, None] == 1, outcome + 100, outcome)
    again = cross_fitted(basis, given_, changed, fold)
    np.testing.assert_allclose(again[fold == 1], plain[fold == 1])
    assert np.abs(again[fold != 1] - plain[fold != 1]).min() > 1


chances = hnp.arrays(
    np.float64,
    st.tuples(st.integers(2, 4), st.integers(1, 10), st.integers(2, 4)),
    elements=st.floats(0.01, 1.0),
).map(lambda raw: raw / raw.sum(axis=-1, keepdims=True))


@given(each=chances)
@settings(deadline=None)
def test_conflict_is_in_range_zero_when_all_agree_and_blind_to_the_order_of_sources(each):
    found = soft.conflict(each)
    assert ((found >= 0) & (found <= 1)).all()
    assert np.array_equal(found, soft.conflict(each[::-1]))
    same = (each.argmax(axis=-1) == each.argmax(axis=-1)[0]).all(axis=0)
    assert (found[same] == 0).all()


@given(each=chances)
@settings(deadline=None)
def test_conflict_only_grows_with_another_source_and_with_sharper_ones(each):
    found = soft.conflict(each)
    assert (soft.conflict(each[:2]) <= found).all()
    two = each[..., :2] / each[..., :2].sum(axis=-1, keepdims=True)
    sharper = two**2 / (two**2).sum(axis=-1, keepdims=True)
    assert (soft.conflict(sharper) >= soft.conflict(two) - 1e-12).all()


@given(each=chances)
@settings(deadline=None)
def test_conflict_of_two_labels_orders_clips_as_the_smaller_confidence_does(each):
    two = each[:2, :, :2] / each[:2, :, :2].sum(axis=-1, keepdims=True)
    top = two.max(axis=-1)
    apart = (two[0].argmax(-1) != two[1].argmax(-1)).astype(float)
    assert np.allclose(soft.conflict(two), apart * (2 * top.min(axis=0) - 1))


def test_conflict_without_a_second_source_is_missing_and_a_flat_source_contradicts_nobody():
    nothing = [np.nan, np.nan]
    assert np.isnan(soft.conflict([[[0.9, 0.1]], [nothing]])).all()
    assert soft.conflict([[[0.9, 0.1]], [[0.5, 0.5]], [nothing]]).tolist() == [0.0]
    assert soft.conflict([[[0.1, 0.9]], [[0.5, 0.5]]]).tolist() == [0.0]
    assert soft.conflict([[[0.9, 0.1]], [[0.1, 0.9]], [nothing]]) == pytest.approx([0.8])
    assert soft.conflict([[[1.0, 0.0]], [[0.0, 1.0]]]).tolist() == [1.0]
