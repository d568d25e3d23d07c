"""Loudness as broadcasters measure it: ITU-R BS.1770-4, K-weighted and gated, in LUFS.

A 997 Hz sine at full scale on one channel is −3.01 LUFS by definition, which the tests hold.
"""

from __future__ import annotations

import functools

import numpy as np
import numpy.typing as npt
from scipy import signal

__all__ = ["SILENT", "block_loudness", "gated_loudness"]

Floats = npt.NDArray[np.float64]

SILENT = -70.0
"""LUFS below which a block counts as silence (the absolute gate of BS.1770)."""

_OFFSET = -0.691
_RELATIVE = -10.0


def block_loudness(
    samples: npt.NDArray[np.float32], rate: int, *, window: float = 0.4, step: float = 0.1
) -> Floats:
    """Loudness (LUFS) of each window of mono sound (n,), −inf where digital silence; one window if it is shorter."""
    if not len(samples):
        return np.zeros(0)
    weighted = signal.sosfilt(_k_weighting(rate), samples.astype(np.float64))
    width, hop = min(round(window * rate), len(samples)), max(1, round(step * rate))
    total = np.concatenate([[0.0], np.cumsum(weighted**2)])
    starts = np.arange(0, len(samples) - width + 1, hop)
    power = np.maximum(total[starts + width] - total[starts], 0.0) / width
    with np.errstate(divide="ignore"):
        found: Floats = _OFFSET + 10 * np.log10(power)
    return found


def gated_loudness(blocks: Floats) -> float | None:
    """Integrated loudness (LUFS) of blocks of 400 ms that overlap by three quarters; None where all are silent."""
    heard = blocks[blocks > SILENT]
    if not len(heard):
        return None
    kept = heard[heard > _mean(heard) + _RELATIVE]
    return _mean(kept)


def _mean(blocks: Floats) -> float:
    return float(_OFFSET + 10 * np.log10(np.mean(10 ** ((blocks - _OFFSET) / 10))))


@functools.lru_cache(maxsize=8)
def _k_weighting(rate: int) -> Floats:
    """The head's shelf and the low cut of BS.1770 at any rate (its table, at 48 kHz, comes out to six digits)."""
    gain, corner, quality = 3.999843853973347, 1681.974450955533, 0.7071752369554196
    k = np.tan(np.pi * corner / rate)
    high, band = 10 ** (gain / 20), 10 ** (gain / 20 * 0.4996667741545416)
    shelf = [high + band * k / quality + k * k, 2 * (k * k - high), high - band * k / quality + k * k]
    base = [1 + k / quality + k * k, 2 * (k * k - 1), 1 - k / quality + k * k]
    corner, quality = 38.13547087602444, 0.5003270373238773
    c = np.tan(np.pi * corner / rate)
    cut = [1 + c / quality + c * c, 2 * (c * c - 1), 1 - c / quality + c * c]
    rows = [
        [*(x / base[0] for x in shelf), *(x / base[0] for x in base)],
        [1.0, -2.0, 1.0, *(x / cut[0] for x in cut)],
    ]
    made: Floats = np.array(rows)
    return made
