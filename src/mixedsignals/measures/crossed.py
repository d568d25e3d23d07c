"""Variance with two ways at once: seeds and groups of a model, speakers and raters of votes.

Neither is nested in the other: every seed sees every speaker, and a rater judges several speakers. Adding the
two one-way variances counts what they share twice, so that part is taken off again.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from .arrays import FloatArray
from .groups import Groups
from .inference import (
    FEWEST_TRUSTED,
    JACKKNIFE,
    UNBOUNDED,
    Combination,
    Estimate,
    Limits,
    Resampling,
    Statistic,
    estimate,
    spread_on,
    value_of,
    within,
)
from .scales import Scale, forward, inverse, slope

__all__ = ["across_seeds", "two_way_contrast"]


def across_seeds(
    statistics: Sequence[Statistic],
    *,
    scale: Scale = "identity",
    limits: Limits = UNBOUNDED,
    options: Resampling = JACKKNIFE,
) -> Estimate:
    """The mean over seeds of one statistic per seed, with V_group + V_seed − V_residual.

    All statistics are on the same clips and groups. Pseudo-values ψ[s, g] give the three mean squares; degrees
    of freedom by Satterthwaite (1946). With one seed this is `estimate`, and the interval says nothing about
    other seeds. A value that does not exist for some seed does not exist for the mean.

    >>> from mixedsignals.measures.inference import ratio
    >>> groups = Groups.of("aabbcc")
    >>> seeds = [[1, 0, 1, 1, 0, 1], [1, 1, 1, 1, 0, 0]]
    >>> found = across_seeds([ratio(right, [1] * 6, groups) for right in seeds], scale="logit")
    >>> round(found.value, 3), found.method
    (0.667, 'jackknife-logit-seeds')
    """
    mean = Combination(statistics, [1.0 / len(statistics)] * len(statistics))
    single = estimate(mean, scale=scale, limits=limits, options=replace(options, method="jackknife"))
    if len(statistics) < 2:
        return replace(single, note=single.note or "one seed: the interval does not cover other seeds")
    steep = None if single.value is None else slope(single.value, scale)
    if single.value is None or single.low is None or single.se is None or steep is None:
        return single
    groups = mean.groups
    left_out = np.stack([one.without_each() for one in statistics])[:, groups.present]
    full = np.array([value_of(one) for one in statistics], dtype=np.float64)
    of_seeds, residual = _seed_parts(full, left_out, steep)
    of_groups = spread_on(left_out.mean(axis=0), scale, steep) ** 2
    total = of_groups + max(of_seeds - residual, 0.0)
    freedom = _satterthwaite(of_groups, of_seeds, residual, groups.effective - 1.0, len(statistics) - 1.0)
    reach = float(stats.t.ppf(0.5 + options.level / 2, freedom)) * math.sqrt(total)
    centre = float(forward(np.asarray([single.value]), scale)[0])
    low, high = inverse(np.asarray([centre - reach, centre + reach]), scale)
    crossed = replace(single, low=float(low), high=float(high), se=math.sqrt(total) / steep)
    return within(replace(crossed, method=f"jackknife-{scale}-seeds"), limits)


def _seed_parts(full: FloatArray, left_out: FloatArray, steep: float) -> tuple[float, float]:
    """V_seed and V_residual on the interval's scale, from values (S,) and leave-one-out values (S, G)."""
    seeds, count = left_out.shape
    pseudo = count * full[:, None] - (count - 1) * left_out
    centred = pseudo - pseudo.mean(axis=0) - pseudo.mean(axis=1, keepdims=True) + pseudo.mean()
    residual = float((centred**2).sum()) / ((seeds - 1) * (count - 1)) / (seeds * count)
    return float(full.var(ddof=1)) / seeds * steep**2, residual * steep**2


def _satterthwaite(of_groups: float, of_seeds: float, residual: float, groups: float, seeds: float) -> float:
    total = of_groups + max(of_seeds - residual, 0.0)
    if total <= 0.0:
        return max(groups, 1.0)
    if of_seeds <= residual:
        return max(groups, 1.0)
    spread = of_groups**2 / groups + of_seeds**2 / seeds + residual**2 / (groups * seeds)
    return max(min(total**2 / spread, groups), 1.0)


def two_way_contrast(
    influence: ArrayLike,
    value: float,
    speakers: Groups,
    raters: Groups,
    *,
    limits: Limits = UNBOUNDED,
    level: float = 0.95,
) -> Estimate:
    """Interval of a linear contrast of votes with variance over speakers and raters (Cameron et al. 2011).

    `influence` (votes,) sums to zero and is each vote's first-order share in `value`: for the accuracy of one
    condition (y − ȳ)/n, for a difference of two, one minus the other. V = V_speaker + V_rater − V_cell, each
    with its G/(G−1); where that is below the larger one-way variance, the larger is used. Degrees of freedom:
    the smaller of the two Kish counts − 1. `n_groups` is the smaller way's count. The interval is symmetric.
    """
    given = np.asarray(influence, dtype=np.float64)
    smaller = min((speakers, raters), key=lambda way: way.effective)
    bare = Estimate(value, None, None, level, "none", len(given), smaller.distinct, smaller.effective, False)
    if smaller.distinct < 2:
        return replace(bare, note="one speaker or one rater only: no interval can be given")
    cell = np.unique(speakers.codes * raters.count + raters.codes, return_inverse=True)[1]
    cells = Groups(cell.astype(np.int64), int(cell.max()) + 1)
    of_speakers, of_raters, of_cells = (_one_way(given, way) for way in (speakers, raters, cells))
    variance = max(of_speakers + of_raters - of_cells, of_speakers, of_raters)
    se = math.sqrt(variance)
    reach = float(stats.t.ppf(0.5 + level / 2, max(smaller.effective - 1.0, 1.0))) * se
    found = replace(
        bare,
        low=value - reach,
        high=value + reach,
        se=se,
        method="two-way",
        p=float(2 * stats.t.sf(abs(value) / se, max(smaller.effective - 1.0, 1.0))) if se > 0 else None,
        trusted=smaller.effective >= FEWEST_TRUSTED,
    )
    return within(found, limits)


def _one_way(influence: FloatArray, way: Groups) -> float:
    sums = way.sums(influence)[way.present]
    return float(len(sums) / max(len(sums) - 1, 1) * (sums**2).sum())
