"""Multinomial logistic regression by a convex solver: the same optimum from any start, and one penalty to choose.

The problem is turned into the axes of the inputs' own spread first. There its curvature is nearly round, and a few
steps of L-BFGS are enough where the raw problem takes hundreds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize
from scipy.special import logsumexp

__all__ = ["Linear", "LinearFit", "cross_entropy", "mean_of"]

Numbers = npt.NDArray[np.float64]
_STEPS, TOLERANCE = 500, 1e-5
_RANK = 1e-10
# The intercepts are held to the shares of the labels with the weight of one clip, so that a label without a clip in an
# inner fold stays improbable and never impossible.
_PSEUDO_CLIP = 1.0


@dataclass(frozen=True)
class Linear:
    """Log-odds x·weight + bias: weight (d, labels), bias (labels,)."""

    weight: Numbers
    bias: Numbers

    def __call__(self, x: Numbers) -> Numbers:
        """Log-probabilities (n, labels) of the rows of x (n, d)."""
        z = x @ self.weight + self.bias
        found: Numbers = z - logsumexp(z, axis=1, keepdims=True)
        return found


class LinearFit:
    """Fits for one set of clips and any number of penalties.

    Minimises mean cross-entropy + penalty/2 · ‖weight‖², the intercept held to the labels' shares by one pseudo-clip.
    With all targets of weight 1 the optimum is that of scikit-learn's `LogisticRegression(C=1/(n·penalty))` up to that
    pseudo-clip (C=2/(n·penalty) for two labels, where one vector stands there for our two).

    Args:
        x: (n, d), standardised.
        targets: (n, labels), each row the weight of each label; a row of zeros takes no part.
    """

    def __init__(self, x: Numbers, targets: Numbers) -> None:
        self._centre = x.mean(axis=0)
        self._axes, self._variance = _axes(x - self._centre)
        self._turned = (x - self._centre) @ self._axes
        total = float(targets.sum())
        self._targets = targets / total
        self._rows = self._targets.sum(axis=1, keepdims=True)
        counts = targets.sum(axis=0)
        shares = (counts + _PSEUDO_CLIP / targets.shape[1]) / (total + _PSEUDO_CLIP)
        self._prior, self._hold = np.log(shares), _PSEUDO_CLIP / total

    def __call__(
        self, penalty: float, start: Linear | None = None, *, tolerance: float = TOLERANCE
    ) -> Linear:
        """The optimum for one penalty; `start` (another penalty's optimum) only saves steps.

        `tolerance` is the largest slope that is left; at 1e-5 probabilities are right to about 1e-4.
        """
        rank, labels = len(self._variance), self._targets.shape[1]
        curvature = self._variance * (labels - 1) / labels**2 + penalty
        scale = 1.0 / np.sqrt(curvature)[:, None]
        first = np.zeros((rank + 1, labels))
        first[-1] = self._prior
        if start is not None:
            first[:-1] = self._axes.T @ start.weight / scale
            first[-1] = start.bias + self._centre @ start.weight

        def loss(flat: Numbers) -> tuple[float, Numbers]:
            point = flat.reshape(rank + 1, labels)
            turned, bias = point[:-1] * scale, point[-1]
            z = self._turned @ turned + bias
            top = logsumexp(z, axis=1, keepdims=True)
            away = bias - bias.mean() - self._prior + self._prior.mean()
            value = float(((top - z) * self._targets).sum() + penalty / 2 * (turned**2).sum())
            slope = np.exp(z - top) * self._rows - self._targets
            down = np.empty_like(point)
            down[:-1] = (self._turned.T @ slope + penalty * turned) * scale
            down[-1] = slope.sum(axis=0) + self._hold * away
            return value + self._hold / 2 * float((away**2).sum()), down.ravel()

        options = {"maxiter": _STEPS, "gtol": tolerance, "ftol": 1e-12}
        found = minimize(loss, first.ravel(), jac=True, method="L-BFGS-B", options=options).x
        point = found.reshape(rank + 1, labels)
        weight = self._axes @ (point[:-1] * scale)
        return Linear(weight, point[-1] - self._centre @ weight)


def _axes(x: Numbers) -> tuple[Numbers, Numbers]:
    """Directions in which the rows of x (centred) spread, (d, rank), and the variance along each, (rank,)."""
    n, d = x.shape
    if n > d:
        spread, axes = np.linalg.eigh(x.T @ x)
        kept = spread > _RANK * max(float(spread.max(initial=0.0)), 1e-12)
        return axes[:, kept], spread[kept] / n
    spread, sides = np.linalg.eigh(x @ x.T)
    kept = spread > _RANK * max(float(spread.max(initial=0.0)), 1e-12)
    return x.T @ (sides[:, kept] / np.sqrt(spread[kept])), spread[kept] / max(n, 1)


def mean_of(models: Sequence[Linear]) -> Linear:
    """The model whose log-odds are the mean of those of others."""
    return Linear(
        np.mean([model.weight - model.weight.mean(axis=1, keepdims=True) for model in models], axis=0),
        np.mean([model.bias - model.bias.mean() for model in models], axis=0),
    )


def cross_entropy(log_probabilities: Numbers, targets: Numbers) -> float:
    """Mean −ln p of the targets (nats), both (n, labels), labels weighed by `targets`; NaN without any."""
    total = float(targets.sum())
    return float(-(log_probabilities * targets).sum() / total) if total else float("nan")
