"""What heads say about their own clips, without learning from them: between epochs, and at the end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import torch

from mixedsignals.heads.data import Positions
from mixedsignals.heads.grid import HeadId
from mixedsignals.heads.member import Fused
from mixedsignals.heads.outcome import OutOfFold
from mixedsignals.heads.stack import Gatherer, fill_up

if TYPE_CHECKING:
    from mixedsignals.heads.fusion import Fusion

__all__ = ["Looking", "tuning"]

_ROWS = 128
Tensors = Mapping[str, torch.Tensor]
Numbers = npt.NDArray[np.float64]


class Looking:
    """A member with the weights and statistics of some heads, at work on clips of each head's own.

    Args:
        weights, statistics: every tensor with the heads first.
    """

    def __init__(self, member: Fusion, weights: Tensors, statistics: Tensors, gatherer: Gatherer) -> None:
        self._member, self._statistics, self._gatherer = member, statistics, gatherer
        self._weights = {name: view.detach() for name, view in weights.items()}

    def at(self, parts: Sequence[Positions]) -> tuple[torch.Tensor, Fused, dict[str, torch.Tensor]]:
        """Positions, output and presence, rows filled up."""
        positions = fill_up(parts, _ROWS)
        outputs, present = [], []
        with torch.no_grad():
            for chunk in positions.split(_ROWS, dim=1):
                batch = self._gatherer.batch(chunk)
                outputs.append(self._member.forward(self._weights, self._statistics, batch, None))
                present.append(batch.present)
        whole = Fused(
            *(
                torch.cat([getattr(out, name) for out in outputs], dim=1)
                for name in ("logits", "gates", "weights")
            )
        )
        return positions, whole, {name: torch.cat([p[name] for p in present], dim=1) for name in present[0]}

    def tested(self, heads: Sequence[HeadId], parts: Sequence[Positions]) -> list[OutOfFold]:
        """What each head says about its test clips."""
        _, fused, present = self.at(parts)
        probabilities = fused.logits.double().softmax(dim=-1).numpy()
        has = torch.stack(list(present.values()), dim=-1).numpy()
        gates, weights = (one.double().numpy() * has for one in (fused.gates, fused.weights))
        found = []
        for row, clips in enumerate(parts[: len(heads)]):
            n = len(clips)
            found.append(
                OutOfFold(clips, probabilities[row, :n], gates[row, :n], weights[row, :n], has[row, :n])
            )
        return found


def tuning(positions: torch.Tensor, fused: Fused, targets: torch.Tensor) -> tuple[Numbers, Numbers]:
    """Cross-entropy (nats) and accuracy of each head on the clips at `positions` (heads, rows), each (heads,)."""
    counts = (positions >= 0).to(torch.float64)
    truth = targets[positions.clamp(min=0)].double()
    surprise = -(truth * torch.log_softmax(fused.logits.double(), dim=-1)).sum(dim=-1)
    right = (fused.logits.argmax(dim=-1) == truth.argmax(dim=-1)) * counts
    n = counts.sum(dim=1)
    return ((surprise * counts).sum(dim=1) / n).numpy(), (right.sum(dim=1) / n).numpy()
