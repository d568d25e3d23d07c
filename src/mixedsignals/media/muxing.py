"""Tracks put into one file: the kinds of file that are written, and how sound and pictures are encoded into them.

Both tracks go on side by side in the order of their times, so that length costs no memory.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from heapq import merge
from pathlib import Path
from typing import Any, TypeAlias, cast

import av
import numpy as np
from av.container import OutputContainer
from numpy.typing import NDArray

from mixedsignals.store import atomic

__all__ = ["AAC_RATES", "Pictures", "Sound", "write"]

AAC_RATES = (44_100, 48_000, 32_000, 24_000, 22_050, 16_000)
"""Samples per second that AAC in MP4 takes everywhere; the first is the default."""


@dataclass(frozen=True)
class _Kind:
    """How one file suffix is written."""

    container: str
    video: str | None
    audio: str
    audio_rate: int | None = None  # None: the rate of the sound itself


_CLOCK = 90_000  # ticks per second of written pictures: fine enough for any source
_KINDS = {
    ".mp4": _Kind("mp4", "libx264", "aac"),
    ".m4a": _Kind("ipod", None, "aac"),
    ".mkv": _Kind("matroska", "libx264", "flac"),  # sound without loss, for encoders
    ".webm": _Kind("webm", "libvpx-vp9", "libopus", 48_000),
    ".flv": _Kind("flv", "flv", "libmp3lame", 44_100),
    ".wav": _Kind("wav", None, "pcm_s16le"),
    ".flac": _Kind("flac", None, "flac"),
    ".mp3": _Kind("mp3", None, "libmp3lame", 44_100),
}
_VIDEO_OPTIONS = {
    "libx264": {"preset": "veryfast", "a53cc": "0"},  # no captions hidden in the pictures
    "libvpx-vp9": {"cpu-used": "8", "deadline": "realtime", "b": "0"},
    "flv": {"qscale": "5"},
}


_Packets: TypeAlias = "Iterator[tuple[float, av.Packet[Any]]]"


@dataclass(frozen=True)
class Pictures:
    """Pictures to write with their times (s)."""

    timed: Iterator[tuple[float, av.VideoFrame]]
    width: int
    height: int
    fps: float
    crf: int


@dataclass(frozen=True)
class Sound:
    """Sound to write, mono in pieces."""

    pieces: Iterator[NDArray[np.float32]]
    rate: int
    bitrate: int


def write(out: Path, pictures: Pictures | None, sound: Sound | None) -> Path:
    """Write one file of the kind that its suffix names; it appears only when it is whole.

    Raises:
        ValueError: a suffix that cannot hold these tracks.
        CannotFinish: the disk is full or the folder cannot be written.
    """
    kind = _kind(out, video=pictures is not None)
    options = {"movflags": "+faststart"} if kind.container in ("mp4", "ipod") else {}
    if kind.container == "matroska":
        options = {"fflags": "+bitexact"}  # else every file bears a number drawn at random
    with (
        atomic(out) as partial,
        av.open(str(partial.absolute()), "w", format=kind.container, options=options) as container,
    ):
        packets = []
        if pictures is not None and kind.video is not None:
            packets.append(_encoded_pictures(container, kind.video, pictures))
        if sound is not None:
            packets.append(_encoded_sound(container, kind, sound))
        for _, packet in merge(*packets, key=lambda timed: timed[0]):
            container.mux(packet)
    return out


def _kind(out: Path, *, video: bool) -> _Kind:
    fitting = {suffix: kind for suffix, kind in _KINDS.items() if (kind.video is not None) == video}
    kind = fitting.get(out.suffix.lower())
    if kind is None:
        raise ValueError(f"{out.name}: the suffix must be one of {', '.join(fitting)}")
    return kind


def _encoded_pictures(container: OutputContainer, codec: str, pictures: Pictures) -> _Packets:
    rate = Fraction(pictures.fps).limit_denominator(1001)
    quality = {} if codec == "flv" else {"crf": str(pictures.crf)}
    stream = cast(
        av.VideoStream, container.add_stream(codec, rate=rate, options=_VIDEO_OPTIONS[codec] | quality)
    )
    stream.width, stream.height = max(2, pictures.width // 2 * 2), max(2, pictures.height // 2 * 2)
    stream.pix_fmt = "yuv420p"
    # Sources may have uneven steps; Sorenson's coder takes even ones only.
    stream.codec_context.time_base = 1 / rate if codec == "flv" else Fraction(1, _CLOCK)
    last = -1
    for time, frame in pictures.timed:
        if round(time * _CLOCK) <= last:  # broken sources show two pictures at one time, or go back in it
            continue
        last = round(time * _CLOCK)
        ready = frame.reformat(width=stream.width, height=stream.height, format="yuv420p")
        ready.pts, ready.time_base = last, Fraction(1, _CLOCK)
        yield from _timed(stream.encode(ready))
    yield from _timed(stream.encode(None))


def _encoded_sound(container: OutputContainer, kind: _Kind, sound: Sound) -> _Packets:
    rate = kind.audio_rate or sound.rate
    stream = cast(av.AudioStream, container.add_stream(kind.audio, rate=rate, layout="mono"))
    if kind.audio not in ("flac", "pcm_s16le"):
        stream.bit_rate = sound.bitrate
    done = 0
    for piece in sound.pieces:
        frame = av.AudioFrame.from_ndarray(np.clip(piece, -1, 1)[None], format="fltp", layout="mono")
        frame.rate, frame.pts, frame.time_base = sound.rate, done, Fraction(1, sound.rate)
        done += piece.size
        yield from _timed(stream.encode(frame))
    yield from _timed(stream.encode(None))


def _timed(packets: Iterable[av.Packet[Any]]) -> _Packets:
    for packet in packets:
        time = packet.dts if packet.dts is not None else packet.pts
        yield float((time or 0) * packet.time_base), packet
