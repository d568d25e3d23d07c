"""Recordings whose sound and pictures are known: a rising tone, and a grey that rises with every picture."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

RATE, SECONDS, FPS = 16_000, 6, 10
VIDEO_SUFFIXES = ("mp4", "webm", "flv")
AUDIO_SUFFIXES = ("wav", "flac", "mp3", "m4a")


def tone(seconds: float = SECONDS, rate: int = RATE) -> NDArray[np.float32]:
    """A tone that rises from 200 Hz by 200 Hz a second, so that every moment sounds different."""
    time = np.arange(round(seconds * rate)) / rate
    return (0.5 * np.sin(2 * np.pi * (200 + 100 * time) * time)).astype(np.float32)


def greys(count: int = SECONDS * FPS, height: int = 48, width: int = 64) -> list[NDArray[np.uint8]]:
    """Even pictures; number i has the grey level 4 i."""
    return [np.full((height, width, 3), min(255, 4 * i), np.uint8) for i in range(count)]


def delay(recorded: NDArray[np.float32], original: NDArray[np.float32], most: int = 1_000) -> int:
    """Samples by which `recorded` lags behind `original`, by the peak of their correlation."""
    size = min(len(recorded), len(original))
    a, b = recorded[:size], original[:size]
    spectrum = np.fft.rfft(a, 2 * size) * np.conj(np.fft.rfft(b, 2 * size))
    correlation = np.fft.irfft(spectrum)
    lags = np.concatenate([correlation[: most + 1], correlation[-most:]])
    return int((list(range(most + 1)) + list(range(-most, 0)))[int(np.argmax(lags))])
