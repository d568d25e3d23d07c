"""The designs of a conflict-aware gate that were tried: what each makes of the same posteriors of single modalities.

Every design learns from posteriors of inner folds (`Witnesses.said`) and is then asked about clips that no model saw.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from scipy.optimize import minimize
from torch import Tensor
from torch.nn.functional import softplus

from mixedsignals.heads.conflict import _features

__all__ = ["DESIGNS", "Design", "Witnesses"]

Numbers = npt.NDArray[np.float64]
_PLAIN = math.log1p(math.exp(-1.0))  # the log of the slope that gives the product rule with a gate of σ(1)


@dataclass(frozen=True)
class Witnesses:
    """What single modalities say, for one fold and seed.

    Attributes:
        said: log-posteriors of the training clips out of inner folds, one cut after another (m, cuts · n, labels).
        asked: those of the clips to be judged, by the averages of the models of the inner folds (m, k, labels).
        cuts: how often the training clips were cut into inner folds.
        wanted: targets of the training clips (n, labels); prior: log-shares (labels,).
        heard: which modalities beat the shares out of fold (m,).
    """

    said: Numbers
    asked: Numbers
    cuts: int
    wanted: Numbers
    prior: Numbers
    heard: npt.NDArray[np.bool_]

    def averaged(self) -> Witnesses:
        """The cuts averaged, so that gates learn from posteriors as smooth as those that they are asked about."""
        m, _, labels = self.said.shape
        mean = self.said.reshape(m, self.cuts, -1, labels).mean(axis=1)
        mean = mean - np.logaddexp.reduce(mean, axis=-1, keepdims=True)
        return Witnesses(mean, self.asked, 1, self.wanted, self.prior, self.heard)


Strength = Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]
"""point, features (m, rows, 3), log-posteriors, which are there → exponents (m, rows) or (m, rows, labels)."""


@dataclass(frozen=True)
class Design:
    """A rule of fusion with numbers to learn.

    Attributes:
        words: what it is, for the table.
        size: how many numbers it learns, from the number of modalities and labels.
        start: their values at the product rule, and the weight in clips with which they are held there.
        strength: the exponents of the modalities.
        mixed: each modality is either trusted or not, with probability `strength`, instead of an exponent.
        averaged: learn from averages over the cuts.
        witnesses: which posteriors are fused.
    """

    words: str
    start: Callable[[int, int], tuple[Numbers, Numbers]]
    strength: Strength
    mixed: bool = False
    averaged: bool = False
    witnesses: str = "linear"

    def __call__(self, given: Witnesses) -> Numbers:
        """Log-probabilities (k, labels) of the clips asked about."""
        mine = given.averaged() if self.averaged else given
        start, held = self.start(len(mine.said), mine.said.shape[-1])
        pool = _Pool(self, mine.said, mine)
        wanted = np.concatenate([mine.wanted] * mine.cuts) / mine.cuts
        found = _least(pool, torch.tensor(wanted), start, held) if len(start) else start
        with torch.no_grad():
            answer: Numbers = _Pool(self, mine.asked, mine)(torch.tensor(found)).numpy()
        return answer


class _Pool:
    """A design on fixed posteriors, as a function of what it learns."""

    def __init__(self, design: Design, said: Numbers, given: Witnesses) -> None:
        there = ~np.isnan(said[..., 0]) & given.heard[:, None]
        self._said = torch.tensor(np.where(there[..., None], np.nan_to_num(said), given.prior))
        self._there, self._prior, self._design = torch.tensor(there), torch.tensor(given.prior), design
        self._phi = _features(self._said, self._there, self._prior)

    def __call__(self, point: Tensor) -> Tensor:
        """Log-probabilities (rows, labels)."""
        strength = self._design.strength(point, self._phi, self._said, self._there)
        if strength.dim() == 2:
            strength = strength.unsqueeze(-1)
        strength = strength * self._there.unsqueeze(-1)
        evidence = self._said - self._prior
        if self._design.mixed:
            brought = torch.log1p(strength * (evidence.exp() - 1.0))
        else:
            brought = strength * evidence
        return torch.log_softmax(brought.sum(dim=0) + self._prior, dim=-1)


def _least(pool: _Pool, wanted: Tensor, start: Numbers, held: Numbers) -> Numbers:
    """The numbers of least cross-entropy, held to where they start."""
    total, origin = wanted.sum(), torch.tensor(start)
    weight = torch.tensor(held) / total

    def loss(values: Numbers) -> tuple[float, Numbers]:
        point = torch.tensor(values, requires_grad=True)
        whole = -(pool(point) * wanted).sum() / total + (weight * (point - origin) ** 2).sum() / 2
        whole.backward()
        return float(whole.detach()), point.grad.numpy()

    found: Numbers = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": 200}).x
    return found


def _gate(firm: float = 1.0, bent: float = 0.05) -> Callable[[int, int], tuple[Numbers, Numbers]]:
    """Log-slopes, biases of gates and one u, as `conflict` has them."""
    return lambda m, _: (
        np.r_[np.full(m, _PLAIN), np.ones(m), np.zeros(3)],
        np.r_[np.full(2 * m, firm), np.full(3, bent)],
    )


def _sigmoid(x: float) -> float:
    return 1.0 / (1.0 + math.exp(-x))


def _gated(point: Tensor, phi: Tensor, said: Tensor, there: Tensor) -> Tensor:  # noqa: ARG001
    m = len(phi)
    return point[:m, None].exp() * torch.sigmoid(point[m : 2 * m, None] + phi @ point[2 * m :])


def _slopes(point: Tensor, phi: Tensor, said: Tensor, there: Tensor) -> Tensor:  # noqa: ARG001
    return point[:, None].exp() * torch.ones(phi.shape[:2], dtype=phi.dtype)


def _features_only(point: Tensor, phi: Tensor, said: Tensor, there: Tensor) -> Tensor:  # noqa: ARG001
    return torch.sigmoid(1.0 + phi @ point) / _sigmoid(1.0)


def _own_features(point: Tensor, phi: Tensor, said: Tensor, there: Tensor) -> Tensor:  # noqa: ARG001
    m = len(phi)
    u = point[2 * m :].reshape(m, 1, 3)
    return point[:m, None].exp() * torch.sigmoid(point[m : 2 * m, None] + (phi * u).sum(dim=-1))


def _soft(point: Tensor, phi: Tensor, said: Tensor, there: Tensor) -> Tensor:  # noqa: ARG001
    m = len(phi)
    return softplus(point[:m, None] + phi @ point[m:])


def _trusted(point: Tensor, phi: Tensor, said: Tensor, there: Tensor) -> Tensor:  # noqa: ARG001
    m = len(phi)
    return torch.sigmoid(point[:m, None] + phi @ point[m:])


def _per_label(point: Tensor, phi: Tensor, said: Tensor, there: Tensor) -> Tensor:
    m, labels = len(phi), said.shape[-1]
    whom = point[2 * m + 3 :].reshape(m, labels)
    of_top = torch.stack([whom[at][said[at].argmax(dim=-1)] for at in range(m)])
    return _gated(point[: 2 * m + 3], phi, said, there) * of_top.exp()


def _nothing(point: Tensor, phi: Tensor, said: Tensor, there: Tensor) -> Tensor:  # noqa: ARG001
    return torch.ones(phi.shape[:2], dtype=phi.dtype)


def _held(start: Numbers, *weights: tuple[int, float]) -> tuple[Numbers, Numbers]:
    return start, np.concatenate([np.full(n, weight) for n, weight in weights])


DESIGNS: Mapping[str, Design] = {
    "as it is": Design("slope, gate and one u for all, as `conflict` has it", _gate(), _gated),
    "firm": Design("the same, held to the product rule ten times as firmly", _gate(10.0, 0.5), _gated),
    "no gate": Design("nothing learned: the product of the averaged regressions that are heard",
                      lambda *_: (np.zeros(0), np.zeros(0)), _nothing),
    "slopes": Design("constant weights and no features (Genest and Zidek)",
                     lambda m, _: _held(np.zeros(m), (m, 1.0)), _slopes),
    "features": Design("features only; slopes and biases stay at the product rule",
                       lambda *_: _held(np.zeros(3), (3, 0.05)), _features_only),
    "own features": Design("a u of its own for every modality",
                           lambda m, _: _held(np.r_[np.full(m, _PLAIN), np.ones(m), np.zeros(3 * m)],
                                              (2 * m, 1.0), (3 * m, 0.05)), _own_features),
    "softplus": Design("exponents by softplus instead of slope times gate",
                       lambda m, _: _held(np.r_[np.full(m, math.log(math.e - 1.0)), np.zeros(3)],
                                          (m, 1.0), (3, 0.05)), _soft),
    "per label": Design("reliability by the label that a modality says",
                        lambda m, c: _held(np.r_[np.full(m, _PLAIN), np.ones(m), np.zeros(3 + m * c)],
                                           (2 * m, 1.0), (3, 0.05), (m * c, 3.0)), _per_label),
    "trusted or not": Design("a mixture: each modality is either to be trusted on a clip or not",
                             lambda m, _: _held(np.r_[np.full(m, 3.0), np.zeros(3)], (m, 0.05), (3, 0.05)),
                             _trusted, mixed=True),
    "averaged cuts": Design("learned from posteriors averaged over the cuts", _gate(), _gated, averaged=True),
    "whole regressions": Design("asked with regressions on all training clips", _gate(), _gated, witnesses="whole"),
    "everything": Design("a regression on all modalities side by side as one more witness", _gate(), _gated,
                         witnesses="everything"),
    "bent": Design("regressions on 400 random rectified units averaged with the linear ones", _gate(), _gated,
                   witnesses="bent"),
    "bent, no gate": Design("the product of those, without a gate",
                            lambda *_: (np.zeros(0), np.zeros(0)), _nothing, witnesses="bent"),
}  # fmt: skip
"""By name; judged beside the product rule on tuning clips, on which alone anything was chosen."""
