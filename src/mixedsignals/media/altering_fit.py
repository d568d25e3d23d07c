"""The face of one recording and the voice of another made equally long, without inventing anything.

The longer one is cut to the length of the shorter where the loudness of the voice follows best that of the sound which
the face itself made, or about its middle where that face has no sound. Where the voice would come clearly too early or
too late even so, both are cut a little more. Nothing is padded: encoders would take silence and stills for content.
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
_ROOM, _PART = 0.4, 0.2  # s, and part of the shorter one, that may be cut beyond the difference of lengths
_BETTER = 0.03  # by how much of a correlation that must fit better
_TELLS = 0.3  # correlation of two loudness curves below which their best place is an accident
_FLOOR, _DEPTH = -80.0, 40.0  # dB: what is softer than this, or than so much below the loudest, is silence


@dataclass(frozen=True)
class Fit:
    """Two spans of one length.

    Attributes:
        picture, sound: what of either is used.
        cut: seconds of the longer one that are left out; the shorter one loses no more than 0.4 s or a fifth.
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
    lag = (heard - seen) / 2 if beside is None else _lag(sound, beside, heard - seen, min(seen, heard))
    skipped, late = max(0.0, -lag), max(0.0, lag)
    kept = min(seen - skipped, heard - late)
    longer = max(seen, heard)
    if longer - kept < _STEP:
        return Fit(picture, sound, 0.0, 0.0)
    return Fit(
        picture if seen - kept < _STEP else _within(picture, skipped, kept),
        sound if heard - kept < _STEP else _within(sound, late, kept),
        longer - kept,
        (longer - kept) / longer,
    )


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


def _lag(sound: Part, beside: Part, slack: float, shorter: float) -> float:
    """Seconds into the voice at which the face begins; below 0 the voice begins so much after the face."""
    own, voice = _curve(beside), _curve(sound)
    if min(own.size, voice.size) < 2 or not own.std() or not voice.std():  # silence has no curve to follow
        return slack / 2
    spare = voice.size - own.size
    inside = _agreement(voice, own) if spare >= 0 else _agreement(own, voice)[::-1]
    if inside.max() < _TELLS and abs(slack) >= _STEP:
        lag = slack / 2
    else:
        lag = (int(np.argmax(inside)) + min(0, spare)) * _STEP
        lag = min(max(lag, min(0.0, slack)), max(0.0, slack))
    more = round(min(_ROOM, _PART * shorter) / _STEP)
    low, high = min(0, spare), max(0, spare)
    outside = [*range(low - more, low), *range(high + 1, high + more + 1)]
    beyond = {step: _overlapping(own, voice, step) for step in outside}
    best = max(beyond, key=lambda step: beyond[step], default=None)
    if best is not None and beyond[best] > max(float(inside.max()) + _BETTER, _TELLS):
        lag = best * _STEP
    return lag


def _overlapping(own: NDArray[np.float64], voice: NDArray[np.float64], step: int) -> float:
    """Correlation of two curves where they overlap when the second begins `step` steps in."""
    begin, end = max(0, -step), min(own.size, voice.size - step)
    one, other = own[begin:end], voice[begin + step : end + step]
    if one.size < 2 or not one.std() or not other.std():
        return -1.0
    return float(np.corrcoef(one, other)[0, 1])


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
    levels = 10 * np.log10(np.maximum(np.concatenate(powers), 10 ** (_FLOOR / 10)))
    return np.asarray(np.maximum(levels, levels.max(initial=_FLOOR) - _DEPTH))
