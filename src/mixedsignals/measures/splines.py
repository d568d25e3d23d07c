"""A basis that bends: what confidence alone can say about a target, without straight lines taken for granted.

Each confidence enters as a natural cubic spline of its normal score, and each pair by products, because a straight
base leaves structure behind that a signal would then seem to explain. The basis grows slowly with the corpus.
Fits use sums of cross-products only, so a million clips cost one pass.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from .arrays import FloatArray, IntArray, floats
from .groups import Groups

__all__ = ["Basis", "cross_fitted", "make_basis", "products_per_group"]

ROWS = 25_000
"""Clips whose columns are held in memory at once."""

CLIPS_PER_COLUMN = 6
"""Clips wanted for every column of the basis."""

PENALTIES = 10.0 ** np.arange(-3.0, 4.0)
"""Ridge penalties tried for predictions, in clips, on columns of unit variance."""


@dataclass(frozen=True, eq=False)
class Basis:
    """Spline and product columns of K variables, standardised: calling it maps (n, K) to (n, p).

    Variables are first made normal scores by their quantiles (`levels`), so a monotone change of a confidence, such
    as calibration by temperature, changes nothing. `degree` is the highest total degree of the pairwise products;
    below 2 there are none.
    """

    levels: tuple[FloatArray, ...]
    knots: FloatArray
    degree: int
    centre: FloatArray
    spread: FloatArray

    def __call__(self, variables: FloatArray) -> FloatArray:
        """The columns (n, p) of variables (n, K)."""
        return (_columns(variables, self.levels, self.knots, self.degree) - self.centre) / self.spread

    @property
    def width(self) -> int:
        """The number of columns p."""
        return len(self.centre)


def make_basis(variables: ArrayLike, *, degree: int | None = None) -> Basis:
    """The basis for variables (n, K) without NaN.

    2 n^{1/5} knots, between 3 and 15, and products up to degree 3 (4 from 2,000 clips), both smaller where there
    would be fewer than six clips to a column. `degree` fixes the products.

    >>> basis = make_basis(np.random.default_rng(0).random((400, 2)))
    >>> basis(np.full((1, 2), 0.5)).shape
    (1, 15)
    """
    given = floats(variables)
    count, wanted = given.shape[1], degree
    knots, degree = int(np.clip(round(2.0 * len(given) ** 0.2), 3, 15)), 4 if len(given) >= 2000 else 3
    degree = degree if wanted is None else wanted
    while _width(count, knots, degree) * CLIPS_PER_COLUMN > len(given) and (knots > 3 or degree > 1):
        if knots > 5 or degree < 2:
            knots -= 1
        else:
            degree -= 1
    levels = tuple(np.quantile(column, np.linspace(0, 1, 201)) for column in given.T)
    at = special.ndtri(np.linspace(0.04, 0.96, knots))
    columns = _columns(given[:: max(1, len(given) // ROWS)], levels, at, degree)
    spread = columns.std(axis=0)
    return Basis(levels, at, degree, columns.mean(axis=0), np.where(spread > 1e-9, spread, np.inf))


def _width(variables: int, knots: int, degree: int) -> int:
    products = degree * (degree - 1) // 2 if degree >= 2 else 0
    return variables * (knots - 1) + variables * (variables - 1) // 2 * products


def _columns(
    variables: FloatArray, levels: tuple[FloatArray, ...], knots: FloatArray, degree: int
) -> FloatArray:
    scores = [_normal_score(column, level) for column, level in zip(variables.T, levels, strict=True)]
    blocks = [_natural(score, knots) for score in scores]
    powers = [_hermite(score, degree - 1) for score in scores] if degree >= 2 else []
    for first, second in combinations(powers, 2):
        for one in range(degree - 1):
            blocks.append(first[:, one, None] * second[:, : degree - 1 - one])
    return np.concatenate(blocks, axis=1)


def _normal_score(column: FloatArray, levels: FloatArray) -> FloatArray:
    """Normal score of the position among the quantiles; the middle of its range for a value that repeats."""
    grid = np.linspace(0, 1, len(levels))
    low = grid[np.minimum(np.searchsorted(levels, column, side="left"), len(levels) - 1)]
    high = grid[np.maximum(np.searchsorted(levels, column, side="right") - 1, 0)]
    rank = np.where(high > low, (low + high) / 2, np.interp(column, levels, grid))
    return floats(special.ndtri(np.clip(rank, 0.005, 0.995)))


def _natural(score: FloatArray, knots: FloatArray) -> FloatArray:
    """Natural cubic spline columns of one variable: linear, and one per inner knot (Hastie et al. 2009, 5.2)."""
    cubes = np.maximum(score[:, None] - knots, 0.0) ** 3
    slopes = (cubes[:, :-1] - cubes[:, -1:]) / (knots[-1] - knots[:-1])
    return np.concatenate([score[:, None], slopes[:, :-1] - slopes[:, -1:]], axis=1)


def _hermite(score: FloatArray, degree: int) -> FloatArray:
    """The first `degree` Hermite polynomials of a normal score, (n, degree): uncorrelated on the normal scale."""
    made = [score, score**2 - 1.0, score**3 - 3.0 * score]
    return np.stack(made[:degree], axis=1)


def _chunks(size: int, columns: int) -> Iterator[slice]:
    step = max(1000, min(ROWS, 4_000_000 // max(columns, 1)))
    return (slice(start, start + step) for start in range(0, size, step))


def products_per_group(
    basis: Basis, variables: FloatArray, outcomes: FloatArray, groups: Groups
) -> FloatArray:
    """Z'Z per group (G, q, q) with Z = [1, basis columns, outcomes (n, T)], q = 1 + p + T.

    >>> variables = np.random.default_rng(0).random((100, 1))
    >>> basis = make_basis(variables)
    >>> int(products_per_group(basis, variables, variables, Groups.each(100))[:, 0, 0].sum())
    100
    """
    order = np.argsort(groups.codes, kind="stable")
    width = 1 + basis.width + outcomes.shape[1]
    out = np.zeros((groups.count, width, width))
    for rows in _chunks(len(order), width):
        chosen = order[rows]
        codes = groups.codes[chosen]
        table = np.concatenate(
            [np.ones((len(chosen), 1)), basis(variables[chosen]), outcomes[chosen]], axis=1
        )
        starts = np.flatnonzero(np.concatenate([[True], codes[1:] != codes[:-1]]))
        for start, end in zip(starts, np.append(starts[1:], len(codes)), strict=True):
            out[codes[start]] += table[start:end].T @ table[start:end]
    return out


def cross_fitted(
    basis: Basis, variables: ArrayLike, targets: ArrayLike, fold: IntArray, *, extra: ArrayLike | None = None
) -> FloatArray:
    """Out-of-fold ridge predictions (n, T) of targets (n, T) from the basis of variables (n, K).

    The penalty of each target and fold is the one with the least error when the training folds predict one another.
    `extra` (n, E) adds plain columns to the basis.

    >>> x = np.linspace(0, 1, 300)[:, None]
    >>> fitted = cross_fitted(make_basis(x), x, np.sin(3 * x), np.arange(300) % 3)
    >>> bool(np.abs(fitted - np.sin(3 * x)).mean() < 0.05)
    True
    """
    given, wanted = floats(variables), floats(targets)
    more = np.empty((len(given), 0)) if extra is None else floats(extra)
    outcomes = np.concatenate([more, wanted], axis=1)
    by_fold = products_per_group(basis, given, outcomes, Groups(fold, int(fold.max()) + 1))
    width = 1 + basis.width + more.shape[1]
    fits = np.stack([_best_fit(by_fold, width, held) for held in range(len(by_fold))])
    out = np.empty(wanted.shape)
    for rows in _chunks(len(given), width):
        table = np.concatenate([np.ones((len(given[rows]), 1)), basis(given[rows]), more[rows]], axis=1)
        for held in range(len(fits)):
            inside = fold[rows] == held
            out[rows][inside] = table[inside] @ fits[held]
    return out


def _best_fit(by_fold: FloatArray, width: int, held: int) -> FloatArray:
    """Coefficients (width, T) from all folds but `held`."""
    train = [fold for fold in range(len(by_fold)) if fold != held]
    count = by_fold.shape[1] - width
    best = np.full(count, len(PENALTIES) // 2)
    if len(train) > 1:
        errors = np.zeros((len(PENALTIES), count))
        for inner in train:
            made = _ridge(by_fold[[fold for fold in train if fold != inner]].sum(axis=0), width)
            left = by_fold[inner]
            fitted = np.einsum("lpt,pq,lqt->lt", made, left[:width, :width], made, optimize=True)
            errors += fitted - 2.0 * np.einsum("lpt,pt->lt", made, left[:width, width:])
        best = errors.argmin(axis=0)
    return floats(_ridge(by_fold[train].sum(axis=0), width)[best, :, np.arange(count)].T)


def _ridge(products: FloatArray, width: int) -> FloatArray:
    """Ridge coefficients (L, width, T) for every penalty; the intercept, the first column, is not penalised."""
    clips = max(products[0, 0], 1.0)
    shift, cross = products[0, 1:width] / clips, products[:width, width:]
    inner = products[1:width, 1:width] - clips * np.outer(shift, shift)
    roots, vectors = np.linalg.eigh(inner)
    turned = vectors.T @ (cross[1:] - np.outer(shift, cross[0]))
    scaled = turned / (np.maximum(roots, 0.0)[None, :, None] + PENALTIES[:, None, None])
    slopes = vectors @ scaled
    intercept = (cross[0] / clips)[None, :] - np.einsum("p,lpt->lt", shift, slopes)
    return np.concatenate([intercept[:, None, :], slopes], axis=1)
