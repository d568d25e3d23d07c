"""Pictures by any video model of transformers (VideoMAE, TimeSformer, …), or by an image model frame by frame."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mixedsignals import media
from mixedsignals.embeddings import Card
from mixedsignals.encoders.huggingface.loading import load_model, load_part
from mixedsignals.encoders.huggingface.local import LocalModel
from mixedsignals.encoders.protocol import Array, EncoderRequest, Pooling, Prepared
from mixedsignals.sources import Source

__all__ = ["VideoEncoder"]

_FRAMES = 16
_PAPER_SECONDS = 10.0


class VideoEncoder:
    """A video model on frames at even steps: the last hidden state, pooled over its positions.

    As many frames as the model was trained with (16 where it does not say). An image model sees each frame by itself;
    positions and frames are then pooled alike.
    """

    batch_size = 4

    def __init__(self, request: EncoderRequest, local: LocalModel) -> None:
        self.local = local
        self._pooling: Pooling = request.pooling or "mean"
        config = local.settings("config.json")
        self._count = int(config.get("num_frames") or config.get("frames_per_clip") or _FRAMES)
        if request.paper and config.get("model_type") == "timesformer":
            self._count = _FRAMES  # trained on 8, it stretches its places in time
        self._count = request.frames or self._count
        self._seconds = request.max_seconds or (_PAPER_SECONDS if request.paper else None)
        self.tuned: Mapping[str, Any] = {}
        preprocessing: dict[str, str | int | float] = {"frames": self._count}
        if self._seconds is not None:
            preprocessing["max_seconds"] = self._seconds
        self.card = Card(
            modality="video",
            encoder=local.name,
            revision=local.revision,
            layer="last_hidden_state",
            pooling=self._pooling,
            preprocessing=preprocessing,
            licence=local.licence,
        )

    def load(self, device: str) -> None:
        """Read image processor and weights."""
        from mixedsignals.encoders.overlay import lay_over

        model = load_model(self.local, "video")
        model = getattr(model, "vision_model", model)  # of CLIP and its kin, the half that sees
        lay_over(model, self.tuned)
        self.model, self._device = model.to(device), device

        def processor() -> Any:
            from transformers import AutoImageProcessor

            # Pillow gives the same picture whether or not torchvision is installed.
            return AutoImageProcessor.from_pretrained(
                self.local.folder, backend="pil", local_files_only=True, trust_remote_code=False
            )

        self.processor = load_part(self.local, processor)

    def prepare(self, source: Source) -> Prepared:
        """Decode the frames and make what the model takes: (frames, 3, height, width)."""
        assert source.path is not None
        frames = media.frames(
            source.path, count=self._count, start=source.start, end=source.end, max_seconds=self._seconds
        )
        given = self.processor(list(frames), return_tensors="np")
        pixels = np.asarray(given[self.processor.model_input_names[0]], dtype=np.float32)
        return Prepared(pixels.reshape(self._count, *pixels.shape[-3:]))

    def encode(self, batch: Sequence[Prepared]) -> Array:
        """A video model takes clips of frames, an image model the frames themselves."""
        import torch

        from mixedsignals.encoders.huggingface.loading import sees_clips
        from mixedsignals.encoders.pooling import pool

        given = torch.from_numpy(np.stack([item.payload for item in batch])).to(self._device)
        name = self.model.main_input_name
        with torch.inference_mode():
            if sees_clips(self.model.config.model_type):
                states = self.model(**{name: given}).last_hidden_state
            else:
                states = self.model(**{name: given.flatten(0, 1)}).last_hidden_state
                if states.ndim == 4:  # a convolutional network: (frames, channels, height, width)
                    states = states.flatten(2).transpose(1, 2)
                states = states.reshape(len(batch), -1, states.shape[-1])
            everything = torch.ones(states.shape[:2], dtype=torch.bool, device=self._device)
            return pool(states, everything, self._pooling)
