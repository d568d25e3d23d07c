"""Fusion in two halves: what each modality brings by itself, and what fusion makes of it.

Probes ask heads about the same vectors in thousands of combinations. A member that says its first half (`encode`)
apart computes it once per vector; any other member is asked as a whole.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch

from mixedsignals.heads.fusion import Fusion
from mixedsignals.heads.member import Batch
from mixedsignals.heads.withholding import WithTokens

__all__ = ["InParts", "in_parts"]

Tensors = Mapping[str, torch.Tensor]
Parts = Mapping[str, tuple[torch.Tensor, ...]]


@runtime_checkable
class InParts(Protocol):
    """A member whose first half can be said modality by modality; outside training only."""

    def encode(
        self, weights: Tensors, statistics: Tensors, modality: str, x: torch.Tensor
    ) -> tuple[torch.Tensor, ...]:
        """What one modality brings, each tensor (heads, rows, …), from standardised x (heads, rows, d)."""

    def combine(self, weights: Tensors, statistics: Tensors, parts: Parts, present: Tensors) -> torch.Tensor:
        """Logits (heads, rows, labels) from what `encode` gave for every modality.

        `present` (heads, rows) per modality: where it is False the part belongs to some other clip and must have no
        effect.
        """


def in_parts(member: Fusion) -> InParts:
    """The member in two halves; one that has no halves of its own is all second half.

    Of one with tokens the member inside: whoever asks it shows the tokens.
    """
    inner = member.member if isinstance(member, WithTokens) else member
    return inner if isinstance(inner, InParts) else _Whole(inner)


@dataclass(frozen=True)
class _Whole:
    """A member asked as a whole: its first half does nothing."""

    member: Fusion

    def encode(
        self,
        weights: Tensors,  # noqa: ARG002
        statistics: Tensors,  # noqa: ARG002
        modality: str,  # noqa: ARG002
        x: torch.Tensor,
    ) -> tuple[torch.Tensor, ...]:
        return (x,)

    def combine(self, weights: Tensors, statistics: Tensors, parts: Parts, present: Tensors) -> torch.Tensor:
        inputs = {modality: x for modality, (x,) in parts.items()}
        rows = torch.ones_like(next(iter(present.values())))
        return self.member.forward(weights, statistics, Batch(inputs, dict(present), rows), None).logits
