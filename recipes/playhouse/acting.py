"""How the drawn face moves: a pose for every frame from the video cue and the loudness of the speech.

A warm face smiles a little, lifts the inner ends of its brows, tilts and nods, leans in and looks at the viewer;
a matter-of-fact one keeps level and looks past. The lips follow the sound whatever the cue.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .voices import RATE, envelope

FPS = 15


@dataclass(frozen=True)
class Pose:
    """One frame. Lengths in head units, tilt in degrees, lids 0 (shut) to 1 (wide)."""

    smile: float
    brow: float
    tilt: float
    nod: float
    yaw: float
    gaze: tuple[float, float]
    lids: float
    squint: float
    blush: float
    lean: float
    jaw: float


def poses(cue: float, samples: np.ndarray, side: int, rest: float, rng: np.random.Generator) -> list[Pose]:
    """Poses for a clip as long as its sound; `side` is where the speaker tilts to, `rest` how they smile unasked."""
    warm = float(np.clip(cue, -2.2, 2.2))
    own = rng.standard_normal(7)
    count = round(len(samples) / RATE * FPS)
    time = np.arange(count) / FPS
    ease = 0.35 + 0.65 * np.clip(time / 0.6, 0, 1)
    drive = 1 / (1 + np.exp(-1.4 * (warm * ease + 0.25 * own[0])))
    reach = (0.042 if warm > 0 else 0.022) * warm  # neutral is a level mouth, not a frown
    smile = rest + reach * ease + 0.009 * own[1] + 0.006 * np.sin(2.1 * time + own[2])
    brow = 0.085 * drive - 0.012 + 0.009 * own[3]
    beat = 2 * np.pi * (0.95 + 0.1 * own[4]) * time + rng.uniform(0, 6.28)
    nod = (0.012 + 0.05 * drive) * np.sin(beat)
    tilt = side * (9.0 * drive - 1.0) + 1.2 * own[5] + 1.2 * np.sin(1.3 * time + own[2])
    aside = (1 - drive) * (1 if own[6] > 0 else -1)
    lids = _lids(time, rng)
    jaw = _jaw(samples, count)
    return [
        Pose(
            smile=float(smile[i]),
            brow=float(brow[i]),
            tilt=float(tilt[i]),
            nod=float(nod[i]),
            yaw=float(0.07 * aside[i] + 0.012 * np.sin(1.7 * time[i])),
            gaze=(float(0.055 * aside[i]), float(0.02 * (1 - drive[i]))),
            lids=float(lids[i]),
            squint=float(np.clip(0.5 + 0.2 * warm * ease[i], 0, 1)),
            blush=float(drive[i]),
            lean=float(1 + 0.035 * warm * ease[i]),
            jaw=float(jaw[i]),
        )
        for i in range(count)
    ]


def _lids(time: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Eyes open, with a blink of a fifth of a second every two seconds or so."""
    lids, moment = np.ones(len(time)), rng.uniform(0.3, 1.6)
    while moment < time[-1]:
        lids = np.minimum(lids, np.clip(np.abs(time - moment) / 0.11, 0.08, 1))
        moment += rng.uniform(1.4, 2.8)
    return lids


def _jaw(samples: np.ndarray, count: int) -> np.ndarray:
    """How far the mouth opens in each frame, 0 to 1, from the loudness of the speech there."""
    loud = envelope(samples, 0.07)
    middle = np.clip(((np.arange(count) + 0.5) / FPS * RATE).astype(int), 0, len(loud) - 1)
    return np.asarray(np.clip(loud[middle] / np.quantile(loud, 0.95), 0, 1.1) ** 0.8)
