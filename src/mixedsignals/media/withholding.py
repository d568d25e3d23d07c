"""A recording with a modality withheld: the picture without a sound track, the sound without a picture, or both.

Everything is decoded and encoded anew, for two reasons. What a file holds beside its picture and sound (titles,
captions hidden in the stream, times, covers) cannot come along; and all conditions of a clip go through the same coder,
so that they differ in what is withheld and not in quality.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from mixedsignals.errors import InputError
from mixedsignals.media.loudness import gain_to, loudness, lowpassed
from mixedsignals.media.muxing import AAC_RATES, Sound, write
from mixedsignals.media.opening import fault, span_within
from mixedsignals.media.probing import probe
from mixedsignals.media.sound import blocks
from mixedsignals.media.writing import copied_pictures

__all__ = ["Part", "SoundTreatment", "withhold"]

_QUALITY, _BITRATE = 20, 128_000


@dataclass(frozen=True)
class Part:
    """A recording or a span of it, in seconds from its beginning; None for its beginning and its end."""

    path: Path
    start: float | None = None
    end: float | None = None


@dataclass(frozen=True)
class SoundTreatment:
    """What is done to sound.

    Attributes:
        lowpass: edge of a low-pass filter in Hz; None for none.
        loudness: integrated loudness to bring it to, in LUFS (one gain for the whole sound, no compression; lower where
            the true peak would pass −1 dBTP); None to leave it.
    """

    lowpass: float | None = None
    loudness: float | None = None


def withhold(
    out: Path | str,
    *,
    picture: Part | None = None,
    sound: Part | None = None,
    treatment: SoundTreatment | None = None,
    height: int = 360,
) -> Path:
    """Write what is to be perceived, and nothing else; give the path of the file.

    With a picture it is MP4 (H.264, and AAC in the same file where there is sound), ready to play before it is fully
    loaded; without, M4A (AAC). Sound is mono. The suffix of `out` is replaced by the right one. The file appears only
    when it is whole.

    Args:
        out: where it goes.
        picture, sound: where they come from, the same recording or two; None withholds it.
        treatment: what is done to the sound.
        height: pixels of the picture at most.

    Raises:
        ValueError: neither picture nor sound.
        InputError: as `probe`; `no-video-track`, `no-audio-track`, `bad-span`, `span-outside-media`,
            `no-video-in-span`, `no-audio-in-span`.
        CannotFinish: the disk is full or the folder cannot be written.
    """
    if picture is None and sound is None:
        raise ValueError("withhold needs a picture or a sound")
    shown = None
    if picture is not None:
        begin, last = span_within(picture.path, picture.start, picture.end, probe(picture.path).duration)
        shown = copied_pictures(picture.path, begin, last, height, crf=_QUALITY)
    heard = None if sound is None else _sound(sound, treatment or SoundTreatment())
    suffix = ".m4a" if shown is None else ".mp4"
    try:
        return write(Path(out).with_suffix(suffix), shown, heard)
    except av.FFmpegError as error:
        path = (picture or sound or Part(Path())).path
        message = f"cannot be encoded ({error.strerror})"
        raise InputError(fault("unreadable-media", path, message, "Convert it, or leave it out.")) from error


def _sound(part: Part, treatment: SoundTreatment) -> Sound:
    info = probe(part.path)
    rate = info.sample_rate if info.sample_rate in AAC_RATES else AAC_RATES[0]
    gain = 1.0
    if treatment.loudness is not None:
        gain = gain_to(treatment.loudness, *loudness(_treated(part, rate, treatment), rate))
    pieces = _treated(part, rate, treatment)
    first = next(pieces, None)
    if first is None:
        message = f"the sound track has nothing from {part.start or 0:g} s on"
        remedy = "Correct start and end, or name the right file."
        raise InputError(fault("no-audio-in-span", part.path, message, remedy))
    factor = np.float32(gain)
    return Sound((piece * factor for piece in chain([first], pieces)), rate, _BITRATE)


def _treated(part: Part, rate: int, treatment: SoundTreatment) -> Iterator[NDArray[np.float32]]:
    pieces = blocks(part.path, start=part.start, end=part.end, rate=rate)
    return pieces if treatment.lowpass is None else lowpassed(pieces, rate, treatment.lowpass)
