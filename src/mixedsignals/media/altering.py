"""A recording altered in one stated way: silenced, blackened, frozen, in noise, its voice shifted, or nothing at all.

Whatever is altered passes through the same coder as what is not, so that two recordings made here differ in the
alteration alone. Everything goes through in pieces: length costs no memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import av
import numpy as np

from mixedsignals.errors import InputError
from mixedsignals.media.altering_sound import LOSSLESS, Noise, altered_sound
from mixedsignals.media.muxing import Pictures, write
from mixedsignals.media.opening import fault, span_within
from mixedsignals.media.probing import probe
from mixedsignals.media.withholding import Part
from mixedsignals.media.writing import copied_pictures

__all__ = ["Change", "Freeze", "alter"]

Freeze = Literal["first", "middle"]

_QUALITY = 12  # of H.264: below what an eye can tell from the original


@dataclass(frozen=True)
class Change:
    """What is done to a recording; the default does nothing.

    Attributes:
        mute: the sound track is there and silent.
        black: the picture track is there and black.
        freeze: one picture is held throughout, the `first` or the `middle` one.
        noise: noise added to the sound.
        shift: milliseconds by which the sound comes later than its picture; below 0 it comes earlier. Silence fills
            the gap, what passes the other end is cut, and the length stays.
    """

    mute: bool = False
    black: bool = False
    freeze: Freeze | None = None
    noise: Noise | None = None
    shift: float = 0.0


def alter(
    out: Path | str,
    *,
    picture: Part | None = None,
    sound: Part | None = None,
    change: Change | None = None,
    height: int = 720,
) -> Path:
    """Write a recording with a change; give the path of the file, which appears only when it is whole.

    Args:
        out: with a picture `.mp4` (H.264 and AAC: browsers play it) or `.mkv` (H.264 and FLAC: the sound passes
            without loss); without one `.m4a`, `.flac` or `.wav`.
        picture, sound: where they come from, the same recording or two; `fitted` makes two equally long.
        change: what is done; None only writes it anew.
        height: pixels of the picture at most.

    Raises:
        ValueError: neither picture nor sound, or a suffix that cannot hold them.
        InputError: as `probe`; `no-video-track`, `no-audio-track`, `bad-span`, `span-outside-media`,
            `no-video-in-span`, `no-audio-in-span`; `silent-audio` for noise at a ratio to a silent sound;
            `shift-outside-media` for a shift as long as the sound.
        CannotFinish: the disk is full or the folder cannot be written.
    """
    if picture is None and sound is None:
        raise ValueError("alter needs a picture or a sound")
    out, change = Path(out), change or Change()
    shown = None if picture is None else _pictures(picture, change, height)
    heard = (
        None
        if sound is None
        else altered_sound(
            sound,
            mute=change.mute,
            noise=change.noise,
            shift=change.shift / 1000,
            lossless=out.suffix.lower() in LOSSLESS,
        )
    )
    try:
        return write(out, shown, heard)
    except av.FFmpegError as error:
        path = (picture or sound or Part(Path())).path
        message = f"cannot be encoded ({error.strerror})"
        raise InputError(fault("unreadable-media", path, message, "Convert it, or leave it out.")) from error


def _pictures(part: Part, change: Change, height: int) -> Pictures:
    begin, last = span_within(part.path, part.start, part.end, probe(part.path).duration)

    def opened() -> Pictures:
        return copied_pictures(part.path, begin, last, height, crf=_QUALITY)

    pictures = opened()
    if change.black:
        return replace(pictures, timed=_blackened(pictures))
    if change.freeze is not None:
        times = [time for time, _ in opened().timed]
        wanted = 0 if change.freeze == "first" else len(times) // 2
        return replace(pictures, timed=_held(pictures.timed, times, wanted))
    return pictures


def _blackened(pictures: Pictures) -> Iterator[tuple[float, av.VideoFrame]]:
    black = np.zeros((max(2, pictures.height), max(2, pictures.width), 3), np.uint8)
    for time, _ in pictures.timed:
        yield time, av.VideoFrame.from_ndarray(black, format="rgb24")


def _held(
    timed: Iterator[tuple[float, av.VideoFrame]], times: list[float], wanted: int
) -> Iterator[tuple[float, av.VideoFrame]]:
    """One picture at all times."""
    frame = next(frame for place, (_, frame) in enumerate(timed) if place == wanted)
    yield from ((time, frame) for time in times)
