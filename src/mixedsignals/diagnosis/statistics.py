"""Statistics that several checks need and that are too small to be measures of their own."""

from __future__ import annotations

import numpy as np

from mixedsignals.diagnosis.evidence import Bools, Floats
from mixedsignals.measures.arrays import divided
from mixedsignals.measures.groups import Groups
from mixedsignals.measures.inference import Totals

__all__ = ["mean_difference", "mean_where"]


def mean_where(values: Floats, where: Bools, groups: Groups) -> Totals:
    """The mean of `values` over the clips of `where`; NaN values do not count."""
    kept = where & np.isfinite(values)
    inside = groups.take(kept)
    parts = np.stack([inside.sums(values[kept]), inside.sizes], axis=1)
    return Totals(parts, lambda t: divided(t[..., 0], t[..., 1]), inside)


def mean_difference(values: Floats, first: Bools, second: Bools, groups: Groups) -> Totals:
    """The mean of `values` on the clips of `first` less that on the clips of `second`; NaN values do not count."""
    finite = np.isfinite(values)
    kept = (first | second) & finite
    inside = groups.take(kept)
    held, one, two = values[kept], first[kept].astype(float), second[kept].astype(float)
    parts = inside.sums(np.stack([held * one, one, held * two, two], axis=1))

    def apart(totals: Floats) -> Floats:
        above = divided(totals[..., 0], totals[..., 1])
        result: Floats = above - divided(totals[..., 2], totals[..., 3])
        return result

    return Totals(parts, apart, inside)
