"""Pictures by EfficientNet-lite0 on 16 frames at even steps: the offline video encoder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from mixedsignals import media
from mixedsignals.encoders.catalogue import WEIGHTS, weights_card
from mixedsignals.encoders.protocol import Array, EncoderRequest, Pooling, Prepared
from mixedsignals.encoders.weights import weights_folder
from mixedsignals.sources import Source

__all__ = ["EfficientNetFrames", "middle_square"]

_AT_ONCE = 4


class EfficientNetFrames:
    """EfficientNet-lite0 on 16 frames at even steps through the clip; the vector is their mean."""

    batch_size = 4
    _count = 16
    _side = 224

    def __init__(self, request: EncoderRequest, cache: Path) -> None:
        self._cache = cache
        self._max_seconds = request.max_seconds or (10.0 if request.paper else None)
        self._count = request.frames or self._count
        self.tuned: Mapping[str, Any] = {}
        self._pooling: Pooling = request.pooling or "mean"
        preprocessing: dict[str, str | int | float] = {"frames": self._count, "size": self._side}
        if self._max_seconds is not None:
            preprocessing["max_seconds"] = self._max_seconds
        self.card = weights_card("efficientnet-lite0", pooling=self._pooling, preprocessing=preprocessing)

    def load(self, device: str) -> None:
        """Read the state dict."""
        import torch

        from mixedsignals.encoders.efficientnet import load_efficientnet
        from mixedsignals.encoders.overlay import lay_over

        (file,) = WEIGHTS["efficientnet-lite0"].files
        folder = weights_folder("efficientnet-lite0", cache=self._cache)
        model = load_efficientnet(folder / file.name)
        lay_over(model, self.tuned)
        self.model = model.folded().to(device, memory_format=torch.channels_last)
        self._device = device

    def prepare(self, source: Source) -> Prepared:
        """Decode the frames; scale the shorter side to 224 px and keep the middle square."""
        assert source.path is not None
        frames = media.frames(
            source.path, count=self._count, start=source.start, end=source.end, max_seconds=self._max_seconds
        )
        return Prepared(np.stack([middle_square(frame, self._side) for frame in frames]))

    def encode(self, batch: Sequence[Prepared]) -> Array:
        """Four frames at a time: they stay in the processor's cache, and memory stays small."""
        import torch

        vectors = []
        with torch.inference_mode():
            for item in batch:
                pictures = torch.from_numpy(item.payload).to(self._device).permute(0, 3, 1, 2).float()
                pictures = pictures.sub_(127.0).div_(128.0)
                features = torch.cat([self.model(part) for part in pictures.split(_AT_ONCE)])
                vectors.append(features.mean(dim=0) if self._pooling == "mean" else features[0])
            return np.asarray(torch.stack(vectors).cpu().numpy(), dtype=np.float32)


def middle_square(frame: npt.NDArray[np.uint8], side: int) -> npt.NDArray[np.uint8]:
    """The picture (h, w, 3) with its shorter side scaled to `side`, cut to the middle (side, side, 3)."""
    height, width = frame.shape[:2]
    scale = side / min(height, width)
    size = (max(side, round(width * scale)), max(side, round(height * scale)))
    picture = Image.fromarray(frame).resize(size, Image.Resampling.BILINEAR)
    left, top = (size[0] - side) // 2, (size[1] - side) // 2
    return np.asarray(picture.crop((left, top, left + side, top + side)))
