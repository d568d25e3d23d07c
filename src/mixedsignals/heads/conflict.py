"""Our own member: a pool of calibrated posteriors whose gates see when a modality is loud and nobody supports it.

log p = log prior + Σ_m slope_m · gate_m · (log p_m − log prior), over the modalities that are heard and that a clip
has. The slope says how much the modality's posteriors are worth at all, the gate how far they are let through on this
clip: sigmoid(bias_m + u · φ_m), where φ_m is what a person would ask of a witness. Do the others bear out what it says
(the log of their pooled probability of its label, over chance)? How loud is it (largest probability, entropy)? With
u = 0 and equal gates this is the product rule, where it starts and towards which it is held. It learns from posteriors
of inner folds, which show how reliable each modality is on speakers it never saw; and because the gates know those
models, their average is what they are given later. A modality that does not beat the shares of the labels there is not
heard at all. Where clips are few, inner folds are cut several times.

The posteriors are those of `basis`; the pool with constant weights is Genest and Zidek's (1986) logarithmic one.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from scipy.optimize import minimize

from mixedsignals.heads.linear import mean_of
from mixedsignals.heads.member import Batch, Fused, Parameter
from mixedsignals.heads.noise import Noise
from mixedsignals.heads.pooled import Solved, Task, posterior_arrays, posterior_parameters, posteriors, shares

__all__ = ["FEATURES", "Conflict"]

FEATURES = ("support", "confidence", "entropy")
HELD, BENT = 1.0, 0.05
"""Weight, in clips, with which slopes and gate biases, and u, are held to the product rule. On the built-in
corpus the loss on left-out inner folds is flat around these (1 to 3, and 0.01 to 0.1)."""

_ENOUGH, _MOST = 600, 4
_OPEN = 1.0
_SUPPORT, _STEPS = 4.0, 200
Numbers = npt.NDArray[np.float64]
Tensors = Mapping[str, torch.Tensor]


@dataclass(frozen=True)
class Conflict(Solved):
    """The conflict-aware gate; see the module."""

    def parameters(self, widths: Mapping[str, int], n_labels: int) -> dict[str, Parameter]:
        """The unimodal regressions; per modality its slope, gate and whether it is heard; one u for all."""
        found = posterior_parameters(widths, n_labels)
        for name in ("slope", "gate", "heard"):
            found |= {f"{modality}.{name}": Parameter((1, 1)) for modality in widths}
        return {**found, "features": Parameter((len(FEATURES), 1))}

    def solve(self, task: Task) -> dict[str, Numbers]:
        """Learn from out-of-fold posteriors of the training clips."""
        repeats = range(_repeats(len(task.train)))
        said = np.concatenate([np.stack(task.out_of_fold(repeat)) for repeat in repeats], axis=1)
        wanted = np.concatenate([task.targets(task.train)] * len(repeats)) / len(repeats)
        groups = np.tile(task.bases.data.groups[task.train], len(repeats))
        heard = _heard(said, wanted, task.prior(), groups)
        found = _learned(_Pool(said, ~np.isnan(said[..., 0]) & heard[:, None], task.prior()), wanted)
        models = {
            modality: mean_of([task.basis(modality, repeat).averaged for repeat in repeats])
            for modality in task.modalities
        }
        m, arrays = len(task.modalities), posterior_arrays(task, models)
        for at, modality in enumerate(task.modalities):
            arrays[f"{modality}.slope"] = np.exp(found[at]).reshape(1, 1)
            arrays[f"{modality}.gate"] = found[m + at].reshape(1, 1)
            arrays[f"{modality}.heard"] = heard[at].astype(np.float64).reshape(1, 1)
        return {**arrays, "features": found[2 * m :].reshape(-1, 1)}

    def forward(self, weights: Tensors, statistics: Tensors, batch: Batch, noise: Noise | None) -> Fused:  # noqa: ARG002
        """The pool; a modality's weight is its share of the evidence that got through its gate."""
        said, there = posteriors(weights, batch)
        slope, gate, heard = (
            torch.stack([weights[f"{modality}.{name}"] for modality in batch.inputs], dim=1)
            for name in ("slope", "gate", "heard")
        )
        listened = there & (heard[..., 0] > 0)
        prior = weights["prior"].unsqueeze(1)
        opened = _gates(said, listened, prior, gate[..., 0], weights["features"][:, None, :, 0])
        evidence = slope * opened.unsqueeze(-1) * (said - prior)
        return Fused(
            (prior + evidence).sum(dim=1) - (evidence.shape[1] - 1) * prior[:, 0],
            opened.transpose(1, 2),
            shares(evidence, there),
        )


def _gates(
    said: torch.Tensor, there: torch.Tensor, prior: torch.Tensor, bias: torch.Tensor, u: torch.Tensor
) -> torch.Tensor:
    """How far each modality is let through, (…, modalities, rows); 0 where it is not there.

    Args:
        said: log-posteriors (…, modalities, rows, labels).
        there: (…, modalities, rows).
        prior: (…, 1, 1, labels) or what broadcasts to `said`.
        bias: (…, modalities, 1).
        u: (…, 1, features) or what broadcasts.
    """
    phi = _features(said, there, prior)
    return torch.sigmoid(bias + (phi * u.unsqueeze(-2)).sum(dim=-1)) * there


def _features(said: torch.Tensor, there: torch.Tensor, prior: torch.Tensor) -> torch.Tensor:
    """`FEATURES` of every modality, (…, modalities, rows, 3), each about within ±1.

    Support is log P_others(label that it says) − log(1/C), over 4 and held within ±1; nobody else to ask gives 0.
    """
    labels = said.shape[-1]
    evidence = (said - prior) * there.unsqueeze(-1)
    others = torch.log_softmax(evidence.sum(dim=-3, keepdim=True) - evidence + prior, dim=-1)
    top = said.argmax(dim=-1, keepdim=True)
    asked = there.sum(dim=-2, keepdim=True) - there.to(torch.int64)
    support = (others.gather(-1, top)[..., 0] + math.log(labels)).clamp(-_SUPPORT, _SUPPORT) / _SUPPORT
    support = support * (asked > 0)
    p = said.exp()
    entropy = -(p * said).sum(dim=-1) / math.log(labels)
    return torch.stack([support, p.max(dim=-1).values - 0.5, entropy - 0.5], dim=-1)


class _Pool:
    """The pool on fixed posteriors, as a function of log-slopes, gate biases and u in one vector."""

    def __init__(self, said: Numbers, there: npt.NDArray[np.bool_], prior: Numbers) -> None:
        filled = np.where(there[..., None], np.nan_to_num(said), prior)
        self.said, self.there = torch.tensor(filled), torch.tensor(there)
        self.prior = torch.tensor(prior)
        self.modalities = len(said)

    def __call__(self, point: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Log-probabilities (rows, labels) and gates (modalities, rows)."""
        m = self.modalities
        opened = _gates(self.said, self.there, self.prior, point[m : 2 * m, None], point[None, 2 * m :])
        strength = point[:m].exp()[:, None] * opened
        evidence = strength.unsqueeze(-1) * (self.said - self.prior)
        return torch.log_softmax(evidence.sum(dim=0) + self.prior, dim=-1), opened


def _learned(pool: _Pool, wanted: Numbers) -> Numbers:
    """The parameters of least cross-entropy, held to the product rule."""
    m, targets = pool.modalities, torch.tensor(wanted)
    total = targets.sum()
    start = np.zeros(2 * m + len(FEATURES))
    start[:m], start[m : 2 * m] = math.log1p(math.exp(-_OPEN)), _OPEN
    origin = torch.tensor(start)
    held = torch.tensor(np.r_[np.full(2 * m, HELD), np.full(len(FEATURES), BENT)]) / total

    def loss(values: Numbers) -> tuple[float, Numbers]:
        point = torch.tensor(values, requires_grad=True)
        surprise = -(pool(point)[0] * targets).sum() / total
        whole = surprise + (held * (point - origin) ** 2).sum() / 2
        whole.backward()
        return float(whole.detach()), point.grad.numpy()

    found: Numbers = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": _STEPS}).x
    return found


def _repeats(clips: int) -> int:
    """How often the training clips are cut into inner folds: 4 times where they are few, once from 600 on."""
    return min(max(round(_ENOUGH / max(clips, 1)), 1), _MOST)


def _heard(
    said: Numbers, wanted: Numbers, prior: Numbers, groups: npt.NDArray[np.int64]
) -> npt.NDArray[np.bool_]:
    """Which modalities (m,) beat the labels' shares out of fold by more than a standard error over speakers.

    Where none does, the one that comes nearest is heard.
    """
    skill = []
    for one in said:
        kept = ~np.isnan(one[:, 0])
        gain = ((one[kept] - prior) * wanted[kept]).sum(axis=1)
        sums = np.bincount(groups[kept], weights=gain)
        sums = sums[np.bincount(groups[kept]) > 0]
        spread = math.sqrt(len(sums) * float(sums.var(ddof=1))) if len(sums) > 1 else 0.0
        skill.append(float(sums.sum()) - spread if len(sums) else -math.inf)
    found = np.array(skill) > 0
    found[int(np.argmax(skill))] = True
    return found
