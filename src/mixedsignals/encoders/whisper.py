"""Sound by the encoder of Whisper tiny.en, read from a CTranslate2 file: the offline audio encoder."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mixedsignals import media
from mixedsignals.encoders.catalogue import weights_card
from mixedsignals.encoders.ctranslate2 import read_ctranslate2
from mixedsignals.encoders.mel import HOP, RATE, log_mel
from mixedsignals.encoders.protocol import Array, EncoderRequest, Pooling, Prepared
from mixedsignals.encoders.weights import weights_folder
from mixedsignals.sources import Source

__all__ = ["WhisperTiny"]


class WhisperTiny:
    """The encoder of Whisper tiny.en, with its 30 s of positions cut to the clip's own length.

    Sound is padded with silence to the next fifth of a second (Whisper knows silence as padding; equal lengths share a
    batch), and only the positions that the clip itself fills are averaged. Clips over 30 s are cut.
    """

    batch_size = 8
    _positions_per_second = 50
    _step = 0.2
    _longest = 30.0

    def __init__(self, request: EncoderRequest, cache: Path) -> None:
        self._cache = cache
        longest = 10.0 if request.paper else self._longest
        self._longest = min(request.max_seconds or longest, self._longest)
        self._pooling: Pooling = request.pooling or "mean"
        preprocessing: dict[str, str | int | float] = {
            "rate_hz": RATE,
            "max_seconds": self._longest,
            "padded_to_seconds": self._step,
        }
        self.tuned: Mapping[str, Any] = {}
        self.card = weights_card("whisper-tiny.en", pooling=self._pooling, preprocessing=preprocessing)

    def load(self, device: str) -> None:
        """Build the encoder from the CTranslate2 file."""
        from mixedsignals.encoders.overlay import lay_over
        from mixedsignals.encoders.whispernet import whisper_encoder

        folder = weights_folder("whisper-tiny.en", cache=self._cache)
        model = whisper_encoder(read_ctranslate2(folder / "model.bin", prefix="encoder/"))
        lay_over(model, self.tuned)
        self.model, self._device = model.to(device), device

    def prepare(self, source: Source) -> Prepared:
        """Decode, pad to the next fifth of a second, and make the log-mel picture."""
        assert source.path is not None
        # A little more than is kept tells whether the clip goes on.
        samples = media.audio(
            source.path, start=source.start, end=source.end, rate=RATE, max_seconds=self._longest + self._step
        )
        cut = len(samples) > self._longest * RATE
        samples = samples[: int(self._longest * RATE)]
        step = int(self._step * RATE)
        padded = np.zeros(max(1, math.ceil(len(samples) / step)) * step, dtype=np.float32)
        padded[: len(samples)] = samples
        filled = max(1, math.ceil(len(samples) / (2 * HOP)))
        return Prepared((log_mel(padded), filled), cut=cut)

    def encode(self, batch: Sequence[Prepared]) -> Array:
        """Clips of equal length go through together."""
        by_length: dict[int, list[int]] = {}
        for row, item in enumerate(batch):
            by_length.setdefault(item.payload[0].shape[1], []).append(row)
        vectors = np.empty((len(batch), self.model.width), dtype=np.float32)
        for rows in by_length.values():
            vectors[rows] = self._equal([batch[row].payload for row in rows])
        return vectors

    def _equal(self, payloads: list[tuple[npt.NDArray[np.float32], int]]) -> Array:
        import torch

        from mixedsignals.encoders.pooling import filled, pool

        mels = torch.from_numpy(np.stack([mel for mel, _ in payloads])).to(self._device)
        mask = filled([length for _, length in payloads], mels.shape[2] // 2, self._device)
        with torch.inference_mode():
            return pool(self.model(mels), mask, self._pooling)
