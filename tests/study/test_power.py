"""Power by simulation: right without an effect, growing with the effect and with the study, the same every time."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mixedsignals.study.power import _NODES, PowerOptions, _logit_of, simulate_power
from mixedsignals.study.settings import StudySettings

SPEAKERS = [f"s{at % 20}" for at in range(60)]
CROSSED = StudySettings("s", ("audio", "text+audio+video"), ("a", "b"), raters_per_cell=4)
ADDED = StudySettings("s", ("text", "text+audio"), ("a", "b"), design="counterfactual", raters_per_cell=4)


@pytest.mark.parametrize("settings", [CROSSED, ADDED], ids=["crossed", "counterfactual"])
def test_without_an_effect_one_in_twenty_is_found_at_most(settings: StudySettings) -> None:
    """2,000 studies: 95 % of such simulations show a share within .01 of the true one."""
    found = simulate_power(
        settings, SPEAKERS, options=PowerOptions(simulations=2_000, most_votes=10**9), effects=(0.0,)
    )
    assert found is not None
    assert 0.02 <= found.power[0] <= 0.065


@pytest.mark.parametrize("settings", [CROSSED, ADDED], ids=["crossed", "counterfactual"])
def test_power_grows_with_the_effect_to_certainty(settings: StudySettings) -> None:
    found = simulate_power(settings, SPEAKERS, options=PowerOptions(simulations=200))
    assert found is not None
    assert all(later >= earlier - 0.03 for earlier, later in zip(found.power, found.power[1:], strict=False))
    assert found.power[-1] > 0.95
    assert found.smallest is not None
    at = next(n for n, power in enumerate(found.power) if power >= 0.8)
    assert found.effects[at - 1] <= found.smallest <= found.effects[at]


def test_power_grows_with_raters() -> None:
    options = PowerOptions(simulations=200)
    few, many = (
        simulate_power(
            StudySettings("s", CROSSED.conditions, ("a", "b"), raters_per_cell=raters),
            SPEAKERS,
            options=options,
        )
        for raters in (2, 10)
    )
    assert few is not None
    assert many is not None
    assert many.smallest is not None
    assert few.smallest is None or many.smallest < few.smallest
    assert many.n_votes == 5 * few.n_votes


def test_the_same_seed_gives_the_same_power() -> None:
    options = PowerOptions(simulations=50, seed=3)
    assert simulate_power(CROSSED, SPEAKERS, options=options) == simulate_power(
        CROSSED, SPEAKERS, options=options
    )
    other = simulate_power(CROSSED, SPEAKERS, options=PowerOptions(simulations=50, seed=4))
    assert other != simulate_power(CROSSED, SPEAKERS, options=options)


def test_one_condition_has_nothing_to_compare() -> None:
    assert simulate_power(StudySettings("s", ("text",), ("a", "b")), SPEAKERS) is None


def test_one_speaker_gives_no_interval_and_no_power() -> None:
    found = simulate_power(CROSSED, ["one"] * 20, options=PowerOptions(simulations=20))
    assert found is not None
    assert set(found.power) == {0.0}
    assert found.smallest is None


@given(st.floats(0.05, 0.95), st.floats(0.0, 3.0))
def test_chances_have_the_mean_that_was_asked_for(accuracy: float, spread: float) -> None:
    nodes, weights = _NODES
    middle = _logit_of(accuracy, spread)
    mean = sum(
        weight / (1 + math.exp(-middle - spread * node)) for node, weight in zip(nodes, weights, strict=True)
    )
    assert mean / sum(weights) == pytest.approx(accuracy, abs=1e-6)


def test_of_large_studies_fewer_are_simulated_and_it_shows() -> None:
    options = PowerOptions(simulations=300, most_votes=48_000)
    found = simulate_power(CROSSED, SPEAKERS, options=options, effects=(0.0, 0.1))
    assert found is not None
    assert found.n_votes == 480
    assert found.options.simulations == 100
