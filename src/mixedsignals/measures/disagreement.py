"""Where the unimodal models and fusion part ways, clip by clip: patterns, outcomes, distances, chance.

Hard disagreement compares predicted labels, soft disagreement compares calibrated probabilities. Both are set
against what sources that know nothing of each other would show.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .arrays import BoolArray, FloatArray, IntArray, divided
from .groups import Groups
from .inference import Totals, ratio

__all__ = [
    "Outcomes",
    "disagreement_rate",
    "disagreement_statistics",
    "expected_disagreement",
    "expected_misled",
    "label_profile",
    "outcomes",
    "pattern",
    "sides",
    "two_by_two",
    "unimodal_split",
]


def sides(unimodal: ArrayLike, fusion: ArrayLike) -> IntArray:
    """Which unimodal sources (M, n) say what fusion (n,) says: 1 yes, 0 no, −1 where either is missing (−1).

    >>> sides([[0, 1], [1, -1]], [0, 1]).tolist()
    [[1, 1], [0, -1]]
    """
    each, fused = _codes(unimodal), _codes(fusion)
    return np.where((each < 0) | (fused < 0), -1, (each == fused).astype(np.int64))


def unimodal_split(unimodal: ArrayLike) -> FloatArray:
    """1 where the unimodal predictions (M, n) differ among themselves, 0 where they agree, NaN below two.

    >>> unimodal_split([[0, 0, 0], [0, 1, -1]]).tolist()
    [0.0, 1.0, nan]
    """
    each = _codes(unimodal)
    known = each >= 0
    highest = np.where(known, each, np.iinfo(np.int64).min).max(axis=0)
    lowest = np.where(known, each, np.iinfo(np.int64).max).min(axis=0)
    return np.where(known.sum(axis=0) >= 2, (highest != lowest).astype(np.float64), np.nan)


def pattern(unimodal: ArrayLike, fusion: ArrayLike) -> NDArray[np.str_]:
    """The pattern of each clip over unimodal predictions (M, n) and fusion (n,); every clip has exactly one.

    - `agree`: all say the same;
    - `fusion_with_K`: fusion sides with K of the unimodal sources, 0 < K < all;
    - `fusion_alone`: the unimodal sources agree with one another, and fusion says something else;
    - `split`: the unimodal sources differ, and fusion sides with none of them;
    - `""`: fusion or every unimodal source is missing (−1). Other missing sources are not counted.

    >>> pattern([[0, 0, 0, 0], [0, 0, 1, 1]], [0, 1, 1, 2]).tolist()
    ['agree', 'fusion_alone', 'fusion_with_1', 'split']
    """
    side = sides(unimodal, fusion)
    known, with_fusion = (side >= 0).sum(axis=0), (side == 1).sum(axis=0)
    split = unimodal_split(unimodal) == 1.0
    named = np.array([f"fusion_with_{k}" for k in range(len(side) + 1)])[with_fusion]
    conditions = [known == 0, with_fusion == known, with_fusion > 0, split]
    return np.asarray(np.select(conditions, ["", "agree", named, "split"], "fusion_alone"))


@dataclass(frozen=True, eq=False)
class Outcomes:
    """The four outcomes of each clip, boolean (n,), exactly one true where `known`.

    `right`: fusion and at least one unimodal source right. `rescued`: fusion right, every unimodal wrong.
    `misled`: fusion wrong, at least one unimodal right. `lost`: all wrong.
    """

    known: BoolArray
    right: BoolArray
    rescued: BoolArray
    misled: BoolArray
    lost: BoolArray


def outcomes(unimodal: ArrayLike, fusion: ArrayLike, target: ArrayLike) -> Outcomes:
    """Misled, rescued, right or lost, from codes (M, n), (n,), (n,); −1 is missing.

    >>> found = outcomes([[0, 1, 1, 1]], [0, 0, 1, 1], [0, 0, 1, 0])
    >>> found.rescued.tolist(), found.lost.tolist()
    ([False, True, False, False], [False, False, False, True])
    """
    each, fused, truth = _codes(unimodal), _codes(fusion), _codes(target)
    known = (truth >= 0) & (fused >= 0) & (each >= 0).any(axis=0)
    some, whole = (each == truth).any(axis=0) & known, (fused == truth) & known
    return Outcomes(known, whole & some, whole & ~some, known & ~whole & some, known & ~whole & ~some)


def two_by_two(source: ArrayLike, fusion: ArrayLike, target: ArrayLike, groups: Groups) -> FloatArray:
    """Clips per group (G, 2, 2) by whether the source (first axis) and fusion (second) are wrong 0, right 1.

    Clips with anything missing (−1) are left out.

    >>> two_by_two([0, 1], [0, 0], [0, 0], Groups.each(2)).sum(axis=0).tolist()
    [[0.0, 1.0], [0.0, 1.0]]
    """
    one, fused, truth = _codes(source), _codes(fusion), _codes(target)
    kept = (one >= 0) & (fused >= 0) & (truth >= 0)
    inside = groups.take(kept)
    cell = (inside.codes * 2 + (one == truth)[kept]) * 2 + (fused == truth)[kept]
    counts = np.bincount(cell, minlength=inside.count * 4).astype(np.float64)
    return counts.reshape(inside.count, 2, 2)


def disagreement_rate(first: ArrayLike, second: ArrayLike, groups: Groups) -> Totals:
    """Share of clips on which two sources predict different labels, in [0, 1]; missing (−1) is left out.

    >>> from mixedsignals.measures.inference import value_of
    >>> value_of(disagreement_rate([0, 1, 1], [0, 0, -1], Groups.each(3)))
    0.5
    """
    one, two = _codes(first), _codes(second)
    differs = np.where((one >= 0) & (two >= 0), (one != two).astype(np.float64), np.nan)
    return ratio(differs, np.ones(len(one)), groups)


def label_profile(predicted: ArrayLike, target: ArrayLike, n_labels: int) -> FloatArray:
    """P(predicted = c | target = y) as (C, C), rows y; a row of zeros for a label that is never the target."""
    guess, truth = _codes(predicted), _codes(target)
    kept = (guess >= 0) & (truth >= 0)
    counts = np.bincount(truth[kept] * n_labels + guess[kept], minlength=n_labels**2).astype(np.float64)
    table = counts.reshape(n_labels, n_labels)
    return np.nan_to_num(divided(table, table.sum(axis=1, keepdims=True)))


def expected_disagreement(
    first: ArrayLike, second: ArrayLike, target: ArrayLike, n_labels: int
) -> float | None:
    """Disagreement of two sources that err independently given the label: 1 − Σ_y π_y Σ_c P₁(c|y) P₂(c|y).

    In [0, 1], from codes (n,); clips with anything missing are left out, None if none remains.

    >>> expected_disagreement([0, 0, 1, 1], [0, 1, 1, 1], [0, 0, 1, 1], 2)
    0.25
    """
    one, two, truth = _codes(first), _codes(second), _codes(target)
    kept = (one >= 0) & (two >= 0) & (truth >= 0)
    if not kept.any():
        return None
    prior = np.bincount(truth[kept], minlength=n_labels) / kept.sum()
    together = label_profile(one[kept], truth[kept], n_labels) * label_profile(
        two[kept], truth[kept], n_labels
    )
    return float(1.0 - prior @ together.sum(axis=1))


def disagreement_statistics(
    first: ArrayLike, second: ArrayLike, target: ArrayLike, groups: Groups, n_labels: int
) -> tuple[Totals, Totals]:
    """Observed disagreement and the disagreement expected by chance, as statistics on the same clips.

    Their `difference` has the interval of "more than independent errors would show": chance is computed anew
    under every weighting, so its own uncertainty is inside.
    """
    one, two, truth = _codes(first), _codes(second), _codes(target)
    kept = (one >= 0) & (two >= 0) & (truth >= 0)
    inside = groups.blocks(max(50, 20_000_000 // (2 * n_labels**2 + 2))).take(kept)
    parts = np.zeros((inside.count, 2 * n_labels**2 + 2))
    for at, guess in enumerate((one, two)):
        cell = (inside.codes * n_labels + truth[kept]) * n_labels + guess[kept]
        counts = np.bincount(cell, minlength=inside.count * n_labels**2)
        parts[:, at * n_labels**2 : (at + 1) * n_labels**2] = counts.reshape(inside.count, -1)
    parts[:, -2] = inside.sums((one != two)[kept])
    parts[:, -1] = inside.sizes

    def observed(totals: FloatArray) -> FloatArray:
        return divided(totals[..., -2], totals[..., -1])

    def by_chance(totals: FloatArray) -> FloatArray:
        tables = totals[..., :-2].reshape(*totals.shape[:-1], 2, n_labels, n_labels)
        per_label = tables[..., 0, :, :].sum(axis=-1)
        agree = divided((tables[..., 0, :, :] * tables[..., 1, :, :]).sum(axis=-1), per_label)
        return 1.0 - divided(np.nan_to_num(agree).sum(axis=-1), totals[..., -1])

    return Totals(parts, observed, inside), Totals(parts, by_chance, inside)


def expected_misled(unimodal: ArrayLike, fusion: ArrayLike, target: ArrayLike, n_labels: int) -> float | None:
    """Share of misled clips when sources are permuted within label: Σ_y π_y P(fusion ≠ y|y) (1 − Π_m P(m ≠ y|y)).

    In [0, 1]; what "misled" looks like when the unimodal sources know nothing of fusion's errors. A source is
    judged on the clips where it is present. None without a clip that has fusion and a target.

    >>> expected_misled([[0, 1, 0, 1]], [1, 0, 0, 0], [0, 0, 0, 0], 2)
    0.125
    """
    each, fused, truth = _codes(unimodal), _codes(fusion), _codes(target)
    kept = (fused >= 0) & (truth >= 0) & (each >= 0).any(axis=0)
    if not kept.any():
        return None
    prior = np.bincount(truth[kept], minlength=n_labels) / kept.sum()
    wrong = 1.0 - np.diag(label_profile(fused[kept], truth[kept], n_labels))
    none_right = np.ones(n_labels)
    for one in each[:, kept]:
        none_right *= 1.0 - np.diag(label_profile(one, truth[kept], n_labels))
    return float((prior * wrong * (1.0 - none_right)).sum())


def _codes(given: ArrayLike) -> IntArray:
    return np.asarray(given, dtype=np.int64)
