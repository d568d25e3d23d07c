"""Media beside the page: copied, linked or left out, cut to the clip's span and transcoded where browsers
need it.

File names are made from digests, never from clip ids, so that nothing in a corpus can choose where a file
goes. A clip that cannot be played keeps its place on the page with the reason.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

from mixedsignals import media as decoder
from mixedsignals.errors import InputError
from mixedsignals.progress import Progress
from mixedsignals.store import atomic, digest_bytes

__all__ = ["FOLDER", "Media", "Player", "prepare"]

Media = Literal["copy", "link", "none"]
FOLDER = "media"
_PREFIX = "clip-"
_COLUMNS = ("media", "video", "audio")


@dataclass(frozen=True)
class Player:
    """One element of playback.

    Attributes:
        kind: `video`, `audio`, or `none` where `note` says why it cannot be played.
        src: relative or `file:` address, percent-encoded, with the span as a fragment where it is linked.
        note: what a reader must know, such as that the file was transcoded; may be empty.
    """

    kind: Literal["video", "audio", "none"]
    src: str = ""
    note: str = ""

    def to_dict(self) -> dict[str, str]:
        """For the page."""
        return {"kind": self.kind, "src": self.src, "note": self.note}


def prepare(
    rows: Iterable[Mapping[str, Any]],
    root: Path | None,
    out: Path,
    *,
    media: Media,
    height: int,
    progress: Progress,
) -> dict[str, list[Player]]:
    """Players of each clip of `rows` (rows of `clips`), by clip id; clips without any media file are left
    out.

    With `copy`, files go to `out/media`; those of an earlier report that are still right are kept, all others
    removed.
    """
    if media == "none" or root is None:
        _remove_others(out / FOLDER, keep=set())
        return {}
    wanted = [row for row in rows if any(row.get(column) for column in _COLUMNS)]
    players: dict[str, list[Player]] = {}
    with progress.task("Media for the report", len(wanted)) as task:
        for row in wanted:
            names = dict.fromkeys(str(row[column]) for column in _COLUMNS if row.get(column))
            players[row["clip_id"]] = [_player(root, name, row, out, media, height) for name in names]
            task.advance()
    kept = {Path(p.src).name for several in players.values() for p in several if media == "copy" and p.src}
    _remove_others(out / FOLDER, keep=kept)
    return players


def _player(root: Path, name: str, row: Mapping[str, Any], out: Path, media: Media, height: int) -> Player:
    path = (root / name).resolve()
    if not path.is_relative_to(root.resolve()):
        return Player("none", note=f"{name} lies outside the corpus and is not shown")
    try:
        about = decoder.probe(path)
        if media == "link":
            return _link(path, row, out, has_video=about.has_video)
        return _copy(path, row, out, has_video=about.has_video, height=height)
    except InputError as error:
        return Player("none", note="; ".join(problem.message for problem in error.problems))


def _link(path: Path, row: Mapping[str, Any], out: Path, *, has_video: bool) -> Player:
    if not decoder.playable(path):
        return Player(
            "none", note="browsers cannot play this file; write the report with copied media to see it"
        )
    try:
        address = quote(Path(os.path.relpath(path, out.resolve())).as_posix())
    except ValueError:  # another drive
        address = path.as_uri()
    begin, end = row.get("start"), row.get("end")
    span = (
        f"#t={begin or 0:g}" + (f",{end:g}" if end is not None else "")
        if begin is not None or end is not None
        else ""
    )
    return Player("video" if has_video else "audio", src=address + span)


def _copy(path: Path, row: Mapping[str, Any], out: Path, *, has_video: bool, height: int) -> Player:
    begin, end = row.get("start"), row.get("end")
    whole = begin is None and end is None
    as_is = whole and decoder.playable(path)
    state = path.stat()
    about = f"{path}|{state.st_size}|{state.st_mtime_ns}|{begin}|{end}|{'' if as_is else height}"
    suffix = path.suffix.lower() if as_is else (".mp4" if has_video else ".m4a")
    name = f"{_PREFIX}{digest_bytes(about.encode())[:16]}{suffix if suffix[1:].isalnum() else ''}"
    target = out / FOLDER / name
    if not target.exists():
        with atomic(target) as partial:
            if as_is:
                shutil.copyfile(path, partial)
            else:
                decoder.transcode(path, partial, start=begin, end=end, height=height)
    note = (
        ""
        if as_is
        else (
            "cut from a longer file"
            if decoder.playable(path)
            else "transcoded; browsers cannot play the original"
        )
    )
    return Player("video" if has_video else "audio", src=f"{FOLDER}/{name}", note=note)


def _remove_others(folder: Path, *, keep: set[str]) -> None:
    """Remove what an earlier report left, and nothing that a report did not make."""
    if not folder.is_dir():
        return
    for path in folder.glob(f"{_PREFIX}*"):
        if path.name not in keep:
            path.unlink()
    if not any(folder.iterdir()):
        folder.rmdir()
