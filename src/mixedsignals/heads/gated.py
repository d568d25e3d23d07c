"""The paper's gated fusion, layer by layer, for one modality or several.

Each modality is projected and normalised, multiplied by a gate that it computes from itself alone, and weighed against
the others by attention; a classifier reads the weighted sum. A modality that a clip lacks takes no part in any of it.
Source: Srikanth, Chen, Hirschberg 2025 (arXiv 2505.13979) and its public scripts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch

from mixedsignals.heads.layers import batch_norm, dot, linear, masked_softmax, relu_dropout
from mixedsignals.heads.member import Batch, Fused, Parameter
from mixedsignals.heads.networks import Network, linear_parameters
from mixedsignals.heads.noise import Noise

__all__ = ["Gated"]

PROJECTED, ATTENDED, HIDDEN, BLOCKS = 256, 128, 512, 3
Tensors = Mapping[str, torch.Tensor]


@dataclass(frozen=True)
class Gated(Network):
    """Linear(d→256), BatchNorm, own sigmoid gate; attention Linear(256→128), tanh, learned vector; three blocks of
    Linear(→512), BatchNorm, ReLU, dropout; Linear to the labels. Dropout acts in the three blocks."""

    def parameters(self, widths: Mapping[str, int], n_labels: int) -> dict[str, Parameter]:
        """The learned arrays of one head, started as torch's own layers start."""
        learned: dict[str, Parameter] = {}
        for modality, width in widths.items():
            learned |= linear_parameters(f"{modality}.projection", width, PROJECTED)
            learned |= _norm(f"{modality}.norm", PROJECTED)
            learned |= linear_parameters(f"{modality}.gate", PROJECTED, 1)
        learned |= linear_parameters("attention.projection", PROJECTED, ATTENDED)
        learned["attention.vector"] = Parameter((ATTENDED, 1), bound=ATTENDED**-0.5)
        for block in range(BLOCKS):
            learned |= linear_parameters(f"block{block}.linear", HIDDEN if block else PROJECTED, HIDDEN)
            learned |= _norm(f"block{block}.norm", HIDDEN)
        return learned | linear_parameters("labels", HIDDEN, n_labels)

    def statistics(self, widths: Mapping[str, int], n_labels: int) -> dict[str, Parameter]:  # noqa: ARG002
        """The running means and variances of the normalisations."""
        kept: dict[str, Parameter] = {}
        names = [(f"{modality}.norm", PROJECTED) for modality in widths]
        for name, width in [*names, *((f"block{block}.norm", HIDDEN) for block in range(BLOCKS))]:
            kept[f"{name}.mean"] = Parameter((1, width), fill=0.0)
            kept[f"{name}.variance"] = Parameter((1, width), fill=1.0)
        return kept

    def forward(self, weights: Tensors, statistics: Tensors, batch: Batch, noise: Noise | None) -> Fused:
        """Logits, gates and attention weights of a batch of every head."""
        vectors, gates = [], []
        for modality, x in batch.inputs.items():
            mask = batch.present[modality].unsqueeze(-1).to(x.dtype)
            vector, gate = _gated(weights, statistics, modality, x, mask=mask, training=noise is not None)
            vectors.append(vector)
            gates.append(gate)
        fused, attention = _attend(weights, vectors, self._there(batch, noise))
        logits = self._classify(weights, statistics, fused, batch.rows, noise)
        return Fused(logits, torch.cat(gates, dim=-1), attention.transpose(1, 2))

    def encode(
        self, weights: Tensors, statistics: Tensors, modality: str, x: torch.Tensor
    ) -> tuple[torch.Tensor, ...]:
        """What a modality brings by itself: its gated vector (heads, rows, 256) and its score (heads, rows, 1)."""
        mask = torch.ones_like(x[..., :1])
        vector, _ = _gated(weights, statistics, modality, x, mask=mask, training=False)
        return vector, _scores(weights, vector)

    def combine(
        self,
        weights: Tensors,
        statistics: Tensors,
        parts: Mapping[str, tuple[torch.Tensor, ...]],
        present: Tensors,
    ) -> torch.Tensor:
        """Logits (heads, rows, labels) from what `encode` gave for each modality."""
        vectors = [vector for vector, _ in parts.values()]
        fused = vectors[0]
        if len(vectors) > 1:
            scores = torch.cat([score for _, score in parts.values()], dim=-1).transpose(1, 2)
            attention = masked_softmax(scores, torch.stack(list(present.values()), dim=1)).unsqueeze(-1)
            fused = vectors[0] * attention[:, 0]
            for at, vector in enumerate(vectors[1:], start=1):
                fused = fused + vector * attention[:, at]
        return self._classify(weights, statistics, fused, torch.ones_like(fused[..., 0]), None)

    def _classify(
        self,
        weights: Tensors,
        statistics: Tensors,
        x: torch.Tensor,
        rows: torch.Tensor,
        noise: Noise | None,
    ) -> torch.Tensor:
        mask = rows.unsqueeze(-1).to(x.dtype)
        for block in range(BLOCKS):
            x = linear(weights, f"block{block}.linear", x)
            x = batch_norm(
                weights, statistics, f"block{block}.norm", x, mask=mask, training=noise is not None
            )
            x = relu_dropout(x, self._keep(noise, HIDDEN))
        return linear(weights, "labels", x)


def _gated(
    weights: Tensors,
    statistics: Tensors,
    modality: str,
    x: torch.Tensor,
    *,
    mask: torch.Tensor,
    training: bool,
) -> tuple[torch.Tensor, torch.Tensor]:
    """The projected vector times its gate (heads, rows, 256), and the gate (heads, rows, 1)."""
    projected = linear(weights, f"{modality}.projection", x)
    vector = batch_norm(weights, statistics, f"{modality}.norm", projected, mask=mask, training=training)
    gate = torch.sigmoid(dot(vector, weights[f"{modality}.gate.weight"]) + weights[f"{modality}.gate.bias"])
    return vector * gate, gate


def _scores(weights: Tensors, vectors: torch.Tensor) -> torch.Tensor:
    """How much attention each row asks for, (heads, rows, 1)."""
    return dot(torch.tanh(linear(weights, "attention.projection", vectors)), weights["attention.vector"])


def _attend(
    weights: Tensors, vectors: list[torch.Tensor], present: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Weighted sum (heads, rows, 256) and weights (heads, modalities, rows).

    With one modality the softmax is 1 whatever the scores: the attention layer then has no gradient, and is skipped.
    """
    if len(vectors) == 1:
        return vectors[0], present.to(vectors[0].dtype)
    stacked = torch.stack(vectors, dim=1)
    heads, modalities, rows, width = stacked.shape
    scores = _scores(weights, stacked.view(heads, modalities * rows, width)).view(heads, modalities, rows)
    attention = masked_softmax(scores, present)
    return (stacked * attention.unsqueeze(-1)).sum(dim=1), attention


def _norm(name: str, width: int) -> dict[str, Parameter]:
    return {
        f"{name}.weight": Parameter((1, width), fill=1.0),
        f"{name}.bias": Parameter((1, width), fill=0.0),
    }
