"""RAVDESS speech: acted emotions of 24 actors who say one of two sentences.

The sentences have nothing to do with the emotion, so the text is a negative control. Sound is brought as it is; the
action units that OpenFace measured in the matching videos come as ready-made features.
"""

from __future__ import annotations

from pathlib import Path

import polars as pl

from mixedsignals.corpus.importers.common import Imported, require_files
from mixedsignals.errors import InputError, Problem
from mixedsignals.labels import Labels
from mixedsignals.tables import CLIPS, conform, read_frame

__all__ = ["read_ravdess"]

EMOTIONS = ("neutral", "calm", "happy", "sad", "angry", "fearful", "disgust", "surprised")
_MANIFEST = (
    "path",
    "clip",
    "actor",
    "sex",
    "emotion",
    "intensity",
    "statement",
    "transcript",
    "repetition",
    "duration",
)
_FURTHER = ("sex", "intensity", "statement", "repetition")


def read_ravdess(source: Path) -> Imported:
    """Read a folder with `manifest.csv`, the FLAC files that it names and, if there, `openface_au.csv`.

    `clip_id` is the manifest's `clip`, `label` the emotion and `speaker_id` the actor; sex, intensity, statement and
    repetition are kept. Action units are joined by clip id.

    Raises:
        InputError: files or columns are missing, or action units belong to other clips.
    """
    require_files(source, ["manifest.csv"], what="manifest.csv, audio/ and openface_au.csv of RAVDESS")
    manifest = read_frame(source / "manifest.csv")
    if absent := [name for name in _MANIFEST if name not in manifest.columns]:
        message = f"no column {', '.join(absent)}; there are {', '.join(manifest.columns)}"
        raise InputError(
            Problem("missing-column", message, "Use the manifest as it came.", file="manifest.csv")
        )
    labels = Labels(EMOTIONS)
    clips = manifest.select(
        clip_id="clip",
        speaker_id="actor",
        audio=pl.lit("media/audio/") + pl.col("path").str.split("/").list.last(),
        transcript="transcript",
        label="emotion",
        **{name: pl.col(name) for name in _FURTHER},
    )
    clips = conform(CLIPS, clips, source="manifest.csv", labels=labels)
    files = {name: source / path for name, path in zip(clips["audio"], manifest["path"], strict=True)}
    features = {}
    if (source / "openface_au.csv").is_file():
        features["video"] = _action_units(source / "openface_au.csv", clips["clip_id"])
    return Imported(
        "RAVDESS speech", labels, clips, files=files, features=features, licence="CC BY-NC-SA 4.0"
    )


def _action_units(path: Path, clip_ids: pl.Series) -> pl.DataFrame:
    frame = read_frame(path)
    if "clip" not in frame.columns:
        raise InputError(
            Problem("missing-column", "no column clip", "Use the table as it came.", file=path.name)
        )
    if strangers := sorted(set(frame["clip"]) - set(clip_ids)):
        message = f"{len(strangers)} clips are not in manifest.csv: {', '.join(strangers[:5])}"
        raise InputError(
            Problem("unknown-clip", message, "Use both files of the same release.", file=path.name)
        )
    return frame.select(
        clip_id="clip", **{n: pl.col(n).cast(pl.Float64) for n in frame.columns if n != "clip"}
    )
