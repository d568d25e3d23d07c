"""How often an oracle errs on majorities: held against corpora in which the truth about every clip is known."""

from __future__ import annotations

import numpy as np
import pytest

from mixedsignals.measures.oracle import oracle_error
from mixedsignals.measures.votes import majority


@pytest.mark.parametrize(("classes", "spread"), [(2, 2.0), (2, 6.0), (6, 1.5), (6, 4.0)])
@pytest.mark.parametrize("votes", [3, 9])
def test_it_is_near_what_an_oracle_really_errs(classes: int, spread: float, votes: int) -> None:
    rng = np.random.default_rng(3)
    true = rng.dirichlet(np.full(classes, spread / classes), size=3_000)
    counts = rng.multinomial(votes, true)
    leader = majority(counts)
    errs = (true.argmax(1) != leader)[leader >= 0].mean()
    assert abs(np.nanmean(oracle_error(counts, leader)) - errs) < 0.035


def test_more_votes_leave_less_to_err_on() -> None:
    rng = np.random.default_rng(0)
    true = rng.beta(1.5, 1.5, size=2_000)
    found = []
    for votes in (3, 9, 101):
        yes = rng.binomial(votes, true)
        counts = np.stack([votes - yes, yes], axis=1)
        found.append(float(np.nanmean(oracle_error(counts, majority(counts)))))
    assert found[0] > found[1] > found[2]
    assert found[2] < 0.05


def test_unanimous_clips_are_safe_and_clips_without_target_or_votes_have_none() -> None:
    counts = [[9, 0]] * 30 + [[0, 9]] * 30 + [[0, 0], [4, 4]]
    found = oracle_error(counts, [0] * 30 + [1] * 30 + [0, -1])
    assert found[:60].max() < 0.01
    assert np.isnan(found[60:]).all()
    assert np.isnan(oracle_error([[0, 0]], [-1])).all()


def test_of_very_many_clips_a_random_part_stands_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mixedsignals.measures.oracle.MOST_CLIPS", 100)
    counts = np.tile([[3, 2], [5, 0]], (500, 1))
    found = oracle_error(counts, majority(counts))
    assert np.isfinite(found).sum() == 100
