"""The check of sound and picture before the first clip: beeps and a number to count and read, and three tones of which
one is quieter.

Another of the tones reaches the two ears in opposite phase: over loudspeakers it cancels and seems the quietest (Woods
et al. 2017, doi:10.3758/s13414-017-1361-2). Whoever fails may go on, and their owner sees it.
"""

from __future__ import annotations

import io
import wave
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from mixedsignals import media

__all__ = ["CheckTask", "beeps", "clip", "draw_check", "tones"]

RATE = 16_000
Sound = np.ndarray[tuple[int, ...], np.dtype[np.float32]]
_SEGMENTS = {2: "abdeg", 3: "abcdg", 4: "bcfg", 5: "acdfg", 6: "acdefg", 7: "abc", 9: "abcdfg"}
#: segment -> top, left, height, width on a grid of 20 by 12
_BARS = {
    "a": (1, 2, 2, 8),
    "b": (2, 8, 8, 2),
    "c": (10, 8, 8, 2),
    "d": (17, 2, 2, 8),
    "e": (10, 2, 8, 2),
    "f": (2, 2, 8, 2),
    "g": (9, 2, 2, 8),
}


@dataclass(frozen=True)
class CheckTask:
    """What is played at one try, and so the right answers.

    Attributes:
        beeps: how many beeps, 2 to 5.
        digit: the number to be read.
        quietest: which tone is the quietest at each of two trials, 1 to 3.
    """

    beeps: int
    digit: int
    quietest: tuple[int, int]


def draw_check(seed: int, serial: int, number: int) -> CheckTask:
    """The check of participant number `serial` at try `number`; always the same."""
    draw = np.random.default_rng([seed, serial, 11, number])
    first, second = (int(each) for each in draw.integers(1, 4, size=2))
    return CheckTask(int(draw.integers(2, 6)), int(draw.choice(list(_SEGMENTS))), (first, second))


def _tone(seconds: float, *, pitch: float, level: float) -> Sound:
    at = np.arange(int(seconds * RATE)) / RATE
    ramp = np.minimum(1.0, np.minimum(at, seconds - at) / 0.03)
    return (level * ramp * np.sin(2 * np.pi * pitch * at)).astype(np.float32)


def _beeping(count: int) -> Sound:
    gap = np.zeros(RATE * 3 // 10, np.float32)
    return np.concatenate(
        [gap, *[np.concatenate([_tone(0.2, pitch=660, level=0.3), gap]) for _ in range(count)]]
    )


def _wave(sound: Sound) -> bytes:
    """16-bit WAV of (n,) mono or (n, 2) stereo sound."""
    written = io.BytesIO()
    with wave.open(written, "wb") as file:
        file.setnchannels(1 if sound.ndim == 1 else 2)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes((sound * 32767).astype("<i2").tobytes())
    return written.getvalue()


@lru_cache(maxsize=8)
def beeps(count: int) -> bytes:
    """WAV with so many beeps."""
    return _wave(_beeping(count))


@lru_cache(maxsize=4)
def tones(quietest: int) -> bytes:
    """WAV with three tones of 200 Hz; the quietest (1 to 3) is 6 dB lower and in phase, another in opposite phase."""
    gap = np.zeros((RATE // 2, 2), np.float32)
    parts = [gap]
    for number in (1, 2, 3):
        tone = _tone(1.0, pitch=200, level=0.2 if number == quietest else 0.4)
        sign = -1.0 if number == quietest % 3 + 1 else 1.0
        parts += [np.stack([tone, sign * tone], axis=1), gap]
    return _wave(np.concatenate(parts))


@lru_cache(maxsize=48)
def clip(digit: int, count: int, *, sound: bool) -> bytes:
    """MP4 that shows a number and, with `sound`, beeps."""
    heard = _beeping(count)
    picture = np.full((200, 120), 30, np.uint8)
    for segment in _SEGMENTS[digit]:
        top, left, height, width = (10 * each for each in _BARS[segment])
        picture[top : top + height, left : left + width] = 230
    frame = np.repeat(np.pad(picture, ((20, 20), (100, 100)), constant_values=30)[..., None], 3, axis=2)
    frames = [frame] * max(int(len(heard) / RATE * 10), 1)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "check.mp4"
        media.write_video(path, frames, fps=10, audio=heard if sound else None, rate=RATE)
        return path.read_bytes()
