"""Ridge regression on a spline basis, fitted across groups: what confidence alone can say about a target.

The basis bends (splines of every confidence) and lets confidences act together (pairwise terms), because a
straight base leaves structure behind that a signal would then seem to explain. All fits share sums of
cross-products per fold, so a million clips cost one pass.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from .arrays import FloatArray, IntArray, floats

__all__ = ["Basis", "cross_fitted", "make_basis"]

ROWS = 100_000
"""Clips whose basis is held in memory at once."""

PENALTIES = 10.0 ** np.arange(-3.0, 4.0)
"""Ridge penalties tried, in clips, on columns of unit variance."""


@dataclass(frozen=True, eq=False)
class Basis:
    """Spline and pairwise columns of the confidences: knots (K, q), and means and spreads of the columns.

    Truncated-power natural cubic splines on ranks scaled to [0, 1], so that monotone changes of a confidence
    (calibration by temperature) do not change the basis.
    """

    levels: tuple[FloatArray, ...]
    knots: FloatArray
    pairwise: bool
    centre: FloatArray
    spread: FloatArray

    def __call__(self, variables: FloatArray) -> FloatArray:
        """The columns (n, p) of variables (n, K)."""
        return (_columns(variables, self.levels, self.knots, self.pairwise) - self.centre) / self.spread


def make_basis(variables: ArrayLike, *, knots: int = 5, pairwise: bool = True) -> Basis:
    """The basis for variables (n, K) without NaN: `knots` per variable, fewer where it has fewer values.

    >>> basis = make_basis(np.random.default_rng(0).random((200, 2)))
    >>> basis(np.full((1, 2), 0.5)).shape
    (1, 12)
    """
    given = floats(variables)
    levels = tuple(np.quantile(column, np.linspace(0, 1, 201)) for column in given.T)
    at = np.linspace(0.05, 0.95, knots)
    columns = _columns(given[:: max(1, len(given) // ROWS)], levels, at, pairwise)
    spread = columns.std(axis=0)
    return Basis(levels, at, pairwise, columns.mean(axis=0), np.where(spread > 1e-9, spread, 1.0))


def _columns(
    variables: FloatArray, levels: tuple[FloatArray, ...], knots: FloatArray, pairwise: bool
) -> FloatArray:
    ranks = np.stack(
        [_rank(column, level) for column, level in zip(variables.T, levels, strict=True)], axis=1
    )
    blocks = [_natural(ranks[:, at], knots) for at in range(ranks.shape[1])]
    if pairwise:
        bent = [np.stack([rank - 0.5, (rank - 0.5) ** 2 - 1 / 12], axis=1) for rank in ranks.T]
        for first in range(len(bent)):
            for second in range(first + 1, len(bent)):
                product = bent[first][:, :, None] * bent[second][:, None, :]
                blocks.append(product.reshape(len(product), -1))
    return np.concatenate(blocks, axis=1)


def _rank(column: FloatArray, levels: FloatArray) -> FloatArray:
    """Position among the quantiles, in [0, 1]; the middle of its range for a value that repeats."""
    grid = np.linspace(0, 1, len(levels))
    low = grid[np.minimum(np.searchsorted(levels, column, side="left"), len(levels) - 1)]
    high = grid[np.maximum(np.searchsorted(levels, column, side="right") - 1, 0)]
    between = np.interp(column, levels + np.arange(len(levels)) * 1e-12, grid)
    return floats(np.where(high > low, (low + high) / 2, between))


def _natural(rank: FloatArray, knots: FloatArray) -> FloatArray:
    """Natural cubic spline columns of one variable: linear, and one per inner knot (Hastie et al. 2009, 5.2)."""
    cubes = np.maximum(rank[:, None] - knots, 0.0) ** 3
    slopes = (cubes[:, :-1] - cubes[:, -1:]) / (knots[-1] - knots[:-1])
    return np.concatenate([rank[:, None], slopes[:, :-1] - slopes[:, -1:]], axis=1)


def cross_fitted(
    basis: Basis, variables: ArrayLike, targets: ArrayLike, fold: IntArray, *, extra: ArrayLike | None = None
) -> FloatArray:
    """Out-of-fold ridge predictions (n, T) of targets (n, T) from the basis of variables (n, K).

    The penalty of each target and fold is the one with the least error when the training folds predict one
    another. `extra` (n, E) adds plain columns to the basis.
    """
    data = _Data(basis, floats(variables), floats(targets), fold, None if extra is None else floats(extra))
    grams, crosses, squares = data.products()
    out = np.empty(data.targets.shape)
    folds = range(len(grams))
    coefficients = np.stack([_best_fit(grams, crosses, squares, held) for held in folds])
    for rows, columns in data.chunks():
        out[rows] = np.einsum("np,npt->nt", columns, coefficients[fold[rows]])
    return out


@dataclass(frozen=True, eq=False)
class _Data:
    basis: Basis
    variables: FloatArray
    targets: FloatArray
    fold: IntArray
    extra: FloatArray | None

    def chunks(self, size: int = ROWS // 4) -> Iterator[tuple[slice, FloatArray]]:
        """Slices of clips with their columns, an intercept first."""
        for start in range(0, len(self.variables), size):
            rows = slice(start, start + size)
            columns = [np.ones((len(self.variables[rows]), 1)), self.basis(self.variables[rows])]
            yield rows, np.concatenate(columns + ([] if self.extra is None else [self.extra[rows]]), axis=1)

    def products(self) -> tuple[FloatArray, FloatArray, FloatArray]:
        """X'X (F, p, p), X'Y (F, p, T) and Y'Y (F, T) per fold."""
        folds = int(self.fold.max()) + 1
        width, wanted = len(next(self.chunks(1))[1][0]), self.targets.shape[1]
        grams, crosses = np.zeros((folds, width, width)), np.zeros((folds, width, wanted))
        squares = np.zeros((folds, wanted))
        for rows, columns in self.chunks():
            for held in range(folds):
                inside = self.fold[rows] == held
                x, y = columns[inside], self.targets[rows][inside]
                grams[held] += x.T @ x
                crosses[held] += x.T @ y
                squares[held] += (y**2).sum(axis=0)
        return grams, crosses, squares


def _best_fit(grams: FloatArray, crosses: FloatArray, squares: FloatArray, held: int) -> FloatArray:
    """Coefficients (p, T) from all folds but `held`."""
    train = [fold for fold in range(len(grams)) if fold != held]
    errors = np.zeros((len(PENALTIES), crosses.shape[2]))
    for inner in train if len(train) > 1 else []:
        rest = [fold for fold in train if fold != inner]
        made = _solve(grams[rest].sum(axis=0), crosses[rest].sum(axis=0))
        fitted = np.einsum("lpt,pq,lqt->lt", made, grams[inner], made, optimize=True)
        errors += squares[inner] - 2.0 * np.einsum("lpt,pt->lt", made, crosses[inner]) + fitted
    best = errors.argmin(axis=0) if len(train) > 1 else np.full(crosses.shape[2], len(PENALTIES) // 2)
    made = _solve(grams[train].sum(axis=0), crosses[train].sum(axis=0))
    return floats(made[best, :, np.arange(crosses.shape[2])].T)


def _solve(gram: FloatArray, cross: FloatArray) -> FloatArray:
    """Ridge coefficients (L, p, T) for every penalty; the intercept, the first column, is not penalised."""
    clips = max(gram[0, 0], 1.0)
    shift = gram[0, 1:] / clips
    inner = gram[1:, 1:] - clips * np.outer(shift, shift)
    right = cross[1:] - np.outer(shift, cross[0])
    roots, vectors = np.linalg.eigh(inner)
    turned = vectors.T @ right
    scaled = turned / (np.maximum(roots, 0.0)[None, :, None] + PENALTIES[:, None, None])
    slopes = vectors @ scaled
    intercept = (cross[0] / clips)[None, :] - np.einsum("p,lpt->lt", shift, slopes)
    return np.concatenate([intercept[:, None, :], slopes], axis=1)
