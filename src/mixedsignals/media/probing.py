"""What a recording holds, read from its header: tracks, length, sizes, codecs, and whether browsers can play it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import av
from av.container import InputContainer

from mixedsignals.errors import InputError
from mixedsignals.media.opening import fault, first_audio, first_video, opened, packets, zero

__all__ = ["MediaInfo", "describe", "length_of", "playable", "probe"]

_CONTAINERS = {"mov,mp4,m4a,3gp,3g2,mj2": "mp4", "matroska,webm": "webm", "live_flv": "flv", "w64": "wav"}

# Container -> (video codecs, sound codecs) that Chromium, Firefox and Safari all play.
_PLAYED = {
    "mp4": ({"h264"}, {"aac", "mp3", "mp3float"}),
    "webm": ({"vp8", "vp9"}, {"opus", "vorbis"}),
    "wav": (set[str](), {"pcm_u8", "pcm_s16le", "pcm_s24le", "pcm_f32le"}),
    "mp3": (set[str](), {"mp3", "mp3float"}),
    "flac": (set[str](), {"flac"}),
}
_CODEC_NAMES = {"mp3float": "mp3", "libvpx-vp9": "vp9", "libopus": "opus", "libdav1d": "av1"}


@dataclass(frozen=True)
class MediaInfo:
    """What one file holds; None where the file has no such track or does not say.

    Attributes:
        duration: length in seconds of the longest track; counted from the packets where the header is silent.
        has_audio, has_video: whether a track that can be decoded is there; a cover picture is no video.
        width, height: pixels as coded, before any rotation.
        fps: mean frames per second.
        video_codec, audio_codec: short names such as `h264`, `vp6f`, `aac`, `mp3`.
        sample_rate: of the sound, in Hz.
        container: `mp4`, `webm` (Matroska too), `flv`, `wav`, `flac`, `mp3`, `ogg`, or FFmpeg's own name.
    """

    duration: float | None
    has_audio: bool
    has_video: bool
    width: int | None
    height: int | None
    fps: float | None
    video_codec: str | None
    audio_codec: str | None
    sample_rate: int | None
    container: str


def probe(path: Path | str) -> MediaInfo:
    """Read what a recording holds, without decoding it.

    Raises:
        InputError: `missing-media`, `empty-media`, `truncated-media` or `unreadable-media`; the last also for a file
            whose tracks are all of kinds that cannot be decoded.
    """
    with opened(path) as container:
        return describe(container, path)


def describe(container: InputContainer, path: Path | str) -> MediaInfo:
    """`probe` on a file that is open; reads on in it only where the header gives no length."""
    sound, picture = first_audio(container), first_video(container)
    if sound is None and picture is None:
        message = "holds no sound and no video track that can be decoded"
        raise InputError(fault("unreadable-media", path, message, "Convert it, or name the right file."))
    rate = picture.average_rate or picture.guessed_rate if picture is not None else None
    return MediaInfo(
        duration=length_of(container, path),
        has_audio=sound is not None,
        has_video=picture is not None,
        width=picture.codec_context.width if picture is not None else None,
        height=picture.codec_context.height if picture is not None else None,
        fps=float(rate) if rate else None,
        video_codec=_codec(picture),
        audio_codec=_codec(sound),
        sample_rate=sound.codec_context.sample_rate or None if sound is not None else None,
        container=_CONTAINERS.get(container.format.name, container.format.name),
    )


def _codec(stream: av.AudioStream | av.VideoStream | None) -> str | None:
    if stream is None:
        return None
    return _CODEC_NAMES.get(stream.codec_context.name, stream.codec_context.name)


def length_of(container: InputContainer, path: Path | str) -> float | None:
    """Length in seconds: as the header states it, else counted from the packets of a second reading."""
    if container.duration and container.duration > 0:
        return container.duration / av.time_base
    with opened(path) as again:
        end = None
        for packet in packets(again):
            if (
                packet.stream.type in ("audio", "video")
                and packet.pts is not None
                and packet.time_base is not None
            ):
                last = float((packet.pts + (packet.duration or 0)) * packet.time_base)
                end = last if end is None else max(end, last)
        return None if end is None else max(0.0, end - zero(again))


def playable(path: Path | str) -> bool:
    """Whether the browsers in use play this file as it is: True only where all of them are known to.

    Raises:
        InputError: as `probe`.
    """
    with opened(path) as container:
        info = describe(container, path)
        picture = first_video(container)
        if container.metadata.get("major_brand", "").strip() == "qt" or info.container not in _PLAYED:
            return False
        videos, sounds = _PLAYED[info.container]
        if info.video_codec is not None and info.video_codec not in videos:
            return False
        if info.audio_codec is not None and info.audio_codec not in sounds:
            return False
        return picture is None or picture.codec_context.pix_fmt in ("yuv420p", "yuvj420p")
