"""Any folder or table of clips, with the user's own names for files and columns, as a plain corpus folder.

A corpus can also be used as it is, with the same names mapped in a `corpus.toml`; this importer is for those who want a
copy in one tidy form.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

import polars as pl

from mixedsignals.corpus.folder import load_with
from mixedsignals.corpus.importers.common import Imported
from mixedsignals.corpus.settings import MEDIA_COLUMNS, TABLE_FILES, read_settings
from mixedsignals.errors import InputError, UsageError
from mixedsignals.features import read_features
from mixedsignals.labels import Kind

__all__ = ["read_csv"]


def read_csv(
    source: Path,
    *,
    columns: Iterable[str] | Mapping[str, Mapping[str, str]] = (),
    votes: str | None = None,
    given: str | None = None,
    labels: Iterable[str] | None = None,
    kind: Kind | None = None,
    pattern: str | None = None,
    name: str | None = None,
) -> Imported:
    """Read a folder with `clips.csv` and whatever else there is, or a single table of clips.

    Args:
        source: a folder, or a `.csv` or `.parquet` file of clips (other files are then looked for beside it).
        columns: the user's column names and ours: texts such as `utterance=clip_id` (of clips) and
            `votes.annotator=rater_id`, or a mapping per table.
        votes: file of the votes, relative to the folder, if it is not `votes.csv`.
        given: what raters perceived, where votes have no such column.
        labels: label names in order; those that occur, if absent.
        kind: `nominal` or `ordinal`.
        pattern: path of a clip's media file, such as `media/{clip_id}.mp4`.
        name: name of the corpus.

    Raises:
        UsageError: a pair that is no pair.
        InputError: every fault of the folder.
    """
    folder = source if source.is_dir() else source.parent
    settings, problems = read_settings(folder)
    files = dict(settings.files)
    if source != folder:
        files["clips"] = source.name
    if votes is not None:
        files["votes"] = votes
    settings = replace(
        settings,
        name=name or settings.name,
        files=files,
        columns={**settings.columns, **_mapping(columns)},
        given=given or settings.given,
        labels=tuple(labels) if labels is not None else settings.labels,
        kind=kind or settings.kind,
        patterns={"media": pattern} if pattern else settings.patterns,
    )
    corpus, problems = load_with(folder, settings, problems)
    if faults := [problem for problem in problems if problem.severity == "fault"]:
        raise InputError(faults)
    clips, brought = _within_media(corpus.clips, corpus.media_root)
    return Imported(
        name=corpus.name,
        labels=corpus.labels,
        clips=clips,
        votes=corpus.votes,
        targets=corpus.targets,
        splits=corpus.splits,
        files=brought,
        features={modality: _features(path, modality) for modality, path in corpus.features.items()},
        licence=corpus.licence,
        tie_rule=corpus.tie_rule,
        warnings=tuple(problems),
    )


def _mapping(columns: Iterable[str] | Mapping[str, Mapping[str, str]]) -> dict[str, dict[str, str]]:
    """Per table the user's names and ours."""
    if isinstance(columns, Mapping):
        return {table: dict(names) for table, names in columns.items()}
    mapping: dict[str, dict[str, str]] = {}
    for pair in columns:
        theirs, sign, ours = pair.partition("=")
        if not (theirs and sign and ours):
            raise UsageError(
                f"{pair!r} is no pair of column names; write YOURS=OURS, such as utterance=clip_id."
            )
        table, dot, name = theirs.partition(".")
        known = bool(dot) and table in TABLE_FILES
        mapping.setdefault(table if known else "clips", {})[name if known else theirs] = ours
    return mapping


def _within_media(clips: pl.DataFrame, root: Path) -> tuple[pl.DataFrame, dict[str, Path]]:
    """Clips whose files are under `media/`, and where each of these files is now."""
    brought: dict[str, Path] = {}
    for column in MEDIA_COLUMNS:
        places = {
            named: f"media/{named.removeprefix('media/')}" for named in clips[column].drop_nulls().unique()
        }
        brought.update({place: root / named for named, place in places.items()})
        clips = clips.with_columns(
            pl.col(column).replace_strict(places, default=None, return_dtype=pl.String)
        )
    return clips, dict(sorted(brought.items()))


def _features(path: Path, modality: str) -> pl.DataFrame:
    embeddings = read_features(path, modality)
    values = pl.DataFrame(
        embeddings.values, schema=[f"{modality}_{n:04}" for n in range(embeddings.width)], orient="row"
    )
    return values.insert_column(0, pl.Series("clip_id", embeddings.clip_ids, dtype=pl.String))
