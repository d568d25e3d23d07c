"""How near the cues of voice come to Praat, beside WORLD, and those of faces to MediaPipe itself.

    pip install praat-parselmouth pyworld mediapipe      (into an environment of its own: no part of this package)
    MIXEDSIGNALS_DATA=... python -m benchmarks.cues_reference

What is not installed is left out. Voice: 60 recordings of RAVDESS, against Praat's autocorrelation with equal bounds.
Faces: pictures of the CREMA-D clips and of playhouse, against MediaPipe's landmarker with the same model file.
"""

from __future__ import annotations

import importlib.util
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.results_file import print_table, save
from mixedsignals import media
from mixedsignals.cues.face.networks import FaceNetworks
from mixedsignals.cues.pitch import track_pitch
from mixedsignals.cues.voice import irregularity
from mixedsignals.store import cache_dir

Floats = npt.NDArray[np.float64]
Track = Callable[[npt.NDArray[np.float32], int], tuple[Floats, Floats]]
RATE, FLOOR, CEILING, OCTAVE = 16_000, 75.0, 600.0, 315.0


def ours(samples: npt.NDArray[np.float32], rate: int) -> tuple[Floats, Floats]:
    """Times and pitch (0 where unvoiced)."""
    track = track_pitch(samples, rate)
    return track.times, np.nan_to_num(track.frequency)


def world(name: str) -> Track:
    """WORLD's DIO or Harvest, refined by StoneMask."""

    def track(samples: npt.NDArray[np.float32], rate: int) -> tuple[Floats, Floats]:
        import pyworld

        sound = samples.astype(np.float64)
        found, times = getattr(pyworld, name)(sound, rate, f0_floor=FLOOR, f0_ceil=CEILING, frame_period=10)
        return times, pyworld.stonemask(sound, found, times, rate)

    return track


def voices(files: list[Path]) -> list[dict[str, Any]]:
    """One row per tracker: agreement with Praat on voicing, cents apart, share of other octaves, seconds."""
    import parselmouth

    trackers: dict[str, Track] = {"this package": ours}
    if importlib.util.find_spec("pyworld"):
        trackers |= {"WORLD, DIO": world("dio")}
    found: dict[str, list[tuple[float, ...]]] = {name: [] for name in trackers}
    for file in files:
        samples = media.audio(file, rate=RATE)
        sound = parselmouth.Sound(samples.astype(np.float64), RATE)
        truth = sound.to_pitch_ac(time_step=0.01, pitch_floor=FLOOR, pitch_ceiling=CEILING)
        reference, at = truth.selected_array["frequency"], truth.xs()
        for name, track in trackers.items():
            began = time.perf_counter()
            times, pitch = track(samples, RATE)
            seconds = time.perf_counter() - began
            nearest = np.interp(at, times, np.arange(len(times))).round().astype(int)
            there = pitch[nearest]
            both = (there > 0) & (reference > 0)
            cents = np.abs(1200 * np.log2(there[both] / reference[both]))
            voicing = float(np.mean((there > 0) == (reference > 0)))
            found[name].append((voicing, float(np.median(cents)), float((cents > OCTAVE).mean()), seconds))
    names = ("voicing agrees", "cents apart, median", "other octave", "seconds")
    return [
        {"pitch against Praat": name, **dict(zip(names, np.mean(rows, axis=0).tolist(), strict=True))}
        for name, rows in found.items()
    ]


def irregular(files: list[Path]) -> list[dict[str, Any]]:
    """Jitter and shimmer: correlation over recordings and both medians (%)."""
    import parselmouth
    from parselmouth.praat import call

    pairs = []
    for file in files:
        samples = media.audio(file, rate=RATE)
        mine = irregularity(samples, RATE, track_pitch(samples, RATE))
        sound = parselmouth.Sound(samples.astype(np.float64), RATE)
        pitch = sound.to_pitch_ac(time_step=0.01, pitch_floor=FLOOR, pitch_ceiling=CEILING)
        pulses = call([sound, pitch], "To PointProcess (cc)")
        bounds = (0, 0, 0.0001, 0.02, 1.3)
        jitter = 100 * call(pulses, "Get jitter (local)", *bounds)
        shimmer = 100 * call([sound, pulses], "Get shimmer (local)", *bounds, 1.6)
        pairs.append([mine[0] or np.nan, jitter, mine[1] or np.nan, shimmer])
    table = np.array(pairs)
    rows = []
    for name, first in (("jitter", 0), ("shimmer", 2)):
        own, theirs = table[:, first], table[:, first + 1]
        known = np.isfinite(own) & np.isfinite(theirs)
        correlation = float(np.corrcoef(own[known], theirs[known])[0, 1])
        rows.append(
            {
                "voice quality against Praat": name,
                "correlation": correlation,
                "median here, %": float(np.median(own[known])),
                "median there, %": float(np.median(theirs[known])),
            }
        )
    return rows


def faces(files: list[Path], model: Path) -> list[dict[str, Any]]:
    """Landmarks and coefficients beside MediaPipe's."""
    import mediapipe
    from mediapipe.tasks.python import BaseOptions, vision

    options = vision.FaceLandmarkerOptions(BaseOptions(str(model)), output_face_blendshapes=True)
    networks, apart, other, differs = FaceNetworks(model), [], [], 0
    with vision.FaceLandmarker.create_from_options(options) as reference:
        for file in files:
            for picture in media.frames(file, count=6):
                image = mediapipe.Image(mediapipe.ImageFormat.SRGB, np.ascontiguousarray(picture))
                theirs, mine = reference.detect(image), networks.look(picture)
                if mine is None or not theirs.face_landmarks:
                    differs += (mine is None) != (not theirs.face_landmarks)
                    continue
                height, width = picture.shape[:2]
                points = np.array([(p.x * width, p.y * height) for p in theirs.face_landmarks[0]])
                eyes = np.linalg.norm(points[263] - points[33])
                apart.append(np.abs(points - mine.landmarks[:, :2]).mean() / eyes)
                said = np.array([one.score for one in theirs.face_blendshapes[0]])
                other.append(np.abs(said - mine.coefficients).mean())
    return [
        {
            "against MediaPipe": "faces",
            "pictures": len(apart) + differs,
            "found by one only": differs,
            "landmarks apart, eye distances": float(np.mean(apart)),
            "coefficients apart": float(np.mean(other)),
        }
    ]


def main() -> None:
    """Print and save what the installed references allow."""
    named = os.environ.get("MIXEDSIGNALS_DATA")
    if not named:
        sys.exit("Set MIXEDSIGNALS_DATA to the folder of real data.")
    data, rows = Path(named), []
    recordings = sorted((data / "ravdess" / "audio").glob("*.flac"))[::24][:60]
    if importlib.util.find_spec("parselmouth"):
        for made in (voices(recordings), irregular(recordings)):
            print_table(made)
            rows += made
    model = cache_dir() / "weights" / "face-landmarker" / "0.1.1" / "face_landmarker.task"
    if importlib.util.find_spec("mediapipe") and model.is_file():
        playhouse = Path(media.__file__).parents[1] / "data" / "playhouse" / "media"
        clips = [*sorted((data / "cremad" / "clips").glob("*.flv")), *sorted(playhouse.glob("*.mp4"))[:6]]
        made = faces(clips, model)
        print_table(made)
        rows += made
    if rows:
        print(f"saved {save('cues_reference', rows, corpus='RAVDESS, CREMA-D, playhouse').name}")
    else:
        print("No reference is installed; see the head of this file.")


if __name__ == "__main__":
    main()
