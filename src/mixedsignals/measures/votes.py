"""How sure the people were about each clip, from vote counts (clips, labels), ragged and sparse as they come.

Pairwise disagreement is the primary uncertainty because it means the same with two votes as with twelve.
Entropy does not: few votes cannot show many labels.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from .arrays import FloatArray, IntArray, divided, floats, plogp

__all__ = [
    "count_votes",
    "majority",
    "majority_margin",
    "rarefied_entropy",
    "rater_disagreement",
    "soft_labels",
    "split_votes",
    "top_share",
    "vote_entropy",
]


def count_votes(
    clips: ArrayLike, labels: ArrayLike, n_clips: int, n_labels: int, *, counts: ArrayLike | None = None
) -> FloatArray:
    """Votes per clip and label (n_clips, C) from single votes: clip rows (v,), label codes (v,), how many (v,).

    >>> count_votes([0, 0, 1], [1, 1, 0], 2, 2).tolist()
    [[0.0, 2.0], [1.0, 0.0]]
    """
    cell = np.asarray(clips, dtype=np.int64) * n_labels + np.asarray(labels, dtype=np.int64)
    weights = None if counts is None else floats(counts)
    table = np.bincount(cell, weights=weights, minlength=n_clips * n_labels)
    return table.astype(np.float64).reshape(n_clips, n_labels)


def rater_disagreement(counts: ArrayLike) -> FloatArray:
    """Chance D that two different raters of a clip disagree: 1 − Σ n_c (n_c − 1) / (n (n − 1)), (n, C) → (n,).

    In [0, 1]; unbiased for 1 − Σ p_c² with any number of raters (Simpson 1949). NaN below two votes.

    >>> rater_disagreement([[2, 0], [1, 1], [1, 0]]).tolist()
    [0.0, 1.0, nan]
    """
    given = floats(counts)
    votes = given.sum(axis=1)
    return 1.0 - divided((given * (given - 1)).sum(axis=1), votes * (votes - 1))


def vote_entropy(counts: ArrayLike) -> FloatArray:
    """Miller-Madow entropy of the votes of each clip, (n, C) → (n,), bits, held in [0, log₂ C].

    Plug-in entropy + (labels seen − 1) / (2 n ln 2) (Miller 1955). Biased, the more so the fewer votes: never
    compare clips with different numbers of votes without `rarefied_entropy`. NaN without votes.

    >>> vote_entropy([[4, 0], [2, 2]]).tolist()
    [0.0, 1.0]
    """
    given = floats(counts)
    votes = given.sum(axis=1)
    seen = (given > 0).sum(axis=1)
    plain = plogp(np.nan_to_num(divided(given, votes[:, None]))).sum(axis=1)
    corrected = plain + divided(seen - 1.0, 2.0 * votes * np.log(2.0))
    return floats(np.clip(corrected, 0.0, np.log2(given.shape[1])))


def rarefied_entropy(counts: ArrayLike, votes: int) -> FloatArray:
    """Expected plug-in entropy of `votes` votes drawn without replacement from each clip, (n, C) → (n,), bits.

    Makes clips with different numbers of votes comparable (Hurlbert 1971). NaN for clips with fewer votes.

    >>> rarefied_entropy([[2, 2], [1, 0]], 1).tolist()
    [0.0, 0.0]
    """
    given = floats(counts)
    if votes < 1:
        raise ValueError(f"rarefaction needs at least one vote, not {votes}")
    total = given.sum(axis=1)
    k = np.arange(1, votes + 1)
    kinds, back = np.unique(
        np.stack([np.broadcast_to(total[:, None], given.shape), given], -1).reshape(-1, 2),
        axis=0,
        return_inverse=True,
    )
    drawn = stats.hypergeom.pmf(k[None, :], kinds[:, :1], kinds[:, 1:], np.minimum(votes, kinds[:, :1]))
    each = (np.nan_to_num(drawn) * plogp(k / votes)).sum(axis=1)
    return np.where(total >= votes, each[back.ravel()].reshape(given.shape).sum(axis=1), np.nan)


def soft_labels(counts: ArrayLike) -> FloatArray:
    """Share of the votes per label, (n, C) → (n, C); rows of NaN without votes.

    >>> soft_labels([[3, 1]]).tolist()
    [[0.75, 0.25]]
    """
    given = floats(counts)
    return divided(given, given.sum(axis=1, keepdims=True))


def top_share(counts: ArrayLike) -> FloatArray:
    """Share of the most frequent label, (n, C) → (n,), in [1/C, 1]; NaN without votes."""
    return np.asarray(soft_labels(counts).max(axis=1))


def majority_margin(counts: ArrayLike) -> FloatArray:
    """(most − second most) / votes, (n, C) → (n,), in [0, 1]: 0 is a tie, 1 unanimous; NaN without votes.

    >>> majority_margin([[3, 1], [2, 2]]).tolist()
    [0.5, 0.0]
    """
    ordered = np.sort(floats(counts), axis=1)
    return divided(ordered[:, -1] - ordered[:, -2], ordered.sum(axis=1))


def majority(counts: ArrayLike) -> IntArray:
    """Code of the most frequent label, (n, C) → (n,); −1 for a tie or without votes.

    >>> majority([[3, 1], [2, 2], [0, 0]]).tolist()
    [0, -1, -1]
    """
    given = floats(counts)
    return np.where(np.nan_to_num(majority_margin(given)) > 0, given.argmax(axis=1), -1).astype(np.int64)


def split_votes(counts: ArrayLike, *, share: float = 0.5, seed: int = 0) -> tuple[FloatArray, FloatArray]:
    """Two disjoint parts of the votes of each clip, drawn without replacement: (n, C) → (n, C), (n, C).

    Target and uncertainty made from the two parts share no vote, so neither "predicts" the other by
    construction. The first part has `share` of the votes, rounded to even; counts must be whole numbers.
    """
    left = np.asarray(counts, dtype=np.int64).copy()
    rng = np.random.default_rng(seed)
    wanted = np.rint(left.sum(axis=1) * share).astype(np.int64)
    first = np.zeros_like(left)
    rest = left.sum(axis=1)
    for label in range(left.shape[1]):
        rest = rest - left[:, label]
        first[:, label] = rng.hypergeometric(left[:, label], rest, wanted)
        wanted = wanted - first[:, label]
    return first.astype(np.float64), (left - first).astype(np.float64)
