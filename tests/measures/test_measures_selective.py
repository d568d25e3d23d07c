"""The rule by which a model is believed keeps its promise on draws of speakers that it has not seen."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mixedsignals.measures.groups import Groups
from mixedsignals.measures.selective import risk_rule


def drawn(
    rng: np.random.Generator, speakers: int, clips: int, *, easy: float = 6.0
) -> tuple[np.ndarray, np.ndarray, Groups]:
    """Confidence, errors and speakers; some speakers are harder than their clips' confidence tells."""
    who = np.repeat(np.arange(speakers), clips)
    sure = rng.uniform(0.5, 1.0, len(who))
    harder = rng.normal(0, 0.5, speakers)[who]
    chance = 1 / (1 + np.exp(easy * (sure - 0.5) * 2 - 1.0 + harder))
    return sure, (rng.random(len(who)) < chance).astype(float), Groups.of(who)


def test_the_promise_is_kept_on_new_speakers() -> None:
    rng = np.random.default_rng(11)
    thresholds = np.linspace(0.5, 1.0, 101)
    sure, wrong, _ = drawn(rng, 40_000, 10)
    truth = np.array([wrong[sure >= threshold].mean() for threshold in thresholds[:-1]] + [0.0])
    broken, taken, corpora = 0, 0, 400
    for _ in range(corpora):
        rule = risk_rule(*drawn(rng, 40, 10), risk=0.2)
        if rule.threshold is not None:
            taken += 1
            broken += np.interp(rule.threshold, thresholds, truth) > 0.2
    assert taken > 0.9 * corpora, "the rule has to be able to promise something"
    assert broken <= 0.05 * corpora + 2 * np.sqrt(0.05 * 0.95 * corpora)


@given(
    seed=st.integers(0, 10_000),
    speakers=st.integers(1, 30),
    clips=st.integers(1, 12),
    risk=st.floats(0.02, 0.6),
)
@settings(deadline=None, max_examples=60)
def test_what_holds_of_every_rule(seed: int, speakers: int, clips: int, risk: float) -> None:
    sure, wrong, groups = drawn(np.random.default_rng(seed), speakers, clips)
    rule = risk_rule(sure, wrong, groups, risk=risk)
    assert rule.n_clips == len(sure)
    if rule.threshold is None:
        assert rule.coverage == 0
        assert rule.lowest is None or rule.lowest > risk
        if rule.lowest is not None:
            assert risk_rule(sure, wrong, groups, risk=rule.lowest).threshold is not None
    else:
        believed = sure >= rule.threshold
        assert rule.coverage == pytest.approx(believed.mean())
        assert wrong[believed].mean() <= risk
        assert all(rule.believes(one) == (one >= rule.threshold) for one in sure)
        laxer = risk_rule(sure, wrong, groups, risk=min(risk + 0.1, 0.99))
        assert laxer.threshold is not None
        assert laxer.threshold <= rule.threshold


def test_one_speaker_promises_nothing() -> None:
    rule = risk_rule([0.9] * 50, [0] * 50, Groups.of(["a"] * 50))
    assert rule.threshold is None
    assert rule.lowest is None
    assert not rule.believes(1.0)


def test_missing_values_are_left_out_and_wrong_wishes_refused() -> None:
    rule = risk_rule([0.9, np.nan] * 50, [0.0, 1.0] * 50, Groups.each(100), risk=0.2)
    assert rule.n_clips == 50
    assert rule.threshold == 0.9
    for risk, level in [(0.0, 0.95), (1.0, 0.95), (0.1, 1.0)]:
        with pytest.raises(ValueError, match="between 0 and 1"):
            risk_rule([0.5], [0], Groups.each(1), risk=risk, level=level)
