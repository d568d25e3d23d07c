"""Ranking, correlation and strata agree with scikit-learn, scipy and statsmodels, also when clips are resampled."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import average_precision_score, roc_auc_score
from statsmodels.stats.contingency_tables import StratifiedTable

from mixedsignals.measures.correlation import kendall, partial_spearman, spearman, spearman_statistic
from mixedsignals.measures.coverage import area_statistic, risk_area, risk_at_coverage
from mixedsignals.measures.groups import Groups
from mixedsignals.measures.inference import bootstrap_weights, value_of
from mixedsignals.measures.ranking import auprc_statistic, auroc_statistic
from mixedsignals.measures.stratified import mantel_haenszel


def made_clips(seed, n=120, speakers=9):
    rng = np.random.default_rng(seed)
    scores = rng.integers(0, 15, n) / 15 + (seed % 2) * rng.random(n)
    target = (rng.random(n) < 0.3 + 0.3 * scores).astype(float)
    return rng, scores, target, Groups.of(rng.integers(0, speakers, n))


@given(seed=st.integers(0, 1000))
@settings(deadline=None, max_examples=25)
def test_auroc_and_average_precision_equal_scikit_learn_with_ties(seed):
    _, scores, target, groups = made_clips(seed)
    assert value_of(auroc_statistic(scores, target, groups)) == pytest.approx(roc_auc_score(target, scores))
    expected = average_precision_score(target, scores)
    assert value_of(auprc_statistic(scores, target, groups)) == pytest.approx(expected)


@pytest.mark.parametrize("seed", range(4))
def test_every_resample_equals_scikit_learn_with_weights(seed):
    _, scores, target, groups = made_clips(seed)
    weights = bootstrap_weights(groups, 6, seed=seed)
    pairs = ((auroc_statistic, roc_auc_score), (auprc_statistic, average_precision_score))
    for ours, theirs in pairs:
        for row, found in zip(weights, ours(scores, target, groups).at(weights), strict=True):
            assert found == pytest.approx(theirs(target, scores, sample_weight=row[groups.codes]))


@pytest.mark.parametrize("seed", range(4))
def test_leaving_a_speaker_out_equals_scikit_learn_without_that_speaker(seed):
    _, scores, target, groups = made_clips(seed)
    for ours, theirs in ((auroc_statistic, roc_auc_score), (auprc_statistic, average_precision_score)):
        for speaker, found in enumerate(ours(scores, target, groups).without_each()):
            left = groups.codes != speaker
            assert found == pytest.approx(theirs(target[left], scores[left]))


def test_a_pair_level_target_weighs_each_clip_on_both_sides():
    rng, scores, _, groups = made_clips(0)
    share = rng.random(len(scores))
    truth = np.concatenate([np.ones(len(scores)), np.zeros(len(scores))])
    theirs = roc_auc_score(truth, np.tile(scores, 2), sample_weight=np.concatenate([share, 1 - share]))
    assert value_of(auroc_statistic(scores, share, groups)) == pytest.approx(theirs)


def test_within_folds_auroc_is_the_mean_of_the_folds_weighted_by_pairs():
    rng, scores, target, groups = made_clips(2)
    folds = rng.integers(0, 3, len(scores))
    weighted, pairs = 0.0, 0.0
    for fold in range(3):
        here = target[folds == fold]
        count = here.sum() * (1 - here).sum()
        weighted += count * roc_auc_score(here, scores[folds == fold])
        pairs += count
    statistic = auroc_statistic(scores, target, groups, strata=folds)
    assert value_of(statistic) == pytest.approx(weighted / pairs)
    ones = np.ones((2, groups.count))
    assert statistic.at(ones) == pytest.approx([weighted / pairs] * 2)
    without = ones[0] * (np.arange(groups.count) != 4)
    assert statistic.at(without[None])[0] == pytest.approx(statistic.without_each()[4])


def test_with_very_many_groups_resamples_are_linear_and_stay_near_the_exact_ones():
    rng = np.random.default_rng(0)
    scores, speakers = rng.random(6000), Groups.of(np.arange(6000) // 2)
    statistic = auroc_statistic(scores, (rng.random(6000) < scores).astype(float), speakers)
    weights = bootstrap_weights(speakers, 5)
    exact = [roc_auc_score(statistic.positive, scores, sample_weight=row[speakers.codes]) for row in weights]
    assert np.abs(statistic.at(weights) - exact).max() < 1e-3


@pytest.mark.parametrize("seed", range(3))
def test_rank_correlations_equal_scipy(seed):
    rng, first, _, groups = made_clips(seed)
    second = np.round(first + rng.normal(size=len(first)), 1)
    assert spearman(first, second, groups).value == pytest.approx(stats.spearmanr(first, second).statistic)
    assert kendall(first, second, groups).value == pytest.approx(stats.kendalltau(first, second).statistic)
    weights = bootstrap_weights(groups, 4)
    found = spearman_statistic(first, second, groups).at(weights)
    for row, value in zip(weights, found, strict=True):
        times = row[groups.codes].astype(int)
        assert value == pytest.approx(
            stats.spearmanr(np.repeat(first, times), np.repeat(second, times)).statistic
        )


def test_partial_spearman_is_the_correlation_of_rank_residuals():
    rng = np.random.default_rng(0)
    given_ = rng.random((80, 2))
    first, second = given_[:, 0] + rng.random(80), given_.sum(axis=1) + rng.random(80)
    ranks = stats.rankdata(np.column_stack([given_, first, second]), axis=0)
    design = np.column_stack([np.ones(80), ranks[:, :2]])
    left = ranks[:, 2:] - design @ np.linalg.lstsq(design, ranks[:, 2:], rcond=None)[0]
    found = partial_spearman(first, second, given_, Groups.each(80)).value
    assert found == pytest.approx(np.corrcoef(left.T)[0, 1])


def test_the_generalised_risk_area_is_what_auroc_and_accuracy_say():
    _, confidence, wrong, groups = made_clips(1)
    accuracy = 1 - wrong.mean()
    ranked = roc_auc_score(1 - wrong, confidence)
    expected = (1 - ranked) * accuracy * (1 - accuracy) + 0.5 * (1 - accuracy) ** 2
    assert risk_area(confidence, wrong, groups, area="augrc").value == pytest.approx(expected)


def test_the_risk_area_comes_to_the_mean_over_accepted_sets():
    rng = np.random.default_rng(0)
    confidence, wrong = rng.random(4000), (rng.random(4000) < 0.3).astype(float)
    wrong[confidence > 0.7] *= rng.random((confidence > 0.7).sum()) < 0.3
    order = np.argsort(-confidence)
    by_hand = (np.cumsum(wrong[order]) / np.arange(1, 4001)).mean()
    assert value_of(area_statistic(confidence, wrong, Groups.each(4000))) == pytest.approx(by_hand, abs=2e-3)


def test_resampled_risk_equals_the_risk_of_repeated_clips():
    _, confidence, wrong, groups = made_clips(1)
    row = bootstrap_weights(groups, 1)[0]
    times = row[groups.codes].astype(int)
    again = risk_area(np.repeat(confidence, times), np.repeat(wrong, times), Groups.each(times.sum())).value
    assert area_statistic(confidence, wrong, groups).at(row[None])[0] == pytest.approx(again)


def test_risk_at_coverage_without_ties_is_the_mean_of_the_surest():
    rng = np.random.default_rng(0)
    confidence, wrong = rng.random(100), (rng.random(100) < 0.3).astype(float)
    surest = wrong[np.argsort(-confidence)[:80]]
    assert risk_at_coverage(confidence, wrong, Groups.each(100)).value == pytest.approx(surest.mean())


def test_the_mantel_haenszel_ratio_equals_statsmodels():
    rng = np.random.default_rng(0)
    strata, exposed = rng.integers(0, 4, 300), rng.integers(0, 2, 300)
    outcome = (rng.random(300) < 0.2 + 0.1 * strata + 0.15 * exposed).astype(float)
    tables = [
        np.array([[((exposed == e) & (outcome == o) & (strata == s)).sum() for o in (1, 0)] for e in (1, 0)])
        for s in range(4)
    ]
    found = mantel_haenszel(exposed, outcome, strata, Groups.each(300))
    assert found.value == pytest.approx(np.log(StratifiedTable(tables).oddsratio_pooled))
    # With independent clips the jackknife comes near the textbook standard error.
    assert found.se == pytest.approx(StratifiedTable(tables).logodds_pooled_se, rel=0.1)
