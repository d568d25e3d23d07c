"""The face of one recording and the voice of another made equally long, without inventing anything.

The shorter one stays whole. The longer one is cut to its length where the loudness of the voice follows best that of
the sound which the face itself made, or about its middle where that face has no sound. Nothing is padded: encoders
would take silence and stills for content.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mixedsignals.media.opening import first_audio, first_video, opened, span_within, track_end
from mixedsignals.media.probing import length_of
from mixedsignals.media.sound import blocks
from mixedsignals.media.withholding import Part

__all__ = ["Fit", "fitted"]

_RATE = 8_000
_STEP = 0.02  # s of one value of a loudness curve
_TELLS = 0.3  # correlation of two loudness curves below which their best place is an accident
_FLOOR = 1e-4  # −80 dB: what is softer than this is silence


@dataclass(frozen=True)
class Fit:
    """Two spans of one length.

    Attributes:
        picture, sound: what of either is used.
        cut: seconds of the longer one that are left out.
        share: `cut` as a share of the longer one, [0, 1).
    """

    picture: Part
    sound: Part
    cut: float
    share: float


def fitted(picture: Part, sound: Part, *, beside: Part | None = None) -> Fit:
    """The spans of a picture and of a sound from elsewhere that go together.

    Args:
        picture: the face.
        sound: the voice.
        beside: the sound that was recorded with the face, over the same span; None cuts about the middle.

    Raises:
        InputError: as `probe`; `bad-span`, `span-outside-media`.
    """
    seen, heard = _seconds(picture, sound=False), _seconds(sound, sound=True)
    slack = heard - seen
    if abs(slack) < _STEP:
        return Fit(picture, sound, 0.0, 0.0)
    at = abs(slack) / 2 if beside is None else _best(sound, beside, slack)
    kept = min(seen, heard)
    if slack > 0:
        sound = _within(sound, at, kept)
    else:
        picture = _within(picture, at, kept)
    return Fit(picture, sound, abs(slack), abs(slack) / max(seen, heard))


def _within(part: Part, at: float, seconds: float) -> Part:
    begin = (part.start or 0.0) + at
    return replace(part, start=begin, end=begin + seconds)


def _seconds(part: Part, *, sound: bool) -> float:
    """Length of one track within a span, from headers."""
    with opened(part.path) as container:
        length = length_of(container, part.path)
        stream = first_audio(container) if sound else first_video(container)
        end = None if stream is None else track_end(container, stream)
    begin, last = span_within(part.path, part.start, part.end, length)
    ends = [moment for moment in (last, end if end is not None else length) if moment is not None]
    return max(0.0, min(ends, default=begin) - begin)


def _best(sound: Part, beside: Part, slack: float) -> float:
    """Seconds into the longer one at which the two loudness curves agree best."""
    own, other = _curve(beside), _curve(sound)
    longer, shorter = (other, own) if slack > 0 else (own, other)
    places = longer.size - shorter.size + 1
    if places < 2 or not shorter.std() or not longer.std():  # silence has no curve to follow
        return abs(slack) / 2
    agreement = _agreement(longer, shorter)
    if agreement.max() < _TELLS:
        return abs(slack) / 2
    return min(int(np.argmax(agreement)) * _STEP, abs(slack))


def _agreement(longer: NDArray[np.float64], shorter: NDArray[np.float64]) -> NDArray[np.float64]:
    """Correlation of `shorter` with every part of `longer` that is as long, (places,)."""
    from scipy import signal

    size = shorter.size
    shorter = shorter - shorter.mean()
    dots = signal.fftconvolve(longer, shorter[::-1], mode="valid")
    sums = np.concatenate([[0.0], np.cumsum(longer)])
    squares = np.concatenate([[0.0], np.cumsum(longer**2)])
    mean = (sums[size:] - sums[:-size]) / size
    spread = np.sqrt(np.maximum((squares[size:] - squares[:-size]) / size - mean**2, 1e-12))
    return np.asarray(dots / (spread * shorter.std() * size))


def _curve(part: Part) -> NDArray[np.float64]:
    """Loudness (dB) in steps of 20 ms, (steps,)."""
    step, left, powers = round(_RATE * _STEP), np.zeros(0, np.float32), [np.zeros(0)]
    for piece in blocks(part.path, start=part.start, end=part.end, rate=_RATE):
        left = np.concatenate([left, piece])
        whole = left.size // step
        powers.append(np.square(left[: whole * step], dtype=np.float64).reshape(whole, step).mean(axis=1))
        left = left[whole * step :]
    return np.asarray(10 * np.log10(np.maximum(np.concatenate(powers), _FLOOR**2)))
