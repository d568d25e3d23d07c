"""Distances, soft labels, calibration and clustered variances agree with scipy, scikit-learn and statsmodels."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm
from scipy import stats
from scipy.spatial.distance import jensenshannon
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss
from sklearn.metrics import log_loss as sklearn_log_loss
from statsmodels.stats.sandwich_covariance import cov_cluster_2groups

from mixedsignals.measures import divergence, softlabels
from mixedsignals.measures.calibration import fit_temperature, fit_vector, log_loss
from mixedsignals.measures.crossed import two_way_contrast
from mixedsignals.measures.groups import Groups
from mixedsignals.measures.reliability import expected_calibration_error, top_label


def distributions(rng, *shape, labels=4):
    return rng.dirichlet(np.ones(labels), size=shape)


def test_the_divergence_of_two_sources_is_the_square_of_the_distance_of_scipy():
    both = distributions(np.random.default_rng(0), 2, 30)
    theirs = jensenshannon(both[0], both[1], axis=1, base=2) ** 2
    np.testing.assert_allclose(divergence.jensen_shannon(both), theirs)


def test_entropy_is_that_of_scipy():
    each = distributions(np.random.default_rng(0), 30)
    np.testing.assert_allclose(divergence.entropy(each), stats.entropy(each, axis=1, base=2))


def test_the_distance_of_ordered_labels_is_that_of_scipy():
    rng = np.random.default_rng(0)
    each, votes = distributions(rng, 20), rng.integers(1, 5, (20, 4))
    theirs = [stats.wasserstein_distance(range(4), range(4), p, v) for p, v in zip(each, votes, strict=True)]
    np.testing.assert_allclose(softlabels.wasserstein_to_votes(each, votes), theirs)


def test_the_brier_score_to_votes_is_the_mean_over_single_votes():
    rng = np.random.default_rng(0)
    each, votes = distributions(rng, 10, labels=2), rng.integers(1, 5, (10, 2))
    for p, row in zip(each, votes, strict=True):
        seen = np.repeat([0, 1], row)
        theirs = 2 * brier_score_loss(seen, np.full(len(seen), p[1]))
        assert softlabels.brier_to_votes(p[None], row[None])[0] == pytest.approx(theirs)


def test_log_loss_is_that_of_scikit_learn():
    rng = np.random.default_rng(0)
    each, truth = distributions(rng, 40), rng.integers(0, 4, 40)
    assert log_loss(each, truth).mean() == pytest.approx(sklearn_log_loss(truth, each, labels=range(4)))


def test_the_temperature_is_the_best_of_a_fine_grid():
    rng = np.random.default_rng(1)
    logits = rng.normal(size=(3000, 3)) * 2
    truth = (logits / 1.7 + rng.gumbel(size=logits.shape)).argmax(axis=1)
    raw = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    grid = np.linspace(1.2, 2.4, 601)
    losses = []
    for temperature in grid:
        scaled = raw ** (1 / temperature)
        losses.append(-np.log((scaled / scaled.sum(axis=1, keepdims=True))[np.arange(3000), truth]).mean())
    assert fit_temperature(raw, truth).temperature == pytest.approx(grid[np.argmin(losses)], abs=0.01)


def test_vector_scaling_of_two_labels_comes_to_logistic_regression():
    rng = np.random.default_rng(1)
    raw = 1 / (1 + np.exp(-rng.normal(size=4000)))
    truth = (rng.random(4000) < 1 / (1 + np.exp(-(0.5 + 0.6 * np.log(raw / (1 - raw)))))).astype(int)
    both = np.column_stack([1 - raw, raw])
    theirs = LogisticRegression(C=1e6).fit(np.log(both), truth).predict_proba(np.log(both))
    np.testing.assert_allclose(fit_vector(both, truth)(both), theirs, atol=5e-3)


def test_the_calibration_error_of_equal_bins_is_that_of_counting():
    rng = np.random.default_rng(1)
    each, truth = distributions(rng, 200), rng.integers(0, 4, 200)
    stated, right = top_label(each, truth)
    bins = np.array_split(np.argsort(stated), 4)
    by_hand = sum(len(b) / 200 * abs(stated[b].mean() - right[b].mean()) for b in bins)
    found = expected_calibration_error(stated, right, Groups.each(200), bins=4).value
    assert found == pytest.approx(by_hand, abs=0.01)


def test_two_way_variance_is_that_of_statsmodels():
    rng = np.random.default_rng(0)
    speakers, raters = rng.integers(0, 12, 600), rng.integers(0, 9, 600)
    full = rng.integers(0, 2, 600)
    right = (
        rng.random(600) < 0.5 + 0.1 * full + rng.normal(0, 0.2, 12)[speakers] + rng.normal(0, 0.2, 9)[raters]
    )
    fit = sm.OLS(right.astype(float), sm.add_constant(full)).fit()
    both, of_speakers, of_raters = (
        cov[1, 1] for cov in cov_cluster_2groups(fit, speakers, raters, use_correction=False)
    )
    cells = of_speakers + of_raters - both
    count = len(np.unique(speakers * 9 + raters))
    corrected = of_speakers * 12 / 11 + of_raters * 9 / 8 - cells * count / (count - 1)
    influence = np.where(full == 1, 1 / full.sum(), -1 / (1 - full).sum()) * fit.resid
    found = two_way_contrast(influence, fit.params[1], Groups.of(speakers), Groups.of(raters))
    expected = max(corrected, of_speakers * 12 / 11, of_raters * 9 / 8)
    assert found.se**2 == pytest.approx(expected)
    assert found.n_groups == 9
