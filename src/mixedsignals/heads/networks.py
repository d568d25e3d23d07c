"""Fusion networks of the literature, each small enough for corpora of some hundred clips, and what networks share.

All are trained by the one loop with the paper's schedule. A modality that a clip lacks, or that is withheld for a step,
adds nothing; what each source leaves open (it starts from features of its own) is said with the member.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch

from mixedsignals.heads.layers import dot, linear, masked_softmax, relu_dropout, size_shares
from mixedsignals.heads.member import Batch, Fused, Parameter
from mixedsignals.heads.noise import Noise
from mixedsignals.heads.withholding import withheld

__all__ = ["Attention", "Gmu", "LowRank", "Network", "linear_parameters"]

Tensors = Mapping[str, torch.Tensor]
_EPSILON = 1e-5


def linear_parameters(name: str, width: int, out: int, *, bias: bool = True) -> dict[str, Parameter]:
    """Weight and bias of `layers.linear`, started as torch's linear layers start."""
    bound = width**-0.5
    found = {f"{name}.weight": Parameter((width, out), bound=bound)}
    return {**found, f"{name}.bias": Parameter((1, out), bound=bound)} if bias else found


@dataclass(frozen=True)
class Network:
    """What the networks have in common.

    Args:
        dropout: share of hidden units dropped in training.
        modality_dropout: chance that a modality of a clip is withheld in a step; one always stays, so with a single
            modality nothing is withheld.
    """

    dropout: float = 0.3
    modality_dropout: float = 0.2

    def statistics(self, widths: Mapping[str, int], n_labels: int) -> dict[str, Parameter]:  # noqa: ARG002
        """Nothing is kept but what is learned."""
        return {}

    def _there(self, batch: Batch, noise: Noise | None) -> torch.Tensor:
        return withheld(batch.there, noise, self.modality_dropout)

    def _keep(self, noise: Noise | None, width: int) -> torch.Tensor | None:
        return noise.keep(width, self.dropout) if noise is not None and self.dropout > 0 else None


@dataclass(frozen=True)
class Gmu(Network):
    """Gated multimodal unit: h = Σ_m z_m ∘ tanh(W_m x_m) with z_m = σ(Σ_j V_mj x_j), then a linear layer to the labels
    (Arevalo et al. 2017, arXiv 1702.01992, the form for several modalities). 256 units; dropout on h. The gate that is
    reported is the mean of z_m over its units, the weight the share of |z_m ∘ h_m|."""

    hidden: int = 256

    def parameters(self, widths: Mapping[str, int], n_labels: int) -> dict[str, Parameter]:
        """One layer per modality, and for each gate one matrix per modality it reads."""
        learned: dict[str, Parameter] = {}
        for modality, width in widths.items():
            learned |= linear_parameters(f"{modality}.hidden", width, self.hidden)
            for other in widths:
                learned |= linear_parameters(
                    f"{modality}.gate.{other}", widths[other], self.hidden, bias=other == modality
                )
        return learned | linear_parameters("labels", self.hidden, n_labels)

    def forward(self, weights: Tensors, statistics: Tensors, batch: Batch, noise: Noise | None) -> Fused:  # noqa: ARG002
        """Logits, mean gates and shares of the hidden vector."""
        there = self._there(batch, noise)
        inputs = _masked(batch, there)
        parts, gates = [], []
        for at, modality in enumerate(inputs):
            heard = linear(weights, f"{modality}.gate.{modality}", inputs[modality])
            for other, x in inputs.items():
                if other != modality:
                    heard = heard + torch.bmm(x, weights[f"{modality}.gate.{other}.weight"])
            gate = torch.sigmoid(heard)
            part = gate * torch.tanh(linear(weights, f"{modality}.hidden", inputs[modality]))
            parts.append(part * there[:, at].unsqueeze(-1))
            gates.append(gate.mean(dim=-1))
        stacked = torch.stack(parts, dim=1)
        hidden = stacked.sum(dim=1)
        keep = self._keep(noise, self.hidden)
        logits = linear(weights, "labels", hidden if keep is None else hidden * keep)
        return Fused(logits, torch.stack(gates, dim=-1), size_shares(stacked, there))


@dataclass(frozen=True)
class LowRank(Network):
    """Low-rank tensor fusion: h = Σ_r Π_m F_m^r [v_m; 1], the outer product of all modalities with weights of rank 4
    (Liu et al. 2018, arXiv 1806.00064). v_m = ReLU(W_m x_m) with 64 units and dropout, h has 64, then a linear layer to
    the labels. A modality that is not there leaves its constant 1. No gate is computed: gates are 1 and the weights are
    the shares of |F_m v_m|."""

    hidden: int = 64
    rank: int = 4

    def parameters(self, widths: Mapping[str, int], n_labels: int) -> dict[str, Parameter]:
        """One layer and the factors of every modality."""
        learned: dict[str, Parameter] = {}
        for modality, width in widths.items():
            learned |= linear_parameters(f"{modality}.hidden", width, self.hidden)
            factors = linear_parameters(f"{modality}.factor", self.hidden, self.rank * self.hidden)
            # Around 1, so that a product over modalities starts neither at 0 nor far from it.
            factors[f"{modality}.factor.bias"] = Parameter((1, self.rank * self.hidden), fill=1.0)
            learned |= factors
        return learned | linear_parameters("labels", self.hidden, n_labels)

    def forward(self, weights: Tensors, statistics: Tensors, batch: Batch, noise: Noise | None) -> Fused:  # noqa: ARG002
        """Logits, open gates and shares of what the factors add."""
        there = self._there(batch, noise)
        product, added = None, []
        for at, (modality, x) in enumerate(batch.inputs.items()):
            vector = relu_dropout(linear(weights, f"{modality}.hidden", x), self._keep(noise, self.hidden))
            vector = vector * there[:, at].unsqueeze(-1)
            factor = linear(weights, f"{modality}.factor", vector)
            added.append(factor - weights[f"{modality}.factor.bias"])
            product = factor if product is None else product * factor
        assert product is not None
        heads, rows, _ = product.shape
        hidden = product.view(heads, rows, self.rank, self.hidden).sum(dim=2) / self.rank
        logits = linear(weights, "labels", hidden)
        return Fused(
            logits, there.transpose(1, 2).to(logits.dtype), size_shares(torch.stack(added, dim=1), there)
        )


@dataclass(frozen=True)
class Attention(Network):
    """Cross-attention: every modality asks the others (4 heads, 128 units), adds their answer to itself, goes through a
    feed-forward layer, and is weighed by attention pooling (after Tsai et al. 2019, arXiv 1906.00295, with one vector
    per modality instead of a sequence; layer norm before each part). The gate is the share of attention that a modality
    gets from the others, the weight that of the pooling."""

    width: int = 128
    attention_heads: int = 4

    def parameters(self, widths: Mapping[str, int], n_labels: int) -> dict[str, Parameter]:
        """Projections of each modality, one attention layer, one feed-forward layer, the pooling vector."""
        learned: dict[str, Parameter] = {}
        for modality, width in widths.items():
            learned |= linear_parameters(f"{modality}.projection", width, self.width)
        for name in ("query", "key", "value", "answer"):
            learned |= linear_parameters(name, self.width, self.width)
        for name in ("norm", "second"):
            learned[f"{name}.weight"] = Parameter((1, self.width), fill=1.0)
            learned[f"{name}.bias"] = Parameter((1, self.width))
        learned |= linear_parameters("wide", self.width, 2 * self.width)
        learned |= linear_parameters("narrow", 2 * self.width, self.width)
        learned["pooling"] = Parameter((self.width, 1), bound=self.width**-0.5)
        return learned | linear_parameters("labels", self.width, n_labels)

    def forward(self, weights: Tensors, statistics: Tensors, batch: Batch, noise: Noise | None) -> Fused:  # noqa: ARG002
        """Logits, attention that each modality gets, and pooling weights."""
        there = self._there(batch, noise)
        tokens = torch.stack(
            [linear(weights, f"{modality}.projection", x) for modality, x in batch.inputs.items()], dim=1
        )
        answer, asked = self._ask(weights, tokens, there)
        tokens = tokens + answer
        hidden = _flat(_normed(weights, "second", tokens))
        wide = torch.relu(linear(weights, "wide", hidden))
        tokens = tokens + linear(weights, "narrow", wide).view(tokens.shape)
        scores = dot(_flat(torch.tanh(tokens)), weights["pooling"]).view(tokens.shape[:-1])
        pooled = masked_softmax(scores, there)
        vector = (tokens * pooled.unsqueeze(-1)).sum(dim=1)
        keep = self._keep(noise, self.width)
        logits = linear(weights, "labels", vector if keep is None else vector * keep)
        return Fused(logits, asked.transpose(1, 2), pooled.transpose(1, 2))

    def _ask(
        self, weights: Tensors, tokens: torch.Tensor, there: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """What the others answer (heads, modalities, rows, width), and the mean share that each is asked."""
        count, size = tokens.shape[1], self.width // self.attention_heads
        if count == 1:
            return torch.zeros_like(tokens), there.to(tokens.dtype)
        normed = _flat(_normed(weights, "norm", tokens))
        query, key, value = (
            linear(weights, name, normed).view(*tokens.shape[:-1], self.attention_heads, size)
            for name in ("query", "key", "value")
        )
        answers, asked = [], torch.zeros_like(tokens[..., 0])
        for at in range(count):
            others = there.clone()
            others[:, at] = False
            scores = (query[:, at : at + 1] * key).sum(dim=-1) / math.sqrt(size)
            share = masked_softmax(scores, others.unsqueeze(-1).expand_as(scores))
            answers.append((share.unsqueeze(-1) * value).sum(dim=1).flatten(-2))
            asked = asked + share.mean(dim=-1) / (count - 1)
        joined = torch.stack(answers, dim=1)
        return linear(weights, "answer", _flat(joined)).view(joined.shape), asked.clamp(max=1.0)


def _masked(batch: Batch, there: torch.Tensor) -> dict[str, torch.Tensor]:
    return {modality: x * there[:, at].unsqueeze(-1) for at, (modality, x) in enumerate(batch.inputs.items())}


def _flat(tokens: torch.Tensor) -> torch.Tensor:
    heads, modalities, rows, width = tokens.shape
    return tokens.reshape(heads, modalities * rows, width)


def _normed(weights: Tensors, name: str, tokens: torch.Tensor) -> torch.Tensor:
    """Layer normalisation over the last axis."""
    centred = tokens - tokens.mean(dim=-1, keepdim=True)
    scaled = centred * (centred.square().mean(dim=-1, keepdim=True) + _EPSILON).rsqrt()
    return scaled * weights[f"{name}.weight"].unsqueeze(1) + weights[f"{name}.bias"].unsqueeze(1)
