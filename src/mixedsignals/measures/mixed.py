"""A linear mixed model with crossed random intercepts: votes differ by speaker, rater and clip at once.

A second opinion beside the two-way variance, for a few thousand votes: it also says how much speakers, raters and clips
differ. Answers that are right or wrong are taken as 1 and 0 (a linear probability), so effects are in accuracy.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import linalg, optimize, sparse, stats

from .arrays import FloatArray, floats
from .groups import Groups
from .inference import FEWEST_TRUSTED, Estimate

__all__ = ["MOST_LEVELS", "MOST_VOTES", "MixedModel", "mixed_model"]

MOST_VOTES, MOST_LEVELS = 10_000, 2_000
"""Votes and levels of all random intercepts together, up to which a model is fitted in seconds."""


@dataclass(frozen=True, eq=False)
class MixedModel:
    """A fitted model.

    Attributes:
        effects: an estimate per column of the design, in the unit of the outcome.
        spread: standard deviation of each random intercept, and of the rest under `residual`.
        n_votes: votes behind it.
        note: why there is none, where `effects` is empty.
    """

    effects: tuple[Estimate, ...]
    spread: dict[str, float]
    n_votes: int
    note: str = ""


def mixed_model(
    outcome: ArrayLike, design: ArrayLike, intercepts: Mapping[str, Groups], *, level: float = 0.95
) -> MixedModel:
    """Fit outcome = design · effects + one random intercept per group of each kind + rest, by REML.

    Votes with a missing outcome (NaN) are left out. Intervals take t with the fewest effective groups − 1 degrees of
    freedom, counting kinds of intercepts named `speaker` and `rater` (all kinds where neither is there). The profiled
    deviance is that of Bates et al. (2015, Journal of Statistical Software 67(1), section 3).

    Args:
        outcome: (v,), such as 1 for a right answer and 0 for a wrong one.
        design: (v, p), full rank, with a column of ones for the mean.
        intercepts: groups of the votes (v,) by kind.
        level: of the intervals.

    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> rater, x = np.repeat(np.arange(30), 10), np.tile([0.0, 1.0], 150)
    >>> y = x + rng.normal(0, 1, 30)[rater] + rng.normal(0, 0.1, 300)
    >>> model = mixed_model(y, np.stack([np.ones(300), x], 1), {"rater": Groups.of(rater)})
    >>> round(model.effects[1].value, 1), round(model.spread["residual"], 1)
    (1.0, 0.1)
    """
    y, fixed = floats(outcome), floats(design)
    kept = np.isfinite(y)
    y, fixed = y[kept], fixed[kept]
    every = {name: groups.take(kept) for name, groups in intercepts.items()}
    ways = {
        name: way for name, way in every.items() if way.distinct > 1
    }  # of one group nothing can be learned
    if len(y) > MOST_VOTES or sum(way.distinct for way in ways.values()) > MOST_LEVELS:
        return MixedModel(
            (), {}, len(y), f"a mixed model is fitted up to {MOST_VOTES:,} votes and {MOST_LEVELS:,} groups"
        )
    if not ways or len(y) <= fixed.shape[1] + len(ways) or np.linalg.matrix_rank(fixed) < fixed.shape[1]:
        return MixedModel((), {}, len(y), "too few votes, or conditions that cannot be told apart")
    fit = _Profile(y, fixed, list(ways.values()))
    start = np.full(len(ways), 0.5)
    found = optimize.minimize(
        fit.deviance, start, method="L-BFGS-B", bounds=[(0.0, 20.0)] * len(ways), options={"maxiter": 200}
    )
    effects, errors, rest = fit.solution(found.x)
    counted = [every[name] for name in ("speaker", "rater") if name in every] or list(every.values())
    fewest = min(counted, key=lambda way: way.effective)
    reach = float(stats.t.ppf(0.5 + level / 2, max(fewest.effective - 1.0, 1.0)))
    return MixedModel(
        tuple(
            _estimate(value, error, reach, level, len(y), fewest)
            for value, error in zip(effects, errors, strict=True)
        ),
        {name: float(theta * rest) for name, theta in zip(ways, found.x, strict=True)} | {"residual": rest},
        len(y),
    )


def _estimate(
    value: float, error: float, reach: float, level: float, n_votes: int, fewest: Groups
) -> Estimate:
    if fewest.distinct < 2:
        note = "one speaker or one rater only: no interval can be given"
        return Estimate(
            float(value), None, None, level, "none", n_votes, 1, fewest.effective, False, note=note
        )
    freedom = max(fewest.effective - 1.0, 1.0)
    return Estimate(
        float(value),
        float(value - reach * error),
        float(value + reach * error),
        level,
        "mixed-model",
        n_votes,
        fewest.distinct,
        fewest.effective,
        fewest.effective >= FEWEST_TRUSTED,
        se=float(error),
        p=float(2 * stats.t.sf(abs(value) / error, freedom)) if error > 0 else None,
    )


class _Profile:
    """The REML deviance as a function of the intercepts' spread over that of the rest (theta, one per kind)."""

    def __init__(self, y: FloatArray, fixed: FloatArray, ways: list[Groups]) -> None:
        parts, kinds = [], []
        for kind, way in enumerate(ways):
            codes, at = np.unique(way.codes, return_inverse=True)
            parts.append(sparse.csr_matrix((np.ones(len(y)), (np.arange(len(y)), at)), (len(y), len(codes))))
            kinds += [kind] * len(codes)
        z = sparse.hstack(parts, format="csr")
        self.kinds = np.asarray(kinds, dtype=np.int64)
        self.zz, self.zx, self.zy = (z.T @ z).toarray(), z.T @ fixed, z.T @ y
        self.xx, self.xy, self.yy = fixed.T @ fixed, fixed.T @ y, float(y @ y)
        self.free = len(y) - fixed.shape[1]

    def _solve(self, theta: FloatArray) -> tuple[FloatArray, FloatArray, float, float]:
        scale = theta[self.kinds]
        inner = scale[:, None] * self.zz * scale
        inner[np.diag_indices_from(inner)] += 1.0
        low = linalg.cholesky(inner, lower=True, overwrite_a=True, check_finite=False)
        rzx = linalg.solve_triangular(low, scale[:, None] * self.zx, lower=True, check_finite=False)
        cu = linalg.solve_triangular(low, scale * self.zy, lower=True, check_finite=False)
        rx = linalg.cholesky(self.xx - rzx.T @ rzx, lower=True)
        cb = linalg.solve_triangular(rx, self.xy - rzx.T @ cu, lower=True)
        squares = max(self.yy - float(cu @ cu) - float(cb @ cb), 1e-12)
        logs = 2 * float(np.log(np.diag(low)).sum()) + 2 * float(np.log(np.diag(rx)).sum())
        return rx, cb, squares, logs

    def deviance(self, theta: FloatArray) -> float:
        """−2 log REML, less a constant."""
        _, _, squares, logs = self._solve(theta)
        return float(logs + self.free * (1 + math.log(2 * math.pi * squares / self.free)))

    def solution(self, theta: FloatArray) -> tuple[FloatArray, FloatArray, float]:
        """Effects, their standard errors, and the standard deviation of the rest."""
        rx, cb, squares, _ = self._solve(theta)
        rest = math.sqrt(squares / self.free)
        inverse = linalg.solve_triangular(rx, np.eye(len(cb)), lower=True)
        effects = linalg.solve_triangular(rx.T, cb, lower=False)
        return effects, rest * np.sqrt((inverse**2).sum(axis=0)), rest
