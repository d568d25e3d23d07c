"""Text, audio and video models of transformers, by hub name or folder."""

from __future__ import annotations

from mixedsignals.encoders.huggingface.local import find_model
from mixedsignals.encoders.protocol import Encoder, EncoderRequest

__all__ = ["huggingface_encoder"]


def huggingface_encoder(request: EncoderRequest) -> Encoder:
    """The encoder for a hub name or a folder; `AutoModel` decides the class from the model's own configuration.

    Raises:
        InputError: as `find_model`.
        CannotFinish: as `find_model`.
    """
    local = find_model(request.name)
    if request.modality == "text":
        from mixedsignals.encoders.huggingface.text import TextEncoder

        return TextEncoder(request, local)
    if request.modality == "audio":
        from mixedsignals.encoders.huggingface.audio import AudioEncoder

        return AudioEncoder(request, local)
    from mixedsignals.encoders.huggingface.video import VideoEncoder

    return VideoEncoder(request, local)
