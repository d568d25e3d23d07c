"""The format of MMSA, in which MOSI, MOSEI and CH-SIMS are handed on: `label.csv`, `Raw/`, pickled features.

A clip's id is the one of the feature files, `video$_$clip`, so that features are joined by id.
"""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Literal

import polars as pl

from mixedsignals.corpus.importers.common import Imported, require_files
from mixedsignals.corpus.importers.mmsa_features import pooled_features
from mixedsignals.errors import InputError, Problem, UsageError
from mixedsignals.labels import Labels
from mixedsignals.tables import CLIPS, SPLITS, conform, read_frame

__all__ = ["read_mmsa"]

HEADER = ("video_id", "clip_id", "text", "label", "label_T", "label_A", "label_V", "annotation", "mode")
ROLES = {"train": "train", "valid": "tune", "test": "test"}
ANNOTATIONS = ("Negative", "Weakly Negative", "Neutral", "Weakly Positive", "Positive")
_THREE = ("Negative", "Neutral", "Positive")
_SCORES = {"score": "label", "label_T": "label_T", "label_A": "label_A", "label_V": "label_V"}
_TABLE = "label.csv"


def read_mmsa(
    source: Path,
    *,
    features: Path | str | None = None,
    speaker: Literal["none", "video"] = "none",
    splits: Literal["given", "make"] = "given",
) -> Imported:
    """Read `label.csv` and media at `Raw/VIDEO/CLIP.mp4`, and features if a file is named.

    `label` is the annotation (ordinal, Negative to Positive); the numbers are kept as `score`, `label_T`, `label_A` and
    `label_V`; `video_id` and `mode` are kept too.

    Args:
        source: the folder with `label.csv`.
        features: a pickled feature file; each modality is averaged over the real length of the clip.
        speaker: what stands for the speaker, of whom the format says nothing: `none`, or `video` (the source video).
        splits: keep the `given` ones (train, valid, test), or leave them out so that folds are made (`make`).

    Raises:
        UsageError: an unknown option value.
        InputError: faults of the table or of the features, all at once.
    """
    _check_choice("speaker", speaker, ("none", "video"))
    _check_choice("splits", splits, ("given", "make"))
    require_files(source, [_TABLE], what=f"{_TABLE} of an MMSA corpus")
    table = _read_labels(source / _TABLE)
    three = set(table["annotation"]) <= set(_THREE)
    labels = Labels(_THREE if three else ANNOTATIONS, "ordinal")
    clips, files = _clips(table, source, speaker_is_video=speaker == "video")
    clips = conform(CLIPS, clips, source=_TABLE, labels=labels)
    given = clips.select("clip_id", fold=pl.lit(0), role=pl.col("mode").replace_strict(ROLES))
    pooled, notes = ({}, []) if features is None else pooled_features(Path(features), set(clips["clip_id"]))
    return Imported(
        name=source.resolve().name,
        labels=labels,
        clips=clips,
        splits=conform(SPLITS, given, source=_TABLE) if splits == "given" else None,
        files=files,
        features=pooled,
        warnings=(*_warnings(clips, speaker, splits), *notes),
    )


def _check_choice(name: str, value: str, legal: tuple[str, ...]) -> None:
    if value not in legal:
        raise UsageError(f"--{name} is {value!r}; legal are {', '.join(legal)}.")


def _clips(
    table: pl.DataFrame, source: Path, *, speaker_is_video: bool
) -> tuple[pl.DataFrame, dict[str, Path]]:
    """The clips, and where the media file of each is now."""
    media: list[str | None] = []
    files = {}
    for video, clip in table.select("video_id", "clip_id").iter_rows():
        file, named = source / "Raw" / video / f"{clip}.mp4", f"media/{video}/{clip}.mp4"
        there = file.is_file()
        media.append(named if there else None)
        if there:
            files[named] = file
    clips = table.select(
        clip_id=pl.concat_str("video_id", pl.lit("$_$"), "clip_id"),
        speaker_id=pl.col("video_id") if speaker_is_video else pl.lit(None, dtype=pl.String),
        media=pl.Series(media, dtype=pl.String),
        transcript="text",
        label="annotation",
        **{ours: _number(theirs) for ours, theirs in _SCORES.items()},
        video_id="video_id",
        mode="mode",
    )
    return clips, files


def _number(name: str) -> pl.Expr:
    return pl.col(name).cast(pl.Float64, strict=False)


def _read_labels(path: Path) -> pl.DataFrame:
    """The table; a file of version 1, which has no header, only where its first line can be nothing but data."""
    frame = read_frame(path)
    first_row = 2
    if absent := [name for name in HEADER if name not in frame.columns]:
        if len(frame.columns) != len(HEADER) or not _is_data(frame.columns):
            message = f"no column {', '.join(absent)}, and the first line is no row of data either"
            remedy = f"Write the header {','.join(HEADER)} as the first line."
            raise InputError(Problem("missing-column", message, remedy, file=path.name, row=1))
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = [row for row in csv.reader(file) if row]
        frame = pl.DataFrame(rows, schema=dict.fromkeys(HEADER, pl.String), orient="row")
        frame, first_row = frame.with_columns(pl.when(pl.all() != "").then(pl.all())), 1
    _refuse_faults(frame, path.name, first_row)
    return frame


def _is_data(cells: list[str]) -> bool:
    """Whether nine cells can only be a row of the table."""
    try:
        float(cells[3])
    except ValueError:
        return False
    return cells[-1] in ROLES and cells[-2] in ANNOTATIONS


def _refuse_faults(frame: pl.DataFrame, file: str, first_row: int) -> None:
    """Every faulty cell at once."""
    names, scores = ("video_id", "clip_id"), _SCORES.values()
    rules: list[tuple[str, str, pl.Expr]] = [
        *((n, "a name without slashes", ~pl.col(n).str.contains(r"[/\\]|^\.+$")) for n in names),
        ("annotation", f"one of {', '.join(ANNOTATIONS)}", pl.col("annotation").is_in(ANNOTATIONS)),
        ("mode", f"one of {', '.join(ROLES)}", pl.col("mode").is_in(list(ROLES))),
        *((n, "a number or nothing", _number(n).is_not_null() | pl.col(n).is_null()) for n in scores),
    ]
    problems = []
    for column, legal, holds in rules:
        for row in (~frame.select(holds.fill_null(value=False)).to_series()).arg_true():
            message = f"{column} is {frame[column][row]!r}; legal is {legal}"
            problems.append(
                Problem("illegal-value", message, "Correct the cell.", file=file, row=row + first_row)
            )
    if problems:
        raise InputError(problems)


def _warnings(clips: pl.DataFrame, speaker: str, splits: str) -> list[Problem]:
    warnings = []
    parts = clips.group_by("video_id").agg(pl.col("mode").n_unique()).filter(pl.col("mode") > 1)
    if splits == "given" and parts.height:
        message = f"{parts.height} videos have clips in several parts of the given split, so it is not free of leaks"
        remedy = "Import with --splits make --speaker video for folds that keep videos together."
        warnings.append(Problem("video-in-two-parts", message, remedy, severity="warning", file=_TABLE))
    if speaker == "none":
        message = "the format does not say who speaks, so every clip counts as a speaker of its own"
        remedy = "Import with --speaker video if each video has one speaker."
        warnings.append(Problem("no-speakers", message, remedy, severity="warning", file=_TABLE))
    return warnings
