"""What an extractor looks at: the words of a clip, or the span of a media file; or the reason why there is nothing.

Nothing is guessed. A clip with an empty cell is absent; a file that is named but not there is a fault.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from mixedsignals.errors import InputError, Problem
from mixedsignals.store import digest_bytes, digest_file

__all__ = ["Source", "find_sources"]

_COLUMNS = {"audio": ("audio", "media"), "video": ("video", "media")}


@dataclass(frozen=True)
class Source:
    """The words of a clip, or the span of the media file in which it lies.

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
            return digest_bytes(f"text\0{self.text}".encode("utf-8", "surrogatepass"))
        span = "\0".join("" if at is None else repr(float(at)) for at in (self.start, self.end))
        return digest_bytes(f"media\0{_file_digest(self.path)}\0{span}".encode())


def _file_digest(path: Path) -> str:
    stat = path.stat()
    return _digest_once(path, stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns)


@functools.lru_cache(maxsize=1 << 18)
def _digest_once(path: Path, *_identity: int) -> str:
    return digest_file(path)


def find_sources(clips: pl.DataFrame, root: Path, modality: str) -> tuple[dict[str, Source], dict[str, str]]:
    """The source of every clip that has the modality, and of the others why not, both by clip id.

    Args:
        clips: a `clips` table; `transcript` gives text, `audio` or else `media` the sound, `video` or else `media` the
            picture, `start` and `end` the span.
        root: folder that relative paths start from.
        modality: `text`, `audio` or `video`.

    Raises:
        InputError: media files that are named but missing or empty, all of them named.
    """
    found: dict[str, Source] = {}
    absent: dict[str, str] = {}
    problems: list[Problem] = []
    for row in clips.iter_rows(named=True):
        clip_id = row["clip_id"]
        if modality == "text":
            words = row.get("transcript")
            if words and words.strip():
                found[clip_id] = Source(text=words)
            else:
                absent[clip_id] = "the transcript is blank" if words else "no transcript"
            continue
        given = next((row[column] for column in _COLUMNS[modality] if row.get(column)), None)
        if given is None:
            absent[clip_id] = f"no {modality} file is named"
            continue
        found[clip_id] = Source(path=root / given, start=row.get("start"), end=row.get("end"))
        problems += _missing(root / given, given, clip_id)
    if problems:
        raise InputError(problems)
    return found, absent


def _missing(path: Path, given: str, clip_id: str) -> Iterator[Problem]:
    remedy = "Put the file there or correct the path; leave the cell empty if the clip has none."
    if not path.is_file():
        yield Problem("missing-media", "is not there", remedy, file=given, clip_id=clip_id)
    elif path.stat().st_size == 0:
        yield Problem("empty-media", "has no bytes", remedy, file=given, clip_id=clip_id)
