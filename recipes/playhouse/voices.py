"""Speak a reply with espeak-ng so that the voice cue, and only it, decides how warm it sounds.

A warm voice is slower, softer, lower, breathier, darker and moves more in pitch; a matter-of-fact one is brisk,
level and bright. Speakers differ in accent, timbre, pitch, pace, brightness, breath and room, and every clip
varies a little in each, so that no single one of these gives the cue away.
"""

from __future__ import annotations

import io
import subprocess
import wave
from dataclasses import dataclass
from html import escape

import numpy as np
import scipy.signal

from .plant import SPEAKERS, generator

RATE = 22_050
SHORTEST, LONGEST = 2.1, 3.9
LEAD, TAIL = 0.18, 0.30
MEN = (
    "bruno", "dmitri", "farid", "hugo", "jonas", "lars", "nils", "pablo", "samir", "umberto", "wim", "yusuf",
)  # fmt: skip
WOMENS_TIMBRES = ("f1", "f2", "f3", "f4", "f5", "steph", "f2", "f3", "f5", "steph2", "steph", "f2")
MENS_TIMBRES = ("m1", "m2", "m3", "m4", "m5", "m6", "m7", "m8", "Mike", "victor", "max", "Denis")
ACCENTS = ("en-us", "en-gb", "en-us", "en-gb-x-rp", "en-us", "en-gb-scotland")


@dataclass(frozen=True)
class Voice:
    """A speaker's own way of sounding, before any cue."""

    timbre: str
    pitch: float  # espeak-ng's 0 to 99
    pace: float  # words a minute
    brightness: float  # dB of tilt above 1.5 kHz
    breath: float  # dB of breath noise
    loudness: float  # dB
    room: float  # seconds of reverberation


def voices(seed: int) -> dict[str, Voice]:
    """One voice per speaker."""
    rng = generator(seed, 5)
    women = iter(rng.permutation(WOMENS_TIMBRES))
    men = iter(rng.permutation(MENS_TIMBRES))
    return {
        name: Voice(
            timbre=f"{ACCENTS[place % len(ACCENTS)]}+{next(men if name in MEN else women)}",
            pitch=float(np.clip(rng.normal(46, 9), 25, 70)),
            pace=float(np.clip(rng.normal(166, 8), 150, 182)),
            brightness=float(rng.normal(0, 2.0)),
            breath=float(rng.normal(0, 2.0)),
            loudness=float(rng.normal(0, 1.5)),
            room=float(rng.uniform(0.08, 0.25)),
        )
        for place, name in enumerate(SPEAKERS)
    }


def speak(sentence: str, voice: Voice, cue: float, rng: np.random.Generator) -> np.ndarray:
    """The reply as float32 mono samples at RATE, 2.1 to 3.9 s long, peak below one."""
    warm = float(np.clip(cue, -2.2, 2.2))
    wobble = rng.standard_normal(6)
    pitch = voice.pitch - 3.0 * warm + 1.5 * wobble[0]
    pace = voice.pace * (1 - 0.075 * warm + 0.03 * wobble[1])
    reach = np.exp(0.28 * warm + 0.12 * wobble[2])
    samples = _within_length(sentence, voice.timbre, pitch, pace, reach)
    samples = _tilt(samples, voice.brightness - 3.8 * warm + 1.0 * wobble[3])
    samples = _breathe(samples, -31 + voice.breath + 5.0 * warm + 1.0 * wobble[4], rng)
    samples = _room(samples, voice.room, rng)
    level = -24 + voice.loudness - 2.0 * warm + 0.8 * wobble[5]
    samples = samples * 10 ** (level / 20) / np.sqrt(np.mean(samples**2))
    padded = np.concatenate([np.zeros(int(LEAD * RATE)), samples, np.zeros(int(TAIL * RATE))])
    padded = padded + 10 ** (-62 / 20) * rng.standard_normal(len(padded))
    return np.asarray(padded / max(1.0, np.abs(padded).max() / 0.97), dtype=np.float32)


def _within_length(sentence: str, timbre: str, pitch: float, pace: float, reach: float) -> np.ndarray:
    """Speak, and again faster or slower where the clip would fall outside its legal length."""
    for _ in range(4):
        samples = _espeak(sentence, timbre, pitch, pace, reach)
        seconds = len(samples) / RATE + LEAD + TAIL
        if SHORTEST <= seconds <= LONGEST:
            return samples
        pace *= 1.03 * seconds / LONGEST if seconds > LONGEST else 0.97 * seconds / SHORTEST
    raise RuntimeError(f"cannot speak in {SHORTEST} to {LONGEST} s: {sentence}")


def _espeak(sentence: str, timbre: str, pitch: float, pace: float, reach: float) -> np.ndarray:
    """espeak-ng's own samples without the silence around them; reach is its pitch range, 1 = ordinary."""
    ssml = f'<speak><prosody range="{round(100 * reach)}%">{escape(sentence)}</prosody></speak>'
    speed, height = str(round(pace)), str(round(float(np.clip(pitch, 5, 95))))
    command = ["espeak-ng", "-m", "-z", "-v", timbre, "-s", speed, "-p", height, "--stdout", ssml]
    raw = subprocess.run(command, check=True, capture_output=True).stdout
    with wave.open(io.BytesIO(raw)) as file:
        if file.getframerate() != RATE:
            raise RuntimeError(f"espeak-ng spoke at {file.getframerate()} Hz, expected {RATE}")
        samples = np.frombuffer(file.readframes(len(raw)), dtype="<i2") / 32768
    loud = np.flatnonzero(np.abs(samples) > 0.01)
    return samples[loud[0] : loud[-1] + 1]


def _tilt(samples: np.ndarray, decibels: float) -> np.ndarray:
    """Raise or lower what lies above 1.5 kHz, with a gentle slope."""
    spectrum = np.fft.rfft(samples)
    hertz = np.fft.rfftfreq(len(samples), 1 / RATE)
    share = 1 / (1 + (1500 / np.maximum(hertz, 1)) ** 2)
    return np.asarray(np.fft.irfft(spectrum * 10 ** (decibels * share / 20), len(samples)))


def envelope(samples: np.ndarray, smooth: float = 0.03) -> np.ndarray:
    """Loudness over time: the root mean square in a Hann window of `smooth` seconds."""
    window = scipy.signal.windows.hann(max(3, int(smooth * RATE)))
    power = scipy.signal.fftconvolve(np.asarray(samples, dtype=float) ** 2, window / window.sum(), "same")
    return np.asarray(np.sqrt(np.maximum(power, 0)))


def _breathe(samples: np.ndarray, decibels: float, rng: np.random.Generator) -> np.ndarray:
    """Add noise between 1.5 and 7 kHz that follows the voice, this much below it."""
    band = scipy.signal.butter(2, (1500, 7000), "bandpass", fs=RATE, output="sos")
    noise = scipy.signal.sosfilt(band, rng.standard_normal(len(samples))) * envelope(samples, 0.06)
    scale = np.sqrt(np.mean(samples**2) / np.mean(noise**2)) * 10 ** (decibels / 20)
    return np.asarray(samples + scale * noise)


def _room(samples: np.ndarray, seconds: float, rng: np.random.Generator) -> np.ndarray:
    """A quiet reverberation that dies away by 60 dB in `seconds`."""
    length = int(seconds * RATE)
    tail = rng.standard_normal(length) * 10 ** (-3 * np.arange(length) / length)
    wet = scipy.signal.fftconvolve(samples, tail / np.sqrt((tail**2).sum()))[: len(samples)]
    return np.asarray(samples + 0.06 * wet)
