"""Shapley values and interactions agree with the `shap` package on any set function, for one to four modalities."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mixedsignals.measures.dominance import interactions, shapley

shap = pytest.importorskip("shap", reason="the `shap` package is the reference")


def explained(values: np.ndarray) -> np.ndarray:
    """What shap's exact explainer says of the game with these values of subsets, (2^M,) → (M,)."""
    count = len(values).bit_length() - 1
    places = 1 << np.arange(count)

    def model(shown: np.ndarray) -> np.ndarray:
        found: np.ndarray = values[(shown.astype(np.int64) * places).sum(axis=1)]
        return found

    masker = shap.maskers.Independent(np.zeros((1, count)))
    explainer = shap.explainers.Exact(model, masker)
    result: np.ndarray = explainer(np.ones((1, count))).values[0]
    return result


@st.composite
def games(draw: st.DrawFn, least: int) -> np.ndarray:
    count = draw(st.integers(least, 4))
    seed = draw(st.integers(0, 10_000))
    return np.random.default_rng(seed).normal(0, draw(st.sampled_from([0.1, 3.0, 50.0])), 1 << count)


@settings(deadline=None, max_examples=15)
@given(values=games(1))
def test_values_equal_shaps(values: np.ndarray) -> None:
    np.testing.assert_allclose(shapley(values), explained(values), atol=1e-9 * np.abs(values).max())


@settings(deadline=None, max_examples=10)
@given(values=games(2))
def test_an_interaction_is_what_two_merged_are_worth_beyond_each_without_the_other(
    values: np.ndarray,
) -> None:
    """The recursion of Grabisch and Roubens (1999), each of its games valued by shap."""
    found, count = interactions(values), len(values).bit_length() - 1
    subsets = np.arange(len(values))
    for first in range(count):
        for second in range(first + 1, count):
            one, two = 1 << first, 1 << second
            without_second, without_first = values[subsets & two == 0], values[subsets & one == 0]
            merged = values[np.flatnonzero(subsets & two == 0)]
            together = np.where(
                subsets[subsets & two == 0] & one, values[subsets[subsets & two == 0] | two], merged
            )
            expected = (
                explained(together)[first]
                - explained(without_second)[first]
                - explained(without_first)[second - 1]
            )
            assert found[first, second] == pytest.approx(expected, abs=1e-9 * np.abs(values).max())
            assert found[second, first] == found[first, second]


def test_clips_and_seeds_are_taken_one_by_one() -> None:
    many = np.random.default_rng(0).normal(size=(8, 2, 5))
    ours = shapley(many)
    assert ours.shape == (3, 2, 5)
    for seed, clip in np.ndindex(2, 5):
        np.testing.assert_allclose(ours[:, seed, clip], explained(many[:, seed, clip]), atol=1e-12)
