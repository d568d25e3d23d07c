"""Which network learns for which encoder."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from pathlib import Path

import torch

from mixedsignals.encoders.frames import EfficientNetFrames
from mixedsignals.encoders.huggingface.audio import AudioEncoder
from mixedsignals.encoders.huggingface.text import TextEncoder
from mixedsignals.encoders.huggingface.video import VideoEncoder
from mixedsignals.encoders.protocol import Encoder
from mixedsignals.encoders.tuning.huggingface import huggingface_network
from mixedsignals.encoders.tuning.lite import FramesNetwork, WhisperNetwork
from mixedsignals.encoders.tuning.network import Network
from mixedsignals.encoders.whisper import WhisperTiny
from mixedsignals.encoders.whispernet import WhisperEncoder
from mixedsignals.errors import UsageError
from mixedsignals.tuning_options import TuningOptions

__all__ = ["build_network", "check_tunable"]


def check_tunable(encoder: Encoder) -> None:
    """Refuse before anything is loaded what has no weights to tune.

    Raises:
        UsageError: an encoder of another package.
    """
    if not isinstance(encoder, TextEncoder | AudioEncoder | VideoEncoder | WhisperTiny | EfficientNetFrames):
        raise UsageError(
            f"the encoder {encoder.card.encoder} comes from another package and cannot be tuned; name a model of "
            "Transformers or `lite`, or --tune frozen."
        )


def build_network(
    encoder: Encoder, labels: Sequence[str], *, tune: str, options: TuningOptions, seed: int, cache: Path
) -> Network:
    """The network over an encoder that has been loaded on the CPU; the seed draws the head and the adapters.

    Raises:
        UsageError: the encoder cannot be tuned.
    """
    check_tunable(encoder)
    torch.manual_seed(seed)
    network: Network
    if isinstance(encoder, WhisperTiny):
        network = WhisperNetwork(_own(encoder), len(labels))
    elif isinstance(encoder, EfficientNetFrames):
        network = FramesNetwork(cache, len(labels))
    else:
        network = huggingface_network(encoder, labels)  # type: ignore[arg-type]
    network.learn(tune, lora_rank=options.lora_rank, frozen_dropout=options.frozen_dropout)
    return network


def _own(encoder: WhisperTiny) -> WhisperEncoder:
    """A copy of the encoder's network: the encoder keeps its own."""
    own: WhisperEncoder = copy.deepcopy(encoder.model)
    return own
