"""Making probabilities mean what they say: temperature and vector scaling, fitted across groups.

A gap in confidence between two models may be a gap in calibration, so disagreement is measured on calibrated
probabilities, and each clip is calibrated by parameters that never saw its group. The parameters are plain
arrays, which a run keeps for new clips.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike
from scipy import optimize

from .arrays import FloatArray, IntArray, floats
from .groups import Groups

__all__ = [
    "Calibrator",
    "Scaling",
    "cross_fit",
    "fit_calibrator",
    "fit_temperature",
    "fit_vector",
    "group_folds",
    "log_loss",
]

Scaling = Literal["temperature", "vector"]

FLOOR = 1e-7
"""Probabilities are held above this before their logarithm is taken."""

MOST_CLIPS = 100_000
"""Clips, evenly spread, that a calibrator is fitted on: its few parameters are sure to a thousandth with these."""


@dataclass(frozen=True, eq=False)
class Calibrator:
    """softmax(slope · log p + shift), with `slope` and `shift` (C,); slope 1/T and no shift is temperature."""

    slope: FloatArray
    shift: FloatArray

    def __call__(self, probabilities: ArrayLike) -> FloatArray:
        """Calibrated probabilities (n, C) of raw ones (n, C); a row with NaN stays NaN."""
        scaled = _by_label(_logs(probabilities))
        column = (len(scaled), *[1] * (scaled.ndim - 1))
        scaled = self.slope.reshape(column) * scaled + self.shift.reshape(column)
        raised, total, _ = _raised(scaled)
        return floats(np.ascontiguousarray(np.moveaxis(raised / total, 0, -1)))

    @property
    def temperature(self) -> float:
        """1 / mean slope: above 1 the raw probabilities were too sure."""
        return float(1.0 / max(float(self.slope.mean()), 1e-12))


def _logs(probabilities: ArrayLike) -> FloatArray:
    return floats(np.log(np.maximum(floats(probabilities), FLOOR)))


def _by_label(values: FloatArray) -> FloatArray:
    """The labels, last, as the first axis: sums over a few labels are much quicker there."""
    return np.ascontiguousarray(np.moveaxis(values, -1, 0))


def _raised(logits: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """exp(logits − m) over labels first (C, …), their sum, and the largest logit m: for softmax and log-sum-exp."""
    top = logits.max(axis=0)
    raised = np.exp(logits - top)
    return floats(raised), floats(raised.sum(axis=0)), floats(top)


def log_loss(probabilities: ArrayLike, target: ArrayLike) -> FloatArray:
    """−ln p(target) per clip, (n, C), (n,) → (n,), nats ≥ 0 (probabilities held above 1e-7); NaN without target.

    >>> log_loss([[0.5, 0.5]], [0]).round(3).tolist()
    [0.693]
    """
    truth = np.asarray(target, dtype=np.int64)
    picked = _logs(probabilities)[np.arange(len(truth)), np.maximum(truth, 0)]
    return np.where(truth >= 0, -picked, np.nan)


def _usable(probabilities: ArrayLike, target: ArrayLike) -> tuple[FloatArray, IntArray]:
    given, truth = floats(probabilities), np.asarray(target, dtype=np.int64)
    kept = np.flatnonzero((truth >= 0) & np.isfinite(given).all(axis=1))
    if len(kept) > MOST_CLIPS:
        kept = kept[np.linspace(0, len(kept) - 1, MOST_CLIPS).astype(np.int64)]
    return _logs(given[kept]), truth[kept]


def fit_temperature(probabilities: ArrayLike, target: ArrayLike) -> Calibrator:
    """The temperature in [0.05, 20] with the least log-loss, from (n, C) and codes (n,) (Guo et al. 2017).

    A hundredth of a clip's weight keeps T = 1 where the clips do not say. Clips without target or with NaN do
    not count; without any the probabilities stay as they are. Of more than 100,000 clips, so many evenly spread
    ones are used.

    >>> sure = np.array([[0.99, 0.01]] * 10)
    >>> bool(fit_temperature(sure, [0, 1] * 5).temperature > 10)
    True
    """
    logs, truth = _usable(probabilities, target)
    n_labels = floats(probabilities).shape[1]
    slope = 1.0
    if len(truth):
        by_label = _by_label(logs)
        below = by_label - by_label.max(axis=0)
        picked = below[truth, np.arange(len(truth))]

        def loss(log_slope: float) -> float:
            slope = np.exp(log_slope)
            lost = np.log(np.exp(slope * below).sum(axis=0)) - slope * picked
            return float(lost.sum() + 0.01 * log_slope**2)

        found = optimize.minimize_scalar(loss, bounds=(-np.log(20.0), np.log(20.0)), method="bounded")
        slope = float(np.exp(found.x))
    return Calibrator(np.full(n_labels, slope), np.zeros(n_labels))


def fit_vector(probabilities: ArrayLike, target: ArrayLike, *, ridge: float = 1.0) -> Calibrator:
    """A slope and a shift per label with the least log-loss (vector scaling, Guo et al. 2017).

    `ridge` (in clips) pulls slopes to the temperature solution and shifts to 0, so that a label with few clips
    is left alone. Clips are used as in `fit_temperature`.

    >>> made = fit_vector([[0.6, 0.4], [0.3, 0.7]] * 20, [0, 1] * 20)
    >>> made.slope.shape, made.shift.shape
    ((2,), (2,))
    """
    start = fit_temperature(probabilities, target)
    logs, truth = _usable(probabilities, target)
    n_labels = logs.shape[1]
    if not len(truth):
        return start
    by_label, clips = _by_label(logs), np.arange(len(truth))

    def loss(flat: FloatArray) -> tuple[float, FloatArray]:
        slope, shift = flat[:n_labels], flat[n_labels:]
        scaled = slope[:, None] * by_label + shift[:, None]
        off, total, top = _raised(scaled)
        lost = (np.log(total) + top - scaled[truth, clips]).sum()
        off /= total
        off[truth, clips] -= 1.0
        pull = np.concatenate([slope - start.slope, shift])
        gradient = np.concatenate([np.einsum("cn,cn->c", off, by_label), off.sum(axis=1)])
        return float(lost + 0.5 * ridge * (pull**2).sum()), gradient + ridge * pull

    first = np.concatenate([start.slope, start.shift])
    bounds = [(0.0, None)] * n_labels + [(None, None)] * n_labels
    found = optimize.minimize(loss, first, jac=True, method="L-BFGS-B", bounds=bounds)
    return Calibrator(floats(found.x[:n_labels]), floats(found.x[n_labels:]))


def fit_calibrator(
    probabilities: ArrayLike, target: ArrayLike, *, scaling: Scaling = "temperature"
) -> Calibrator:
    """`fit_temperature` or `fit_vector` by name."""
    if scaling not in get_args(Scaling):
        raise ValueError(f"scaling must be one of {', '.join(get_args(Scaling))}, not {scaling!r}")
    return (
        fit_temperature(probabilities, target)
        if scaling == "temperature"
        else fit_vector(probabilities, target)
    )


def group_folds(groups: Groups, *, folds: int = 5, seed: int = 0) -> IntArray:
    """A fold per clip (n,) in 0 … folds−1 with whole groups in one fold, sizes as even as the groups allow.

    Groups go to the emptiest fold, largest first, equal ones in random order. With fewer groups than `folds`,
    each group is a fold.

    >>> group_folds(Groups.of("aabb"), folds=2).tolist() in ([0, 0, 1, 1], [1, 1, 0, 0])
    True
    """
    present = np.flatnonzero(groups.present)
    shuffled = np.random.default_rng(seed).permutation(present)
    order = shuffled[np.argsort(-groups.sizes[shuffled], kind="stable")]
    count = max(min(folds, len(present)), 1)
    fold_of = np.zeros(groups.count, dtype=np.int64)
    if len(present) > 50 * count:  # with very many groups, dealing them out in turn is as even and quick
        turns = np.arange(len(order))
        fold_of[order] = np.where(turns // count % 2 == 0, turns % count, count - 1 - turns % count)
        return fold_of[groups.codes]
    filled = np.zeros(count)
    for group in order:
        emptiest = int(filled.argmin())
        fold_of[group] = emptiest
        filled[emptiest] += groups.sizes[group]
    return fold_of[groups.codes]


def cross_fit(
    probabilities: ArrayLike,
    target: ArrayLike,
    groups: Groups,
    *,
    scaling: Scaling = "temperature",
    folds: int = 5,
    seed: int = 0,
) -> tuple[FloatArray, list[Calibrator]]:
    """Calibrated probabilities (n, C), each clip by a calibrator that never saw its group, and the calibrators.

    Clips without a target are calibrated but teach nothing. With a single group nothing can be held out, and a
    `ValueError` says so. For new clips use one calibrator fitted on all (`fit_calibrator`).
    """
    given, truth = floats(probabilities), np.asarray(target, dtype=np.int64)
    if int(groups.present.sum()) < 2:
        raise ValueError("calibration across groups needs two groups or more")
    fold = group_folds(groups, folds=folds, seed=seed)
    out, made = np.full(given.shape, np.nan), []
    teaching = np.flatnonzero(truth >= 0)
    for held in range(int(fold.max()) + 1):
        inside, taught = fold == held, teaching[fold[teaching] != held]
        calibrator = fit_calibrator(given[taught], truth[taught], scaling=scaling)
        out[inside] = calibrator(given[inside])
        made.append(calibrator)
    return out, made
