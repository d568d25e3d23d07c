"""Tuned tensors as an encoder: the pretrained one that they were tuned from, with them laid over."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from mixedsignals.encoders.protocol import Encoder, EncoderRequest
from mixedsignals.encoders.registry import find_encoder
from mixedsignals.encoders.tuning.saving import Tuned, backbone_part
from mixedsignals.errors import InputError, Problem

__all__ = ["request_record", "tuned_encoder"]


def request_record(request: EncoderRequest) -> dict[str, Any]:
    """What has to be known to find the pretrained encoder again."""
    return {name: value for name, value in asdict(request).items() if value is not None}


def tuned_encoder(tuned: Tuned, cache: Path) -> Encoder:
    """The encoder whose embeddings carry the fold and the seed of the tuning.

    Raises:
        InputError: the pretrained encoder is not the one that was tuned.
        CannotFinish: the pretrained encoder cannot be had.
    """
    encoder: Any = find_encoder(EncoderRequest(**tuned.request), cache)
    base, _, _ = tuned.card.revision.partition("+")
    if encoder.card.revision != base:
        message = f"was tuned from {tuned.card.encoder} at revision {base[:12]}; there is {encoder.card.revision[:12]}"
        remedy = "Bring the pretrained encoder at that revision (NAME@REVISION), or tune again."
        raise InputError(Problem("other-revision", message, remedy, file=str(tuned.folder)))
    encoder.tuned = backbone_part(tuned.tensors())
    encoder.card = tuned.card
    found: Encoder = encoder
    return found
