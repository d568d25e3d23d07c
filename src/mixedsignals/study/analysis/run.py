"""All parts of the analysis in their order, each saying what it found or why it cannot."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl

from mixedsignals.measures.groups import Groups
from mixedsignals.measures.inference import Estimate
from mixedsignals.measures.mixed import mixed_model
from mixedsignals.study.analysis.aligned import Judged, raters, right, speakers
from mixedsignals.study.analysis.order import order_effects
from mixedsignals.study.analysis.results import Results, spoken
from mixedsignals.study.analysis.second import gain_by_adding, retest
from mixedsignals.study.conditions import includes

__all__ = ["analyse_answers", "model_of_gain"]

_MIXED = "mixed model"


def analyse_answers(judged: Judged, *, level: float = 0.95) -> Results:
    """Second looks, test-retest, order and the mixed model of answers that count.

    Args:
        judged: from `align`.
        level: of the intervals.
    """
    results = Results()
    if judged.frame.is_empty():
        results.note("votes", "nobody has judged an item yet")
        return results
    gain_by_adding(judged, results, level=level)
    retest(judged, results, level=level)
    order_effects(judged, results, level=level)
    model_of_gain(judged, results, level=level)
    return results


def model_of_gain(judged: Judged, results: Results, *, level: float = 0.95) -> None:
    """Accuracy by condition and position with crossed intercepts of speakers, raters, clips and cells.

    The gain of the fullest condition over each other one is its effect. Left out, with the reason, where votes have
    no target, there is one condition, or the study is too large for it.
    """
    first = judged.first.filter(pl.col("target") >= 0)
    given_all = first["given"].unique().sort().to_list()
    full = next(
        (one for one in given_all if all(one == each or includes(one, each) for each in given_all)), None
    )
    if len(given_all) < 2 or full is None:
        results.note(
            _MIXED, "not applicable: it takes targets, and a condition that gives all that others do"
        )
        return
    conditions = [full, *(given for given in given_all if given != full)]
    given = first["given"].to_numpy()
    columns = [np.ones(first.height), *((given == other).astype(np.float64) for other in conditions[1:])]
    position = first["position"].to_numpy().astype(np.float64)
    design = np.stack([*columns, (position - position.mean()) / 10], axis=1)
    model = mixed_model(right(first), design, _intercepts(first), level=level)
    if not model.effects:
        results.note(_MIXED, f"not applicable: {model.note}")
        return
    told = []
    for other, effect in zip(conditions[1:], model.effects[1:], strict=False):
        gained = _turned(effect)
        results.estimate("mixed_gain", gained, where=f"over={other}")
        told.append(f"{spoken(gained, why=False)} over {other}")
    results.estimate("mixed_order", model.effects[-1])
    spread = ", ".join(f"{name} {value:.2f}" for name, value in model.spread.items())
    slant = spoken(model.effects[-1], digits=3, why=False)
    text = (
        f"given {conditions[0]} people gain {', '.join(told)} in accuracy; order {slant} "
        f"per ten items; standard deviations: {spread} ({model.n_votes} votes)"
    )
    if model.effects[-1].low is None:
        text += f"; no interval: {model.effects[-1].note}"
    results.note(_MIXED, text)


def _intercepts(first: pl.DataFrame) -> dict[str, Groups]:
    cells = first.select(pl.concat_str("given", "clip_id", separator=" ")).to_series().to_list()
    ways = {"speaker": speakers(first), "rater": raters(first), "clip": Groups.of(first["clip_id"].to_list())}
    ways["clip in condition"] = Groups.of(cells)
    if ways["speaker"].distinct == ways["clip"].distinct:  # no speaker is known: clips stand for them
        del ways["clip"]
    return ways


def _turned(effect: Estimate) -> Estimate:
    """The same contrast the other way round."""
    low, high = (None if end is None else -end for end in (effect.high, effect.low))
    return replace(effect, value=None if effect.value is None else -effect.value, low=low, high=high)
