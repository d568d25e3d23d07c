"""Evidential fusion that minds conflict: every modality gives evidence for labels, and says how much it does not know.

Source: Xu, Si, Guan, Zhao, Wu, Gao, Reliable Conflictive Multi-view Learning, AAAI 2024 (arXiv 2402.16897).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch

from mixedsignals.heads.layers import linear, relu_dropout, size_shares
from mixedsignals.heads.member import Batch, Fused, Parameter
from mixedsignals.heads.networks import Network, linear_parameters
from mixedsignals.heads.noise import Noise

__all__ = ["Evidential"]

Tensors = Mapping[str, torch.Tensor]


@dataclass(frozen=True)
class Evidential(Network):
    """e_m = softplus(net_m(x_m)) ≥ 0, Dirichlet α_m = e_m + 1; fused evidence is the mean of those there; p = α / Σα.

    net_m is Linear(d→256), ReLU, dropout, Linear to the labels. Trained on the expected cross-entropy of the fused and
    of every single Dirichlet, plus the divergence of what speaks for wrong labels from ignorance (its weight rises to 1
    over the first half of training), plus the degree of conflict: the distance of two modalities' probabilities times
    how sure both are. The gate is 1 − uncertainty (labels / Σα), the weight the share of evidence.

    Args:
        conflict: weight of the degree of conflict.
    """

    conflict: float = 1.0
    hidden: int = 256

    def parameters(self, widths: Mapping[str, int], n_labels: int) -> dict[str, Parameter]:
        """Two layers per modality."""
        learned: dict[str, Parameter] = {}
        for modality, width in widths.items():
            learned |= linear_parameters(f"{modality}.hidden", width, self.hidden)
            learned |= linear_parameters(f"{modality}.labels", self.hidden, n_labels)
        return learned

    def forward(self, weights: Tensors, statistics: Tensors, batch: Batch, noise: Noise | None) -> Fused:  # noqa: ARG002
        """Log α of the fused opinion as logits; the evidence of each modality in `parts`, −1 where it is not there."""
        there = self._there(batch, noise)
        said = []
        for modality, x in batch.inputs.items():
            hidden = relu_dropout(linear(weights, f"{modality}.hidden", x), self._keep(noise, self.hidden))
            said.append(torch.nn.functional.softplus(linear(weights, f"{modality}.labels", hidden)))
        evidence = torch.stack(said, dim=1) * there.unsqueeze(-1)
        fused = evidence.sum(dim=1) / there.sum(dim=1).clamp(min=1).unsqueeze(-1)
        total = evidence.sum(dim=-1)
        sure = total / (total + evidence.shape[-1])
        parts = torch.where(there.unsqueeze(-1), evidence, -1.0)
        return Fused((fused + 1).log(), sure.transpose(1, 2), size_shares(evidence, there), parts)

    def surprise(self, fused: Fused, targets: torch.Tensor, done: float) -> torch.Tensor:
        """The loss of each row (heads, rows).

        Args:
            targets: (heads, rows, labels), weights of the labels.
            done: share of the training that is behind, 0 to 1.
        """
        assert fused.parts is not None
        there = (fused.parts[..., 0] >= 0).to(fused.logits.dtype)
        evidence = fused.parts.clamp(min=0)
        ramp = min(1.0, 2.0 * done)
        single = _opinion_loss(evidence + 1, targets.unsqueeze(1), ramp) * there
        return (
            _opinion_loss(fused.logits.exp(), targets, ramp)
            + single.sum(dim=1)
            + self.conflict * _degree_of_conflict(evidence, there) * targets.sum(dim=-1)
        )


def _opinion_loss(alpha: torch.Tensor, targets: torch.Tensor, ramp: float) -> torch.Tensor:
    """Expected cross-entropy under Dirichlet(α), and what is left for wrong labels against ignorance; (…,)."""
    total = alpha.sum(dim=-1, keepdim=True)
    expected = (targets * (torch.digamma(total) - torch.digamma(alpha))).sum(dim=-1)
    mass = targets.sum(dim=-1, keepdim=True)
    wanted = targets / mass.clamp(min=1e-12)
    wrong = wanted + (1 - wanted) * alpha
    return expected + ramp * mass[..., 0] * _from_ignorance(wrong)


def _from_ignorance(alpha: torch.Tensor) -> torch.Tensor:
    """KL(Dirichlet(α) ‖ Dirichlet(1)), nats ≥ 0."""
    total = alpha.sum(dim=-1)
    labels = alpha.shape[-1]
    constant = torch.lgamma(total) - torch.lgamma(torch.tensor(float(labels), dtype=alpha.dtype))
    drift = (alpha - 1) * (torch.digamma(alpha) - torch.digamma(total).unsqueeze(-1))
    return constant - torch.lgamma(alpha).sum(dim=-1) + drift.sum(dim=-1)


def _degree_of_conflict(evidence: torch.Tensor, there: torch.Tensor) -> torch.Tensor:
    """Mean over modalities of the conflict with every other: ½ Σ|p_i − p_j| (1 − u_i)(1 − u_j); (heads, rows)."""
    alpha = evidence + 1
    total = alpha.sum(dim=-1)
    p, sure = alpha / total.unsqueeze(-1), (1 - alpha.shape[-1] / total) * there
    count = evidence.shape[1]
    conflict = torch.zeros_like(total[:, 0])
    for one in range(count):
        for other in range(one + 1, count):
            apart = (p[:, one] - p[:, other]).abs().sum(dim=-1) / 2
            conflict = conflict + 2 * apart * sure[:, one] * sure[:, other]
    return conflict / max(count - 1, 1)
