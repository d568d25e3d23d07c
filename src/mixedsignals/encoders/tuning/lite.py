"""The offline audio and video encoders as they learn; their heads are those of the same family in Transformers.

Whisper's head is that of `WhisperForAudioClassification` (projection, mean, classifier), with the mean over what the
clip fills; EfficientNet's that of `EfficientNetForImageClassification`, with the mean over the frames.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from mixedsignals.encoders.catalogue import WEIGHTS
from mixedsignals.encoders.efficientnet import WIDTH, load_efficientnet
from mixedsignals.encoders.tuning.network import Item, Network, padded
from mixedsignals.encoders.weights import weights_folder
from mixedsignals.encoders.whispernet import WhisperEncoder

__all__ = ["PROJECTION", "FramesNetwork", "WhisperNetwork"]

PROJECTION = 256  # classifier_proj_size of Transformers' Whisper


class WhisperNetwork(Network):
    """The encoder of Whisper on clips of any length: padded with zeros, and masked."""

    def __init__(self, encoder: WhisperEncoder, n_labels: int) -> None:
        super().__init__()
        self.encoder = encoder
        self.projector = nn.Linear(encoder.width, PROJECTION)
        self.classifier = nn.Linear(PROJECTION, n_labels)
        self._n_layers = len(encoder.layers)

    def backbone(self) -> WhisperEncoder:
        return self.encoder

    def head(self) -> dict[str, nn.Parameter]:
        parts = {"projector": self.projector, "classifier": self.classifier}
        return {
            f"{part}.{name}": value
            for part, module in parts.items()
            for name, value in module.named_parameters()
        }

    def outline(self, payload: Any) -> tuple[int, ...]:
        """Positions that the encoder sees, and how many of them the clip fills."""
        mel, filled = payload
        return mel.shape[1] // 2, filled

    def collate(self, items: Sequence[Item]) -> dict[str, Tensor]:
        seen, filled = (torch.tensor([item.outline[at] for item in items]) for at in (0, 1))
        batch = {"seen": seen, "filled": filled}
        if items[0].inner is not None:
            return {**batch, "inner": padded([item.inner for item in items if item.inner is not None])}
        mels = [torch.from_numpy(np.asarray(item.payload[0])).T for item in items]
        return {**batch, "mel": padded(mels).transpose(1, 2).contiguous()}

    def forward(
        self, seen: Tensor, filled: Tensor, mel: Tensor | None = None, inner: Tensor | None = None
    ) -> Tensor:
        """Logits (n, labels)."""
        first = self.first or 0
        if inner is None:
            assert mel is not None
            mask = _below(seen, mel.shape[2] // 2)
            inner = self.encoder.lower(mel, mask, first)
        else:
            mask = _below(seen, inner.shape[1])
        states = self.encoder.upper(inner, mask, first)
        weights = _below(filled, states.shape[1]).to(states.dtype)[:, :, None]
        pooled = (self.projector(states) * weights).sum(dim=1) / weights.sum(dim=1)
        logits: Tensor = self.classifier(pooled)
        return logits

    def enters(self, items: Sequence[Item]) -> list[Tensor]:
        batch = {name: value.to(self.projector.weight.device) for name, value in self.collate(items).items()}
        with torch.no_grad():
            mask = _below(batch["seen"], batch["mel"].shape[2] // 2)
            states = self.encoder.lower(batch["mel"], mask, self.first or 0)
        return [row[: item.outline[0]].cpu() for row, item in zip(states, items, strict=True)]

    def replaying(self) -> None:
        for at in range(self.first or 0):
            self.encoder.layers[at] = nn.Identity()


class FramesNetwork(Network):
    """EfficientNet-lite0 on every frame; the head reads the mean over the frames."""

    def __init__(self, cache: Path, n_labels: int) -> None:
        super().__init__()
        (file,) = WEIGHTS["efficientnet-lite0"].files
        self.efficientnet = load_efficientnet(weights_folder("efficientnet-lite0", cache=cache) / file.name)
        self.classifier = nn.Linear(WIDTH, n_labels)

    def backbone(self) -> Any:
        return self.efficientnet

    def head(self) -> dict[str, nn.Parameter]:
        return {f"classifier.{name}": value for name, value in self.classifier.named_parameters()}

    def outline(self, payload: Any) -> tuple[int, ...]:
        return (len(payload),)

    def collate(self, items: Sequence[Item]) -> dict[str, Tensor]:
        if items[0].inner is not None:
            return {"inner": torch.stack([item.inner for item in items if item.inner is not None])}
        frames = np.stack([np.asarray(item.payload) for item in items])
        return {"frames": torch.from_numpy(frames)}

    def forward(self, frames: Tensor | None = None, inner: Tensor | None = None) -> Tensor:
        """Logits (n, labels) of frames (n, frames, 224, 224, 3) in bytes."""
        if inner is None:
            assert frames is not None
            n = len(frames)
            features = self.efficientnet.upper(self._lower(frames), self.first or 0)
        else:
            n = len(inner)
            features = self.efficientnet.upper(inner.flatten(0, 1), self.first or 0)
        logits: Tensor = self.classifier(features.unflatten(0, (n, -1)).mean(dim=1))
        return logits

    def _lower(self, frames: Tensor) -> Tensor:
        pictures = frames.flatten(0, 1).permute(0, 3, 1, 2).float().sub(127.0).div(128.0)
        return self.efficientnet.lower(
            pictures.contiguous(memory_format=torch.channels_last), self.first or 0
        )

    def enters(self, items: Sequence[Item]) -> list[Tensor]:
        frames = self.collate(items)["frames"].to(self.classifier.weight.device)
        with torch.no_grad():
            inner = self._lower(frames)
        return [row.cpu().contiguous() for row in inner.unflatten(0, (len(items), -1))]

    def replaying(self) -> None:
        for at in range(self.first or 0):
            self.efficientnet._blocks[at] = nn.Identity()


def _below(lengths: Tensor, positions: int) -> Tensor:
    return torch.arange(positions, device=lengths.device)[None, :] < lengths[:, None]
