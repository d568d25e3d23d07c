"""Recordings of versions, a track at a time, each made once: they lie in the cache under a digest of what made them.

Encoders take sound and picture each by itself, so a track that two versions share is written and encoded once. A file
appears only when it is whole, so a stopped call goes on where it was.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from mixedsignals.errors import InputError, Problem
from mixedsignals.media import Change, Freeze, Noise, NoiseKind, Part, alter, fitted
from mixedsignals.probes.kinds import PLAIN, Probe, parse_probe
from mixedsignals.probes.versions import LeftOut, Source, Version
from mixedsignals.progress import SILENT, Progress
from mixedsignals.store import digest_file

__all__ = ["Film", "FilmOptions", "Films", "disk_use", "make_films"]

_UNCHANGED = Change()
_FORMAT = 1  # counts up when the same recipe gives another recording
_LACKING = {
    "no-audio-track": "no sound",
    "no-audio-in-span": "no sound in its span",
    "no-video-track": "no picture",
    "no-video-in-span": "no picture in its span",
    "silent-audio": "its sound is silent, so there is no ratio of noise to it",
    "shift-outside-media": "shorter than the shift",
}


@dataclass(frozen=True)
class FilmOptions:
    """How versions are made.

    Attributes:
        noise: `white`, or `speech` with the spectrum of the clip's own sound.
        freeze: which picture is held.
        seed: of the noise.
        height: pixels of the picture at most.
    """

    noise: NoiseKind = "white"
    freeze: Freeze = "middle"
    seed: int = 0
    height: int = 720


@dataclass(frozen=True)
class Film:
    """A version ready for encoders.

    Attributes:
        version: which.
        sound, picture: the files of its tracks; None where the clip has none.
        cut: share of the longer recording that a splice leaves out, [0, 1).
    """

    version: Version
    sound: Path | None = None
    picture: Path | None = None
    cut: float = 0.0


@dataclass
class Films:
    """What `make_films` gives: the versions, what could not be made, and how many tracks were made now."""

    films: list[Film] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)
    made: int = 0
    reused: int = 0


@dataclass(frozen=True)
class _Track:
    """One track to write: a span with what is done to it."""

    part: Part
    change: Change
    sound: bool


@dataclass(frozen=True)
class _Recipe:
    tracks: tuple[_Track, ...]
    cut: float = 0.0


def make_films(
    versions: Sequence[Version],
    sources: Mapping[str, Source],
    folder: Path,
    *,
    options: FilmOptions | None = None,
    jobs: int = 2,
    progress: Progress = SILENT,
) -> Films:
    """Make the tracks that are not there yet.

    Pictures are Matroska (H.264 of high quality), sound is FLAC, which loses nothing. Versions that share a track, such
    as those of words alone with the plain one, share its file.

    Args:
        sources: of all clips and donors.
        folder: where they lie.
        jobs: recordings made at a time; they never depend on it.

    Raises:
        InputError: every recording that cannot be read, after all others have been made.
        CannotFinish: the disk is full or the folder cannot be written.
    """
    options = options or FilmOptions()
    recipes, found = _recipes(versions, sources, options)
    tracks = dict.fromkeys(track for recipe in recipes.values() for track in recipe.tracks)
    made, failed = _written(tracks, folder, options, jobs, progress)
    problems = []
    for version, recipe in recipes.items():
        if errors := [failed[track] for track in recipe.tracks if track in failed]:
            problems += [problem for error in errors for problem in _note(error, version, found)]
            continue
        paths = {track.sound: made[track][0] for track in recipe.tracks}
        found.films.append(Film(version, paths.get(True), paths.get(False), recipe.cut))
    found.made = sum(new for _, new in made.values())
    found.reused = len(made) - found.made
    if problems:
        raise InputError(list({(one.code, one.file): one for one in problems}.values()))
    return found


def _recipes(
    versions: Sequence[Version], sources: Mapping[str, Source], options: FilmOptions
) -> tuple[dict[Version, _Recipe], Films]:
    """What every version is made of; what cannot be is left out.

    Raises:
        InputError: every recording that cannot be read.
    """
    recipes, found, problems = {}, Films(), []
    for version in versions:
        try:
            recipes[version] = _recipe(version, sources, options)
        except InputError as error:
            problems += _note(error, version, found)
    if problems:
        raise InputError(problems)
    return recipes, found


def _note(error: InputError, version: Version, found: Films) -> list[Problem]:
    """Leave a version out where its clip only lacks something; else give the faults."""
    reason = _LACKING.get(error.problems[0].code)
    if reason is None:
        return [_of(problem, version) for problem in error.problems]
    found.left_out.append(LeftOut(version.clip_id, version.probe, version.modality, reason))
    return []


def _written(
    tracks: Iterable[_Track], folder: Path, options: FilmOptions, jobs: int, progress: Progress
) -> tuple[dict[_Track, tuple[Path, bool]], dict[_Track, InputError]]:
    """The file of every track and whether it was made now; and why the others could not be."""
    wanted = list(tracks)
    made, failed = {}, {}
    pool = ThreadPoolExecutor(jobs, thread_name_prefix="alter")
    try:
        with progress.task("altering media", len(wanted)) as task:
            for track, one in zip(wanted, pool.map(lambda t: _made(t, folder, options), wanted), strict=True):
                if isinstance(one, InputError):
                    failed[track] = one
                else:
                    made[track] = one
                task.advance()
    finally:
        pool.shutdown(cancel_futures=True)
    return made, failed


def _of(problem: Problem, version: Version) -> Problem:
    return Problem(problem.code, problem.message, problem.remedy, file=problem.file, clip_id=version.clip_id)


def _made(track: _Track, folder: Path, options: FilmOptions) -> tuple[Path, bool] | InputError:
    try:
        out = _place(track, folder, options)
        if out.is_file():
            return out, False
        kept = {"sound": track.part} if track.sound else {"picture": track.part}
        return alter(out, **kept, change=track.change, height=options.height), True
    except InputError as error:
        return error


def _recipe(version: Version, sources: Mapping[str, Source], options: FilmOptions) -> _Recipe:
    own = sources[version.clip_id]
    if version.donor_id is not None and version.modality != "text":
        return _spliced(own, sources[version.donor_id], version.modality)
    sound = picture = _UNCHANGED
    if version.probe != PLAIN and version.modality != "text":
        probe = parse_probe(version.probe)
        change = _change(probe, version.modality, options)
        sound, picture = (change, picture) if version.modality == "audio" else (sound, change)
    return _tracks(own.picture, own.sound, picture_change=picture, sound_change=sound)


def _change(probe: Probe, modality: str, options: FilmOptions) -> Change:
    amount = probe.amount or 0.0
    if probe.kind == "mute":
        return Change(mute=modality == "audio", black=modality == "video")
    if probe.kind == "noise":
        return Change(noise=Noise(amount, options.noise, options.seed))
    return Change(shift=amount) if probe.kind == "shift" else Change(freeze=options.freeze)


def _tracks(
    picture: Part | None,
    sound: Part | None,
    *,
    picture_change: Change = _UNCHANGED,
    sound_change: Change = _UNCHANGED,
    cut: float = 0.0,
) -> _Recipe:
    found = []
    if sound is not None:
        found.append(_Track(sound, sound_change, sound=True))
    if picture is not None:
        found.append(_Track(picture, picture_change, sound=False))
    return _Recipe(tuple(found), cut)


def _spliced(own: Source, donor: Source, modality: str) -> _Recipe:
    """The modality of the donor beside what the clip has otherwise."""
    face, voice = (own, donor) if modality == "audio" else (donor, own)
    if face.picture is None or voice.sound is None:
        return _tracks(face.picture, voice.sound)
    fit = fitted(face.picture, voice.sound, beside=face.sound)
    return _tracks(fit.picture, fit.sound, cut=fit.share)


def _place(track: _Track, folder: Path, options: FilmOptions) -> Path:
    span = (_content(track.part.path), track.part.start, track.part.end)
    made = (_FORMAT, *span, track.change, None if track.sound else options.height)
    digest = hashlib.sha256(repr(made).encode()).hexdigest()
    return folder / digest[:2] / f"{digest}.{'flac' if track.sound else 'mkv'}"


def _content(path: Path) -> str:
    try:
        stat = path.stat()
    except OSError:
        message, remedy = "is not there", "Put the file back, or leave the clip out."
        raise InputError(Problem("missing-media", message, remedy, file=str(path))) from None
    return _digest_once(path, stat.st_ino, stat.st_size, stat.st_mtime_ns)


@lru_cache(maxsize=1 << 16)
def _digest_once(path: Path, *_identity: int) -> str:
    return digest_file(path)


def disk_use(films: Sequence[Film]) -> int:
    """Bytes of the recordings, each counted once."""
    files = {path for film in films for path in (film.sound, film.picture) if path is not None}
    return sum(path.stat().st_size for path in files)
