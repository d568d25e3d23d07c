"""The simple members: rules that pool posteriors of single modalities, and one regression on everything side by side.

They have nothing to descend: what they learn is solved for exactly. All start from the same unimodal logistic
regressions (`basis`), so that what tells them apart is the rule of fusion alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from mixedsignals.heads.basis import Bases, Basis
from mixedsignals.heads.data import Positions
from mixedsignals.heads.layers import linear, size_shares
from mixedsignals.heads.linear import Linear, LinearFit, cross_entropy
from mixedsignals.heads.member import Batch, Fused, Parameter
from mixedsignals.heads.noise import Noise

__all__ = [
    "Concat",
    "Mean",
    "Product",
    "Solved",
    "Stacked",
    "Task",
    "posterior_arrays",
    "posterior_parameters",
    "posteriors",
]

Numbers = npt.NDArray[np.float64]
Tensors = Mapping[str, torch.Tensor]
Arrays = dict[str, Numbers]
_STACK_PENALTIES = (1.0, 0.3, 0.1, 0.03, 0.01, 0.003)


@dataclass(frozen=True)
class Task:
    """What a solved member is given to learn one head from.

    Attributes:
        bases: the unimodal posteriors of this training set.
        modalities: those of the head.
        fold, seed: of the head.
        train, tune: positions of the clips to learn from and to select on; no other clip may be looked at.
    """

    bases: Bases
    modalities: tuple[str, ...]
    fold: int
    seed: int
    train: Positions
    tune: Positions

    def basis(self, modality: str, repeat: int = 0) -> Basis:
        """The logistic regression of one modality in this fold."""
        return self.bases.of(self.fold, self.seed, modality, repeat)

    def targets(self, clips: Positions) -> Numbers:
        """Targets (n, labels), weighed by label where asked for."""
        return self.bases.targets(self.fold, clips)

    def out_of_fold(self, repeat: int = 0) -> list[Numbers]:
        """Per modality the log-posteriors (n, labels) of the training clips by models that never saw their speaker."""
        return [self.basis(modality, repeat).out_of_fold[self.train] for modality in self.modalities]

    def said(self, clips: Positions) -> list[Numbers]:
        """Per modality the log-posteriors of other clips; NaN where they lack it."""
        found = []
        for modality in self.modalities:
            there = self.bases.data.inputs[modality].rows[clips] >= 0
            x = self.bases.inputs((modality,), self.fold, clips)
            found.append(np.where(there[:, None], self.basis(modality).model(x), np.nan))
        return found

    def prior(self) -> Numbers:
        """Log-shares of the labels among the training clips, one clip spread evenly added; (labels,)."""
        counts = self.targets(self.train).sum(axis=0)
        shares: Numbers = np.log((counts + 1 / len(counts)) / (counts.sum() + 1))
        return shares


def posterior_parameters(widths: Mapping[str, int], n_labels: int) -> dict[str, Parameter]:
    """Shapes of the unimodal regressions and of the prior."""
    found: dict[str, Parameter] = {"prior": Parameter((1, n_labels))}
    for modality, width in widths.items():
        found[f"{modality}.weight"] = Parameter((width, n_labels))
        found[f"{modality}.bias"] = Parameter((1, n_labels))
    return found


def posterior_arrays(task: Task, models: Mapping[str, Linear] | None = None) -> Arrays:
    """Values of `posterior_parameters` for one head: of `models`, else of the regressions on all training clips."""
    found: Arrays = {"prior": task.prior()[None]}
    for modality in task.modalities:
        found |= _layer(modality, models[modality] if models else task.basis(modality).model)
    return found


def posteriors(weights: Tensors, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
    """Log-posteriors (heads, modalities, rows, labels), and which are there (heads, modalities, rows)."""
    said = [torch.log_softmax(linear(weights, modality, x), dim=-1) for modality, x in batch.inputs.items()]
    return torch.stack(said, dim=1), batch.there


@dataclass(frozen=True)
class Solved:
    """What the solved members have in common: nothing is kept but what they solve for."""

    solved: bool = True

    def statistics(self, widths: Mapping[str, int], n_labels: int) -> dict[str, Parameter]:  # noqa: ARG002
        """Nothing."""
        return {}


@dataclass(frozen=True)
class _Rule(Solved):
    """A rule without anything of its own to learn: the unimodal regressions are all there is."""

    def parameters(self, widths: Mapping[str, int], n_labels: int) -> dict[str, Parameter]:
        """The unimodal regressions."""
        return posterior_parameters(widths, n_labels)

    def solve(self, task: Task) -> Arrays:
        """The regressions on all training clips."""
        return posterior_arrays(task)


@dataclass(frozen=True)
class Mean(_Rule):
    """p ∝ Σ_m p_m over the modalities that a clip has: the linear opinion pool (Stone 1961)."""

    def forward(self, weights: Tensors, statistics: Tensors, batch: Batch, noise: Noise | None) -> Fused:  # noqa: ARG002
        """The log of the mean; every modality has an open gate and an equal weight."""
        said, there = posteriors(weights, batch)
        share = there / there.sum(dim=1, keepdim=True).clamp(min=1)
        pooled = (said.exp() * share.unsqueeze(-1)).sum(dim=1)
        return Fused(pooled.clamp(min=1e-30).log(), _open(there), share.transpose(1, 2).to(said.dtype))


@dataclass(frozen=True)
class Product(_Rule):
    """log p = Σ_m log p_m − (M−1) log prior, over the M modalities that a clip has: the product rule, right where
    modalities are independent given the label (Kittler et al. 1998)."""

    def forward(self, weights: Tensors, statistics: Tensors, batch: Batch, noise: Noise | None) -> Fused:  # noqa: ARG002
        """The sum of logs; a modality's weight is its share of the evidence."""
        said, there = posteriors(weights, batch)
        prior = weights["prior"].unsqueeze(1)
        evidence = (said - prior) * there.unsqueeze(-1)
        return Fused(
            (prior + evidence).sum(dim=1) - (evidence.shape[1] - 1) * prior[:, 0],
            _open(there),
            shares(evidence, there),
        )


@dataclass(frozen=True)
class Concat(Solved):
    """Multinomial logistic regression on all vectors side by side (early fusion); a vector that a clip lacks counts as
    the mean. Its penalty is chosen by inner folds, as that of the unimodal regressions is."""

    def parameters(self, widths: Mapping[str, int], n_labels: int) -> dict[str, Parameter]:
        """One weight matrix per modality and one intercept."""
        found = {f"{modality}.weight": Parameter((width, n_labels)) for modality, width in widths.items()}
        return {**found, "bias": Parameter((1, n_labels))}

    def solve(self, task: Task) -> Arrays:
        """One regression, cut into the modalities."""
        model = task.bases.make(task.fold, task.seed, task.modalities).model
        widths = [task.bases.data.inputs[modality].values.shape[1] for modality in task.modalities]
        parts = np.split(model.weight, np.cumsum(widths)[:-1])
        found = {f"{name}.weight": part for name, part in zip(task.modalities, parts, strict=True)}
        return {**found, "bias": model.bias[None]}

    def forward(self, weights: Tensors, statistics: Tensors, batch: Batch, noise: Noise | None) -> Fused:  # noqa: ARG002
        """The sum of what each modality adds."""
        there = batch.there
        parts = [torch.bmm(x, weights[f"{modality}.weight"]) for modality, x in batch.inputs.items()]
        evidence = torch.stack(parts, dim=1) * there.unsqueeze(-1)
        return Fused(evidence.sum(dim=1) + weights["bias"], _open(there), shares(evidence, there))


@dataclass(frozen=True)
class Stacked(Solved):
    """Multinomial logistic regression on the modalities' log-posteriors, learned from out-of-fold ones (stacked
    generalisation, Wolpert 1992); its penalty is chosen on the tuning clips. What a clip lacks counts as the mean."""

    def parameters(self, widths: Mapping[str, int], n_labels: int) -> dict[str, Parameter]:
        """The unimodal regressions, and one matrix per modality that reads them."""
        found = posterior_parameters(widths, n_labels)
        for modality in widths:
            found[f"{modality}.centre"] = Parameter((1, n_labels))
            found[f"{modality}.stack.weight"] = Parameter((n_labels, n_labels))
        return {**found, "bias": Parameter((1, n_labels))}

    def solve(self, task: Task) -> Arrays:
        """Learn from out-of-fold posteriors, choose the penalty by the tuning clips."""
        said = task.out_of_fold()
        centres = [np.nanmean(one, axis=0) for one in said]
        learned = LinearFit(_side_by_side(said, centres), task.targets(task.train))
        tuning, wanted = _side_by_side(task.said(task.tune), centres), task.targets(task.tune)
        models: list[Linear] = []
        for penalty in _STACK_PENALTIES:
            models.append(learned(penalty, models[-1] if models else None))
        best = min(models, key=lambda model: cross_entropy(model(tuning), wanted))
        found = posterior_arrays(task)
        for modality, centre, part in zip(
            task.modalities, centres, np.split(best.weight, len(task.modalities)), strict=True
        ):
            found |= {f"{modality}.centre": centre[None], f"{modality}.stack.weight": part}
        return {**found, "bias": best.bias[None]}

    def forward(self, weights: Tensors, statistics: Tensors, batch: Batch, noise: Noise | None) -> Fused:  # noqa: ARG002
        """The sum of what each modality's posterior adds."""
        said, there = posteriors(weights, batch)
        parts = [
            torch.bmm(said[:, at] - weights[f"{modality}.centre"], weights[f"{modality}.stack.weight"])
            for at, modality in enumerate(batch.inputs)
        ]
        evidence = torch.stack(parts, dim=1) * there.unsqueeze(-1)
        return Fused(evidence.sum(dim=1) + weights["bias"], _open(there), shares(evidence, there))


def shares(evidence: torch.Tensor, there: torch.Tensor) -> torch.Tensor:
    """How much of all evidence (heads, modalities, rows, labels) each modality brings: (heads, rows, modalities).

    Evidence is measured by its spread over labels; where nobody brings any, all who are there have equal shares.
    """
    return size_shares(evidence - evidence.mean(dim=-1, keepdim=True), there)


def _open(there: torch.Tensor) -> torch.Tensor:
    return there.transpose(1, 2).to(torch.get_default_dtype())


def _layer(name: str, model: Linear) -> Arrays:
    return {f"{name}.weight": model.weight, f"{name}.bias": model.bias[None]}


def _side_by_side(said: Sequence[Numbers], centres: Sequence[Numbers]) -> Numbers:
    found: Numbers = np.concatenate(
        [np.nan_to_num(a - c) for a, c in zip(said, centres, strict=True)], axis=1
    )
    return found
