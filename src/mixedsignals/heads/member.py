"""The three small records between the training loop and a fusion member: what it learns, reads and returns."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

__all__ = ["Batch", "Fused", "Parameter"]


@dataclass(frozen=True)
class Parameter:
    """Shape and start of one array of one head.

    Attributes:
        shape: without the head axis.
        bound: start uniformly within ± bound; None starts at `fill` throughout.
        fill: the constant start.
    """

    shape: tuple[int, ...]
    bound: float | None = None
    fill: float = 0.0

    @property
    def size(self) -> int:
        """How many numbers it holds."""
        return math.prod(self.shape)

    def start(self, generator: np.random.Generator) -> npt.NDArray[np.float32]:
        """Fresh values, float32 of `shape`."""
        if self.bound is None:
            return np.full(self.shape, self.fill, np.float32)
        drawn = generator.random(self.shape, dtype=np.float32)
        return (drawn * np.float32(2) - np.float32(1)) * np.float32(self.bound)


@dataclass(frozen=True)
class Batch:
    """Rows of clips for a group of heads.

    Attributes:
        inputs: per modality (heads, rows, d), standardised.
        present: per modality (heads, rows), bool: the clip has it.
        rows: (heads, rows), bool: the row is a clip at all; the others only fill up the batch.
    """

    inputs: dict[str, torch.Tensor]
    present: dict[str, torch.Tensor]
    rows: torch.Tensor

    @property
    def there(self) -> torch.Tensor:
        """`present` as one tensor (heads, modalities, rows)."""
        return torch.stack(list(self.present.values()), dim=1)


@dataclass(frozen=True)
class Fused:
    """What a member returns.

    Attributes:
        logits: (heads, rows, labels).
        gates: (heads, rows, modalities), each in [0, 1] and independent of the others.
        weights: (heads, rows, modalities), 0 for absent modalities, summing to 1 over those present.
        parts: (heads, modalities, rows, labels), what a member with a loss of its own needs there; else None.
    """

    logits: torch.Tensor
    gates: torch.Tensor
    weights: torch.Tensor
    parts: torch.Tensor | None = None
