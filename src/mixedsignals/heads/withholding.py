"""Modalities withheld in training, and what a network is shown instead of a modality that is not there.

Without anything else a missing modality takes no part. With `tokens` it is replaced by a learned vector, so that one
model has an opinion about what it means that a modality is missing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from mixedsignals.heads.member import Batch, Fused, Parameter
from mixedsignals.heads.noise import Noise

if TYPE_CHECKING:
    from mixedsignals.heads.fusion import Fusion

__all__ = ["WithTokens", "withheld"]

Tensors = Mapping[str, torch.Tensor]


def withheld(present: torch.Tensor, noise: Noise | None, share: float) -> torch.Tensor:
    """`present` (heads, modalities, rows) without what one training step withholds; all of it outside training.

    Each modality of a clip is withheld with the chance `share`; the one with the highest draw always stays.
    """
    if noise is None or share <= 0 or present.shape[1] < 2:
        return present
    drawn = noise.uniform(present.shape[1]).transpose(1, 2)
    among = drawn.masked_fill(~present, -1.0)
    stays = torch.zeros_like(present).scatter_(1, among.argmax(dim=1, keepdim=True), True)
    return present & ((drawn >= share) | stays)


@dataclass(frozen=True)
class WithTokens:
    """A member that sees a learned vector wherever a modality is missing or withheld.

    The vectors live in the space of the standardised embeddings and start at 0, the mean. Gates and weights of tokens
    are reported as 0, and those of the modalities that are there sum to 1 again.

    Args:
        member: built without modality dropout of its own.
        modality_dropout: chance that a modality is withheld in a step.
    """

    member: Fusion
    modality_dropout: float

    def parameters(self, widths: Mapping[str, int], n_labels: int) -> dict[str, Parameter]:
        """Those of the member, and one vector per modality."""
        tokens = {f"{modality}.token": Parameter((1, width)) for modality, width in widths.items()}
        return {**self.member.parameters(widths, n_labels), **tokens}

    def statistics(self, widths: Mapping[str, int], n_labels: int) -> dict[str, Parameter]:
        """Those of the member."""
        return self.member.statistics(widths, n_labels)

    def forward(self, weights: Tensors, statistics: Tensors, batch: Batch, noise: Noise | None) -> Fused:
        """The member's, with tokens in the gaps."""
        there = withheld(batch.there, noise, self.modality_dropout)
        inputs = {
            modality: torch.where(there[:, at].unsqueeze(-1), x, weights[f"{modality}.token"])
            for at, (modality, x) in enumerate(batch.inputs.items())
        }
        fused = self.member.forward(
            weights, statistics, Batch(inputs, dict.fromkeys(inputs, batch.rows), batch.rows), noise
        )
        seen = there.transpose(1, 2)
        shares = fused.weights * seen
        whole = shares / shares.sum(dim=-1, keepdim=True).clamp(min=1e-12)
        return Fused(fused.logits, fused.gates * seen, whole, fused.parts)
