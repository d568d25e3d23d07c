"""Recordings written: copies that every browser plays, and clips made from arrays for tests and built-in corpora."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from mixedsignals.errors import InputError
from mixedsignals.media.muxing import AAC_RATES, Pictures, Sound, write
from mixedsignals.media.opening import fault, opened, span_within, video_of
from mixedsignals.media.pictures import between, turns, upright
from mixedsignals.media.probing import probe
from mixedsignals.media.sound import blocks

__all__ = ["copied_pictures", "transcode", "write_audio", "write_video"]


def write_video(
    out: Path | str,
    frames: Iterable[NDArray[np.uint8]],
    *,
    fps: float,
    audio: NDArray[np.float32] | None = None,
    rate: int = 16_000,
    crf: int = 26,
    audio_bitrate: int = 64_000,
) -> Path:
    """Write pictures, and sound if given, as MP4 (H.264 and AAC), WebM (VP9 and Opus) or FLV by the suffix of `out`.

    Args:
        out: the file; it appears only when it is whole.
        frames: pictures (height, width, 3), uint8 RGB, all of one size; an odd last row or column is scaled away.
        fps: pictures per second.
        audio: mono samples in [-1, 1] at `rate` Hz.
        rate: samples per second of `audio`.
        crf: constant quality, lower is better and larger (0 to 51).
        audio_bitrate: bits per second.

    Raises:
        ValueError: no pictures, or a suffix that cannot hold pictures.
        CannotFinish: the disk is full or the folder cannot be written.
    """
    pictures = iter(frames)
    first = next(pictures, None)
    if first is None:
        raise ValueError("write_video needs at least one picture")
    pictures = chain([first], pictures)
    timed = ((index / fps, _frame(picture)) for index, picture in enumerate(pictures))
    picture_track = Pictures(timed, first.shape[1], first.shape[0], fps, crf)
    sound_track = None if audio is None else Sound(_pieces(audio, rate), rate, audio_bitrate)
    return write(Path(out), picture_track, sound_track)


def write_audio(
    out: Path | str, samples: NDArray[np.float32], *, rate: int = 16_000, audio_bitrate: int = 64_000
) -> Path:
    """Write mono samples in [-1, 1] at `rate` Hz as WAV (16 bit), FLAC, MP3 or M4A by the suffix of `out`.

    Raises:
        ValueError: no samples, or another suffix.
        CannotFinish: the disk is full or the folder cannot be written.
    """
    if samples.size == 0:
        raise ValueError("write_audio needs at least one sample")
    return write(Path(out), None, Sound(_pieces(samples, rate), rate, audio_bitrate))


def transcode(
    path: Path | str,
    out: Path | str,
    *,
    start: float | None = None,
    end: float | None = None,
    height: int = 360,
) -> Path:
    """Make a copy of a recording, or of a span of it, that every browser plays; give the path of the copy.

    With pictures it is MP4 (H.264, yuv420p, even sizes, and AAC where there is sound), ready to play before it is
    fully loaded; without, M4A (AAC). The suffix of `out` is replaced by the right one. Sound becomes mono, pictures
    upright with square pixels. Memory does not grow with length.

    Args:
        path: the recording.
        out: where the copy goes.
        start, end: the span in seconds; None for the beginning and the end.
        height: pixels; larger pictures are made smaller, smaller ones stay.

    Raises:
        InputError: as `probe`, `bad-span`, `span-outside-media`.
        CannotFinish: the disk is full or the folder cannot be written.
    """
    info = probe(path)
    begin, last = span_within(path, start, end, info.duration)
    pictures = copied_pictures(path, begin, last, height) if info.has_video else None
    rate = info.sample_rate if info.sample_rate in AAC_RATES else AAC_RATES[0]
    pieces = blocks(path, start=begin, end=last, rate=rate) if info.has_audio else iter(())
    opening = next(pieces, None)
    sound = None if opening is None else Sound(chain([opening], pieces), rate, 96_000)
    if pictures is None and sound is None:
        message = f"there is nothing to play from {begin:g} s on"
        raise InputError(fault("no-audio-in-span", path, message, "Correct start and end."))
    suffix = ".mp4" if pictures is not None else ".m4a"
    try:
        return write(Path(out).with_suffix(suffix), pictures, sound)
    except av.FFmpegError as error:
        message = f"cannot be copied for playing ({error.strerror})"
        raise InputError(fault("unreadable-media", path, message, "Convert it, or leave it out.")) from error


def _frame(picture: NDArray[np.uint8]) -> av.VideoFrame:
    return av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")


def _pieces(samples: NDArray[np.float32], rate: int) -> Iterator[NDArray[np.float32]]:
    for begin in range(0, samples.size, rate):
        yield np.asarray(samples[begin : begin + rate], dtype=np.float32)


def copied_pictures(
    path: Path | str, begin: float, last: float | None, height: int, *, crf: int = 26
) -> Pictures:
    """The pictures of a span, upright and with square pixels, at most `height` pixels high, ready to be written.

    Raises:
        InputError: as `opened`; `no-video-track`, `no-video-in-span`.
    """
    timed = between(path, begin, last)
    first = next(timed, None)
    if first is None:
        message = f"no picture could be decoded from {begin:g} s on"
        raise InputError(
            fault("no-video-in-span", path, message, "Correct start and end, or name the right file.")
        )
    with opened(path) as container:
        stream = video_of(container, path)
        fps = float(stream.average_rate or 25)
        aspect = float(stream.sample_aspect_ratio or 1)
    turned = turns(first[1]) % 2
    upright_frames = (
        (time, _frame(upright(frame)) if turns(frame) else frame) for time, frame in chain([first], timed)
    )
    wide, high = first[1].width * aspect, first[1].height
    if turned:
        wide, high = high, wide
    scale = min(1.0, height / high)
    return Pictures(upright_frames, round(wide * scale), round(high * scale), fps, crf)
