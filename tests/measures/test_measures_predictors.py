"""Every measure of a model on a perfect, a constant and a random predictor, and on input that is not there."""

from __future__ import annotations

import numpy as np
import pytest

from mixedsignals.measures import softlabels
from mixedsignals.measures.calibration import cross_fit, fit_temperature, fit_vector, group_folds, log_loss
from mixedsignals.measures.correlation import kendall, partial_spearman, spearman
from mixedsignals.measures.coverage import risk_area, risk_at_coverage, risk_coverage_curve
from mixedsignals.measures.groups import Groups
from mixedsignals.measures.inference import Resampling, estimate, value_of
from mixedsignals.measures.performance import (
    accuracy,
    chance_confusions,
    confusions,
    macro_f1,
    performance,
    performance_statistic,
)
from mixedsignals.measures.ranking import auprc, auroc, base_rate
from mixedsignals.measures.reliability import (
    calibration_error,
    classwise_calibration_error,
    expected_calibration_error,
    reliability,
    top_label,
)
from mixedsignals.measures.stratified import mantel_haenszel, quantile_strata

RNG = np.random.default_rng(0)
N, LABELS = 3000, 4
TARGET = RNG.integers(0, LABELS, N)
GROUPS = Groups.of(RNG.integers(0, 25, N))
MEASURES = ("accuracy", "balanced_accuracy", "macro_f1", "weighted_f1")


@pytest.mark.parametrize("measure", MEASURES)
def test_a_perfect_predictor_reaches_one(measure):
    found = performance(TARGET, TARGET, GROUPS, LABELS, measure=measure)
    assert found.value == 1
    assert found.low > 0.8
    assert found.high == 1


@pytest.mark.parametrize(("measure", "expected"), list(zip(MEASURES, (0.25, 0.25, 0.1, 0.1), strict=True)))
def test_a_constant_predictor_gets_what_one_label_gives(measure, expected):
    found = performance(TARGET, np.zeros(N, dtype=int), GROUPS, LABELS, measure=measure)
    assert found.value == pytest.approx(expected, abs=0.02)


@pytest.mark.parametrize("measure", MEASURES)
def test_a_random_predictor_is_at_chance_and_its_interval_says_so(measure):
    guess = np.random.default_rng(1).integers(0, LABELS, N)
    found = performance(TARGET, guess, GROUPS, LABELS, measure=measure)
    assert found.low < 0.25 < found.high
    assert found.high - found.low < 0.08


def test_chance_within_speakers_is_more_than_a_share_when_speakers_have_habits():
    target = np.repeat([0, 1], 50)
    guess = target.copy()
    counts, _ = confusions(target, guess, Groups.of(target), 2)
    assert float(accuracy(chance_confusions(counts).sum(axis=0))) == 1
    alone, _ = confusions(target, guess, Groups.each(100), 2)
    assert float(macro_f1(chance_confusions(alone).sum(axis=0))) == 0.5


def test_chance_is_the_mean_over_permutations():
    rng = np.random.default_rng(0)
    guess = np.where(rng.random(N) < 0.4, TARGET, rng.integers(0, LABELS, N))
    by_chance = float(accuracy(chance_confusions(confusions(TARGET, guess, GROUPS, LABELS)[0]).sum(axis=0)))
    permuted = []
    for _ in range(200):
        order = np.lexsort((rng.random(N), GROUPS.codes))
        shuffled = np.empty(N, dtype=int)
        shuffled[np.argsort(GROUPS.codes, kind="stable")] = guess[order]
        permuted.append((shuffled == TARGET).mean())
    assert by_chance == pytest.approx(np.mean(permuted), abs=0.002)


def test_missing_targets_and_predictions_are_left_out():
    with_gaps = performance([0, 1, -1, 1], [0, 1, 1, -1], Groups.each(4), 2, measure="accuracy")
    assert with_gaps.value == 1
    assert with_gaps.n_clips == 2
    assert performance([-1], [0], Groups.each(1), 2).value is None


def test_an_unknown_measure_is_named():
    with pytest.raises(ValueError, match="macro_f1"):
        performance_statistic([0], [0], Groups.each(1), 2, measure="f1")


@pytest.mark.parametrize("measure", MEASURES)
def test_merging_groups_changes_no_value(measure):
    guess = np.where(np.random.default_rng(0).random(N) < 0.4, TARGET, 0)
    apart = performance_statistic(TARGET, guess, Groups.each(N), LABELS, measure=measure)
    together = performance_statistic(TARGET, guess, Groups.each(N).blocks(40), LABELS, measure=measure)
    assert value_of(apart) == pytest.approx(value_of(together))
    wide, narrow = estimate(apart, scale="logit"), estimate(together, scale="logit")
    assert wide.n_groups == narrow.n_groups == N
    assert wide.se == pytest.approx(narrow.se, rel=0.4)


SIGNAL = RNG.random(N)
POSITIVE = (RNG.random(N) < 0.2).astype(float)


def test_ranking_a_perfect_a_constant_and_a_random_signal():
    assert auroc(POSITIVE, POSITIVE, GROUPS).value == 1
    assert auroc(-POSITIVE, POSITIVE, GROUPS).value == 0
    assert auroc(np.ones(N), POSITIVE, GROUPS).value == 0.5
    found = auroc(SIGNAL, POSITIVE, GROUPS)
    assert found.low < 0.5 < found.high
    assert auprc(POSITIVE, POSITIVE, GROUPS).value == pytest.approx(1)
    for useless in (np.ones(N), SIGNAL):
        assert auprc(useless, POSITIVE, GROUPS).value == pytest.approx(base_rate(POSITIVE), abs=0.03)


@pytest.mark.parametrize("ranked", [auroc, auprc])
def test_ranking_does_not_apply_without_positives(ranked):
    found = ranked(SIGNAL, np.zeros(N), GROUPS)
    assert found.value is None
    assert found.note


def test_ranking_leaves_out_clips_without_signal_or_target():
    gaps = np.where(np.arange(N) % 2, SIGNAL, np.nan)
    assert auroc(gaps, POSITIVE, GROUPS).n_clips == N // 2
    assert auroc(gaps[::2], POSITIVE[::2], GROUPS.take(slice(None, None, 2))).value is None


def test_the_bootstrap_of_an_auroc_comes_near_its_jackknife():
    groups = Groups.of(np.arange(N) % 60)
    target = (np.random.default_rng(0).random(N) < 0.2 + 0.3 * SIGNAL).astype(float)
    plain = auroc(SIGNAL, target, groups)
    resampled = auroc(SIGNAL, target, groups, options=Resampling(method="bootstrap"))
    assert resampled.method == "bootstrap"
    assert (resampled.low, resampled.high) == pytest.approx((plain.low, plain.high), abs=0.01)


def test_risk_areas_of_a_perfect_a_constant_and_a_random_order():
    wrong = POSITIVE
    rate_of_error = wrong.mean()
    assert risk_area(-wrong, wrong, GROUPS, area="excess_aurc").value == pytest.approx(0, abs=1e-9)
    for useless in (np.ones(N), SIGNAL):
        assert risk_area(useless, wrong, GROUPS).value == pytest.approx(rate_of_error, abs=0.03)
        half = risk_area(useless, wrong, GROUPS, area="augrc").value
        assert half == pytest.approx(rate_of_error / 2, abs=0.01)
    assert risk_area(np.ones(N), np.zeros(N), GROUPS).value == 0
    assert risk_area([np.nan], [0], Groups.each(1)).value is None


def test_risk_at_coverage_with_ties_accepts_all_of_them_in_part():
    assert risk_at_coverage(np.ones(N), POSITIVE, GROUPS, coverage=0.7).value == pytest.approx(
        POSITIVE.mean()
    )
    assert risk_at_coverage(-POSITIVE, POSITIVE, GROUPS, coverage=0.7).value == 0
    assert risk_at_coverage(SIGNAL, POSITIVE, GROUPS, coverage=1.0).value == pytest.approx(POSITIVE.mean())
    with pytest.raises(ValueError, match="coverage"):
        risk_at_coverage(SIGNAL, POSITIVE, GROUPS, coverage=0.0)
    assert risk_coverage_curve([np.nan], [0])[0].size == 0


def test_correlations_of_a_perfect_a_constant_and_a_random_signal():
    for ranked in (spearman, kendall):
        small = slice(0, 400)
        groups = GROUPS.take(small)
        assert ranked(SIGNAL[small], SIGNAL[small] ** 3, groups).value == pytest.approx(1)
        assert ranked(SIGNAL[small], np.ones(400), groups).value is None
        found = ranked(SIGNAL[small], np.random.default_rng(2).random(400), groups)
        assert found.low < 0 < found.high
    assert partial_spearman(SIGNAL, POSITIVE, SIGNAL, GROUPS).value is None


def test_kendall_on_very_many_clips_uses_a_sample_and_says_so():
    many = np.random.default_rng(0).random(20_100)
    found = kendall(many, many, Groups.of(np.arange(20_100) % 12))
    assert found.value == pytest.approx(1)
    assert "20000" in found.note


def probabilities_of(sure: float) -> np.ndarray:
    """A model that says `sure` and is right as often as it says."""
    rng = np.random.default_rng(3)
    right = rng.random(N) < sure
    guess = np.where(right, TARGET, (TARGET + rng.integers(1, LABELS, N)) % LABELS)
    return np.where(np.arange(LABELS) == guess[:, None], sure, (1 - sure) / (LABELS - 1))


def test_calibration_of_an_honest_a_boastful_and_a_perfect_model():
    honest = probabilities_of(0.7)
    boastful = np.where(honest == honest.max(axis=1, keepdims=True), 0.97, 0.01)
    for error in (calibration_error, expected_calibration_error):
        assert error(*top_label(honest, TARGET), GROUPS).value == pytest.approx(0, abs=0.03)
        assert error(*top_label(boastful, TARGET), GROUPS).value == pytest.approx(0.27, abs=0.03)
    perfect = np.eye(LABELS)[TARGET]
    assert classwise_calibration_error(perfect, TARGET).max() == 0
    assert (classwise_calibration_error(boastful, TARGET) > 0.05).all()
    assert np.isnan(classwise_calibration_error(perfect, np.full(N, -1))).all()


def test_temperature_undoes_boasting_and_leaves_honesty_alone():
    honest = probabilities_of(0.7)
    boastful = np.where(honest == honest.max(axis=1, keepdims=True), 0.97, 0.01)
    assert fit_temperature(honest, TARGET).temperature == pytest.approx(1, abs=0.1)
    cooled = fit_temperature(boastful, TARGET)(boastful)
    assert cooled.max(axis=1).mean() == pytest.approx(0.7, abs=0.03)
    assert (cooled.argmax(axis=1) == boastful.argmax(axis=1)).all()


def test_calibrating_a_constant_model_gives_the_base_rates():
    target = np.repeat([0, 1], [300, 100])
    made = fit_vector(np.full((400, 2), 0.5), target)(np.full((1, 2), 0.5))
    assert made[0, 0] == pytest.approx(0.75, abs=0.01)


def test_cross_fitting_never_uses_a_clips_own_group():
    honest = probabilities_of(0.7)
    made, calibrators = cross_fit(honest, TARGET, GROUPS)
    assert len(calibrators) == 5
    np.testing.assert_allclose(made.sum(axis=1), 1)
    fold = group_folds(GROUPS)
    changed = TARGET.copy()
    changed[fold == 2] = (changed[fold == 2] + 1) % LABELS
    again, _ = cross_fit(honest, changed, GROUPS)
    assert (again[fold == 2] == made[fold == 2]).all()
    assert (again[fold != 2] != made[fold != 2]).any()
    with pytest.raises(ValueError, match="two groups"):
        cross_fit(honest, TARGET, Groups.of(np.zeros(N, dtype=int)))


def test_calibration_without_any_target_changes_nothing():
    honest = probabilities_of(0.7)
    for fit in (fit_temperature, fit_vector):
        np.testing.assert_allclose(fit(honest, np.full(N, -1))(honest), honest, atol=1e-6)


def test_folds_hold_whole_groups_of_even_size():
    fold = group_folds(GROUPS, folds=5)
    for group in range(25):
        assert len(set(fold[GROUPS.codes == group])) == 1
    assert np.ptp(np.bincount(fold)) < 0.1 * N
    assert set(group_folds(Groups.of("aab"), folds=5)) == {0, 1}
    assert np.ptp(np.bincount(group_folds(Groups.each(1003), folds=5))) <= 5


def test_distances_to_votes_of_a_model_that_says_the_votes():
    votes = np.random.default_rng(0).integers(1, 6, (50, LABELS))
    shares = votes / votes.sum(axis=1, keepdims=True)
    for distance in (
        softlabels.manhattan_to_votes,
        softlabels.wasserstein_to_votes,
        softlabels.entropy_calibration_error,
        softlabels.distribution_calibration_error,
    ):
        np.testing.assert_allclose(distance(shares, votes), 0, atol=1e-12)
    best = softlabels.cross_entropy_to_votes(shares, votes)
    other = softlabels.cross_entropy_to_votes(np.full((50, LABELS), 0.25), votes)
    assert (best <= other + 1e-12).all()
    assert (
        softlabels.brier_to_votes(shares, votes) <= softlabels.brier_to_votes(np.eye(LABELS)[[0] * 50], votes)
    ).all()


def test_clips_without_votes_have_no_distance():
    for name in softlabels.__all__:
        assert np.isnan(getattr(softlabels, name)([[0.5, 0.5]], [[0, 0]])).all(), name


def test_log_loss_is_finite_for_a_certain_mistake_and_missing_without_target():
    found = log_loss([[1.0, 0.0], [0.5, 0.5]], [1, -1])
    assert found[0] == pytest.approx(-np.log(1e-7))
    assert np.isnan(found[1])


def test_reliability_bins_hold_all_clips_and_ties_together():
    made = reliability([0.3] * 50 + [0.6] * 50, [0] * 100, bins=10)
    assert made.clips.tolist() == [50, 50]
    assert made.stated.tolist() == pytest.approx([0.3, 0.6])


def test_within_strata_a_signal_that_is_only_confidence_shows_nothing():
    rng = np.random.default_rng(0)
    confidence = rng.random(N)
    wrong = (rng.random(N) < 1 - confidence).astype(float)
    shown = (rng.random(N) < 1 - confidence).astype(float)
    crude = mantel_haenszel(shown, wrong, np.zeros(N, dtype=int), GROUPS)
    within = mantel_haenszel(shown, wrong, quantile_strata(confidence, strata=20), GROUPS)
    assert crude.low > 0
    assert within.low < 0 < within.high
    assert mantel_haenszel(np.ones(N), wrong, np.zeros(N, dtype=int), GROUPS).value is None
    assert quantile_strata([np.nan, 1.0]).tolist() == [-1, 0]


def test_a_calibrator_fitted_on_very_many_clips_uses_an_even_part_of_them():
    rng = np.random.default_rng(0)
    sure = 1 / (1 + np.exp(-rng.normal(0, 2, 250_000)))
    target = (rng.random(250_000) < sure).astype(int)
    honest = np.stack([1 - sure, sure], axis=1)
    assert fit_temperature(honest, target).temperature == pytest.approx(1, abs=0.02)
    np.testing.assert_allclose(fit_vector(honest, target)(honest[:100]), honest[:100], atol=0.01)
