"""What an encoder is: something with a card that prepares one clip at a time and turns a batch into vectors.

The split into `prepare` and `encode` lets decoding run in threads while the model works. A third party registers a
factory under the entry-point group `mixedsignals.encoders`; it takes an `EncoderRequest` and gives an `Encoder`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
import numpy.typing as npt

from mixedsignals.embeddings import Card
from mixedsignals.sources import Source

__all__ = ["Array", "Encoder", "EncoderFactory", "EncoderRequest", "Pooling", "Prepared"]

Array = npt.NDArray[np.float32]
Pooling = Literal["mean", "first"]


@dataclass(frozen=True)
class Prepared:
    """One clip, decoded and ready for the model.

    Attributes:
        payload: whatever the encoder's own `encode` takes.
        cut: whether the clip was longer than what the encoder takes in, so that its end was left out.
    """

    payload: Any
    cut: bool = False


@dataclass(frozen=True)
class EncoderRequest:
    """What the user asked for.

    Attributes:
        modality: `text`, `audio` or `video`.
        name: as the user gave it: a hub name (`owner/model`, `@revision` allowed), a folder, or a registered name.
        pooling: `mean`, `first`, or None for the encoder's own choice.
        paper: prepare clips the way of the paper (audio cut at 10 s and peak-normalised, the first 10 s of video).
        max_seconds: leave out what comes after so many seconds; None leaves it to the encoder.
        frames: pictures per clip; None leaves it to the encoder.
    """

    modality: str
    name: str
    pooling: Pooling | None = None
    paper: bool = False
    max_seconds: float | None = None
    frames: int | None = None


class Encoder(Protocol):
    """Turns clips of one modality into vectors of one width."""

    @property
    def card(self) -> Card:
        """Identity of the vectors; known without loading the model, since the cache is keyed by it."""

    @property
    def batch_size(self) -> int:
        """Clips per batch when the user names none."""

    def load(self, device: str) -> None:
        """Read the weights; called once, only when there is something to encode."""

    def prepare(self, source: Source) -> Prepared:
        """Decode one clip; may run in several threads at once, and never touches the device.

        Raises:
            InputError: with code `no-audio-track` or `no-video-track` the clip lacks the modality; else it is faulty.
        """

    def encode(self, batch: Sequence[Prepared]) -> Array:
        """Vectors (len(batch), width); a clip's vector must not depend on the others in the batch."""


EncoderFactory = Callable[[EncoderRequest, Path], Encoder]
"""Takes the request and the cache folder (where offline weights lie)."""
