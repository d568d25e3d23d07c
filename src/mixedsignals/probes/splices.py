"""Splices for people and for anybody's models: the voice of one clip with the face of another, written as a corpus.

Nobody knows what such a film "is", so it has no label; which clip and which label either part came from, it has.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import polars as pl
import tomli_w

from mixedsignals.errors import InputError, Problem
from mixedsignals.labels import Labels
from mixedsignals.media import Part, alter, fitted
from mixedsignals.progress import SILENT, Progress
from mixedsignals.store import atomic

__all__ = ["SPLICES", "Splice", "Writing", "write_splices"]

SPLICES = {
    "clip_id": pl.String,
    "speaker_id": pl.String,
    "media": pl.String,
    "transcript": pl.String,
    "kind": pl.String,
    "voice_from": pl.String,
    "face_from": pl.String,
    "words_from": pl.String,
    "voice_label": pl.String,
    "face_label": pl.String,
    "words_label": pl.String,
    "same_words": pl.String,
    "cut_share": pl.Float64,
}
"""Columns of `clips.csv` of a corpus of splices."""


@dataclass(frozen=True)
class Splice:
    """One film: `face` and `voice` are clips of the same speaker, the same clip where it is left as it was.

    Attributes:
        kind: `conflict` (their labels differ) or `plain` (one clip, written anew).
        face, voice: clip ids; face_label, voice_label: their labels.
        picture, sound: where the two parts are; own: the sound recorded with the face.
        words: the transcript of the voice, as words are heard with it.
        same_words: whether both clips have the same transcript; None where either has none.
    """

    kind: Literal["conflict", "plain"]
    speaker: str
    face: str
    voice: str
    face_label: str
    voice_label: str
    picture: Part
    sound: Part
    own: Part
    words: str | None = None
    same_words: bool | None = None


@dataclass(frozen=True)
class Writing:
    """What goes into `corpus.toml` and how films are made.

    Attributes:
        name, labels, licence: of the new corpus; the licence is that of the clips.
        height: pixels of the picture at most.
        jobs: films made at a time.
    """

    name: str
    labels: Labels
    licence: str | None
    height: int = 720
    jobs: int = 2


def write_splices(
    splices: Sequence[Splice], out: Path, writing: Writing, *, progress: Progress = SILENT
) -> pl.DataFrame:
    """Write a corpus folder of splices; give its `clips`. Films that are there already are left alone.

    The films are MP4 (H.264, AAC), which browsers play. `corpus.toml` has the labels and the licence, and no clip has
    a target.

    Raises:
        InputError: every film that cannot be made, after all others have been.
        CannotFinish: the disk is full or the folder cannot be written.
    """
    width = max(4, len(str(len(splices))))
    names = [f"splice-{number:0{width}d}" for number in range(1, len(splices) + 1)]
    problems: list[Problem] = []
    rows = []
    pool = ThreadPoolExecutor(writing.jobs, thread_name_prefix="splice")
    try:
        with progress.task("writing films", len(splices)) as task:
            work = pool.map(
                lambda pair: _film(pair[0], pair[1], out, writing), zip(names, splices, strict=True)
            )
            for name, splice, made in zip(names, splices, work, strict=True):
                if isinstance(made, InputError):
                    problems += [_of(problem, splice) for problem in made.problems]
                else:
                    rows.append(_row(name, splice, made))
                task.advance()
    finally:
        pool.shutdown(cancel_futures=True)
    if problems:
        raise InputError(list({(one.code, one.file): one for one in problems}.values()))
    clips = pl.DataFrame(rows, schema=SPLICES)
    with atomic(out / "clips.csv") as partial:
        clips.write_csv(partial)
    with atomic(out / "corpus.toml") as partial:
        partial.write_text(tomli_w.dumps(_settings(writing)), encoding="utf-8")
    with atomic(out / "README.md") as partial:
        partial.write_text("\n".join(_readme(clips, writing)), encoding="utf-8")
    return clips


def _film(name: str, splice: Splice, out: Path, writing: Writing) -> float | InputError:
    """The share of the longer recording that was cut."""
    try:
        picture, sound, cut = splice.picture, splice.sound, 0.0
        if splice.face != splice.voice:
            fit = fitted(splice.picture, splice.sound, beside=splice.own)
            picture, sound, cut = fit.picture, fit.sound, fit.share
        path = out / "media" / f"{name}.mp4"
        if not path.is_file():
            alter(path, picture=picture, sound=sound, height=writing.height)
    except InputError as error:
        return error
    return cut


def _of(problem: Problem, splice: Splice) -> Problem:
    return Problem(problem.code, problem.message, problem.remedy, file=problem.file, clip_id=splice.face)


def _row(name: str, splice: Splice, cut: float) -> dict[str, Any]:
    same = {True: "yes", False: "no", None: None}[splice.same_words]
    return {
        "clip_id": name,
        "speaker_id": splice.speaker,
        "media": f"media/{name}.mp4",
        "transcript": splice.words,
        "kind": splice.kind,
        "voice_from": splice.voice,
        "face_from": splice.face,
        "words_from": splice.voice,
        "voice_label": splice.voice_label,
        "face_label": splice.face_label,
        "words_label": splice.voice_label,
        "same_words": same,
        "cut_share": round(cut, 4),
    }


def _settings(writing: Writing) -> dict[str, Any]:
    said: dict[str, Any] = {
        "name": writing.name,
        "labels": list(writing.labels.names),
        "kind": writing.labels.kind,
    }
    return said | ({} if writing.licence is None else {"licence": writing.licence})


def _readme(clips: pl.DataFrame, writing: Writing) -> Iterator[str]:
    kinds = dict(clips.group_by("kind", maintain_order=True).len().iter_rows())
    yield f"# {writing.name}"
    yield ""
    yield (
        f"{kinds.get('conflict', 0)} films in which the voice of one clip goes with the face of another of the same "
        f"speaker, whose labels differ, and {kinds.get('plain', 0)} clips as they were, written anew the same way. "
        "`clips.csv` says where voice, face and words come from and which labels those clips have. A film has no label "
        "of its own: nobody ever did what is seen and heard in it."
    )
    yield ""
    yield f"Licence of the clips: {writing.licence or 'not stated by their corpus'}."
    yield ""
    yield (
        "The people in these films did not say it that way. Whoever agreed to be recorded may not have agreed to this: "
        "see what they consented to and what the licence says of adaptations before you show or share the films, and "
        "tell those who judge them, afterwards at the latest, that they were put together."
    )
    yield ""
