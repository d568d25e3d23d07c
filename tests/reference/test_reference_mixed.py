"""The crossed mixed model against statsmodels, which fits the same model another way."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from mixedsignals.measures.groups import Groups
from mixedsignals.measures.mixed import MOST_VOTES, mixed_model

pytest.importorskip("statsmodels")
pd = pytest.importorskip("pandas")


def votes(seed: int, *, count: int = 400, spread: tuple[float, float] = (0.4, 0.3)) -> dict[str, np.ndarray]:
    """Outcomes of speakers and raters that differ, with an effect of .2."""
    rng = np.random.default_rng(seed)
    speaker, rater = rng.integers(0, 12, count), rng.integers(0, 20, count)
    x = rng.integers(0, 2, count).astype(float)
    y = 0.5 + 0.2 * x + rng.normal(0, spread[0], 12)[speaker] + rng.normal(0, spread[1], 20)[rater]
    return {"y": y + rng.normal(0, 0.5, count), "x": x, "speaker": speaker, "rater": rater}


@pytest.mark.parametrize(("seed", "spread"), [(0, (0.4, 0.3)), (1, (0.4, 0.3)), (2, (0.1, 0.6))])
def test_as_statsmodels_fits_it(seed: int, spread: tuple[float, float]) -> None:
    from statsmodels.regression.mixed_linear_model import MixedLM

    made = votes(seed, spread=spread)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = MixedLM.from_formula(
            "y ~ x",
            pd.DataFrame(made | {"all": 1}),
            groups="all",
            re_formula="0",
            vc_formula={"rater": "0 + C(rater)", "speaker": "0 + C(speaker)"},
        ).fit()
    design = np.stack([np.ones(len(made["x"])), made["x"]], axis=1)
    ways = {name: Groups.of(made[name]) for name in ("rater", "speaker")}
    ours = mixed_model(made["y"], design, ways)
    assert [effect.value for effect in ours.effects] == pytest.approx(theirs.params.iloc[:2], abs=1e-3)
    assert [effect.se for effect in ours.effects] == pytest.approx(theirs.bse.iloc[:2], rel=0.01)
    assert [ours.spread["rater"], ours.spread["speaker"]] == pytest.approx(np.sqrt(theirs.vcomp), rel=0.02)
    assert ours.spread["residual"] == pytest.approx(np.sqrt(theirs.scale), rel=1e-3)


def test_missing_votes_are_left_out_and_groups_may_be_empty() -> None:
    made = votes(3)
    design = np.stack([np.ones(400), made["x"]], axis=1)
    ways = {name: Groups.of(made[name]) for name in ("rater", "speaker")}
    holes = np.where(np.arange(400) % 4 == 0, np.nan, made["y"])
    kept = np.isfinite(holes)
    whole = mixed_model(holes, design, ways)
    part = mixed_model(holes[kept], design[kept], {name: way.take(kept) for name, way in ways.items()})
    assert whole.effects[1].value == pytest.approx(part.effects[1].value)
    assert whole.n_votes == int(kept.sum())


def test_what_cannot_be_fitted_says_why() -> None:
    made = votes(4, count=40)
    ways = {"rater": Groups.of(made["rater"])}
    twice = np.stack([np.ones(40), np.ones(40)], axis=1)
    assert "cannot be told apart" in mixed_model(made["y"], twice, ways).note
    many = MOST_VOTES + 1
    large = mixed_model(np.zeros(many), np.ones((many, 1)), {"rater": Groups.of(np.arange(many) % 7)})
    assert large.effects == ()
    assert "10,000 votes" in large.note


def test_outcomes_that_never_vary_have_no_effect() -> None:
    made = votes(5)
    design = np.stack([np.ones(400), made["x"]], axis=1)
    found = mixed_model(np.ones(400), design, {"rater": Groups.of(made["rater"])})
    assert found.effects[1].value == pytest.approx(0.0, abs=1e-6)


def test_one_speaker_gives_a_value_and_no_interval() -> None:
    made = votes(6)
    design = np.stack([np.ones(400), made["x"]], axis=1)
    found = mixed_model(
        made["y"], design, {"speaker": Groups.of(["a"] * 400), "rater": Groups.of(made["rater"])}
    )
    assert found.effects[1].value == pytest.approx(0.2, abs=0.15)
    assert found.effects[1].low is None
    assert "no interval" in found.effects[1].note
    assert set(found.spread) == {"rater", "residual"}
