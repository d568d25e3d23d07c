"""From one vector a position to one vector a clip; what is padding never counts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from mixedsignals.encoders.protocol import Array, Pooling

__all__ = ["filled", "pool"]


def pool(states: Tensor, mask: Tensor, pooling: Pooling) -> Array:
    """Pool the positions of each clip.

    Args:
        states: (n, positions, width).
        mask: (n, positions), true where a position belongs to the clip; at least one each.
        pooling: `mean` over the clip's positions, or its `first` one (the paper's way).

    Returns:
        float32 (n, width).
    """
    if pooling == "first":
        chosen = states[range(len(states)), mask.int().argmax(dim=1)]
    else:
        weights = mask.to(states.dtype)[:, :, None]
        chosen = (states * weights).sum(dim=1) / weights.sum(dim=1)
    return np.asarray(chosen.float().cpu().numpy(), dtype=np.float32)


def filled(lengths: Sequence[int], positions: int, device: str) -> Tensor:
    """The mask (n, positions) that is true where a position is below the clip's length."""
    return torch.arange(positions, device=device)[None, :] < torch.tensor(lengths, device=device)[:, None]
