"""When somebody speaks and when not, and how fast: pauses and syllables from loudness and voice, without any words.

A syllable is a peak of intensity that stands 2 dB above its dips and is voiced. Source: de Jong & Wempe (2009), *Praat
script to detect syllable nuclei and measure speech rate automatically*.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import signal

from mixedsignals.cues.pitch import PitchTrack

__all__ = ["Rhythm", "rhythm_of"]

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

_STEP = 0.01
_WINDOW = 0.064
_BELOW = 25.0  # dB under the loud parts, which is silence
_DIP = 2.0  # dB
_PAUSE, _SOUND = 0.3, 0.1  # s; shorter silences are no pauses, shorter sounds no speech


@dataclass(frozen=True)
class Rhythm:
    """What was found.

    Attributes:
        seconds: from the first sound to the last.
        speech: of these, not in a pause.
        pauses: length of every pause (s).
        syllables: how many.
    """

    seconds: float
    speech: float
    pauses: tuple[float, ...]
    syllables: int


def rhythm_of(samples: npt.NDArray[np.float32], rate: int, track: PitchTrack) -> Rhythm | None:
    """Pauses and syllables of mono sound (n,); None where nothing sounds for a tenth of a second."""
    level = _intensity(samples, rate)
    if not len(level):
        return None
    threshold = float(np.quantile(level, 0.99)) - _BELOW
    sounding = _without_short(~_without_short(level < threshold, _PAUSE), _SOUND)
    places = np.flatnonzero(sounding)
    if not len(places):
        return None
    inside = sounding[places[0] : places[-1] + 1]
    pauses = tuple(len(list(run)) * _STEP for sound, run in itertools.groupby(inside.tolist()) if not sound)
    seconds = len(inside) * _STEP
    return Rhythm(seconds, seconds - sum(pauses), pauses, _syllables(level, threshold, track))


def _intensity(samples: npt.NDArray[np.float32], rate: int) -> Floats:
    """Level (dB re full scale) in steps of 10 ms, over Hann windows of 64 ms."""
    width, hop = round(_WINDOW * rate), round(_STEP * rate)
    if len(samples) < width:
        return np.zeros(0)
    window = np.hanning(width)
    smooth = signal.fftconvolve(samples.astype(np.float64) ** 2, window / window.sum(), mode="same")
    level: Floats = 10 * np.log10(np.maximum(smooth[::hop], 1e-12))
    return level


def _without_short(found: Bools, least: float) -> Bools:
    """Runs of True that last shorter than `least` seconds become False."""
    kept = found.copy()
    at = 0
    for value, run in itertools.groupby(found.tolist()):
        size = len(list(run))
        if value and size * _STEP < least:
            kept[at : at + size] = False
        at += size
    return kept


def _syllables(level: Floats, threshold: float, track: PitchTrack) -> int:
    peaks, _ = signal.find_peaks(level, height=threshold, prominence=_DIP)
    if not len(track.times):
        return 0
    nearest = np.searchsorted(track.times, peaks * _STEP).clip(0, len(track.times) - 1)
    return int(track.voiced[nearest].sum())
