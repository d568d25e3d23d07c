"""Changes of mind of one person about one clip."""

from __future__ import annotations

import numpy as np
import pytest

from mixedsignals.measures.designs import added_gain, mean_with_raters, revisions
from mixedsignals.measures.groups import Groups

RNG = np.random.default_rng(0)
VOTES = 2000
TARGET = RNG.integers(0, 3, VOTES)
SPEAKERS, RATERS = Groups.of(RNG.integers(0, 30, VOTES)), Groups.of(RNG.integers(0, 15, VOTES))


def test_nobody_changes_everybody_improves_and_everybody_errs():
    wrong = (TARGET + 1) % 3
    same = revisions(TARGET, TARGET, TARGET, SPEAKERS, RATERS)
    assert (same.changed.value, same.gain.value) == (0, 0)
    better = revisions(wrong, TARGET, TARGET, SPEAKERS, RATERS)
    assert (better.changed.value, better.to_right.value, better.to_wrong.value, better.gain.value) == (
        1,
        1,
        0,
        1,
    )
    worse = revisions(TARGET, wrong, TARGET, SPEAKERS, RATERS)
    assert worse.gain.value == -1


def test_changes_at_random_neither_help_nor_harm_and_add_up():
    first, second = RNG.integers(0, 3, VOTES), RNG.integers(0, 3, VOTES)
    found = revisions(first, second, TARGET, SPEAKERS, RATERS)
    assert found.gain.low < 0 < found.gain.high
    assert found.gain.value == pytest.approx(found.to_right.value - found.to_wrong.value)
    assert found.changed.value == pytest.approx(2 / 3, abs=0.04)
    assert found.gain.n_groups == 15


def test_raters_with_habits_widen_the_interval_and_without_ids_it_is_said():
    habit = RNG.normal(size=15)[RATERS.codes]
    values = habit + RNG.normal(size=VOTES)
    known, fixed = mean_with_raters(values, SPEAKERS, RATERS), mean_with_raters(values, SPEAKERS, None)
    assert known.value == pytest.approx(fixed.value)
    assert known.se > 2 * fixed.se
    assert fixed.note == "raters taken as fixed"
    assert fixed.n_groups == 30


def test_missing_answers_and_targets_are_left_out_each_where_it_matters():
    found = revisions([0, 0, -1], [1, 0, 0], [-1, 0, 0], Groups.each(3), Groups.each(3))
    assert found.changed.value == 0.5
    assert found.gain.n_clips == 1
    nobody = revisions([-1], [0], [0], Groups.each(1), None)
    assert nobody.changed.value is None
    assert nobody.changed.note


def test_adding_is_measured_beyond_the_control_arm():
    """Both arms change by .1 more or less; only the difference of the arms counts."""
    added = np.arange(VOTES) % 2 == 0
    change = np.where(added, 0.3, 0.1) + RNG.normal(0, 0.5, VOTES)
    found = added_gain(change, added, SPEAKERS, RATERS)
    assert found.low < 0.2 < found.high
    assert found.method == "two-way"
    turned = added_gain(change, ~added, SPEAKERS, RATERS)
    assert turned.value == pytest.approx(-found.value)
    fixed = added_gain(change, added, SPEAKERS, None)
    assert "raters taken as fixed" in fixed.note
    assert fixed.value == pytest.approx(found.value)


def test_adding_needs_both_arms_and_leaves_out_missing_pairs():
    change = np.where(np.arange(VOTES) % 3 == 0, np.nan, 1.0)
    added = np.arange(VOTES) % 2 == 0
    assert added_gain(change, np.ones(VOTES), SPEAKERS, RATERS).value is None
    assert added_gain(change, added, SPEAKERS, RATERS).value == 0.0
    assert added_gain(np.where(added, 1.0, np.nan), added, SPEAKERS, RATERS).value is None


def test_the_interval_of_adding_covers_the_truth():
    covered, studies = 0, 400
    rng = np.random.default_rng(5)
    speaker, rater = np.repeat(np.arange(20), 30), np.tile(np.arange(30), 20)
    added = (speaker + rater) % 2 == 0
    for _ in range(studies):
        lean = rng.normal(0, 0.2, 20)[speaker] + rng.normal(0, 0.2, 30)[rater]
        change = 0.1 * added + lean + rng.normal(0, 0.5, 600)
        found = added_gain(change, added, Groups.of(speaker), Groups.of(rater))
        covered += found.low <= 0.1 <= found.high
    assert covered / studies >= 0.93
