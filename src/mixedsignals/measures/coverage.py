"""Risk against coverage: what error is left when a model answers only where it is most sure.

The curve runs over coverage as a real number, with clips of equal confidence accepted in equal shares, so ties
need no random order and a clip that is drawn twice in a resample counts twice.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from .arrays import FloatArray, IntArray, divided, floats
from .groups import Groups
from .inference import JACKKNIFE, ByClip, Estimate, Resampling, estimate

__all__ = ["Area", "area_statistic", "risk_area", "risk_at_coverage", "risk_coverage_curve"]

Area = Literal["aurc", "excess_aurc", "augrc"]


def _ordered(confidence: FloatArray) -> tuple[IntArray, IntArray]:
    """Clips from most to least sure, and where each block of equal confidence starts."""
    order = np.argsort(-confidence, kind="stable")
    ordered = confidence[order]
    starts = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))
    return order, starts


def _cumulated(
    weights: FloatArray, loss: FloatArray, order: IntArray, starts: IntArray
) -> tuple[FloatArray, FloatArray]:
    """Clips accepted and their loss after 0, 1, 2, … blocks, (R, B+1) each."""
    ordered = weights[:, order]
    seen = np.cumsum(np.add.reduceat(ordered, starts, axis=1), axis=1)
    lost = np.cumsum(np.add.reduceat(ordered * loss[order], starts, axis=1), axis=1)
    nothing = np.zeros((len(weights), 1))
    return np.concatenate([nothing, seen], axis=1), np.concatenate([nothing, lost], axis=1)


def _area_of_risk(seen: FloatArray, lost: FloatArray) -> FloatArray:
    """∫ risk(c) dc: in each block the risk is (e₀ + ρ (x − k₀)) / x, which integrates in closed form."""
    size, before = np.diff(seen, axis=1), seen[:, :-1]
    slope = np.nan_to_num(divided(np.diff(lost, axis=1), size))
    ratio = np.where(before > 0, seen[:, 1:] / np.where(before > 0, before, 1.0), 1.0)
    bent = np.where(before > 0, (lost[:, :-1] - slope * before) * np.log(ratio), 0.0)
    return divided((slope * size + bent).sum(axis=1), seen[:, -1])


def _area_of_generalised_risk(seen: FloatArray, lost: FloatArray) -> FloatArray:
    """∫ P(wrong and accepted at coverage c) dc, by trapezoids, which are exact here."""
    steps = np.diff(seen, axis=1) * 0.5 * (lost[:, 1:] + lost[:, :-1])
    return divided(steps.sum(axis=1), seen[:, -1] ** 2)


def _best_area(risk: FloatArray) -> FloatArray:
    """The area of an oracle that rejects every error first, for 0/1 loss: r + (1 − r) ln(1 − r)."""
    rest = 1.0 - risk
    return np.where(rest > 0, risk + rest * np.log(np.where(rest > 0, rest, 1.0)), 1.0)


def area_statistic(confidence: ArrayLike, loss: ArrayLike, groups: Groups, *, area: Area = "aurc") -> ByClip:
    """An area under the risk-coverage curve as a statistic; see `risk_area`."""
    sure, lost = floats(confidence), floats(loss)
    kept = np.isfinite(sure) & np.isfinite(lost)
    sure, lost = sure[kept], lost[kept]
    order, starts = _ordered(sure)

    def value(weights: FloatArray) -> FloatArray:
        if not len(order):
            return np.full(len(weights), np.nan)
        accepted, losses = _cumulated(weights, lost, order, starts)
        if area == "augrc":
            return _area_of_generalised_risk(accepted, losses)
        found = _area_of_risk(accepted, losses)
        return found if area == "aurc" else found - _best_area(divided(losses[:, -1], accepted[:, -1]))

    return ByClip.merged(value, groups.take(kept))


def risk_area(
    confidence: ArrayLike,
    loss: ArrayLike,
    groups: Groups,
    *,
    area: Area = "aurc",
    options: Resampling = JACKKNIFE,
) -> Estimate:
    """Area under the risk-coverage curve, from confidence (n,) and 0/1 loss (n,), with a grouped interval.

    - `aurc`: ∫₀¹ risk(c) dc, in [0, 1]; a random order gives the error rate (Geifman & El-Yaniv 2017).
    - `excess_aurc`: less what an oracle would reach with the same errors, ≥ 0 (Geifman et al. 2019).
    - `augrc`: ∫₀¹ P(wrong, accepted) dc, in [0, ½]: half the error rate for a random order (Traub et al.
      2024); = (1 − AUROC) a (1 − a) + ½ (1 − a)² with accuracy a.

    Clips with NaN are left out. The integral over real coverage differs from the mean over n accepted sets by
    O(log n / n).

    >>> round(risk_area([0.9, 0.8, 0.7, 0.6], [0, 0, 1, 0], Groups.each(4), area="excess_aurc").value, 3)
    0.085
    """
    scale = "logit" if area == "aurc" else "identity"
    return estimate(area_statistic(confidence, loss, groups, area=area), scale=scale, options=options)  # type: ignore[arg-type]


def risk_at_coverage(
    confidence: ArrayLike,
    loss: ArrayLike,
    groups: Groups,
    *,
    coverage: float = 0.8,
    options: Resampling = JACKKNIFE,
) -> Estimate:
    """Mean loss of the share `coverage` of clips with the highest confidence, in [0, 1].

    Clips tied at the threshold are accepted in part, each alike. The threshold moves with the resample.

    >>> risk_at_coverage([0.9, 0.8, 0.7, 0.6], [0, 0, 1, 1], Groups.each(4), coverage=0.75).value
    0.3333333333333333
    """
    if not 0.0 < coverage <= 1.0:
        raise ValueError(f"coverage must lie in (0, 1], not {coverage}")
    sure, lost = floats(confidence), floats(loss)
    kept = np.isfinite(sure) & np.isfinite(lost)
    return estimate(
        ByClip.merged(_risk_at(sure[kept], lost[kept], coverage), groups.take(kept)),
        scale="logit",
        options=options,
    )


def _risk_at(sure: FloatArray, lost: FloatArray, coverage: float) -> Callable[[FloatArray], FloatArray]:
    order, starts = _ordered(sure)

    def value(weights: FloatArray) -> FloatArray:
        if not len(order):
            return np.full(len(weights), np.nan)
        seen, losses = _cumulated(weights, lost, order, starts)
        wanted = coverage * seen[:, -1:]
        last = np.minimum((seen < wanted - 1e-9).sum(axis=1, keepdims=True), seen.shape[1] - 1)
        low, high = (np.take_along_axis(seen, last - back, axis=1) for back in (1, 0))
        start, end = (np.take_along_axis(losses, last - back, axis=1) for back in (1, 0))
        part = np.nan_to_num(divided(wanted - low, high - low))
        return divided(start + part * (end - start), wanted)[:, 0]

    return value


def risk_coverage_curve(
    confidence: ArrayLike, loss: ArrayLike, *, points: int = 101
) -> tuple[FloatArray, FloatArray]:
    """Coverage (points,) from 1/points to 1 and the risk at each, for a figure; empty arrays without clips.

    >>> coverage, risk = risk_coverage_curve([0.9, 0.1], [0, 1], points=2)
    >>> coverage.tolist(), risk.tolist()
    ([0.5, 1.0], [0.0, 0.5])
    """
    sure, lost = floats(confidence), floats(loss)
    kept = np.isfinite(sure) & np.isfinite(lost)
    if not kept.any():
        return np.empty(0), np.empty(0)
    order, starts = _ordered(sure[kept])
    seen, losses = _cumulated(np.ones((1, int(kept.sum()))), lost[kept], order, starts)
    coverage = np.arange(1, points + 1) / points
    return coverage, np.interp(coverage * seen[0, -1], seen[0], losses[0]) / (coverage * seen[0, -1])
