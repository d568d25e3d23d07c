"""The log-mel picture of sound that Whisper hears, in numpy: 80 bands, 100 columns a second.

Formula of Radford et al. 2022 (arXiv 2212.04356): Slaney mel bands of the power spectrum (400-sample Hann window, hop
160), log10, floored 8 below the clip's loudest value, then (x + 4) / 4.
"""

from __future__ import annotations

import functools

import numpy as np
import numpy.typing as npt

__all__ = ["HOP", "RATE", "log_mel"]

RATE = 16_000
HOP = 160
_WINDOW = 400
_BANDS = 80


def log_mel(samples: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Log-mel of 16 kHz mono sound: float32 (80, n // 160); `samples` needs more than 200 values."""
    padded = np.pad(samples, _WINDOW // 2, mode="reflect")
    frames = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW)[::HOP][: len(samples) // HOP]
    window = np.hanning(_WINDOW + 1)[:-1].astype(np.float32)
    power = np.abs(np.fft.rfft(frames * window, axis=1)) ** 2
    logs = np.log10(np.maximum(mel_bands() @ power.T, 1e-10))
    return np.asarray((np.maximum(logs, logs.max() - 8.0) + 4.0) / 4.0, dtype=np.float32)


@functools.cache
def mel_bands() -> npt.NDArray[np.float64]:
    """Weights (80, 201) of triangular bands from 0 to 8 kHz, each of unit area (Slaney's Auditory Toolbox)."""
    edges = _hertz(np.linspace(0.0, _mel(RATE / 2), _BANDS + 2))
    tones = np.linspace(0.0, RATE / 2, _WINDOW // 2 + 1)
    widths = np.diff(edges)
    slopes = edges[:, None] - tones[None, :]
    rising, falling = -slopes[:-2] / widths[:-1, None], slopes[2:] / widths[1:, None]
    triangles = np.maximum(0.0, np.minimum(rising, falling))
    return np.asarray(triangles * (2.0 / (edges[2:] - edges[:-2]))[:, None], dtype=np.float64)


def _mel(hertz: float) -> float:
    """Slaney's scale: linear below 1 kHz, logarithmic above (27 steps to a factor of 6.4)."""
    return (
        float(hertz * 3.0 / 200.0)
        if hertz < 1000.0
        else float(15.0 + 27.0 * np.log(hertz / 1000.0) / np.log(6.4))
    )


def _hertz(mels: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.where(mels < 15.0, mels * 200.0 / 3.0, 1000.0 * np.exp((mels - 15.0) * np.log(6.4) / 27.0))
