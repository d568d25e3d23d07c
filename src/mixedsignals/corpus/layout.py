"""Where the media of a clip lie: paths of its own, a pattern of the corpus, or a file that bears its id.

A file is never guessed: it is named in the table, made from a pattern, or has exactly the clip's id as its stem.
"""

from __future__ import annotations

import os
import string
from pathlib import Path, PureWindowsPath

import polars as pl

from mixedsignals.corpus.settings import MEDIA_COLUMNS, SETTINGS_FILE, Settings
from mixedsignals.errors import Problem

__all__ = ["AUDIO_SUFFIXES", "fill_paths", "is_outside"]

AUDIO_SUFFIXES = frozenset(
    {".wav", ".flac", ".mp3", ".m4a", ".aac", ".ogg", ".oga", ".opus", ".aif", ".aiff", ".wma"}
)
"""Suffixes of files that have sound and no picture."""


def is_outside(named: str) -> bool:
    """Whether a path leaves the folder that it is relative to (links inside that folder may lead anywhere)."""
    if Path(named).is_absolute() or PureWindowsPath(named).drive:
        return True
    return Path(os.path.normpath(named)).parts[:1] == ("..",)


def fill_paths(clips: pl.DataFrame, root: Path, settings: Settings, problems: list[Problem]) -> pl.DataFrame:
    """Fill empty `media`, `audio` and `video` cells from the corpus's patterns.

    Where neither cells nor patterns name any file, files in the folders `media/`, `audio/` and `video/` whose stem is a
    clip's id are taken.
    """
    if settings.patterns:
        for column, pattern in settings.patterns.items():
            clips = _fill_pattern(clips, column, pattern, root, settings, problems)
        return clips
    if clips.select(pl.any_horizontal(pl.col(MEDIA_COLUMNS).is_not_null()).any()).item():
        return clips
    for column in MEDIA_COLUMNS:
        clips = _fill_by_stem(clips, column, root, problems)
    return clips


def _fill_pattern(
    clips: pl.DataFrame, column: str, pattern: str, root: Path, settings: Settings, problems: list[Problem]
) -> pl.DataFrame:
    fields = sorted({name for _, name, _, _ in string.Formatter().parse(pattern) if name})
    if absent := [name for name in fields if name not in clips.columns]:
        message = (
            f"[media] {column} names the column {', '.join(absent)}; clips has {', '.join(clips.columns)}"
        )
        problems.append(Problem("illegal-setting", message, "Correct the pattern.", file=SETTINGS_FILE))
        return clips
    made: list[str | None] = []
    for own, *values in clips.select(column, *(pl.col(name).cast(pl.String) for name in fields)).iter_rows():
        if own is not None or None in values:
            made.append(own)
            continue
        named = pattern.format(**dict(zip(fields, values, strict=True)))
        made.append(named if not settings.missing_allowed or (root / named).is_file() else None)
    return clips.with_columns(pl.Series(column, made, dtype=pl.String))


def _fill_by_stem(clips: pl.DataFrame, column: str, root: Path, problems: list[Problem]) -> pl.DataFrame:
    if not (root / column).is_dir():
        return clips
    found: dict[str, list[str]] = {}
    for file in sorted((root / column).iterdir()):
        if file.is_file() and not file.name.startswith("."):
            found.setdefault(file.stem, []).append(f"{column}/{file.name}")
    for clip in clips["clip_id"].drop_nulls().unique().sort():
        if len(files := found.get(clip, [])) > 1:
            message = f"{len(files)} files bear its id: {', '.join(files)}"
            remedy = f"Name one of them in the column {column}."
            problems.append(Problem("ambiguous-media", message, remedy, clip_id=clip))
    named = [files[0] if len(files := found.get(clip, [])) == 1 else None for clip in clips["clip_id"]]
    return clips.with_columns(pl.Series(column, named, dtype=pl.String))
