"""How loud a sound is to people (ITU-R BS.1770-4, the integrated loudness of EBU R 128), and its low-pass filter.

Both go through a sound in pieces, so that its length costs no memory. Everything is mono, and counts as one channel.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

import numpy as np
import soxr
from numpy.typing import NDArray

__all__ = ["PEAK", "gain_to", "loudness", "lowpassed"]

Samples = NDArray[np.float32]

PEAK = -1.0
"""Highest true peak (dBTP) that a gain may lead to, as EBU R 128 has it."""

_ABSOLUTE, _RELATIVE = -70.0, -10.0  # gates, in LUFS and in LU below the mean of what passed the first
_STEPS = 4  # a block of 400 ms is four steps of 100 ms, and blocks overlap by three
_ORDER = 10  # 60 dB an octave: an octave above the edge nothing is left of a consonant


def loudness(pieces: Iterable[Samples], rate: int) -> tuple[float | None, float]:
    """Integrated loudness in LUFS, and the true peak in dBTP (−inf for silence).

    The loudness is None where no block of 400 ms is above −70 LUFS. A sound shorter than one block is one block.

    Args:
        pieces: mono samples (n,), float32, in order.
        rate: samples per second.

    >>> import numpy as np
    >>> tone = np.sin(2 * np.pi * 997 * np.arange(48_000) / 48_000, dtype=np.float32)
    >>> found, peak = loudness([tone], 48_000)
    >>> round(found, 1), round(peak, 1)
    (-3.0, 0.0)
    """
    from scipy import signal  # slow to load, and most users of media need no loudness

    weighting = _k_weighting(rate)
    state = np.zeros((len(weighting), 2))
    over = soxr.ResampleStream(rate, 4 * rate, 1, dtype="float32", quality="HQ")
    step, steps, left, peak = round(rate / 10), [], np.zeros(0), 0.0
    for piece in _some(pieces):
        peak = max(peak, _highest(piece), _highest(over.resample_chunk(piece)))
        weighted, state = signal.sosfilt(weighting, piece.astype(np.float64), zi=state)
        left = np.concatenate([left, weighted**2])
        whole = len(left) // step * step
        steps += left[:whole].reshape(whole // step, step).mean(axis=1).tolist()
        left = left[whole:]
    peak = max(peak, _highest(over.resample_chunk(np.zeros(0, np.float32), last=True)))
    if len(steps) < _STEPS:
        power = [*(value * step for value in steps), float(left.sum())]
        blocks = np.array([sum(power) / max(len(steps) * step + len(left), 1)])
    else:
        blocks = np.convolve(steps, np.full(_STEPS, 1 / _STEPS), mode="valid")
    return _gated(blocks), 20 * math.log10(peak) if peak > 0 else -math.inf


def _some(pieces: Iterable[Samples]) -> Iterator[Samples]:
    """Pieces with samples in them: a resampler gives empty ones while it waits, which filters cannot take."""
    return (piece for piece in pieces if piece.size)


def _highest(samples: Samples) -> float:
    return float(np.abs(samples).max()) if samples.size else 0.0


def _gated(blocks: NDArray[np.float64]) -> float | None:
    """The loudness of blocks of mean squares, behind both gates."""
    heard = blocks[_lufs(blocks) > _ABSOLUTE]
    if not heard.size:
        return None
    heard = heard[_lufs(heard) > _lufs(heard.mean()) + _RELATIVE]
    return float(_lufs(heard.mean()))


def _lufs(power: NDArray[np.float64] | np.float64) -> NDArray[np.float64]:
    return np.asarray(-0.691 + 10 * np.log10(np.maximum(power, 1e-12)))


def _k_weighting(rate: int) -> NDArray[np.float64]:
    """The two filters of BS.1770 at any rate: the recommendation lists them for 48 kHz, from these analogue forms."""
    k, q = math.tan(math.pi * 1681.974450955533 / rate), 0.7071752369554196
    high = 10 ** (3.999843853973347 / 20)
    middle = high**0.4996667741545416
    over = 1 + k / q + k * k
    shelf = [
        (high + middle * k / q + k * k) / over,
        2 * (k * k - high) / over,
        (high - middle * k / q + k * k) / over,
        1.0,
        2 * (k * k - 1) / over,
        (1 - k / q + k * k) / over,
    ]
    k, q = math.tan(math.pi * 38.13547087602444 / rate), 0.5003270373238773
    over = 1 + k / q + k * k
    return np.array([shelf, [1.0, -2.0, 1.0, 1.0, 2 * (k * k - 1) / over, (1 - k / q + k * k) / over]])


def gain_to(target: float, measured: float | None, peak: float) -> float:
    """The factor that brings a sound to `target` LUFS, lower where its true peak would pass `PEAK`; 1 for silence.

    >>> gain_to(-23.0, -23.0, -20.0), gain_to(-23.0, None, -200.0)
    (1.0, 1.0)
    """
    if measured is None:
        return 1.0
    return float(10 ** (min(target - measured, PEAK - peak) / 20))


def lowpassed(pieces: Iterable[Samples], rate: int, edge: float) -> Iterator[Samples]:
    """The sound below `edge` Hz: Butterworth, 60 dB per octave; the edge itself is 3 dB down.

    Below 400 Hz a voice keeps its melody, rhythm and loudness and loses its words (Rogers et al. 1971).
    """
    from scipy import signal

    cut = signal.butter(_ORDER, edge, "lowpass", fs=rate, output="sos")
    state = np.zeros((len(cut), 2))
    for piece in _some(pieces):
        passed, state = signal.sosfilt(cut, piece.astype(np.float64), zi=state)
        yield np.asarray(passed, dtype=np.float32)
