"""Risk against coverage: what error is left when a model answers only where it is most sure.

The curve runs over coverage as a real number, with clips of equal confidence accepted in equal shares, so ties
need no random order and a clip that is drawn twice in a resample counts twice.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from .arrays import FloatArray, divided, floats
from .groups import Groups
from .inference import JACKKNIFE, UNIT, ByClip, Estimate, Resampling, estimate
from .ranks import Ranked, ranked
from .scales import Scale

__all__ = ["Area", "area_statistic", "risk_area", "risk_at_coverage", "risk_coverage_curve"]

Area = Literal["aurc", "excess_aurc", "augrc"]


def _cumulated(weights: FloatArray, loss: FloatArray, ranks: Ranked) -> tuple[FloatArray, FloatArray]:
    """Clips accepted and their loss after 0, 1, 2, … blocks of equal confidence, (R, B+1) each."""
    nothing = np.zeros((len(weights), 1))
    seen = np.cumsum(ranks.sums(weights), axis=1)
    lost = np.cumsum(ranks.sums(weights * loss), axis=1)
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


def _slope_of_risk(seen: FloatArray, lost: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Derivative of Σ ∫ risk, not yet divided by all clips, by the size and by the loss of each block, (B,) each."""
    size, before, lost_before = np.diff(seen), seen[:-1], lost[:-1]
    risk = np.diff(lost) / size
    logs = np.log(seen[1:] / np.where(before > 0, before, seen[1:]))
    rest = lost_before - risk * before
    by_before = np.where(before > 0, rest * (1 / seen[1:] - 1 / np.where(before > 0, before, 1.0)), 0.0)
    by_size = risk * before / size * logs + np.where(before > 0, rest, 0.0) / seen[1:]
    by_loss = 1.0 - before / size * logs
    return by_size + _after(by_before - risk * logs), by_loss + _after(logs)


def _slope_of_generalised_risk(seen: FloatArray, lost: FloatArray) -> tuple[FloatArray, FloatArray]:
    """The same for Σ ∫ P(wrong, accepted), not yet divided by the square of all clips."""
    size = np.diff(seen)
    return 0.5 * (lost[1:] + lost[:-1]), 0.5 * size + _after(size)


def _after(values: FloatArray) -> FloatArray:
    """Sum of all entries after each."""
    return floats(np.cumsum(values[::-1])[::-1] - values)


def area_statistic(confidence: ArrayLike, loss: ArrayLike, groups: Groups, *, area: Area = "aurc") -> ByClip:
    """An area under the risk-coverage curve as a statistic; see `risk_area`."""
    sure, lost = floats(confidence), floats(loss)
    kept = np.isfinite(sure) & np.isfinite(lost)
    ranks, lost = ranked(-sure[kept]), lost[kept]

    def value(weights: FloatArray) -> FloatArray:
        if not len(lost):
            return np.full(len(weights), np.nan)
        accepted, losses = _cumulated(weights, lost, ranks)
        if area == "augrc":
            return _area_of_generalised_risk(accepted, losses)
        found = _area_of_risk(accepted, losses)
        return found if area == "aurc" else found - _best_area(divided(losses[:, -1], accepted[:, -1]))

    def slope() -> FloatArray:
        ones = np.ones((1, len(lost)))
        accepted, losses = (part[0] for part in _cumulated(ones, lost, ranks))
        clips, risk = accepted[-1], losses[-1] / accepted[-1]
        if area == "augrc":
            by_size, by_loss = _slope_of_generalised_risk(accepted, losses)
            return floats(
                (by_size[ranks.of] + by_loss[ranks.of] * lost) / clips**2 - 2.0 * value(ones)[0] / clips
            )
        by_size, by_loss = _slope_of_risk(accepted, losses)
        plain = float(_area_of_risk(accepted[None], losses[None])[0])
        found = (by_size[ranks.of] + by_loss[ranks.of] * lost - plain) / clips
        if area == "excess_aurc" and risk < 1.0:
            found = found + np.log(1.0 - risk) * (lost - risk) / clips
        return floats(found)

    return ByClip.merged(value, groups.take(kept), slope=slope)


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
    scale: Scale = "logit" if area == "aurc" else "log"
    limits = (0.0, 0.5) if area == "augrc" else UNIT
    statistic = area_statistic(confidence, loss, groups, area=area)
    return estimate(statistic, scale=scale, limits=limits, options=options)


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
    sure, lost, inside = sure[kept], lost[kept], groups.take(kept)
    ranks = ranked(-sure)
    statistic = ByClip.merged(
        _risk_at(ranks, lost, coverage), inside, slope=partial(_slope_at, ranks, lost, coverage)
    )
    return estimate(statistic, scale="logit", options=options)


def _risk_at(ranks: Ranked, lost: FloatArray, coverage: float) -> Callable[[FloatArray], FloatArray]:
    def value(weights: FloatArray) -> FloatArray:
        if not len(lost):
            return np.full(len(weights), np.nan)
        seen, losses = _cumulated(weights, lost, ranks)
        wanted = coverage * seen[:, -1:]
        last = np.minimum((seen < wanted - 1e-9).sum(axis=1, keepdims=True), seen.shape[1] - 1)
        low, high = (np.take_along_axis(seen, last - back, axis=1) for back in (1, 0))
        start, end = (np.take_along_axis(losses, last - back, axis=1) for back in (1, 0))
        part = np.nan_to_num(divided(wanted - low, high - low))
        return divided(start + part * (end - start), wanted)[:, 0]

    return value


def _slope_at(ranks: Ranked, lost: FloatArray, coverage: float) -> FloatArray:
    """Derivative of the risk at `coverage` by each clip's weight, (n,)."""
    seen, losses = (part[0] for part in _cumulated(np.ones((1, len(lost))), lost, ranks))
    clips, wanted = seen[-1], coverage * seen[-1]
    last = min(int((seen < wanted - 1e-9).sum()), len(seen) - 1)
    size = seen[last] - seen[last - 1]
    risk = (losses[last] - losses[last - 1]) / size
    part = (wanted - seen[last - 1]) / size
    share = np.where(ranks.of < last - 1, 1.0, np.where(ranks.of == last - 1, part, 0.0))
    value = (losses[last - 1] + part * (losses[last] - losses[last - 1])) / wanted
    return floats((share * (lost - risk) + coverage * risk) / wanted - value / clips)


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
    seen, losses = _cumulated(np.ones((1, int(kept.sum()))), lost[kept], ranked(-sure[kept]))
    coverage = np.arange(1, points + 1) / points
    return coverage, np.interp(coverage * seen[0, -1], seen[0], losses[0]) / (coverage * seen[0, -1])
