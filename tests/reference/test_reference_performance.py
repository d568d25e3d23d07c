"""Performance and significance agree with scikit-learn, scipy and statsmodels."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn import metrics
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportion_confint

from mixedsignals.measures import performance as ours
from mixedsignals.measures.groups import Groups
from mixedsignals.measures.inference import value_of
from mixedsignals.measures.scales import clopper_pearson
from mixedsignals.measures.significance import benjamini_hochberg, group_t_test, holm, sign_flip

PAIRS = {
    "accuracy": metrics.accuracy_score,
    "balanced_accuracy": metrics.balanced_accuracy_score,
    "macro_f1": lambda truth, guess: metrics.f1_score(truth, guess, average="macro"),
    "weighted_f1": lambda truth, guess: metrics.f1_score(truth, guess, average="weighted"),
}


@st.composite
def predictions(draw):
    """Targets in which every label occurs, and any predictions."""
    n_labels = draw(st.integers(2, 5))
    extra = draw(st.lists(st.integers(0, n_labels - 1), max_size=30))
    truth = list(range(n_labels)) + extra
    guess = draw(st.lists(st.integers(0, n_labels - 1), min_size=len(truth), max_size=len(truth)))
    return n_labels, np.array(truth), np.array(guess)


@pytest.mark.parametrize("measure", PAIRS)
@given(made=predictions())
@settings(deadline=None, max_examples=50)
def test_measures_of_performance_equal_scikit_learn(measure, made):
    n_labels, truth, guess = made
    found = value_of(
        ours.performance_statistic(truth, guess, Groups.each(len(truth)), n_labels, measure=measure)
    )
    assert found == pytest.approx(PAIRS[measure](truth, guess))


@given(made=predictions())
@settings(deadline=None, max_examples=50)
def test_scores_per_class_equal_scikit_learn(made):
    n_labels, truth, guess = made
    counts = ours.confusions(truth, guess, Groups.each(len(truth)), n_labels)[0].sum(axis=0)
    assert np.array_equal(counts, metrics.confusion_matrix(truth, guess, labels=range(n_labels)))
    precision, recall, f1, _ = metrics.precision_recall_fscore_support(
        truth, guess, labels=range(n_labels), zero_division=np.nan
    )
    np.testing.assert_allclose(ours.class_precision(counts), precision)
    np.testing.assert_allclose(ours.class_recall(counts), recall)
    np.testing.assert_allclose(ours.class_f1(counts), f1)


def test_a_label_that_is_only_predicted_is_not_averaged_in():
    truth, guess = [0, 0, 1, 1], [0, 2, 1, 1]
    found = value_of(ours.performance_statistic(truth, guess, Groups.each(4), 3))
    assert found == pytest.approx(metrics.f1_score(truth, guess, average="macro", labels=[0, 1]))


@given(st.lists(st.floats(0, 1, allow_subnormal=False), min_size=1, max_size=12))
@settings(deadline=None, max_examples=30)
def test_adjusted_p_values_equal_statsmodels(p_values):
    np.testing.assert_allclose(holm(p_values), multipletests(p_values, method="holm")[1], atol=1e-300)
    np.testing.assert_allclose(
        benjamini_hochberg(p_values), multipletests(p_values, method="fdr_bh")[1], atol=1e-300
    )


@pytest.mark.parametrize("alternative", ["two-sided", "greater", "less"])
def test_the_exact_sign_flip_equals_the_permutation_test_of_scipy(alternative):
    sums = np.random.default_rng(3).normal(0.4, 1.0, size=9)
    theirs = stats.permutation_test(
        (sums,), np.sum, permutation_type="samples", alternative=alternative, n_resamples=np.inf
    )
    assert sign_flip(sums, alternative=alternative) == pytest.approx(theirs.pvalue)


def test_the_random_sign_flip_comes_near_the_t_test():
    sums = np.random.default_rng(5).normal(0.2, 1.0, size=60)
    assert sign_flip(sums) == pytest.approx(stats.ttest_1samp(sums, 0).pvalue, abs=0.02)


def test_the_group_t_test_of_equal_groups_is_that_of_scipy():
    sums = np.random.default_rng(4).normal(0.3, 1.0, size=15)
    theirs = stats.ttest_1samp(sums, 0.0)
    assert group_t_test(sums, np.full(15, 8)) == pytest.approx((theirs.statistic, theirs.pvalue))


@pytest.mark.parametrize("hits", [0, 3, 20])
def test_the_exact_interval_of_a_share_is_that_of_statsmodels(hits):
    theirs = proportion_confint(hits, 20, method="beta")
    assert clopper_pearson(hits / 20, 20) == pytest.approx(theirs)
