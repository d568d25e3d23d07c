"""Ridge fits by sums of cross-products: out of fold, and without each block of groups, from two passes over the clips.

The first pass sums the products of all columns and outcomes per fold and per block; every fit after that works on these
small tables, and the second pass multiplies columns by coefficients. Columns are made a few thousand clips at a time,
so a million clips need no table of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike

from .arrays import FloatArray, IntArray, floats
from .groups import Groups
from .splines import Basis

__all__ = [
    "Design",
    "Products",
    "cross_fitted",
    "cross_products",
    "fitted",
    "predicted",
    "products_per_group",
]

ROWS = 4096
"""Clips whose columns are held in memory at once."""

PENALTIES = 10.0 ** np.arange(-3.0, 4.0)
"""Ridge penalties tried for predictions, in clips, on columns of unit variance."""


@dataclass(frozen=True, eq=False)
class Design:
    """The columns [1, splines of the base] of clips; scores (K, n) are those of the basis."""

    base: Basis
    scores: FloatArray

    @classmethod
    def of(cls, base: Basis, variables: ArrayLike) -> Design:
        """The design of variables (n, K) in the base."""
        return cls(base, base.scores(floats(variables)))

    @property
    def width(self) -> int:
        """Columns of the intercept and the base."""
        return 1 + self.base.width

    def __len__(self) -> int:
        return int(self.scores.shape[1])

    def fill(self, table: FloatArray, rows: IntArray | slice) -> None:
        """Write the columns of some clips into the first `width` rows of a table (…, clips)."""
        table[0] = 1.0
        self.base.fill(table[1 : self.width], self.scores[:, rows])


@dataclass(frozen=True, eq=False)
class Products:
    """Z'Z with Z = [1, base, outcomes] summed `by_fold` (F, q, q) and `by_block` (B, q, q)."""

    by_fold: FloatArray
    by_block: FloatArray


def cross_products(design: Design, outcomes: FloatArray, fold: IntArray, blocks: Groups) -> Products:
    """One pass over the clips: outcomes (n, T), codes of folds (n,), and blocks that may cut across folds."""
    folds, q = int(fold.max()) + 1, design.width + outcomes.shape[1]
    cell = fold * blocks.count + blocks.codes
    order = np.argsort(cell, kind="stable")
    by_fold, by_block = np.zeros((folds, q, q)), np.zeros((blocks.count, q, q))
    for rows, table in _tables(design, order, q):
        table[design.width :] = outcomes[rows].T
        codes = cell[rows]
        edges = np.concatenate([[0], np.flatnonzero(np.diff(codes)) + 1, [len(codes)]])
        for start, end in pairwise(edges.tolist()):
            at, block = divmod(int(codes[start]), blocks.count)
            products = table[:, start:end] @ table[:, start:end].T
            by_block[block] += products
            by_fold[at] += products
    return Products(by_fold, by_block)


def _tables(design: Design, order: IntArray, columns: int) -> Iterator[tuple[IntArray, FloatArray]]:
    """Some clips at a time, in `order`, with a table (columns, clips) that the next turn writes over."""
    held = np.empty((columns, min(ROWS, len(order))))
    for start in range(0, len(order), ROWS):
        rows = order[start : start + ROWS]
        table = held[:, : len(rows)]
        design.fill(table, rows)
        yield rows, table


def products_per_group(
    basis: Basis, variables: FloatArray, outcomes: FloatArray, groups: Groups
) -> FloatArray:
    """Z'Z per group (G, q, q) with Z = [1, basis columns, outcomes (n, T)], q = 1 + p + T.

    >>> from mixedsignals.measures.splines import make_basis
    >>> variables = np.random.default_rng(0).random((100, 1))
    >>> basis = make_basis(variables)
    >>> int(products_per_group(basis, variables, variables, Groups.each(100))[:, 0, 0].sum())
    100
    """
    one_fold = np.zeros(len(groups), dtype=np.int64)
    return cross_products(Design.of(basis, variables), floats(outcomes), one_fold, groups).by_block


def cross_fitted(basis: Basis, variables: ArrayLike, targets: ArrayLike, fold: IntArray) -> FloatArray:
    """Out-of-fold ridge predictions (n, T) of targets (n, T) from the basis of variables (n, K).

    The penalty of each target and fold is the one with the least error when the training folds predict one another.

    >>> from mixedsignals.measures.splines import make_basis
    >>> x = np.linspace(0, 1, 300)[:, None]
    >>> fitted = cross_fitted(make_basis(x), x, np.sin(3 * x), np.arange(300) % 3)
    >>> bool(np.abs(fitted - np.sin(3 * x)).mean() < 0.05)
    True
    """
    design, wanted = Design.of(basis, variables), floats(targets)
    one_block = Groups(np.zeros(len(design), dtype=np.int64), 1)
    fits = fitted(cross_products(design, wanted, fold, one_block).by_fold, design.width)
    return predicted(design, fits, fold)


def fitted(by_fold: FloatArray, width: int) -> FloatArray:
    """Ridge coefficients (F, width, T) for each fold held out, from products of `width` columns and T outcomes."""
    without = _Without(by_fold, width)
    return np.stack([_best_fit(without, held) for held in range(len(by_fold))])


def predicted(design: Design, coefficients: FloatArray, fold: IntArray) -> FloatArray:
    """Columns times the coefficients (F, width, T) of each clip's fold, (n, T)."""
    out = np.empty((len(design), coefficients.shape[-1]))
    order = np.argsort(fold, kind="stable")
    for rows, table in _tables(design, order, design.width):
        edges = np.concatenate([[0], np.flatnonzero(np.diff(fold[rows])) + 1, [len(rows)]])
        for start, end in pairwise(edges.tolist()):
            out[rows[start:end]] = table[:, start:end].T @ coefficients[fold[rows[start]]]
    return out


@dataclass(frozen=True, eq=False)
class _Without:
    """Ridge fits on all folds but one or two, each made once."""

    by_fold: FloatArray
    width: int

    @cached_property
    def _made(self) -> dict[frozenset[int], FloatArray]:
        return {}

    def __call__(self, *left_out: int) -> FloatArray:
        key = frozenset(left_out)
        if key not in self._made:
            kept = [fold for fold in range(len(self.by_fold)) if fold not in key]
            self._made[key] = _ridge(self.by_fold[kept].sum(axis=0), self.width)
        return self._made[key]


def _best_fit(without: _Without, held: int) -> FloatArray:
    """Coefficients (width, T) from all folds but `held`."""
    by_fold, width = without.by_fold, without.width
    train = [fold for fold in range(len(by_fold)) if fold != held]
    count = by_fold.shape[1] - width
    best = np.full(count, len(PENALTIES) // 2)
    if len(train) > 1:
        errors = np.zeros((len(PENALTIES), count))
        for inner in train:
            made, left = without(held, inner), by_fold[inner]
            fits = np.einsum("lpt,pq,lqt->lt", made, left[:width, :width], made, optimize=True)
            errors += fits - 2.0 * np.einsum("lpt,pt->lt", made, left[:width, width:])
        best = errors.argmin(axis=0)
    return floats(without(held)[best, :, np.arange(count)].T)


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
