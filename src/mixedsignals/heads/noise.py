"""Randomness that belongs to one head: its start, its shuffles and its dropout.

Every head draws from streams made of its own seed, fold and combination. So a head is the same whether it is trained
alone, in a group, first or last, and torch's global generator is never touched.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch

__all__ = ["Noise", "Streams"]

_STEPS = 1 << 16


class Streams:
    """The three independent streams of one head.

    Args:
        combination, fold, seed: the head.
    """

    def __init__(self, combination: str, fold: int, seed: int) -> None:
        name = int.from_bytes(hashlib.sha256(combination.encode()).digest()[:8], "big")
        sign, size = int(seed < 0), abs(seed)
        start, order, bits = np.random.SeedSequence([size, sign, fold, name]).spawn(3)
        self.start = np.random.Generator(np.random.PCG64(start))
        self.order = np.random.Generator(np.random.PCG64(order))
        self.bits = np.random.SFC64(bits)


class Noise:
    """Random numbers for one training step of a group: shape (heads, rows, columns), each head from its own stream.

    Numbers come in steps of 2⁻¹⁶, which is fine enough for a dropout mask and ten times quicker than full floats.
    """

    def __init__(self, streams: Sequence[Streams], rows: int, dtype: torch.dtype) -> None:
        self._bits = [stream.bits for stream in streams]
        self._rows = rows
        self._dtype = dtype

    def keep(self, columns: int, share_dropped: float) -> torch.Tensor:
        """A mask of 0 (dropped) and 1/(1 − share), so that the mean stays: inverted dropout."""
        threshold = round(share_dropped * _STEPS) - _STEPS // 2
        kept = torch.ge(self._draw(columns), threshold)
        return kept.to(self._dtype).mul_(1.0 / (1.0 - share_dropped))

    def uniform(self, columns: int) -> torch.Tensor:
        """Uniform numbers in (0, 1)."""
        return (self._draw(columns).to(self._dtype) + (_STEPS / 2 + 0.5)) / _STEPS

    def _draw(self, columns: int) -> torch.Tensor:
        size = self._rows * columns
        words = -(-size // 4)
        drawn: npt.NDArray[np.uint64] = np.empty((len(self._bits), words), np.uint64)
        for row, bits in zip(drawn, self._bits, strict=True):
            row[:] = bits.random_raw(words)
        whole = torch.from_numpy(drawn.view(np.int16))[:, :size]
        return whole.view(len(self._bits), self._rows, columns)
