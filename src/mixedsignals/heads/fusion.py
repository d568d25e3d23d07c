"""What a fusion member is: embeddings of any subset of modalities in; logits, gates and weights out.

A member says which numbers it learns and how they act on a batch, for many heads at once; the training loop, the
selection and the saving are the same for all. The built-in members are the one dict `FUSIONS`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Protocol, runtime_checkable

import torch

from mixedsignals.errors import UsageError
from mixedsignals.heads.conflict import Conflict
from mixedsignals.heads.evidential import Evidential
from mixedsignals.heads.gated import Gated
from mixedsignals.heads.member import Batch, Fused, Parameter
from mixedsignals.heads.networks import Attention, Gmu, LowRank
from mixedsignals.heads.noise import Noise
from mixedsignals.heads.options import HeadOptions
from mixedsignals.heads.pooled import Concat, Mean, Product, Stacked
from mixedsignals.heads.withholding import WithTokens

__all__ = ["FUSIONS", "Fusion", "Member", "OwnLoss", "fusion_of", "is_solved", "source_of"]


class Fusion(Protocol):
    """One member of the fusion family."""

    def parameters(self, widths: Mapping[str, int], n_labels: int) -> dict[str, Parameter]:
        """What is learned, by name, for one head; `widths` gives the modalities (canonical order) and their d."""

    def statistics(self, widths: Mapping[str, int], n_labels: int) -> dict[str, Parameter]:
        """What is kept but not learned by gradient, such as running means; changed in place while training."""

    def forward(
        self,
        weights: Mapping[str, torch.Tensor],
        statistics: Mapping[str, torch.Tensor],
        batch: Batch,
        noise: Noise | None,
    ) -> Fused:
        """Logits, gates and weights of a batch; `noise` is None outside training.

        Every tensor has the heads as its first axis, and no head may see another's rows. Rows where
        `batch.present` is False for a modality hold some other clip's vector: they must have no effect.
        """


@runtime_checkable
class OwnLoss(Protocol):
    """A member that is trained on a loss of its own instead of cross-entropy."""

    def surprise(self, fused: Fused, targets: torch.Tensor, done: float) -> torch.Tensor:
        """Loss of each row (heads, rows), from targets (heads, rows, labels) and the share of training behind."""


@dataclass(frozen=True)
class Member:
    """One entry of the family: how it is built, what `predictions.source` calls it, and where it comes from."""

    build: Callable[[HeadOptions], Fusion]
    source: str
    reference: str


def _network(kind: type[Gated | Gmu | LowRank | Attention | Evidential]) -> Callable[[HeadOptions], Fusion]:
    return lambda o: kind(dropout=o.dropout, modality_dropout=o.modality_dropout)


FUSIONS: dict[str, Member] = {
    "gated": Member(
        _network(Gated),
        "fusion",
        "the paper's gate: Srikanth et al. 2025, arXiv 2505.13979",
    ),
    "mean": Member(lambda _: Mean(), "mean", "mean of the posteriors: Stone 1961"),
    "product": Member(lambda _: Product(), "product", "product of the posteriors: Kittler et al. 1998"),
    "concat": Member(lambda _: Concat(), "concat", "logistic regression on all vectors side by side"),
    "stacked": Member(lambda _: Stacked(), "stacked", "stacked logistic regression: Wolpert 1992"),
    "gmu": Member(_network(Gmu), "gmu", "gated multimodal unit: Arevalo et al. 2017, arXiv 1702.01992"),
    "lowrank": Member(_network(LowRank), "lowrank", "low-rank tensor: Liu et al. 2018, arXiv 1806.00064"),
    "attention": Member(
        _network(Attention), "attention", "cross-attention: after Tsai et al. 2019, arXiv 1906.00295"
    ),
    "evidential": Member(
        _network(Evidential), "evidential", "conflictive evidential fusion: Xu et al. 2024, arXiv 2402.16897"
    ),
    "conflict": Member(
        lambda _: Conflict(),
        "conflict",
        "our own: a calibrated pool whose gates see contradiction and support",
    ),
}


def fusion_of(options: HeadOptions) -> Fusion:
    """The member that `options.fusion` names.

    Raises:
        UsageError: an unknown name.
    """
    if options.fusion not in FUSIONS:
        raise UsageError(f"there is no fusion {options.fusion!r}; legal are {', '.join(FUSIONS)}")
    member = FUSIONS[options.fusion]
    if options.missing == "tokens" and not getattr(member.build(options), "solved", False):
        return WithTokens(member.build(replace(options, modality_dropout=0.0)), options.modality_dropout)
    return member.build(options)


def is_solved(options: HeadOptions) -> bool:
    """Whether the member is solved for exactly instead of trained by gradient."""
    return bool(getattr(fusion_of(options), "solved", False))


def source_of(combination: str, fused: str) -> str:
    """`predictions.source` of a head: the modality for a single one, else what the fused source is called."""
    return fused if "+" in combination else combination
