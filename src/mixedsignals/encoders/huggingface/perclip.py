"""Runs the convolutions of a waveform model on each clip by itself, without padding.

HuBERT-base and wav2vec2-base normalise over time in their first convolution; padded beside a longer clip, a short one
would get other statistics and so another embedding. The transformer behind them is masked and needs no such care.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["PerClip", "per_clip"]


class PerClip(nn.Module):  # type: ignore[misc]
    """Stands in for a model's `feature_extractor`: (n, samples) to (n, channels, frames), rows by their own length."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner
        self._now = threading.local()  # several threads run the model at once

    @contextmanager
    def of(self, lengths: Sequence[int]) -> Iterator[None]:
        """Within the block, this thread's rows have these numbers of samples."""
        self._now.lengths = lengths
        try:
            yield
        finally:
            self._now.lengths = None

    def forward(self, waves: Tensor) -> Tensor:
        """Features of each row's own samples, padded with zeros to the longest."""
        lengths = getattr(self._now, "lengths", None) or [waves.shape[1]] * len(waves)
        rows = [self.inner(wave[None, :length])[0] for wave, length in zip(waves, lengths, strict=True)]
        most = max(row.shape[-1] for row in rows)
        return torch.stack([functional.pad(row, (0, most - row.shape[-1])) for row in rows])


def per_clip(model: Any) -> PerClip | None:
    """Put a `PerClip` into a model of the wav2vec2 family; None for other models, whose clips then go one by one."""
    if not hasattr(model, "feature_extractor") or not hasattr(model, "_get_feature_vector_attention_mask"):
        return None
    model.feature_extractor = PerClip(model.feature_extractor)
    return model.feature_extractor  # type: ignore[no-any-return]
