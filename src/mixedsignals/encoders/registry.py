"""Which encoder a name means: a preset, a built-in one, one that another package registers, a folder, or a hub name."""

from __future__ import annotations

from dataclasses import replace
from importlib import metadata
from pathlib import Path

from mixedsignals.encoders.protocol import Encoder, EncoderFactory, EncoderRequest
from mixedsignals.errors import InputError, Problem

__all__ = ["BUILT_IN", "GROUP", "PRESETS", "find_encoder"]

GROUP = "mixedsignals.encoders"

PRESETS: dict[str, dict[str, str]] = {
    "lite": {"text": "minilm-l6", "audio": "whisper-tiny.en", "video": "efficientnet-lite0"},
    "paper": {
        "text": "roberta-base",
        "audio": "facebook/hubert-base-ls960",
        "video": "MCG-NJU/videomae-base",
    },
}


def _minilm(request: EncoderRequest, cache: Path) -> Encoder:
    from mixedsignals.encoders.huggingface.text import MiniLM

    return MiniLM(request, cache)


def _whisper(request: EncoderRequest, cache: Path) -> Encoder:
    from mixedsignals.encoders.whisper import WhisperTiny

    return WhisperTiny(request, cache)


def _efficientnet(request: EncoderRequest, cache: Path) -> Encoder:
    from mixedsignals.encoders.frames import EfficientNetFrames

    return EfficientNetFrames(request, cache)


def _huggingface(request: EncoderRequest, _cache: Path) -> Encoder:
    from mixedsignals.encoders.huggingface import huggingface_encoder

    return huggingface_encoder(request)


BUILT_IN: dict[str, tuple[str, EncoderFactory]] = {
    "minilm-l6": ("text", _minilm),
    "whisper-tiny.en": ("audio", _whisper),
    "efficientnet-lite0": ("video", _efficientnet),
}


def find_encoder(request: EncoderRequest, cache: Path) -> Encoder:
    """The encoder that the request names; its weights are not loaded yet.

    Raises:
        InputError: an encoder of another modality, or a folder that holds no model.
        CannotFinish: a hub name that is not on this machine while the hub cannot be reached.
    """
    request = _preset(request)
    if request.name in BUILT_IN:
        modality, factory = BUILT_IN[request.name]
        if modality != request.modality:
            raise _wrong_kind(request, modality)
        return factory(request, cache)
    for entry in metadata.entry_points(group=GROUP, name=request.name):
        registered: EncoderFactory = entry.load()
        return registered(request, cache)
    return _huggingface(request, cache)


def _preset(request: EncoderRequest) -> EncoderRequest:
    """`lite` and `paper` to the model for the modality; `paper:NAME` is the paper's way with another model."""
    preset, colon, name = request.name.partition(":")
    if preset == "paper":
        request = replace(request, pooling=request.pooling or "first", paper=True)
    if colon and preset == "paper":
        return replace(request, name=name)
    if request.name not in PRESETS:
        return request
    models = PRESETS[request.name]
    if request.modality not in models:
        raise _wrong_kind(request, " and ".join(models))
    return replace(request, name=models[request.modality])


def _wrong_kind(request: EncoderRequest, modality: str) -> InputError:
    return InputError(
        Problem(
            code="wrong-kind-of-encoder",
            message=f"{request.name} encodes {modality} and was given for {request.modality}",
            remedy=f"Name an encoder for {request.modality}, or `lite`.",
        )
    )
