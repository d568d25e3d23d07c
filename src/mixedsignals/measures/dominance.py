"""Which modality carries a decision: exact Shapley values over subsets of modalities, flips, swaps.

What a model says without a modality depends on how the gap is filled (a model trained on that subset, a learned
token, resampling), so whoever prints these numbers names the filling. Values over subsets come in one array whose
first axis counts subsets in binary: modality `m` is in subset `s` when bit `m` of `s` is set, and 0 is the empty one.
"""

from __future__ import annotations

from math import factorial

import numpy as np
from numpy.typing import ArrayLike

from .arrays import BoolArray, FloatArray, IntArray, divided, floats
from .groups import Groups
from .inference import JACKKNIFE, Estimate, Resampling, Totals, mean, rate, ratio

__all__ = [
    "flip_rate",
    "interactions",
    "naming_agreement",
    "naming_excess",
    "shapley",
    "swap_follow_rate",
    "unsupported_dominance",
]


def _modalities(values: FloatArray) -> int:
    count = len(values).bit_length() - 1
    if len(values) != 1 << count or count < 1:
        raise ValueError(f"values are needed for all 2^M subsets of M modalities, not for {len(values)}")
    return count


def shapley(values: ArrayLike) -> FloatArray:
    """Shapley value of each modality, (2^M, …) → (M, …), in the unit of the values (logits, share right).

    φ_m = Σ_S |S|! (M−|S|−1)! / M! [v(S ∪ m) − v(S)] over subsets S without m. Values sum to v(all) − v(∅), where
    v(∅) is the training prior. They may be negative, so they are no shares. NaN in any subset gives NaN.
    Source: Shapley (1953).

    >>> shapley([0.0, 1.0, 2.0, 4.0]).tolist()
    [1.5, 2.5]
    """
    given = floats(values)
    count = _modalities(given)
    out = np.zeros((count, *given.shape[1:]))
    for subset in range(len(given)):
        size = subset.bit_count()
        for modality in range(count):
            if not subset >> modality & 1:
                weight = factorial(size) * factorial(count - size - 1) / factorial(count)
                out[modality] += weight * (given[subset | 1 << modality] - given[subset])
    return out


def interactions(values: ArrayLike) -> FloatArray:
    """Shapley interaction of each pair of modalities, (2^M, …) → (M, M, …), 0 on the diagonal.

    The mean over orders of v(S ∪ ij) − v(S ∪ i) − v(S ∪ j) + v(S) (Grabisch & Roubens 1999): above 0 two modalities
    say more together than each by itself, below 0 they say the same.

    >>> interactions([0.0, 1.0, 2.0, 4.0])[0, 1].item()
    1.0
    """
    given = floats(values)
    count = _modalities(given)
    out = np.zeros((count, count, *given.shape[1:]))
    for subset in range(len(given)):
        size = subset.bit_count()
        absent = [m for m in range(count) if not subset >> m & 1]
        for at, first in enumerate(absent):
            for second in absent[at + 1 :]:
                weight = factorial(size) * factorial(count - size - 2) / factorial(count - 1)
                one, two = subset | 1 << first, subset | 1 << second
                both = given[one | two] - given[one] - given[two] + given[subset]
                out[first, second] += weight * both
                out[second, first] = out[first, second]
    return out


def flip_rate(
    predicted: ArrayLike, without: ArrayLike, groups: Groups, *, options: Resampling = JACKKNIFE
) -> Estimate:
    """Share of clips whose predicted label changes when one modality is left out, codes (n,), (n,); −1 is missing.

    >>> flip_rate([0, 1, 1, 0], [0, 1, 0, -1], Groups.each(4)).value
    0.3333333333333333
    """
    full, left = np.asarray(predicted, dtype=np.int64), np.asarray(without, dtype=np.int64)
    known = (full >= 0) & (left >= 0)
    return rate(np.where(known, full != left, np.nan), groups, options=options)


def naming_agreement(first: ArrayLike, second: ArrayLike, groups: Groups) -> Totals:
    """Share of clips that two namings (n,), (n,) name alike, as a statistic; codes, −1 in either leaves a clip out.

    >>> from mixedsignals.measures.inference import value_of
    >>> value_of(naming_agreement([0, 1, 0, -1], [0, 1, 1, 0], Groups.each(4)))
    0.6666666666666666
    """
    one, two = np.asarray(first, dtype=np.int64), np.asarray(second, dtype=np.int64)
    known = (one >= 0) & (two >= 0)
    return ratio(np.where(known, one == two, np.nan), np.ones(len(one)), groups)


def naming_excess(first: ArrayLike, second: ArrayLike, groups: Groups) -> Totals:
    """How much more often two namings (n,), (n,) agree than if they were independent, as a statistic in [−1, 1].

    P(first = second) − Σ_m P(first = m) P(second = m), the numerator of Cohen's kappa (1960); codes, −1 in either
    leaves a clip out. Zero where one of them always names the same, however often they agree.

    >>> from mixedsignals.measures.inference import value_of
    >>> value_of(naming_excess([0, 1, 0, 1], [0, 1, 1, 0], Groups.each(4)))
    0.0
    """
    kept, named = _named(first, second)
    inside = groups.take(kept)

    def apart(totals: FloatArray) -> FloatArray:
        shares = divided(totals, totals[..., :1])
        names = (shares.shape[-1] - 2) // 2
        by_chance = (shares[..., 2 : 2 + names] * shares[..., 2 + names :]).sum(axis=-1)
        return floats(shares[..., 1] - by_chance)

    return Totals(inside.sums(named), apart, inside)


def chance_of_naming(first: ArrayLike, second: ArrayLike) -> float | None:
    """Share of clips on which two namings (n,), (n,) would agree if they were independent, Σ_m P₁(m) P₂(m).

    None without a clip that both name.

    >>> chance_of_naming([0, 1, 0, 1], [0, 0, 0, 0])
    0.5
    """
    _, named = _named(first, second)
    if not len(named):
        return None
    shares = named.mean(axis=0)
    names = (len(shares) - 2) // 2
    return float(shares[2 : 2 + names] @ shares[2 + names :])


def _named(first: ArrayLike, second: ArrayLike) -> tuple[BoolArray, FloatArray]:
    """Clips that both name, and of these one row each: 1, agreement, and what each names as 0 and 1."""
    one, two = np.asarray(first, dtype=np.int64), np.asarray(second, dtype=np.int64)
    kept = (one >= 0) & (two >= 0)
    one, two = one[kept], two[kept]
    names = np.arange(int(max(one.max(initial=0), two.max(initial=0))) + 1)
    columns = [np.ones((len(one), 1)), (one == two)[:, None], one[:, None] == names, two[:, None] == names]
    return kept, np.concatenate(columns, axis=1).astype(np.float64)


def swap_follow_rate(
    swapped: ArrayLike,
    plain: ArrayLike,
    donor: ArrayLike,
    groups: Groups,
    *,
    options: Resampling = JACKKNIFE,
) -> Estimate:
    """How far fusion follows a modality that comes from a clip with another label, in [−1, 1].

    Mean over clips of P(donor's label | swap) − P(donor's label | no swap), from probabilities (n, C), (n, C) and the
    donors' labels (n,); −1 or NaN leaves a clip out. 1: fusion goes wherever this modality points.

    >>> swap_follow_rate([[0.25, 0.75]], [[0.75, 0.25]], [1], Groups.each(1)).value
    0.5
    """
    label = np.asarray(donor, dtype=np.int64)
    rows = np.arange(len(label))
    moved = (floats(swapped) - floats(plain))[rows, np.maximum(label, 0)]
    return mean(np.where(label >= 0, moved, np.nan), groups, options=options)


def unsupported_dominance(
    values: ArrayLike, unimodal: ArrayLike, fusion: ArrayLike, target: ArrayLike
) -> tuple[BoolArray, IntArray]:
    """Clips misled by a dominant modality that no other supports (n,), and the dominant modality of each clip (n,).

    The modality with the largest value (M, n) predicts a wrong label, no other predicts that label, and fusion is
    wrong. `unimodal` (M, n), `fusion` and `target` (n,) are codes. Where a value, fusion or the target is missing the
    clip is not counted, and the dominant modality is −1 where a value is missing.

    >>> misled, dominant = unsupported_dominance([[2.0, 2.0], [1.0, 3.0]], [[1, 1], [0, 0]], [1, 1], [0, 0])
    >>> misled.tolist(), dominant.tolist()
    ([True, False], [0, 1])
    """
    given, each = floats(values), np.asarray(unimodal, dtype=np.int64)
    fused, truth = np.asarray(fusion, dtype=np.int64), np.asarray(target, dtype=np.int64)
    known = np.isfinite(given).all(axis=0)
    dominant = np.where(known, np.where(known, given, 0.0).argmax(axis=0), -1).astype(np.int64)
    said = each[np.maximum(dominant, 0), np.arange(each.shape[1])]
    alone = (each == said).sum(axis=0) == 1
    wrong = (said >= 0) & (truth >= 0) & (fused >= 0) & (said != truth) & (fused != truth)
    return known & alone & wrong, dominant
