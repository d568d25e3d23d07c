"""The sound side of `alter`: silence, noise at a stated ratio, a shift in time.

A first pass measures the sound (its length, power, peak and, for speech-shaped noise, its spectrum); a second writes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from mixedsignals.errors import InputError
from mixedsignals.media.muxing import AAC_RATES, Sound
from mixedsignals.media.opening import fault
from mixedsignals.media.probing import probe
from mixedsignals.media.sound import blocks
from mixedsignals.media.withholding import Part

__all__ = ["LOSSLESS", "SILENT", "Noise", "NoiseKind", "altered_sound"]

LOSSLESS = frozenset({".mkv", ".flac", ".wav"})
"""Suffixes whose sound keeps its own rate and loses nothing but what 16 bits cannot hold."""

SILENT = 1e-5
"""Root mean square below which a sound is silent (−100 dB, under the last of 16 bits)."""

NoiseKind = Literal["white", "speech"]
Samples = NDArray[np.float32]

_BITRATE = 192_000
_WINDOW = 512  # samples of the spectrum that speech-shaped noise follows
_ROOM = 0.99  # a mixture may reach this; above, sound and noise are made softer together


@dataclass(frozen=True)
class Noise:
    """Noise to add.

    Attributes:
        snr: ratio of the power of the sound to that of the noise, both over the whole span, in dB.
        kind: `white`, or `speech`: with the long-term spectrum of the sound itself.
        seed: of the noise; the same sound and seed give the same noise.
    """

    snr: float
    kind: NoiseKind = "white"
    seed: int = 0


@dataclass(frozen=True)
class _Measured:
    """What the first pass finds: samples, mean square, peak, and the power spectrum (window/2+1,)."""

    length: int
    power: float
    peak: float
    spectrum: NDArray[np.float64]


def altered_sound(
    part: Part,
    *,
    mute: bool = False,
    noise: Noise | None = None,
    shift: float = 0.0,
    lossless: bool = False,
) -> Sound:
    """The sound of a span, changed, ready to be written.

    Args:
        part: where it comes from.
        mute: silence of the same length.
        noise: added after the shift.
        shift: seconds that it comes later; below 0 earlier.
        lossless: keep its own rate, also where AAC does not take it.

    Raises:
        InputError: as `audio`; `silent-audio`, `shift-outside-media`.
    """
    own = probe(part.path).sample_rate
    rate = own if own and (lossless or own in AAC_RATES) else AAC_RATES[0]
    found = _measure(part, rate)
    if not found.length:
        message = f"the sound track has nothing from {part.start or 0:g} s on"
        remedy = "Correct start and end, or name the right file."
        raise InputError(fault("no-audio-in-span", part.path, message, remedy))
    late = round(shift * rate)
    if abs(late) >= found.length:
        message = f"a shift of {1000 * shift:g} ms leaves nothing of {found.length / rate:.2f} s of sound"
        raise InputError(fault("shift-outside-media", part.path, message, "Choose a smaller shift."))
    if mute:
        return Sound(_silence(found.length, rate), rate, _BITRATE)
    pieces = _shifted(_read(part, rate), found.length, late)
    if noise is not None:
        pieces = _noisy(pieces, found, noise, part)
    return Sound(pieces, rate, _BITRATE)


def _read(part: Part, rate: int) -> Iterator[Samples]:
    """Pieces with samples in them."""
    source = blocks(part.path, start=part.start, end=part.end, rate=rate)
    return (piece for piece in source if piece.size)


def _measure(part: Part, rate: int) -> _Measured:
    length, total, peak = 0, 0.0, 0.0
    spectrum, windows = np.zeros(_WINDOW // 2 + 1), 0
    taper, left = np.hanning(_WINDOW), np.zeros(0, np.float32)
    for piece in _read(part, rate):
        length += piece.size
        total += float(np.square(piece, dtype=np.float64).sum())
        peak = max(peak, float(np.abs(piece).max()))
        left = np.concatenate([left, piece])
        whole = left.size // _WINDOW
        parts = left[: whole * _WINDOW].reshape(whole, _WINDOW) * taper
        spectrum += (np.abs(np.fft.rfft(parts, axis=1)) ** 2).sum(axis=0)
        windows, left = windows + whole, left[whole * _WINDOW :]
    return _Measured(length, total / max(length, 1), peak, spectrum / max(windows, 1))


def _silence(length: int, rate: int) -> Iterator[Samples]:
    for begin in range(0, length, rate):
        yield np.zeros(min(rate, length - begin), np.float32)


def _shifted(pieces: Iterator[Samples], length: int, late: int) -> Iterator[Samples]:
    """The same number of samples, `late` of them silence before (or, below 0, after) what is left of the sound."""
    if late > 0:
        yield np.zeros(late, np.float32)
    skip, room = max(0, -late), length - abs(late)
    for whole in pieces:
        piece = whole[skip:]
        skip = max(0, skip - whole.size)
        piece, room = piece[:room], room - min(room, piece.size)
        if piece.size:
            yield piece
    if late < 0:
        yield np.zeros(-late, np.float32)


def _noisy(pieces: Iterator[Samples], found: _Measured, noise: Noise, part: Part) -> Iterator[Samples]:
    """The sound with noise; both softer together where the sum would not fit.

    Raises:
        InputError: `silent-audio`.
    """
    if found.power <= SILENT**2:
        message = f"is silent, so no noise is {noise.snr:g} dB below it"
        raise InputError(fault("silent-audio", part.path, message, "Leave the clip out, or add sound."))
    drawn = sum(float(np.square(one, dtype=np.float64).sum()) for one in _noise(found, noise))
    wanted = found.power * 10 ** (-noise.snr / 10)
    scale = float(np.sqrt(wanted / (drawn / found.length)))
    loudest = found.peak + scale * max(float(np.abs(one).max()) for one in _noise(found, noise))
    gain = min(1.0, _ROOM / loudest)
    return _mixed(pieces, _noise(found, noise), scale, gain)


def _mixed(
    pieces: Iterator[Samples], noise: Iterator[Samples], scale: float, gain: float
) -> Iterator[Samples]:
    held = np.zeros(0, np.float32)
    for piece in pieces:
        while held.size < piece.size:
            held = np.concatenate([held, next(noise)])
        yield np.asarray(gain * (piece + scale * held[: piece.size]), dtype=np.float32)
        held = held[piece.size :]


def _noise(found: _Measured, noise: Noise) -> Iterator[Samples]:
    """Noise as long as the sound, in pieces; its power is of no account."""
    from scipy import signal

    rng = np.random.default_rng(noise.seed)
    shape = _shape(found.spectrum) if noise.kind == "speech" else np.ones(1)
    state = np.zeros(len(shape) - 1)
    for begin in range(0, found.length, 1 << 15):
        white = rng.standard_normal(min(1 << 15, found.length - begin))
        if len(shape) > 1:
            white, state = signal.lfilter(shape, 1.0, white, zi=state)
        yield white.astype(np.float32)


def _shape(spectrum: NDArray[np.float64]) -> NDArray[np.float64]:
    """A filter (window,) whose gain is the root of a power spectrum."""
    response = np.fft.irfft(np.sqrt(spectrum))
    filtering: NDArray[np.float64] = np.roll(response, _WINDOW // 2) * np.hanning(_WINDOW)
    return filtering / max(float(np.sqrt(np.square(filtering).sum())), 1e-30)
