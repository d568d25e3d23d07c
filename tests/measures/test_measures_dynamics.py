"""Data maps and forgetting, by properties."""

from __future__ import annotations

import itertools

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from mixedsignals.measures.dynamics import forgetting, map_of, regions

SHAPE = st.tuples(st.integers(2, 8), st.integers(1, 30))
LED = arrays(np.float64, SHAPE, elements=st.sampled_from([0.0, 1.0]))


@settings(deadline=None)
@given(LED)
def test_forgetting_counts_steps_from_right_to_wrong(right: np.ndarray) -> None:
    for clip, counted in zip(right.T, forgetting(right), strict=True):
        expected = sum(a == 1 and b == 0 for a, b in itertools.pairwise(clip))
        assert np.isnan(counted) if not clip.any() else counted == expected


@settings(deadline=None)
@given(arrays(np.float64, SHAPE, elements=st.floats(0, 1)))
def test_a_map_stays_in_its_ranges_and_does_not_hang_on_the_order_of_epochs(p: np.ndarray) -> None:
    made, turned = map_of(p, p > 0.5), map_of(p[::-1], p[::-1] > 0.5)
    assert ((made.confidence >= 0) & (made.confidence <= 1 + 1e-12)).all()
    assert ((made.variability >= 0) & (made.variability <= 0.5 + 1e-12)).all()
    assert ((made.correctness >= 0) & (made.correctness <= 1)).all()
    assert np.allclose(made.confidence, turned.confidence)
    assert np.allclose(made.variability, turned.variability)
    assert set(regions(made).tolist()) <= {1.0, 0.0, -1.0}


def test_a_clip_that_was_not_trained_on_has_no_place() -> None:
    p = np.array([[0.2, np.nan], [0.4, 0.9]])
    made = map_of(p, np.where(np.isnan(p), np.nan, p > 0.5))
    assert np.isnan(made.confidence).tolist() == [False, True]
    assert np.isnan(regions(made)).tolist() == [False, True]
    assert np.isnan(forgetting(np.where(np.isnan(p), np.nan, 1.0))).tolist() == [False, True]
