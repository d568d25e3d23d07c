"""Shapley values against their axioms and against averaging over all orders by hand."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from mixedsignals.measures.dominance import (
    flip_rate,
    interactions,
    shapley,
    swap_follow_rate,
    unsupported_dominance,
)
from mixedsignals.measures.groups import Groups

games = hnp.arrays(np.float64, (8, 3), elements=st.floats(-5, 5))


def by_orders(values):
    """Mean gain of each modality over the orders in which they may come."""
    out = np.zeros((3, *values.shape[1:]))
    for order in permutations(range(3)):
        seen = 0
        for modality in order:
            out[modality] += (values[seen | 1 << modality] - values[seen]) / 6
            seen |= 1 << modality
    return out


@given(values=games)
@settings(deadline=None)
def test_shapley_values_are_the_mean_over_orders_and_sum_to_the_whole(values):
    found = shapley(values)
    np.testing.assert_allclose(found, by_orders(values), atol=1e-12)
    np.testing.assert_allclose(found.sum(axis=0), values[7] - values[0], atol=1e-12)


@given(alone=hnp.arrays(np.float64, 3, elements=st.floats(-5, 5)))
@settings(deadline=None)
def test_modalities_that_only_add_up_do_not_interact(alone):
    values = np.array([sum(alone[m] for m in range(3) if subset >> m & 1) for subset in range(8)])
    np.testing.assert_allclose(shapley(values), alone, atol=1e-12)
    np.testing.assert_allclose(interactions(values), 0, atol=1e-9)


def test_a_modality_that_changes_nothing_has_no_value_and_twins_have_the_same():
    values = np.array([0, 0, 1, 1, 1, 1, 3, 3.0])
    found = shapley(values)
    assert found[0] == 0
    assert found[1] == found[2] == 1.5
    assert interactions(values)[1, 2] == interactions(values)[2, 1] == 1


def test_values_are_needed_for_every_subset():
    with pytest.raises(ValueError, match="subsets"):
        shapley([0.0, 1.0, 2.0])


def test_flips_of_a_modality_that_decides_and_of_one_that_does_not():
    rng = np.random.default_rng(0)
    predicted, groups = rng.integers(0, 2, 200), Groups.of(np.arange(200) % 20)
    assert flip_rate(predicted, predicted, groups).value == 0
    assert flip_rate(predicted, 1 - predicted, groups).value == 1
    assert flip_rate([-1], [0], Groups.each(1)).value is None


def test_a_fusion_that_ignores_a_modality_does_not_follow_it():
    rng = np.random.default_rng(0)
    plain, donor = rng.dirichlet([1, 1, 1], 90), rng.integers(0, 3, 90)
    groups = Groups.of(np.arange(90) % 15)
    assert swap_follow_rate(plain, plain, donor, groups).value == 0
    followed = swap_follow_rate(np.eye(3)[donor], np.eye(3)[(donor + 1) % 3], donor, groups)
    assert followed.value == 1
    gone = swap_follow_rate(plain, plain, np.full(90, -1), groups)
    assert gone.value is None


def test_dominance_needs_a_wrong_label_that_nobody_else_says():
    values = np.tile([[3.0], [1.0], [2.0]], 5)
    unimodal = np.array([[1, 1, 0, 1, 1], [0, 1, 0, 0, 0], [2, 2, 0, 2, 2]])
    found, dominant = unsupported_dominance(values, unimodal, [1, 1, 1, 0, 1], [0, 0, 0, 0, -1])
    assert found.tolist() == [True, False, False, False, False]
    assert dominant.tolist() == [0] * 5
    values[1, 0] = np.nan
    assert unsupported_dominance(values, unimodal, [1] * 5, [0] * 5)[1][0] == -1
