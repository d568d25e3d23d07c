"""Whether the place in a person's order matters: slopes of accuracy and time beside clips and conditions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import polars as pl

from mixedsignals.measures.crossed import two_way_contrast
from mixedsignals.measures.inference import Estimate
from mixedsignals.study.analysis.aligned import Judged, raters, right, speakers
from mixedsignals.study.analysis.results import Results, spoken

__all__ = ["order_effects", "slope"]

_PART = "order"
_PER = 10.0  # items
_NONE, _ROUNDS = 1e-9, 200
Floats = npt.NDArray[np.float64]


def order_effects(judged: Judged, results: Results, *, level: float = 0.95) -> None:
    """Change in accuracy, and in the logarithm of the time taken, per ten items later in a person's order."""
    first = judged.first
    told = []
    if judged.has_target:
        found = slope(first, right(first), level=level)
        results.estimate("order_slope", found, where="outcome=accuracy")
        told.append(f"accuracy changes by {spoken(found, digits=3)} per ten items")
    seconds = first["seconds"].fill_null(float("nan")).to_numpy()
    logs = np.log(np.where(seconds > 0, seconds, np.nan))
    found = slope(first, logs, level=level)
    results.estimate("order_slope", found, where="outcome=log_seconds")
    if found.value is not None:
        told.append(f"the time taken by a factor of {np.exp(found.value):.2f} per ten items")
    results.note(_PART, "; ".join(told) if told else "times and targets are not known")


def slope(frame: pl.DataFrame, outcome: Floats, *, level: float = 0.95) -> Estimate:
    """Least-squares slope of an outcome (v,) on `position`, per ten items, beside clips and conditions.

    What clips differ in and what conditions differ in is taken off both, so that a hard clip which came late is no
    order effect. Variance over speakers and raters; NaN outcomes are left out.
    """
    kept = np.isfinite(outcome)
    part, y = frame.filter(pl.Series(kept)), outcome[kept]
    if part.is_empty():
        return Estimate.absent("no answer to compute it on", level=level)
    ways = [_codes(part, "clip_id"), _codes(part, "given")]
    x = _beside(part["position"].to_numpy() / _PER, ways)
    y = _beside(y, ways)
    spread = float(x @ x)
    if spread <= _NONE * len(x):
        return Estimate.absent("no clip was judged at two places of an order", level=level)
    steep = float(x @ y) / spread
    return two_way_contrast(x * (y - steep * x) / spread, steep, speakers(part), raters(part), level=level)


def _codes(frame: pl.DataFrame, column: str) -> npt.NDArray[np.int64]:
    return frame[column].rank("dense").cast(pl.Int64).to_numpy() - 1


def _beside(values: npt.NDArray[np.float64], ways: Sequence[npt.NDArray[np.int64]]) -> Floats:
    """The values less an effect of each group of each way, by taking means off in turn until nothing is left."""
    left = values.astype(np.float64)
    for _ in range(_ROUNDS):
        before = left
        for way in ways:
            left = left - (np.bincount(way, left) / np.maximum(np.bincount(way), 1))[way]
        if float(np.abs(left - before).max()) < _NONE:
            break
    return left
