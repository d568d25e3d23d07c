"""Whether the place in a person's order matters: slopes of accuracy and time within clip and condition."""

from __future__ import annotations

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
    """Least-squares slope of an outcome (v,) on `position`, per ten items, within clip and condition.

    The same clip in the same condition is compared between people who had it early and late, so what clips and
    conditions differ in cancels out. Variance over speakers and raters; NaN outcomes are left out.
    """
    kept = np.isfinite(outcome)
    part, y = frame.filter(pl.Series(kept)), outcome[kept]
    if part.is_empty():
        return Estimate.absent("no answer to compute it on", level=level)
    cell = part.select(pl.struct("clip_id", "given").rank("dense").cast(pl.Int64) - 1).to_series().to_numpy()
    x = part["position"].to_numpy() / _PER
    x, y = _within(x.astype(np.float64), cell), _within(y, cell)
    spread = float(x @ x)
    if spread <= 0:
        return Estimate.absent("no clip was judged at two places of an order", level=level)
    steep = float(x @ y) / spread
    return two_way_contrast(x * (y - steep * x) / spread, steep, speakers(part), raters(part), level=level)


def _within(values: Floats, cell: npt.NDArray[np.int64]) -> Floats:
    means = np.bincount(cell, values) / np.maximum(np.bincount(cell), 1)
    centred: Floats = values - means[cell]
    return centred
