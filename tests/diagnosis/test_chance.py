"""Chance by permutation, and by drawing the counts that a permutation would give."""

from __future__ import annotations

import numpy as np
import pytest

from mixedsignals.diagnosis import chance
from mixedsignals.diagnosis.chance import Chance, chance_levels
from mixedsignals.measures.performance import accuracy, macro_f1

RNG = np.random.default_rng(0)
N = 4000
GROUPS = RNG.integers(0, 20, N)
TARGET = (RNG.random(N) < 0.3 + 0.3 * (GROUPS % 2)).astype(int) + (RNG.random(N) < 0.2)
TARGET[:50] = -1
KNOWING = np.stack(
    [np.where(RNG.random(N) < 0.2, np.maximum(TARGET, 0), RNG.integers(0, 3, N)) for _ in "ab"]
)
KNOWING[0, :100] = -1
OF_GROUPS = np.where(GROUPS % 2, 1, RNG.integers(0, 3, N))[None]
MEASURES = {"accuracy": accuracy, "macro_f1": macro_f1}


def levels(groups: np.ndarray, draws: int = 1999) -> list[dict[str, Chance]]:
    return chance_levels(TARGET, groups, [KNOWING, OF_GROUPS], 3, MEASURES, draws=draws)


@pytest.mark.parametrize("groups", [GROUPS, np.arange(N)], ids=["speakers", "clips"])
def test_drawn_counts_are_distributed_as_permutations(
    groups: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    permuted = levels(groups)
    monkeypatch.setattr(chance, "MOST_DRAWN", 1)
    drawn = levels(groups)
    for one, other in zip(permuted, drawn, strict=True):
        for measure in MEASURES:
            assert one[measure].draws == other[measure].draws == 1999
            assert one[measure].mean == pytest.approx(other[measure].mean, abs=1e-3)
            assert one[measure].p == pytest.approx(other[measure].p, abs=0.05)


def test_a_source_that_knows_only_the_group_is_at_chance_within_groups_alone() -> None:
    within, across = levels(GROUPS, 199)[1], levels(np.arange(N), 199)[1]
    assert within["accuracy"].p > 0.05
    assert across["accuracy"].p < 0.05


def test_where_groups_are_small_clips_are_permuted_and_fewer_times(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chance, "MOST_DRAWN", 100 * N)
    found = levels(np.arange(N) // 2)
    assert 99 <= found[0]["accuracy"].draws <= 101
