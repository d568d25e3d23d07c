"""What every importer gives back, and how it becomes a corpus folder.

An importer only reads: it returns tables under our names and says which files are the media. Writing is done here, into
a folder beside the destination that is moved into place when whole, so that an interrupted import leaves nothing.
"""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, Protocol

import polars as pl
import tomli_w

from mixedsignals.corpus.layout import is_outside
from mixedsignals.errors import CannotFinish, InputError, Problem, UsageError
from mixedsignals.labels import Labels
from mixedsignals.progress import SILENT, Progress
from mixedsignals.store import atomic
from mixedsignals.tables import CLIPS, SPLITS, TARGETS, VOTES, write_table

__all__ = ["ImportSummary", "Imported", "Importer", "require_files", "write_corpus"]

MediaMode = Literal["copy", "link", "none"]


@dataclass(frozen=True)
class Imported:
    """What an importer read.

    Attributes:
        name: name of the corpus.
        labels: labels in order.
        clips: a `clips` table; media paths are relative to the corpus folder to be.
        votes, targets, splits: further tables, where the data have them.
        files: for every media path in `clips`, the file that it comes from.
        features: ready-made features per modality: `clip_id` and numeric columns, one row per clip.
        licence: licence of the data, if known.
        tie_rule: how ties of votes are to be decided.
        warnings: what the user should know about the data.
    """

    name: str
    labels: Labels
    clips: pl.DataFrame
    votes: pl.DataFrame | None = None
    targets: pl.DataFrame | None = None
    splits: pl.DataFrame | None = None
    files: Mapping[str, Path] = field(default_factory=dict)
    features: Mapping[str, pl.DataFrame] = field(default_factory=dict)
    licence: str | None = None
    tie_rule: str = "exclude"
    warnings: tuple[Problem, ...] = ()


class Importer(Protocol):
    """Reads another project's data; registered under a name in the entry-point group `mixedsignals.importers`.

    Options beyond the source are keyword-only arguments with defaults. It raises `InputError` with every fault.
    """

    def __call__(self, source: Path, /, *none: Any, **options: Any) -> Imported:
        """Read `source` and return tables; write nothing."""


@dataclass(frozen=True)
class ImportSummary:
    """What an import made: the folder and how much is in it (single votes, speakers that are named)."""

    path: Path
    name: str
    labels: tuple[str, ...]
    n_clips: int
    n_speakers: int
    n_votes: int
    n_media: int
    features: tuple[str, ...]
    warnings: tuple[Problem, ...]

    @property
    def sentence(self) -> str:
        """The counts in words."""
        many = "s" if self.n_speakers > 1 else ""
        speakers = f" of {self.n_speakers} speaker{many}" if self.n_speakers else ""
        parts = [
            f"{self.n_clips:,} clips{speakers}",
            f"{len(self.labels)} labels",
            f"{self.n_media:,} media files",
        ]
        if self.n_votes:
            parts.append(f"{self.n_votes:,} votes")
        if self.features:
            parts.append(f"ready-made features for {', '.join(self.features)}")
        return f"{self.name}: {', '.join(parts)}"

    def __str__(self) -> str:
        return "\n".join(
            [f"{self.sentence}, in {self.path}", *(f"warning: {warning}" for warning in self.warnings)]
        )


def require_files(source: Path, names: Iterable[str], *, what: str) -> None:
    """Refuse a source that lacks any of `names`, naming all that are missing."""
    if not source.is_dir():
        raise InputError(
            Problem("missing-source", f"is not a folder with {what}", "Check the path.", file=str(source))
        )
    problems = [
        Problem("missing-file", "is not there", f"Name the folder with {what}.", file=str(source / name))
        for name in names
        if not (source / name).is_file()
    ]
    if problems:
        raise InputError(problems)


def write_corpus(
    imported: Imported, destination: Path, *, media: MediaMode = "copy", progress: Progress = SILENT
) -> ImportSummary:
    """Write a corpus folder.

    Args:
        imported: what an importer read.
        destination: a folder that does not exist yet, or is empty.
        media: `copy` the files, `link` (leave them where they are and name that folder in `corpus.toml`), or bring
            `none` (the clips then have no media).
        progress: where to say how far it is.

    Raises:
        UsageError: the destination is not empty, or `media` is unknown.
        InputError: a table has faults, or a media file is missing.
        CannotFinish: the disk is full or the folder cannot be written.
    """
    if media not in ("copy", "link", "none"):
        raise UsageError(f"--media is {media!r}; legal are copy, link and none.")
    if destination.exists() and (not destination.is_dir() or any(destination.iterdir())):
        raise UsageError(f"{destination} is there already; name a new folder, or remove that one.")
    _refuse_bad_files(imported.files)
    n_media = 0 if media == "none" else len(imported.files)
    root: Path | None = None
    if media == "none":
        imported = _renamed(imported, {})
    elif media == "link" and imported.files:
        root = Path(os.path.commonpath([file.resolve().parent for file in imported.files.values()]))
        imported = _renamed(
            imported, {n: f.resolve().relative_to(root).as_posix() for n, f in imported.files.items()}
        )
    with _folder_in_place(destination) as folder:
        _write_tables(imported, folder, root)
        if media == "copy":
            _copy_media(imported.files, folder, progress)
    votes = imported.votes
    return ImportSummary(
        path=destination,
        name=imported.name,
        labels=imported.labels.names,
        n_clips=imported.clips.height,
        n_speakers=imported.clips["speaker_id"].drop_nulls().n_unique(),
        n_votes=0 if votes is None else int(votes.select(pl.col("count").fill_null(1).sum()).item()),
        n_media=n_media,
        features=tuple(imported.features),
        warnings=imported.warnings,
    )


def _renamed(imported: Imported, places: Mapping[str, str]) -> Imported:
    """The same with other media paths; a path that `places` does not have becomes null."""
    columns = pl.col("media", "audio", "video").replace_strict(places, default=None, return_dtype=pl.String)
    return replace(imported, clips=imported.clips.with_columns(columns))


def _refuse_bad_files(files: Mapping[str, Path]) -> None:
    inside, there = (
        "Name media by paths within the corpus folder.",
        "Complete the data, or leave these clips out.",
    )
    problems = []
    for name, file in files.items():
        if is_outside(name):
            problems.append(Problem("path-outside", "leads outside the corpus", inside, file=name))
        if not file.is_file():
            problems.append(Problem("missing-media", "is not there", there, file=str(file)))
    if problems:
        raise InputError(problems)


def _write_tables(imported: Imported, folder: Path, media_root: Path | None) -> None:
    tables = {
        CLIPS: imported.clips,
        VOTES: imported.votes,
        TARGETS: imported.targets,
        SPLITS: imported.splits,
    }
    for table, frame in tables.items():
        if frame is not None:
            write_table(table, frame, folder / f"{table.name}.parquet")
    for modality, frame in imported.features.items():
        with atomic(folder / "features" / f"{modality}.parquet") as partial:
            frame.write_parquet(partial)
    settings = {
        "name": imported.name,
        "labels": list(imported.labels.names),
        "kind": imported.labels.kind,
        **({"licence": imported.licence} if imported.licence else {}),
        "tie_rule": imported.tie_rule,
        **({"media": {"folder": str(media_root)}} if media_root is not None else {}),
        **(
            {"features": {m: f"features/{m}.parquet" for m in imported.features}} if imported.features else {}
        ),
    }
    with atomic(folder / "corpus.toml") as partial:
        partial.write_text(tomli_w.dumps(settings), encoding="utf-8")


def _copy_media(files: Mapping[str, Path], folder: Path, progress: Progress) -> None:
    with progress.task("Copying media", len(files)) as task:
        for name, file in files.items():
            place = folder / name
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, place)
            task.advance()


@contextmanager
def _folder_in_place(destination: Path) -> Iterator[Path]:
    """A new folder beside `destination`, moved there when the block succeeds and removed when it does not."""
    partial: Path | None = None
    try:
        destination.parent.mkdir(parents=True, exist_ok=True)
        partial = Path(
            tempfile.mkdtemp(prefix=f".{destination.name}.", suffix=".partial", dir=destination.parent)
        )
        yield partial
        partial.chmod(0o755)
        if destination.exists():
            destination.rmdir()
        partial.replace(destination)
        partial = None
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            message = "the disk is full; nothing was left half written. Free space, or link media instead of copying"
            raise CannotFinish(f"{destination}: {message}.") from error
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise CannotFinish(
                f"{destination}: this cannot be written ({error.strerror}). Choose another folder."
            ) from error
        raise
    finally:
        if partial is not None:
            shutil.rmtree(partial, ignore_errors=True)
