"""RAVDESS speech: acted emotions of 24 actors who say one of two sentences.

The sentences have nothing to do with the emotion, so the text is a negative control. Read are the recordings as they
are distributed (`Actor_01/03-01-…wav`, `…mp4`), or a folder with `manifest.csv`; action units that OpenFace measured in
the matching videos come as ready-made features.
"""

from __future__ import annotations

from pathlib import Path

import polars as pl

from mixedsignals.corpus.importers.common import Imported
from mixedsignals.errors import InputError, Problem
from mixedsignals.labels import Labels
from mixedsignals.tables import CLIPS, conform, read_frame

__all__ = ["read_ravdess"]

EMOTIONS = ("neutral", "calm", "happy", "sad", "angry", "fearful", "disgust", "surprised")
STATEMENTS = {"01": "Kids are talking by the door.", "02": "Dogs are sitting by the door."}
_CODES = {f"{number:02}": name for number, name in enumerate(EMOTIONS, start=1)}
_INTENSITIES = {"01": "normal", "02": "strong"}
_COLUMN = {"01": "media", "02": "video", "03": "audio"}
_SUFFIXES = (".wav", ".flac", ".mp4")
_NAME = (
    r"^(?<modality>0[123])-01-(?<clip>(?<emotion>0[1-8])-(?<intensity>0[12])-"
    r"(?<statement>0[12])-(?<repetition>0[12])-(?<actor>\d\d))$"
)
_FURTHER = ("sex", "intensity", "statement", "repetition")
_MANIFEST = ("path", "clip", "actor", "emotion", "transcript", *_FURTHER)
_UNITS = "openface_au.csv"


def read_ravdess(source: Path) -> Imported:
    """Read the recordings, and `openface_au.csv` if it is there.

    `clip_id` is the file name without the codes of modality and channel (the manifest's `clip`), `label` the emotion
    and `speaker_id` the actor; sex, intensity, statement and repetition are kept. Action units are joined by clip id.

    Raises:
        InputError: no recordings, missing columns or files, or action units of other clips.
    """
    if not source.is_dir():
        raise InputError(Problem("missing-source", "is not a folder", "Check the path.", file=str(source)))
    labels = Labels(EMOTIONS)
    manifest = source / "manifest.csv"
    table = _from_manifest(manifest) if manifest.is_file() else _from_names(source)
    columns = [column for column in _COLUMN.values() if column in table.columns]
    clips = table.select(
        clip_id="clip",
        speaker_id="actor",
        **{column: "media/" + pl.col(column) for column in columns},
        transcript="transcript",
        label="emotion",
        **{name: pl.col(name) for name in _FURTHER},
    )
    clips = conform(CLIPS, clips, source=manifest.name, labels=labels)
    files = {
        name: source / path
        for column in columns
        for name, path in zip(clips[column], table[column], strict=True)
        if path is not None
    }
    features = {}
    if (source / _UNITS).is_file():
        features["video"] = _action_units(source / _UNITS, clips["clip_id"])
    return Imported(
        "RAVDESS speech", labels, clips, files=files, features=features, licence="CC BY-NC-SA 4.0"
    )


def _from_manifest(path: Path) -> pl.DataFrame:
    table = read_frame(path)
    if absent := [name for name in _MANIFEST if name not in table.columns]:
        message = f"no column {', '.join(absent)}; there are {', '.join(table.columns)}"
        raise InputError(Problem("missing-column", message, "Use the manifest as it came.", file=path.name))
    return table.rename({"path": "audio"})


def _from_names(source: Path) -> pl.DataFrame:
    """One row per clip from names such as `03-01-05-02-01-02-14.wav`, with a column for each kind of recording."""
    paths = sorted(
        p.relative_to(source).as_posix() for p in source.rglob("*") if p.suffix.lower() in _SUFFIXES
    )
    found = (
        pl.DataFrame({"path": paths}, schema={"path": pl.String})
        .with_columns(pl.col("path").str.extract(r"([^/]+)\.[^.]+$").str.extract_groups(_NAME).alias("of"))
        .unnest("of")
        .drop_nulls("clip")
    )
    if found.is_empty():
        message = "holds no recordings named like 03-01-05-02-01-02-14.wav, and no manifest.csv"
        raise InputError(
            Problem("not-ravdess", message, "Name the folder of the Actor_NN folders.", file=str(source))
        )
    kinds = [code for code in _COLUMN if code in set(found["modality"])]
    wide = found.pivot("modality", index="clip", values="path", aggregate_function="first").rename(
        {code: _COLUMN[code] for code in kinds}
    )
    parts = found.unique("clip", keep="first", maintain_order=True).drop("path", "modality")
    return parts.join(wide, on="clip").with_columns(
        pl.col("emotion").replace_strict(_CODES),
        pl.col("intensity").replace_strict(_INTENSITIES),
        transcript=pl.col("statement").replace_strict(STATEMENTS),
        sex=pl.when(pl.col("actor").cast(pl.Int64) % 2 == 1).then(pl.lit("M")).otherwise(pl.lit("F")),
    )


def _action_units(path: Path, clip_ids: pl.Series) -> pl.DataFrame:
    frame = read_frame(path)
    if "clip" not in frame.columns:
        raise InputError(
            Problem("missing-column", "no column clip", "Use the table as it came.", file=path.name)
        )
    if strangers := sorted(set(frame["clip"]) - set(clip_ids)):
        message = f"{len(strangers)} clips are not among the recordings: {', '.join(strangers[:5])}"
        raise InputError(Problem("unknown-clip", message, "Use files of the same release.", file=path.name))
    return frame.select(
        clip_id="clip", **{n: pl.col(n).cast(pl.Float64) for n in frame.columns if n != "clip"}
    )
