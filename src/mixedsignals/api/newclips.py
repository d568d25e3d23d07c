"""Clips to predict: media files, a folder of them, a corpus folder, or the run's own, for the encoders.

A media file has no transcript, and its id is its name without the suffix; a file of the run's own corpus keeps its row
there, words included.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from mixedsignals.api.corpora import checked
from mixedsignals.errors import InputError, Problem
from mixedsignals.labels import Labels
from mixedsignals.progress import Progress
from mixedsignals.tables import CLIPS, conform

if TYPE_CHECKING:
    from mixedsignals.corpus import Corpus

__all__ = ["IRRELEVANT", "corpus_of", "files_of", "is_corpus", "media_of", "with_splices"]

#: codes of problems that say nothing about clips to encode or predict: they need no labels, speakers or folds
IRRELEVANT = frozenset(
    {
        "too-few-labels",
        "unknown-order",
        "one-class",
        "one-speaker",
        "no-speaker",
        "no-speakers",
        "identical-media",
        "repeated-transcript",
    }
)
#: endings of files that a folder of clips is searched for; any other file can be named by itself
MEDIA_SUFFIXES = frozenset(
    f".{ending}"
    for ending in (
        *("aac", "flac", "m4a", "mp3", "oga", "ogg", "opus", "wav", "wma"),
        *("avi", "flv", "m4v", "mkv", "mov", "mp4", "mpeg", "mpg", "ogv", "webm", "wmv"),
    )
)
_COLUMNS = ("media", "audio", "video")
_PARTS = ("voice_from", "face_from", "words_from")


def corpus_of(folder: Path, *, progress: Progress) -> Corpus:
    """A corpus folder of clips that need no labels.

    Raises:
        InputError: every fault of the folder.
    """
    return checked(folder, ignore=IRRELEVANT, progress=progress)


def is_corpus(folder: Path) -> bool:
    """Whether a folder says of itself that it is a corpus; else it is taken as a folder of media files."""
    return any(
        (folder / name).is_file() for name in ("corpus.toml", "clips.csv", "clips.csv.gz", "clips.parquet")
    )


def media_of(folder: Path) -> list[Path]:
    """Every file in a folder and the folders in it that is named like sound or film, in the order of their names.

    Raises:
        InputError: there is none.
    """
    found = sorted(
        path for path in folder.rglob("*") if path.suffix.lower() in MEDIA_SUFFIXES and path.is_file()
    )
    if not found:
        remedy = f"Name a corpus folder, or one with files that end in {', '.join(sorted(MEDIA_SUFFIXES))}."
        raise InputError(
            Problem("no-clips", "is no corpus and holds no media files", remedy, file=str(folder))
        )
    return found


def files_of(
    paths: Sequence[Path], *, own: pl.DataFrame, root: Path, labels: Labels
) -> tuple[Corpus, frozenset[str]]:
    """Media files as a corpus, and the ids of those clips in it that are the run's own.

    Args:
        own: the `clips` table of the run, whose media paths start from `root`.
        labels: of the run.

    Raises:
        InputError: every file that is missing, unreadable or a folder, and files whose names make the same id.
    """
    from mixedsignals.corpus import Corpus

    if problems := [*_unreadable(paths), *_same_ids(paths)]:
        raise InputError(problems)
    known = _by_file(own.select(list(CLIPS.schema)), root)
    files = list(dict.fromkeys(path.resolve() for path in paths))
    mine = [row for path in files for row in known.get(path, [])]
    kept = [*mine, *(_new(path) for path in files if path not in known)]
    clips = conform(CLIPS, pl.DataFrame(kept, schema=CLIPS.schema), source="new clips")
    made = Corpus(path=Path("/"), name="new clips", labels=labels, clips=clips, media_root=Path("/"))
    return made, frozenset(row["clip_id"] for row in mine)


def _unreadable(paths: Sequence[Path]) -> Iterator[Problem]:
    from mixedsignals.media import verify

    for path in paths:
        if path.is_dir():
            remedy = "Name media files, or one corpus folder alone."
            yield Problem("not-a-file", "is a folder", remedy, file=str(path))
        else:
            yield from (problem for problem in verify(path, decode=False) if problem.severity == "fault")


def _same_ids(paths: Sequence[Path]) -> Iterator[Problem]:
    found: dict[str, set[Path]] = {}
    for path in paths:
        found.setdefault(path.stem, set()).add(path.resolve())
    for stem, files in found.items():
        if len(files) > 1:
            message = f"{len(files)} files make this id: {', '.join(sorted(map(str, files)))}"
            yield Problem("duplicate-id", message, "Rename one, or predict them one by one.", clip_id=stem)


def _by_file(own: pl.DataFrame, root: Path) -> dict[Path, list[dict[str, Any]]]:
    """The run's own rows by each of their files, with paths that start from `/`."""
    rows: dict[Path, list[dict[str, Any]]] = {}
    for row in own.iter_rows(named=True):
        placed = {column: str(root / row[column]) for column in _COLUMNS if row[column]}
        for file in dict.fromkeys(Path(path).resolve() for path in placed.values()):
            rows.setdefault(file, []).append({**row, **placed})
    return rows


def _new(path: Path) -> dict[str, Any]:
    """A row for a file that the run does not know, under the tracks that it has."""
    from mixedsignals.media import probe

    info = probe(path)
    column = "media" if info.has_audio and info.has_video else "audio" if info.has_audio else "video"
    return {"clip_id": path.stem, column: str(path)}


def with_splices(splits: pl.DataFrame, clips: pl.DataFrame) -> pl.DataFrame:
    """The splits of a run with films spliced from its clips: tested where all of these were, trained on elsewhere.

    Args:
        splits: a `splits` table.
        clips: a `clips` table; which clips a film is made of stand in `voice_from`, `face_from` and `words_from`.
    """
    named = [column for column in _PARTS if column in clips.columns]
    if not named:
        return splits
    made_of = clips.select("clip_id", *(pl.col(column).cast(pl.String) for column in named))
    parts = made_of.unpivot(named, index="clip_id", value_name="part").drop("variable").unique()
    joined = parts.join(splits.rename({"clip_id": "part"}), on="part", maintain_order="left")
    tested = (pl.col("role") == "test").all()
    role = pl.when(tested).then(pl.lit("test")).otherwise(pl.lit("train"))
    films = joined.group_by("clip_id", "fold", maintain_order=True).agg(role.alias("role"))
    films = films.filter(~pl.col("clip_id").is_in(splits["clip_id"].unique().to_list()))
    return pl.concat([splits, films.select(splits.columns).cast(splits.schema)])
