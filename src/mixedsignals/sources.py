"""What each clip has to offer in a modality: its words, or a span of a media file; or the reason why it has nothing.

Shared, because encoders and cues look at the same. Nothing is guessed: a clip with an empty cell is absent; a file
that is named but not there is a fault.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from mixedsignals.errors import InputError, Problem
from mixedsignals.store import digest_file

__all__ = ["Absent", "Source", "find_sources"]

_BYTES_PER_SECOND = 30_000.0
_COLUMNS = {"audio": ("audio", "media"), "video": ("video", "media")}


@dataclass(frozen=True)
class Absent:
    """A clip that lacks the modality, and why."""

    clip_id: str
    reason: str


@dataclass(frozen=True)
class Source:
    """The words of a clip, or the span of a media file in which it lies.

    Attributes:
        text: the words, for text; None otherwise.
        path: the media file, for audio and video.
        start, end: seconds in that file; None means its beginning or its end.
    """

    text: str | None = None
    path: Path | None = None
    start: float | None = None
    end: float | None = None

    def digest(self) -> str:
        """SHA-256 of the content: the words, or the file's bytes and the span; never the file's name."""
        if self.path is None:
            content = f"text\0{self.text}"
        else:
            content = f"media\0{_file_digest(self.path)}\0{_seconds(self.start)}\0{_seconds(self.end)}"
        return hashlib.sha256(content.encode("utf-8", "surrogatepass")).hexdigest()

    def size(self) -> float:
        """About how long it is (characters, or seconds as far as they can be told without opening the file)."""
        if self.path is None:
            return float(len(self.text or ""))
        if self.end is not None:
            return self.end - (self.start or 0.0)
        return self.path.stat().st_size / _BYTES_PER_SECOND


def _seconds(value: float | None) -> str:
    return "" if value is None else repr(float(value))


def _file_digest(path: Path) -> str:
    """Digest of the bytes; within this process a file whose inode, size and times are unchanged is read once."""
    stat = path.stat()
    return _digest_once(path, stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns)


@functools.lru_cache(maxsize=1 << 18)
def _digest_once(path: Path, *_identity: int) -> str:
    return digest_file(path)


def find_sources(clips: pl.DataFrame, root: Path, modality: str) -> tuple[dict[str, Source], list[Absent]]:
    """The source of every clip that has the modality, and the clips that have not.

    Args:
        clips: a `clips` table; `transcript` gives text, `audio` or else `media` the sound, `video` or else `media`
            the picture, `start` and `end` the span.
        root: folder that relative paths start from.
        modality: `text`, `audio` or `video`.

    Raises:
        InputError: another modality, or media files that are named but missing or empty, all of them named.
    """
    if modality == "text":
        return _texts(clips)
    if modality not in _COLUMNS:
        raise InputError(
            Problem(
                code="unknown-modality",
                message=f"nothing reads the modality {modality!r} from clips; legal are text, audio and video",
                remedy="Bring ready-made features for it.",
            )
        )
    found: dict[str, Source] = {}
    absent: list[Absent] = []
    problems: list[Problem] = []
    for row in clips.iter_rows(named=True):
        given = next((row[column] for column in _COLUMNS[modality] if row.get(column)), None)
        if given is None:
            absent.append(Absent(row["clip_id"], f"no {modality} file is named"))
            continue
        source = Source(path=root / given, start=row.get("start"), end=row.get("end"))
        problems += _missing(source, given, row["clip_id"])
        found[row["clip_id"]] = source
    if problems:
        raise InputError(problems)
    return found, absent


def _texts(clips: pl.DataFrame) -> tuple[dict[str, Source], list[Absent]]:
    found: dict[str, Source] = {}
    absent: list[Absent] = []
    for row in clips.iter_rows(named=True):
        words = row.get("transcript")
        if words is None or not words.strip():
            reason = "no transcript" if not words else "the transcript is blank"
            absent.append(Absent(row["clip_id"], reason))
        else:
            found[row["clip_id"]] = Source(text=words)
    return found, absent


def _missing(source: Source, given: str, clip_id: str) -> Iterator[Problem]:
    path = source.path
    if path is None or not path.is_file():
        remedy = "Put the file there or correct the path; leave the cell empty if the clip has none."
        yield Problem(
            code="missing-media", message="is not there", remedy=remedy, file=given, clip_id=clip_id
        )
    elif path.stat().st_size == 0:
        remedy = "Replace the file, or leave the cell empty if the clip has none."
        yield Problem(code="empty-media", message="has no bytes", remedy=remedy, file=given, clip_id=clip_id)
