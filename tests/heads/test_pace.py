"""The group size: asked for, measured once, and bounded by the heads and the memory that there are."""

from __future__ import annotations

import re

import pytest

from mixedsignals.heads import HeadOptions, pace
from mixedsignals.heads.data import prepare
from mixedsignals.heads.grid import buckets_of
from mixedsignals.progress import SILENT

from .conftest import make


@pytest.fixture
def grid():
    data = prepare(*make(n=60).arguments, seeds=(1,), soft=False, progress=SILENT)
    return data, buckets_of(data, ["text", "text+video"], (1, 2, 3), 64)


def test_a_size_that_is_asked_for_is_taken_untimed(grid):
    data, buckets = grid
    found = pace.pace_of(data, buckets, HeadOptions(group_size=3), 2)
    assert found == pace.Pace(3)
    assert found.estimate(buckets, 15, 2) == "Training 12 heads, 3 at a time on 2 threads."


def test_sizes_are_timed_once_and_only_those_that_fit(grid, monkeypatch):
    data, buckets = grid
    monkeypatch.setattr(pace, "_known", {})
    times = pace.time_group_sizes(data, buckets[0].heads, HeadOptions(), 2)
    assert list(times) == [1, 2]
    assert all(0 < seconds < 5 for seconds in times.values())
    monkeypatch.setattr(pace, "_MEMORY", 1)
    assert list(pace.time_group_sizes(data, buckets[0].heads, HeadOptions(), 1)) == [1]
    calls = []
    monkeypatch.setattr(pace, "time_group_sizes", lambda *_: calls.append(1) or {1: 0.03, 2: 0.02, 4: 0.025})
    first, second = (pace.pace_of(data, buckets, HeadOptions(), 1) for _ in range(2))
    assert first == second == pace.Pace(2, 0.02)
    assert len(calls) == 1
    assert re.fullmatch(
        r"Training 12 heads, 2 at a time on 1 thread: about \d+ s\.", first.estimate(buckets, 15, 1)
    )


def test_little_work_is_not_timed(grid, monkeypatch):
    data, buckets = grid
    monkeypatch.setattr(pace, "time_group_sizes", lambda *_: pytest.fail("timed"))
    assert pace.pace_of(data, buckets, HeadOptions(epochs=1), 1).seconds is None
