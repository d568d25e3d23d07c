"""Sound by any audio model of transformers: waveform models (HuBERT, wav2vec2, WavLM, …), Whisper, spectrogram models.

A clip's vector never depends on the clips beside it: what is padded is masked all the way, and the convolutions before
the transformer, whose normalisation would see the padding, run on each clip by itself.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from mixedsignals import media
from mixedsignals.embeddings import Card
from mixedsignals.encoders.huggingface.loading import load_model, load_part
from mixedsignals.encoders.huggingface.local import LocalModel
from mixedsignals.encoders.protocol import Array, EncoderRequest, Pooling, Prepared
from mixedsignals.sources import Source

if TYPE_CHECKING:
    from mixedsignals.encoders.huggingface.perclip import PerClip

__all__ = ["AudioEncoder"]

_SECONDS = 30.0
_PAPER_SECONDS = 10.0
_SHORTEST = 0.1  # s; less than the reach of the convolutions cannot be encoded, so silence is added


class AudioEncoder:
    """An audio model: the last hidden state, pooled over the positions that the clip fills."""

    batch_size = 8

    def __init__(self, request: EncoderRequest, local: LocalModel) -> None:
        self.local = local
        self._pooling: Pooling = request.pooling or "mean"
        self._seconds = request.max_seconds or (_PAPER_SECONDS if request.paper else _SECONDS)
        self.tuned: Mapping[str, Any] = {}
        settings = local.settings("preprocessor_config.json") or local.settings("processor_config.json")
        self._rate = int(settings.get("feature_extractor", settings).get("sampling_rate", 16_000))
        self._peak = request.paper
        self.card = Card(
            modality="audio",
            encoder=local.name,
            revision=local.revision,
            layer="last_hidden_state",
            pooling=self._pooling,
            preprocessing={
                "rate_hz": self._rate,
                "max_seconds": self._seconds,
                "min_seconds": _SHORTEST,
                "peak_normalised": int(self._peak),
            },
            licence=local.licence,
        )

    def load(self, device: str) -> None:
        """Read feature extractor and weights."""
        from mixedsignals.encoders.overlay import lay_over

        model = load_model(self.local, "audio")
        self._is_whisper = model.config.model_type == "whisper"
        if model.config.is_encoder_decoder:
            model = model.get_encoder()
        lay_over(model, self.tuned)
        self.model, self._device = model.to(device), device

        def extractor() -> Any:
            from transformers import AutoFeatureExtractor

            folder = self.local.folder
            return AutoFeatureExtractor.from_pretrained(
                folder, local_files_only=True, trust_remote_code=False
            )

        self.extractor = load_part(self.local, extractor)
        from mixedsignals.encoders.huggingface.perclip import per_clip

        self._per_clip = per_clip(self.model)

    def prepare(self, source: Source) -> Prepared:
        """Decode, cut, normalise, and make what the model takes: a waveform, or a spectrogram and its filled length."""
        assert source.path is not None
        wanted = self._seconds + _SHORTEST  # a little more than is kept tells whether the clip goes on
        samples = media.audio(
            source.path, start=source.start, end=source.end, rate=self._rate, max_seconds=wanted
        )
        cut = len(samples) > self._seconds * self._rate
        samples = samples[: int(self._seconds * self._rate)]
        shortest = int(_SHORTEST * self._rate)
        if len(samples) < shortest:
            samples = np.pad(samples, (0, shortest - len(samples)))
        if self._peak and (peak := np.abs(samples).max()) > 0:
            samples = samples / peak
        given = self.extractor(samples, sampling_rate=self._rate, return_tensors="np")
        values = np.asarray(given[self.extractor.model_input_names[0]][0], dtype=np.float32)
        return Prepared((values, len(samples)), cut=cut)

    def encode(self, batch: Sequence[Prepared]) -> Array:
        """Waveforms are padded and masked together; spectrograms of equal shape go through together."""
        if batch[0].payload[0].ndim == 1 and self._per_clip is not None:
            return self._padded([item.payload[0] for item in batch], self._per_clip)
        groups: dict[tuple[int, ...], list[int]] = {}
        for row, item in enumerate(batch):
            groups.setdefault(item.payload[0].shape, []).append(row)
        vectors: dict[int, Array] = {}
        for rows in groups.values():
            vectors |= zip(rows, self._equal([batch[row].payload for row in rows]), strict=True)
        return np.stack([vectors[row] for row in range(len(batch))])

    def _padded(self, waves: Sequence[npt.NDArray[np.float32]], convolutions: PerClip) -> Array:
        import torch

        from mixedsignals.encoders.pooling import filled, pool

        lengths = [len(wave) for wave in waves]
        padded = np.zeros((len(waves), max(lengths)), dtype=np.float32)
        for row, wave in enumerate(waves):
            padded[row, : len(wave)] = wave
        given = torch.from_numpy(padded).to(self._device)
        mask = filled(lengths, given.shape[1], self._device).long()
        with torch.inference_mode(), convolutions.of(lengths):
            states = self.model(given, attention_mask=mask).last_hidden_state
            frames = self.model._get_feature_vector_attention_mask(states.shape[1], mask)
            return pool(states, frames.bool(), self._pooling)

    def _equal(self, payloads: Sequence[tuple[npt.NDArray[np.float32], int]]) -> Array:
        """Inputs of one shape. Whisper pads to 30 s, so of its positions only those that the clip fills are pooled."""
        import torch

        from mixedsignals.encoders.pooling import filled, pool

        given = torch.from_numpy(np.stack([values for values, _ in payloads])).to(self._device)
        with torch.inference_mode():
            states = self.model(given).last_hidden_state
            lengths = [states.shape[1]] * len(payloads)
            if self._is_whisper:
                longest = self.extractor.n_samples
                lengths = [math.ceil(samples / longest * states.shape[1]) for _, samples in payloads]
            return pool(states, filled(lengths, states.shape[1], self._device), self._pooling)
