"""A signal and an outcome compared within slices of equal confidence: the Mantel-Haenszel odds ratio.

Descriptive: within a decile confidence still varies, so what is left of it can pass for the signal. The test is
in `association.py`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from .arrays import FloatArray, IntArray, divided, floats
from .groups import Groups
from .inference import JACKKNIFE, Estimate, Resampling, Totals, estimate

__all__ = ["mantel_haenszel", "quantile_strata"]


def quantile_strata(values: ArrayLike, *, strata: int = 10) -> IntArray:
    """Codes 0 … of the quantile slice of each value (n,), equal values together; −1 for NaN.

    >>> quantile_strata([0.1, 0.2, 0.3, 0.4], strata=2).tolist()
    [0, 0, 1, 1]
    """
    given = floats(values)
    known = np.isfinite(given)
    out = np.full(len(given), -1, dtype=np.int64)
    if known.any():
        edges = np.unique(np.quantile(given[known], np.linspace(0, 1, strata + 1)[1:-1]))
        out[known] = np.unique(np.searchsorted(edges, given[known], side="right"), return_inverse=True)[1]
    return out


def mantel_haenszel(
    exposed: ArrayLike,
    outcome: ArrayLike,
    strata: ArrayLike,
    groups: Groups,
    *,
    options: Resampling = JACKKNIFE,
) -> Estimate:
    """ln of the Mantel-Haenszel odds ratio Σ a d / n over Σ b c / n across strata, in (−∞, ∞); 0 is no relation.

    `exposed` and `outcome` are 0/1 or shares (n,) (e.g. signal above its median; error), `strata` codes (n,), −1
    left out, like NaN. Strata in which either is constant say nothing. Not applicable when no pair within a
    stratum goes one of the two ways. Source: Mantel & Haenszel (1959).

    >>> found = mantel_haenszel([1, 1, 1, 0, 0, 0], [1, 1, 0, 1, 0, 0], [0] * 6, Groups.each(6))
    >>> round(found.value, 3)
    1.386
    """
    shown, happened, slices = floats(exposed), floats(outcome), np.asarray(strata, dtype=np.int64)
    kept = np.isfinite(shown) & np.isfinite(happened) & (slices >= 0)
    count = int(slices[kept].max()) + 1 if kept.any() else 1
    inside = groups.blocks(max(50, 20_000_000 // (4 * count))).take(kept)
    shown, happened = shown[kept], happened[kept]
    cell = inside.codes * count + slices[kept]
    columns = (shown * happened, shown * (1 - happened), (1 - shown) * happened, (1 - shown) * (1 - happened))
    counted = [np.bincount(cell, weights=column, minlength=inside.count * count) for column in columns]
    parts = floats(counted).T.reshape(inside.count, count, 4)

    def value(totals: FloatArray) -> FloatArray:
        clips = totals.sum(axis=-1)
        for_it = np.nan_to_num(divided(totals[..., 0] * totals[..., 3], clips)).sum(axis=-1)
        against = np.nan_to_num(divided(totals[..., 1] * totals[..., 2], clips)).sum(axis=-1)
        odds = divided(for_it, against)
        return np.log(odds, out=np.full(odds.shape, np.nan), where=odds > 0)

    return estimate(Totals(parts, value, inside), options=options)
