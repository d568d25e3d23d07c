"""How far people agree over a corpus: Krippendorff's alpha on ragged votes, with a grouped interval.

Alpha needs only a table of label pairs per group, so an interval over speakers costs next to nothing, and no
rater ids. Without them raters are taken as fixed, and whoever prints the interval says so.
"""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike

from .arrays import FloatArray, divided, floats
from .groups import Groups
from .inference import JACKKNIFE, Estimate, Resampling, Totals, estimate

__all__ = ["Metric", "alpha_statistic", "coincidences", "krippendorff_alpha", "vote_accuracy"]

Metric = Literal["nominal", "ordinal", "interval"]


def coincidences(counts: ArrayLike, groups: Groups) -> tuple[FloatArray, Groups]:
    """Coincidence matrices per group (G, C, C) from votes (n, C), and the groups of clips with two votes or more.

    o_ck = Σ_u n_uc (n_uk − [c = k]) / (n_u − 1): every clip weighs by its number of votes (Krippendorff 2011).
    """
    given = floats(counts)
    votes = given.sum(axis=1)
    kept = votes >= 2
    n_labels = given.shape[1]
    inside = groups.blocks(max(50, 20_000_000 // n_labels**2)).take(kept)
    clips, scale = given[kept], 1.0 / (votes[kept] - 1.0)
    out = np.zeros((inside.count, n_labels, n_labels))
    for first in range(n_labels):
        for second in range(first, n_labels):
            pairs = clips[:, first] * (clips[:, second] - (first == second)) * scale
            out[:, first, second] = out[:, second, first] = inside.sums(pairs)
    return out, inside


def _distances(margins: FloatArray, metric: Metric, values: FloatArray) -> FloatArray:
    """Squared distances δ² between labels, (…, C) → (…, C, C) (the ordinal one depends on the margins)."""
    n_labels = margins.shape[-1]
    if metric == "nominal":
        return np.broadcast_to(1.0 - np.eye(n_labels), (*margins.shape, n_labels))
    if metric == "interval":
        return np.broadcast_to((values[:, None] - values[None, :]) ** 2, (*margins.shape, n_labels))
    middle = np.cumsum(margins, axis=-1) - margins / 2
    return np.asarray((middle[..., :, None] - middle[..., None, :]) ** 2)


def alpha_statistic(
    counts: ArrayLike, groups: Groups, *, metric: Metric = "nominal", values: ArrayLike | None = None
) -> Totals:
    """Krippendorff's alpha as a statistic; see `krippendorff_alpha`."""
    if metric not in get_args(Metric):
        raise ValueError(f"metric must be one of {', '.join(get_args(Metric))}, not {metric!r}")
    parts, inside = coincidences(counts, groups)
    scale = np.arange(parts.shape[-1], dtype=np.float64) if values is None else floats(values)

    def alpha(tables: FloatArray) -> FloatArray:
        margins = tables.sum(axis=-1)
        votes = margins.sum(axis=-1)
        apart = _distances(margins, metric, scale)
        observed = (tables * apart).sum(axis=(-2, -1)) * (votes - 1.0)
        expected = (margins[..., :, None] * margins[..., None, :] * apart).sum(axis=(-2, -1))
        return 1.0 - divided(observed, expected)

    return Totals(parts, alpha, inside)


def krippendorff_alpha(
    counts: ArrayLike,
    groups: Groups,
    *,
    metric: Metric = "nominal",
    values: ArrayLike | None = None,
    options: Resampling = JACKKNIFE,
) -> Estimate:
    """Krippendorff's alpha = 1 − observed / expected disagreement, from votes (n, C), with a grouped interval.

    1 is perfect, 0 chance, and −1 the worst there is. `metric` is the distance between labels: `nominal`, `ordinal`
    (label order as given) or `interval` (between `values` (C,), by default 0, 1, 2, …). The interval is made on
    Fisher's z, so that it stays inside [−1, 1]. Clips with fewer than two votes do not count. Not applicable when every
    vote is the same label (0/0).

    >>> krippendorff_alpha([[3, 0], [0, 3]], Groups.each(2)).value
    1.0
    """
    return estimate(
        alpha_statistic(counts, groups, metric=metric, values=values), scale="fisher", options=options
    )


def vote_accuracy(counts: ArrayLike, target: ArrayLike, groups: Groups) -> Totals:
    """Share of single votes that equal the target, in [0, 1], from votes (n, C) and codes (n,), as a statistic.

    A clip weighs by its votes; clips without a target (−1) or without votes are left out.

    >>> from mixedsignals.measures.inference import value_of
    >>> value_of(vote_accuracy([[3, 1], [0, 2]], [0, 0], Groups.each(2)))
    0.5
    """
    given, truth = floats(counts), np.asarray(target, dtype=np.int64)
    kept = (truth >= 0) & (given.sum(axis=1) > 0)
    inside = groups.take(kept)
    right = given[kept, truth[kept]]
    parts = inside.sums(np.stack([right, given[kept].sum(axis=1)], axis=1))
    return Totals(parts, lambda totals: divided(totals[..., 0], totals[..., 1]), inside)
