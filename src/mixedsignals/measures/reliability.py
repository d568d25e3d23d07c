"""Is a stated probability the share that turns out right: reliability bins and calibration errors.

Plug-in calibration errors are too large when bins are small, because noise is squared away from zero; the
debiased forms take the expected noise off.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from .arrays import FloatArray, IntArray, divided, floats
from .groups import Groups
from .inference import JACKKNIFE, UNIT, Estimate, Resampling, Totals, estimate, square_root

__all__ = [
    "Reliability",
    "calibration_error",
    "classwise_calibration_error",
    "expected_calibration_error",
    "reliability",
    "top_label",
]


@dataclass(frozen=True, eq=False)
class Reliability:
    """Bins of equal mass by stated probability: mean `stated`, share `seen` true, `clips`, each (B,)."""

    stated: FloatArray
    seen: FloatArray
    clips: IntArray


def top_label(probabilities: ArrayLike, target: ArrayLike) -> tuple[FloatArray, FloatArray]:
    """The largest probability (n,) and whether that label is the target (n,), NaN without a target.

    >>> top_label([[0.8, 0.2], [0.4, 0.6]], [0, -1])[1].tolist()
    [1.0, nan]
    """
    given, truth = floats(probabilities), np.asarray(target, dtype=np.int64)
    right = (given.argmax(axis=1) == truth).astype(np.float64)
    return floats(given.max(axis=1)), np.where(truth >= 0, right, np.nan)


def _bins(stated: FloatArray, bins: int) -> IntArray:
    """Bin per clip by quantiles of the stated probability; equal values share a bin."""
    edges = np.unique(np.quantile(stated, np.linspace(0, 1, bins + 1)[1:-1])) if len(stated) else np.empty(0)
    found = np.searchsorted(edges, stated, side="right")
    return np.unique(found, return_inverse=True)[1].astype(np.int64)


def reliability(stated: ArrayLike, seen: ArrayLike, *, bins: int = 15) -> Reliability:
    """Reliability bins of stated probabilities (n,) against what happened (n,) in [0, 1]; NaN clips left out.

    >>> made = reliability([0.2, 0.2, 0.8, 0.8], [0, 0, 1, 1], bins=2)
    >>> made.seen.tolist(), made.clips.tolist()
    ([0.0, 1.0], [2, 2])
    """
    said, happened = _finite(stated, seen)[:2]
    where = _bins(said, bins)
    clips = np.bincount(where)
    said_mean = divided(np.bincount(where, weights=said), clips)
    return Reliability(said_mean, divided(np.bincount(where, weights=happened), clips), clips)


def calibration_error(
    stated: ArrayLike, seen: ArrayLike, groups: Groups, *, bins: int = 15, options: Resampling = JACKKNIFE
) -> Estimate:
    """Debiased root mean squared gap between stated and seen over bins of equal mass, in [0, 1].

    √max(0, Σ_b w_b [(seen_b − stated_b)² − seen_b (1 − seen_b) / (n_b − 1)]) (Kumar, Liang & Ma 2019); the
    noise term counts clips as independent. Bins keep their edges in every resample.

    >>> calibration_error([0.9] * 20, [1] * 9 + [0] + [1] * 9 + [0], Groups.each(20)).value
    0.0
    """
    return square_root(estimate(_error(stated, seen, groups, bins, True), options=options), most=1.0)


def expected_calibration_error(
    stated: ArrayLike, seen: ArrayLike, groups: Groups, *, bins: int = 15, options: Resampling = JACKKNIFE
) -> Estimate:
    """The usual ECE, Σ_b w_b |seen_b − stated_b| over bins of equal mass, in [0, 1]; biased upward.

    >>> round(expected_calibration_error([0.9] * 4, [1, 1, 0, 0], Groups.each(4)).value, 3)
    0.4
    """
    return estimate(_error(stated, seen, groups, bins, False), limits=UNIT, options=options)


def _finite(stated: ArrayLike, seen: ArrayLike) -> tuple[FloatArray, FloatArray, np.ndarray]:
    said, happened = floats(stated), floats(seen)
    kept = np.isfinite(said) & np.isfinite(happened)
    return said[kept], happened[kept], kept


def _error(stated: ArrayLike, seen: ArrayLike, groups: Groups, bins: int, debiased: bool) -> Totals:
    said, happened, kept = _finite(stated, seen)
    inside = groups.blocks(max(50, 20_000_000 // (3 * bins))).take(kept)
    where = _bins(said, bins)
    count = int(where.max()) + 1 if len(where) else 1
    cell = inside.codes * count + where
    columns = [np.ones(len(said)), said, happened]
    counted = [np.bincount(cell, weights=column, minlength=inside.count * count) for column in columns]
    parts = floats(counted).T.reshape(inside.count, count, 3)

    def value(totals: FloatArray) -> FloatArray:
        clips = totals[..., 0]
        share = np.nan_to_num(divided(totals[..., 2], clips))
        gap = share - np.nan_to_num(divided(totals[..., 1], clips))
        if not debiased:
            return divided((clips * np.abs(gap)).sum(axis=-1), clips.sum(axis=-1))
        noise = share * (1.0 - share) / np.maximum(clips - 1.0, 1.0)
        return divided((clips * (gap**2 - noise)).sum(axis=-1), clips.sum(axis=-1))

    return Totals(parts, value, inside)


def classwise_calibration_error(probabilities: ArrayLike, target: ArrayLike, *, bins: int = 15) -> FloatArray:
    """Debiased calibration error of each label's own probability, (n, C), (n,) → (C,), in [0, 1].

    NaN for every label when no clip has a target. Source: Kull et al. (2019), with the debiasing above.

    >>> classwise_calibration_error([[1.0, 0.0], [0.0, 1.0]], [0, 1]).tolist()
    [0.0, 0.0]
    """
    given, truth = floats(probabilities), np.asarray(target, dtype=np.int64)
    kept = (truth >= 0) & np.isfinite(given).all(axis=1)
    if not kept.any():
        return np.full(given.shape[1], np.nan)
    groups = Groups(np.zeros(int(kept.sum()), dtype=np.int64), 1)
    columns = (given[kept].T, np.eye(given.shape[1])[truth[kept]].T)
    found = [
        _error(said, is_it, groups, bins, True).at(np.ones((1, 1)))[0]
        for said, is_it in zip(*columns, strict=True)
    ]
    return np.sqrt(np.maximum(found, 0.0))
