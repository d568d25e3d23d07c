"""How well anything could do: the ceiling that noisy votes put on a correlation or an AUROC.

With few votes per clip, a clip's observed disagreement is its true one plus chance, so even a perfect signal
falls short of 1. The ceiling for Pearson's correlation comes from disjoint pairs of votes of the same clip;
for rank measures from votes simulated at the actual vote counts.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from .arrays import FloatArray, divided, floats, number
from .groups import Groups
from .inference import JACKKNIFE, Estimate, Resampling, Totals, estimate, square_root
from .votes import rater_disagreement

__all__ = [
    "RankCeiling",
    "ceiling_statistic",
    "disjoint_pairs",
    "fit_dirichlet",
    "noise_ceiling",
    "rank_ceiling",
]

FEWEST_CLIPS = 20
"""Clips with four votes below which a ceiling is not given."""


def disjoint_pairs(counts: ArrayLike) -> FloatArray:
    """Chance that two disjoint pairs of a clip's votes both disagree, (n, C) → (n,); NaN below four votes.

    Unbiased for D²: the two pairs share no vote. 1 − 2 P(pair agrees) + P(both agree), by falling factorials.

    >>> disjoint_pairs([[2, 2], [4, 0], [2, 1]]).round(3).tolist()
    [0.667, 0.0, nan]
    """
    given = floats(counts)
    votes = given.sum(axis=1)
    pair = given * (given - 1)
    four = (pair * (given - 2) * (given - 3)).sum(axis=1)
    both = four + pair.sum(axis=1) ** 2 - (pair**2).sum(axis=1)
    agree = divided(pair.sum(axis=1), votes * (votes - 1))
    found = 1.0 - 2.0 * agree + divided(both, votes * (votes - 1) * (votes - 2) * (votes - 3))
    return np.where(votes >= 4, found, np.nan)


def ceiling_statistic(counts: ArrayLike, groups: Groups) -> Totals:
    """Var_true / Var_obs of pairwise disagreement as a statistic, not held in [0, 1]; see `noise_ceiling`."""
    seen, squared = rater_disagreement(counts), disjoint_pairs(counts)
    kept = np.isfinite(seen)
    four = np.isfinite(squared[kept]).astype(np.float64)
    one, two = seen[kept], np.nan_to_num(squared[kept])
    inside = groups.take(kept)
    parts = inside.sums(np.stack([four, two, four * one, np.ones(len(one)), one, one**2], axis=1))

    def value(totals: FloatArray) -> FloatArray:
        fours, square, mean, clips, total, squares = np.moveaxis(totals, -1, 0)
        true = divided(square, fours) - divided(mean, fours) ** 2
        observed = divided(squares, clips) - divided(total, clips) ** 2
        return divided(true, observed)

    return Totals(parts, value, inside)


def noise_ceiling(counts: ArrayLike, groups: Groups, *, options: Resampling = JACKKNIFE) -> Estimate:
    """The largest Pearson correlation that a signal can have with pairwise disagreement D, in [0, 1].

    √(Var_true / Var_obs): Var_true is the covariance of disjoint pairs of votes over clips with four votes or
    more, Var_obs the variance of D over all clips with two. Held in [0, 1]. Not applicable below 20 clips with
    four votes, or when D is the same on every clip.

    >>> noise_ceiling([[1, 1], [2, 0]], Groups.each(2)).note
    'too few clips have four votes or more (0; 20 are needed)'
    """
    enough = int((floats(counts).sum(axis=1) >= 4).sum())
    if enough < FEWEST_CLIPS:
        note = _too_few(enough)
        return Estimate.absent(note, n_clips=enough, level=options.level)
    return square_root(estimate(ceiling_statistic(counts, groups), options=options), most=1.0)


def _too_few(clips: int) -> str:
    return f"too few clips have four votes or more ({clips}; {FEWEST_CLIPS} are needed)"


@dataclass(frozen=True)
class RankCeiling:
    """What a signal that knew each clip's true disagreement would reach: medians over simulations, or None."""

    spearman: float | None
    auroc: float | None
    simulations: int
    note: str = ""


def fit_dirichlet(counts: ArrayLike, *, rounds: int = 500, tolerance: float = 1e-6) -> FloatArray:
    """Dirichlet parameters (C,) of the clips' vote distributions, by maximum likelihood (Minka 2000).

    From votes (n, C); clips with fewer than two votes say nothing about the spread and are left out.

    >>> bool(fit_dirichlet([[5, 5]] * 50).min() > 1)
    True
    """
    given = floats(counts)
    kinds, times = np.unique(given[given.sum(axis=1) >= 2], axis=0, return_counts=True)
    alpha = np.maximum(given.sum(axis=0) / max(given.sum(), 1.0), 1e-3)
    votes = kinds.sum(axis=1)
    for _ in range(rounds):
        top = times @ (special.digamma(kinds + alpha) - special.digamma(alpha))
        bottom = times @ (special.digamma(votes + alpha.sum()) - special.digamma(alpha.sum()))
        new = np.clip(alpha * divided(top, bottom), 1e-3, 1e4)
        if np.abs(new - alpha).max() < tolerance * alpha.sum():
            return floats(new)
        alpha = new
    return floats(alpha)


def rank_ceiling(counts: ArrayLike, *, simulations: int = 20, seed: int = 0) -> RankCeiling:
    """Spearman and pair-level AUROC of the true D against votes simulated at the actual vote counts.

    Clips' distributions are drawn from the Dirichlet posterior given their votes (prior by `fit_dirichlet`),
    then votes from them. At most 20,000 clips are used. Not applicable below 20 clips with four votes.

    >>> rank_ceiling([[1, 1]] * 30).spearman is None
    True
    """
    given = floats(counts)
    enough = int((given.sum(axis=1) >= 4).sum())
    if enough < FEWEST_CLIPS:
        return RankCeiling(None, None, 0, _too_few(enough))
    rng = np.random.default_rng(seed)
    clips = given[given.sum(axis=1) >= 2]
    if len(clips) > 20_000:
        clips = clips[rng.choice(len(clips), 20_000, replace=False)]
    alpha, made = fit_dirichlet(clips), []
    for _ in range(simulations):
        drawn = rng.standard_gamma(np.maximum(clips + alpha, 1e-3))
        true = drawn / drawn.sum(axis=1, keepdims=True)
        votes = rng.multinomial(clips.sum(axis=1).astype(np.int64), true)
        made.append(_reached(1.0 - (true**2).sum(axis=1), rater_disagreement(votes)))
    spearman, auroc = np.median(np.asarray(made), axis=0)
    return RankCeiling(number(spearman), number(auroc), simulations)


def _reached(true: FloatArray, seen: FloatArray) -> tuple[float, float]:
    from .correlation import spearman_statistic
    from .inference import value_of
    from .ranking import auroc_statistic

    groups = Groups.each(len(true))
    ranked = value_of(spearman_statistic(true, seen, groups))
    return ranked if ranked is not None else np.nan, auroc_statistic(true, seen, groups).value
