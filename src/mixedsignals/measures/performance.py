"""Accuracy and F1 with intervals, from one confusion matrix per group.

`confusions` counts once; every measure here is a function of the summed matrix, so leaving out each speaker in
turn costs a subtraction. Rows are the target, columns the prediction.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike

from .arrays import FloatArray, divided
from .groups import Groups
from .inference import JACKKNIFE, Estimate, Resampling, Statistic, Totals, estimate

__all__ = [
    "Measure",
    "accuracy",
    "balanced_accuracy",
    "chance_confusions",
    "class_f1",
    "class_precision",
    "class_recall",
    "confusions",
    "macro_f1",
    "performance",
    "performance_statistic",
    "weighted_f1",
]

Measure = Literal["accuracy", "macro_f1", "weighted_f1", "balanced_accuracy"]

MOST_CELLS = 20_000_000
"""Numbers that the confusion matrices of all groups may hold; beyond, groups are merged into blocks."""


def confusions(
    target: ArrayLike,
    predicted: ArrayLike,
    groups: Groups,
    n_labels: int,
    *,
    weights: ArrayLike | None = None,
) -> tuple[FloatArray, Groups]:
    """Confusion counts per group (G, C, C), and the groups of the clips that counted.

    Clips whose target or prediction is missing (−1) are left out.

    >>> counts, _ = confusions([0, 1, 1], [0, 1, 0], Groups.of("aab"), 2)
    >>> counts.sum(axis=0).tolist()
    [[1.0, 0.0], [1.0, 1.0]]
    """
    truth, guess = np.asarray(target, dtype=np.int64), np.asarray(predicted, dtype=np.int64)
    each = np.ones(len(truth)) if weights is None else np.asarray(weights, dtype=np.float64)
    kept = (truth >= 0) & (guess >= 0)
    inside = groups.blocks(max(MOST_CELLS // n_labels**2, 50)).take(kept)
    cell = (inside.codes * n_labels + truth[kept]) * n_labels + guess[kept]
    counts = np.bincount(cell, weights=each[kept], minlength=inside.count * n_labels**2)
    return counts.astype(np.float64).reshape(inside.count, n_labels, n_labels), inside


def accuracy(counts: FloatArray) -> FloatArray:
    """Share of clips predicted right, Σ diagonal / Σ, in [0, 1], from confusions (…, C, C); NaN without clips.

    >>> float(accuracy(np.array([[3.0, 1.0], [0.0, 4.0]])))
    0.875
    """
    return divided(np.trace(counts, axis1=-2, axis2=-1), counts.sum(axis=(-2, -1)))


def class_recall(counts: FloatArray) -> FloatArray:
    """Right among the clips of each label (…, C), in [0, 1]; NaN for a label that is never the target."""
    return divided(np.diagonal(counts, axis1=-2, axis2=-1), counts.sum(axis=-1))


def class_precision(counts: FloatArray) -> FloatArray:
    """Right among the clips predicted as each label (…, C), in [0, 1]; NaN for a label never predicted."""
    return divided(np.diagonal(counts, axis1=-2, axis2=-1), counts.sum(axis=-2))


def class_f1(counts: FloatArray) -> FloatArray:
    """F1 = 2 TP / (2 TP + FP + FN) per label (…, C), in [0, 1].

    0 for a label that occurs but is never predicted; NaN for a label that is never the target, whatever is
    predicted: predictions of it already count as misses of the true labels.
    """
    occurring = counts.sum(axis=-1)
    right = np.diagonal(counts, axis1=-2, axis2=-1)
    score = divided(2 * right, occurring + counts.sum(axis=-2))
    return np.where(occurring > 1e-12, score, np.nan)


def _mean_over_labels(scores: FloatArray, weights: FloatArray) -> FloatArray:
    known = np.where(np.isnan(scores), 0.0, weights)
    return divided((np.nan_to_num(scores) * known).sum(axis=-1), known.sum(axis=-1))


def macro_f1(counts: FloatArray) -> FloatArray:
    """Mean F1 over the labels that occur as target, in [0, 1], from confusions (…, C, C).

    Equals scikit-learn's `f1_score(average="macro")` when every predicted label also occurs as target; it
    does not average in a zero for a label that is only predicted.

    >>> float(macro_f1(np.array([[2.0, 0.0, 0.0], [0.0, 2.0, 0.0], [0.0, 0.0, 0.0]])))
    1.0
    """
    return _mean_over_labels(class_f1(counts), np.ones(counts.shape[:-1]))


def weighted_f1(counts: FloatArray) -> FloatArray:
    """Mean F1 over labels, each weighted by how often it is the target, in [0, 1]."""
    return _mean_over_labels(class_f1(counts), counts.sum(axis=-1))


def balanced_accuracy(counts: FloatArray) -> FloatArray:
    """Mean recall over the labels that occur as target, in [0, 1]."""
    return _mean_over_labels(class_recall(counts), np.ones(counts.shape[:-1]))


_MEASURES: dict[str, Callable[[FloatArray], FloatArray]] = {
    "accuracy": accuracy,
    "macro_f1": macro_f1,
    "weighted_f1": weighted_f1,
    "balanced_accuracy": balanced_accuracy,
}


def performance_statistic(
    target: ArrayLike, predicted: ArrayLike, groups: Groups, n_labels: int, *, measure: Measure = "macro_f1"
) -> Statistic:
    """One measure of performance as a statistic, for paired differences and means over seeds."""
    if measure not in get_args(Measure):
        raise ValueError(f"measure must be one of {', '.join(get_args(Measure))}, not {measure!r}")
    counts, inside = confusions(target, predicted, groups, n_labels)
    return Totals(counts, _MEASURES[measure], inside)


def performance(
    target: ArrayLike,
    predicted: ArrayLike,
    groups: Groups,
    n_labels: int,
    *,
    measure: Measure = "macro_f1",
    options: Resampling = JACKKNIFE,
) -> Estimate:
    """One measure of performance with its grouped interval, made on the logit.

    >>> performance([0, 1, 0, 1], [0, 1, 0, 0], Groups.each(4), 2, measure="accuracy").value
    0.75
    """
    statistic = performance_statistic(target, predicted, groups, n_labels, measure=measure)
    return estimate(statistic, scale="logit", options=options)


def chance_confusions(counts: FloatArray) -> FloatArray:
    """Expected confusions (G, C, C) when predictions are permuted among the clips of each group.

    Any measure on them is chance: what a source reaches that knows how often each speaker shows each label and
    nothing about the single clip. With one clip per group nothing can be permuted, so all clips are one
    group.

    >>> float(accuracy(chance_confusions(np.array([[[5.0, 5.0], [5.0, 5.0]]])).sum(axis=0)))
    0.5
    """
    total = counts.sum(axis=(-2, -1), keepdims=True)
    if not (total > 1.0).any():
        counts, total = counts.sum(axis=0, keepdims=True), total.sum(axis=0, keepdims=True)
    margins = counts.sum(axis=-1, keepdims=True) * counts.sum(axis=-2, keepdims=True)
    return np.nan_to_num(divided(margins, total))
