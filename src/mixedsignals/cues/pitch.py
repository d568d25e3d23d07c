"""Pitch of speech, frame by frame, by autocorrelation.

Each frame offers several candidate periods, and the cheapest path through all frames is taken, so that single frames do
not jump an octave. Source: Boersma (1993), *Accurate short-term analysis of the fundamental frequency and the
harmonics-to-noise ratio of a sampled sound*. Why this and not WORLD or Praat: docs/decisions/0011.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import fft

__all__ = ["PitchOptions", "PitchTrack", "track_pitch"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

_CANDIDATES = 8
_FINER = 4
"""By how much the autocorrelation is interpolated before a parabola finds the top of a peak."""
_CHUNK = 500


@dataclass(frozen=True)
class PitchOptions:
    """What the tracker looks for; the costs are those of the source.

    Attributes:
        floor, ceiling: least and greatest pitch (Hz).
        step: seconds from frame to frame.
        voicing: strength that a period must beat to count as voice, 0 to 1.
        silence: share of the loudest sample below which a frame can hardly be voiced.
        octave: cost of each octave downwards, so that of equal periods the shortest wins.
        jump, change: cost of an octave between frames, and of a change between voiced and unvoiced.
    """

    floor: float = 75.0
    ceiling: float = 600.0
    step: float = 0.01
    voicing: float = 0.45
    silence: float = 0.03
    octave: float = 0.01
    jump: float = 0.35
    change: float = 0.14


@dataclass(frozen=True, eq=False)
class PitchTrack:
    """Pitch over time.

    Attributes:
        times: centres of the frames (s), (n,).
        frequency: pitch (Hz), NaN where unvoiced, (n,).
        strength: normalised autocorrelation at that period, 0 to 1, NaN where unvoiced, (n,).
    """

    times: Floats
    frequency: Floats
    strength: Floats

    @property
    def voiced(self) -> Bools:
        """Which frames have a pitch."""
        return np.isfinite(self.frequency)


def track_pitch(
    samples: npt.NDArray[np.float32], rate: int, options: PitchOptions | None = None
) -> PitchTrack:
    """The pitch of mono sound (n,) at `rate` Hz; no frames where it is shorter than three of the longest periods.

    A pure tone comes out within a cent.
    """
    options = options or PitchOptions()
    width = round(3 * rate / options.floor)
    starts = np.arange(0, len(samples) - width + 1, max(1, round(options.step * rate)))
    if not len(starts):
        return PitchTrack(*(np.zeros(0) for _ in range(3)))
    sound = samples.astype(np.float64)
    loudest = float(np.abs(sound - sound.mean()).max())
    parts = [
        _candidates(sound, starts[at : at + _CHUNK], width, rate, loudest, options)
        for at in range(0, len(starts), _CHUNK)
    ]
    frequency, strength, cost = (np.concatenate([part[i] for part in parts]) for i in range(3))
    path = _cheapest(frequency, cost, options)
    rows = np.arange(len(starts))
    chosen, sure = frequency[rows, path], strength[rows, path]
    voiced = chosen > 0
    return PitchTrack(
        (starts + width / 2) / rate, np.where(voiced, chosen, np.nan), np.where(voiced, sure, np.nan)
    )


def _candidates(
    sound: Floats, starts: Ints, width: int, rate: int, loudest: float, options: PitchOptions
) -> tuple[Floats, Floats, Floats]:
    """Frequency, strength and merit of each candidate, (frames, 1 + candidates); the first, of 0 Hz, is unvoiced."""
    frames = sound[starts[:, None] + np.arange(width)]
    frames -= frames.mean(axis=1, keepdims=True)
    peak = np.abs(frames).max(axis=1)
    correlation = _autocorrelation(frames, width)
    step = 1.0 / (_FINER * rate)
    low, high = int(1 / options.ceiling / step), int(np.ceil(1 / options.floor / step))
    inside = correlation[:, low - 1 : high + 2]
    lag, height = _peaks(inside, low - 1)
    seconds = lag * step
    with np.errstate(divide="ignore", invalid="ignore"):
        frequency = np.where(lag > 0, 1.0 / np.where(lag > 0, seconds, 1.0), 0.0)
        merit = height - options.octave * np.log2(np.maximum(options.floor * seconds, 1e-9))
    legal = (frequency >= options.floor) & (frequency <= options.ceiling)
    quiet = peak / max(loudest, 1e-12) / (options.silence / (1 + options.voicing))
    unvoiced = options.voicing + np.maximum(0.0, 2.0 - quiet)
    return (
        np.concatenate([np.zeros((len(starts), 1)), np.where(legal, frequency, 0.0)], axis=1),
        np.concatenate([np.zeros((len(starts), 1)), np.clip(height, 0.0, 1.0)], axis=1),
        np.concatenate([unvoiced[:, None], np.where(legal, merit, -np.inf)], axis=1),
    )


def _autocorrelation(frames: Floats, width: int) -> Floats:
    """Normalised autocorrelation of Hann-windowed frames over that of the window, in steps of 1/4 sample."""
    window = np.hanning(width + 2)[1:-1]
    size = fft.next_fast_len(2 * width)
    half = size // 2
    power = np.abs(fft.rfft(frames * window, size)) ** 2
    own = np.abs(fft.rfft(window, size)) ** 2
    both = fft.irfft(np.concatenate([power, own[None]]), _FINER * size)[:, : _FINER * half]
    both /= np.maximum(both[:, :1], 1e-20)
    longest = _FINER * width // 2
    result: Floats = both[:-1, :longest] / np.maximum(both[-1, :longest], 1e-6)
    return result


def _peaks(values: Floats, first: int) -> tuple[Floats, Floats]:
    """Places (in steps, `first` being column 0) and heights of the highest peaks; place 0 where none is left."""
    middle = values[:, 1:-1]
    top = (middle > values[:, :-2]) & (middle >= values[:, 2:]) & (middle > 0)
    ranked = np.where(top, middle, -np.inf)
    if ranked.shape[1] > _CANDIDATES:
        at = np.argpartition(-ranked, _CANDIDATES, axis=1)[:, :_CANDIDATES]
    else:
        at = np.broadcast_to(np.arange(ranked.shape[1]), ranked.shape)
    there = np.isfinite(np.take_along_axis(ranked, at, axis=1))
    left, centre, right = (np.take_along_axis(values, at + shift, axis=1) for shift in (0, 1, 2))
    bend = left - 2 * centre + right
    offset = np.where(bend < 0, 0.5 * (left - right) / np.where(bend < 0, bend, -1.0), 0.0)
    place = np.where(there, at + 1 + first + offset, 0.0)
    return place, np.where(there, centre - 0.25 * (left - right) * offset, 0.0)


def _cheapest(frequency: Floats, merit: Floats, options: PitchOptions) -> Ints:
    """The candidate of each frame on the path with the greatest merit less the costs of its changes (Viterbi)."""
    scale = 0.01 / options.step
    voiced = frequency > 0
    height = np.log2(np.where(voiced, frequency, 1.0))
    total = merit[0]
    came = np.zeros(frequency.shape, np.int64)
    for at in range(1, len(frequency)):
        both = voiced[at - 1][:, None] & voiced[at][None, :]
        apart = np.abs(height[at - 1][:, None] - height[at][None, :])
        changed = voiced[at - 1][:, None] != voiced[at][None, :]
        reach = total[:, None] - scale * (
            options.jump * np.where(both, apart, 0.0) + options.change * changed
        )
        came[at] = reach.argmax(axis=0)
        total = reach[came[at], np.arange(reach.shape[1])] + merit[at]
    path = np.zeros(len(frequency), np.int64)
    path[-1] = int(total.argmax())
    for at in range(len(frequency) - 1, 0, -1):
        path[at - 1] = came[at, path[at]]
    return path
