"""What is wrong with the recordings of a corpus, seen by opening them and, unless it is forbidden, decoding them whole.

A recording is read once, however many clips lie in it. That files are there, not empty and named within the corpus is
told without opening them, by `rules`; such files are passed over here.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import polars as pl

from mixedsignals import media
from mixedsignals.corpus.layout import AUDIO_SUFFIXES, is_outside
from mixedsignals.corpus.settings import MEDIA_COLUMNS
from mixedsignals.errors import Problem
from mixedsignals.progress import SILENT, Progress

__all__ = ["Use", "check_recordings", "uses_of"]


@dataclass(frozen=True)
class Use:
    """One clip's use of one recording.

    Attributes:
        column: `media`, `audio` or `video`.
        named: the path as the table has it.
        row: line of the clips table, header 1.
        start, end: the span in s; None for the whole.
    """

    clip_id: str | None
    column: str
    named: str
    row: int
    start: float | None
    end: float | None

    @property
    def needs_audio(self) -> bool:
        """Whether the file should have sound: `media` has both, unless its name says otherwise."""
        return self.column != "video"

    @property
    def needs_video(self) -> bool:
        """Whether the file should have pictures."""
        if self.column == "media":
            return Path(self.named).suffix.lower() not in AUDIO_SUFFIXES
        return self.column == "video"


def uses_of(clips: pl.DataFrame, root: Path) -> dict[str, list[Use]]:
    """Per path, the clips that use it, for files that are there, are not empty and lie within `root` by name."""
    uses: dict[str, list[Use]] = {}
    for column in MEDIA_COLUMNS:
        rows = clips.select("clip_id", column, "start", "end").iter_rows()
        for row, (clip_id, named, start, end) in enumerate(rows, start=2):
            if named is not None:
                uses.setdefault(named, []).append(Use(clip_id, column, named, row, start, end))
    return {named: found for named, found in uses.items() if not is_outside(named) and _filled(root / named)}


def _filled(path: Path) -> bool:
    try:
        return path.is_file() and path.stat().st_size > 0
    except (OSError, ValueError):
        return False


def check_recordings(
    clips: pl.DataFrame,
    root: Path,
    *,
    file: str = "clips.csv",
    decode: bool = True,
    progress: Progress = SILENT,
    jobs: int = 1,
) -> list[Problem]:
    """Faults of recordings: unreadable, cut short, damaged, a track that lacks, a span beyond the end, a link out.

    Args:
        clips: a `clips` table; its paths are relative to `root`.
        root: the folder of the media.
        file: name of the clips table for the problems.
        decode: False reads headers and outer layout only, and does not see damage inside.
        progress: told of every file.
        jobs: files examined at the same time.
    """
    uses = uses_of(clips, root)
    examine = partial(_examine, root, file, decode)
    problems: list[Problem] = []
    if not uses:
        return problems
    with progress.task("Checking recordings", len(uses)) as task, ThreadPoolExecutor(max(1, jobs)) as pool:
        for found in pool.map(examine, uses.values()):
            problems.extend(found)
            task.advance()
    return problems


def _examine(root: Path, file: str, decode: bool, uses: list[Use]) -> list[Problem]:
    path = root / uses[0].named
    if not path.resolve().is_relative_to(root.resolve()):
        return [_linked_out(uses, file)]
    audio, video = any(use.needs_audio for use in uses), any(use.needs_video for use in uses)
    problems = media.verify(path, audio=audio, video=video, decode=decode)
    told = [_of_use(problem, _blamed(problem, uses), uses, file) for problem in problems]
    if any(problem.code in ("unreadable-media", "truncated-media") for problem in problems):
        return told  # where it ends is not where it should
    return told + list(_spans(path, uses, file))


def _blamed(problem: Problem, uses: list[Use]) -> Use:
    """The first use that the problem is one for."""
    if problem.code == "no-audio-track":
        return next(use for use in uses if use.needs_audio)
    if problem.code == "no-video-track":
        return next(use for use in uses if use.needs_video)
    return uses[0]


_OTHER_COLUMN = {
    ("no-audio-track", "media"): "Add the sound, or move the path to the column video if the clip has none.",
    (
        "no-video-track",
        "media",
    ): "Add the pictures, or move the path to the column audio if the clip has none.",
}


def _of_use(problem: Problem, use: Use, uses: list[Use], file: str) -> Problem:
    also = f" ({len(uses)} clips use it)" if len(uses) > 1 else ""
    return replace(
        problem,
        message=f"{use.column} is {use.named!r}{also}, and {_as_clause(problem.message)}",
        remedy=_OTHER_COLUMN.get((problem.code, use.column), problem.remedy),
        file=file,
        row=use.row,
        clip_id=use.clip_id,
    )


def _as_clause(message: str) -> str:
    return message if message.startswith(("the ", "its ")) else f"the file {message}"


def _linked_out(uses: list[Use], file: str) -> Problem:
    use = uses[0]
    message = f"{use.column} is {use.named!r}, a link that leads outside the corpus"
    remedy = "Put the file itself there, or name the folder of the media as [media] folder in corpus.toml."
    return Problem("path-outside", message, remedy, file=file, row=use.row, clip_id=use.clip_id)


def _spans(path: Path, uses: list[Use], file: str) -> Iterator[Problem]:
    spans = [use for use in uses if use.start is not None or use.end is not None]
    duration = media.probe(path).duration if spans else None
    if duration is None:
        return
    for use in spans:
        start, end = use.start or 0.0, use.end
        if end is not None and end <= start:
            continue  # named by `rules`
        if start >= duration or (end is not None and end > duration + media.TOLERANCE):
            span = f"from {start:g} s" + (f" to {end:g} s" if end is not None else " on")
            message = f"the span {span} passes the end of {use.named!r} at {duration:.2f} s"
            remedy = "Correct start and end (in seconds), or name the right file."
            yield Problem("span-outside-media", message, remedy, file=file, row=use.row, clip_id=use.clip_id)
