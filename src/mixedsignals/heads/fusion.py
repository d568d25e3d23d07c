"""What a fusion member is: embeddings of any subset of modalities in; logits, gates and weights out.

A member says which numbers it learns and how they act on a batch, for many heads at once; the training loop, the
selection and the saving are the same for all. The built-in members are the one dict `FUSIONS`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import torch

from mixedsignals.errors import UsageError
from mixedsignals.heads.conflict import Conflict
from mixedsignals.heads.gated import Gated
from mixedsignals.heads.member import Batch, Fused, Parameter
from mixedsignals.heads.noise import Noise
from mixedsignals.heads.options import HeadOptions
from mixedsignals.heads.pooled import Concat, Mean, Product, Stacked

__all__ = ["FUSIONS", "Fusion", "fusion_of", "is_solved", "source_of"]


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


@dataclass(frozen=True)
class _Member:
    build: Callable[[HeadOptions], Fusion]
    source: str


FUSIONS: dict[str, _Member] = {
    "gated": _Member(
        build=lambda o: Gated(dropout=o.dropout, modality_dropout=o.modality_dropout), source="fusion"
    ),
    "concat": _Member(build=lambda _: Concat(), source="concat"),
    "mean": _Member(build=lambda _: Mean(), source="mean"),
    "product": _Member(build=lambda _: Product(), source="product"),
    "stacked": _Member(build=lambda _: Stacked(), source="stacked"),
    "conflict": _Member(build=lambda _: Conflict(), source="conflict"),
}


def fusion_of(options: HeadOptions) -> Fusion:
    """The member that `options.fusion` names.

    Raises:
        UsageError: an unknown name.
    """
    if options.fusion not in FUSIONS:
        raise UsageError(f"there is no fusion {options.fusion!r}; legal are {', '.join(FUSIONS)}")
    return FUSIONS[options.fusion].build(options)


def is_solved(options: HeadOptions) -> bool:
    """Whether the member is solved for exactly instead of trained by gradient."""
    return bool(getattr(fusion_of(options), "solved", False))


def source_of(combination: str, fusion: str) -> str:
    """`predictions.source` of a head: the modality for a single one, else the member's own name."""
    return FUSIONS[fusion].source if "+" in combination else combination
