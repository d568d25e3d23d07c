"""From clips to the table `cues`: find what each clip has, take from the cache what is there, measure the rest.

Work is shared out to processes where more than one job is asked for. Every piece goes into the cache as soon as it is
done, so that a run that is stopped loses little.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass, field, replace
from pathlib import Path

import polars as pl

from mixedsignals.cues.cache import CueCache
from mixedsignals.cues.protocol import Absence, Extractor, Measured
from mixedsignals.errors import InputError, Problem
from mixedsignals.progress import SILENT, Progress
from mixedsignals.sources import Source, find_sources
from mixedsignals.store import cache_dir
from mixedsignals.tables import CUES, conform

__all__ = ["Cues", "extract"]

_PIECE = 16
_FEWEST_FOR_PROCESSES = 64
"""Clips below which starting processes takes longer than it saves."""


@dataclass(frozen=True)
class Cues:
    """What `extract` gives.

    Attributes:
        table: `cues`, in the order of the clips.
        absent: what clips lack, with reasons.
        measured, reused: how many contents were measured now, and how many came from the cache, by extractor.
    """

    table: pl.DataFrame
    absent: tuple[Absence, ...] = ()
    measured: Mapping[str, int] = field(default_factory=dict)
    reused: Mapping[str, int] = field(default_factory=dict)


def extract(
    clips: pl.DataFrame,
    root: Path,
    extractors: Sequence[Extractor],
    *,
    cache: Path | None = None,
    jobs: int = 1,
    progress: Progress = SILENT,
) -> Cues:
    """The cues of all clips by all extractors.

    Args:
        clips: a `clips` table.
        root: the folder that media paths start from.
        extractors: see `find_extractors`.
        cache: the cache folder; None means `store.cache_dir()`.
        jobs: processes that measure side by side; the values do not depend on it.
        progress: told how far it is.

    Raises:
        InputError: media that are named but missing or unreadable: all of them, after the others have been measured
            and cached.
    """
    where = cache or cache_dir()
    parts = [CUES.empty()]
    absent: list[Absence] = []
    measured, reused = {}, {}
    problems: list[Problem] = []
    for extractor in extractors:
        sources, lacking = find_sources(clips, root, extractor.modality)
        contents = {clip: source.digest() for clip, source in sources.items()}
        found, faults, known = _of_all(extractor, sources, contents, where, jobs, progress)
        measured[extractor.name], reused[extractor.name] = len(set(found) - known), len(known)
        problems += [problem.below(root) for problem in faults]
        absent += [_absence(extractor, one.clip_id, "*", one.reason) for one in lacking]
        by_clip = {clip: found[content] for clip, content in contents.items() if content in found}
        absent += [
            _absence(extractor, clip, cue, why)
            for clip, m in by_clip.items()
            for cue, why in m.absent.items()
        ]
        parts.append(_table(extractor, by_clip))
    if problems:
        raise InputError(problems)
    order = clips.select("clip_id").with_row_index("_place")
    table = (
        pl.concat(parts).join(order, on="clip_id", maintain_order="left").sort("_place", maintain_order=True)
    )
    return Cues(conform(CUES, table.drop("_place")), tuple(absent), measured, reused)


def _absence(extractor: Extractor, clip: str, cue: str, why: str) -> Absence:
    return Absence(clip, extractor.name, extractor.modality, cue, why)


def _of_all(
    extractor: Extractor,
    sources: Mapping[str, Source],
    contents: Mapping[str, str],
    where: Path,
    jobs: int,
    progress: Progress,
) -> tuple[dict[str, Measured], list[Problem], set[str]]:
    """Measured by content, faults, and the contents that were known before."""
    to_do: dict[str, tuple[str, Source]] = {}
    for clip, content in contents.items():
        to_do.setdefault(content, (clip, sources[clip]))
    shards = CueCache(where, extractor)
    known = shards.find(to_do)
    rest = [(content, clip, source) for content, (clip, source) in to_do.items() if content not in known]
    found, problems = dict(known), []
    with progress.task(extractor.name, total=len(rest)) as task:
        for piece, faults in _pieces(extractor, rest, jobs):
            shards.add(piece)
            found |= piece
            problems += faults
            task.advance(len(piece) + len(faults))
    shards.merge()
    return found, problems, set(known)


_Work = list[tuple[str, str, Source]]


def _pieces(
    extractor: Extractor, rest: _Work, jobs: int
) -> Iterator[tuple[dict[str, Measured], list[Problem]]]:
    pieces = [rest[at : at + _PIECE] for at in range(0, len(rest), _PIECE)]
    if jobs == 1 or len(rest) < _FEWEST_FOR_PROCESSES:
        yield from (_measure(extractor, piece) for piece in pieces)
        return
    # Fresh processes: a copy of one that has threads (Polars has) can stand still for ever.
    with ProcessPoolExecutor(min(jobs, len(pieces)), mp_context=multiprocessing.get_context("spawn")) as pool:
        waiting: set[Future[tuple[dict[str, Measured], list[Problem]]]] = set()
        try:
            for piece in pieces:
                waiting.add(pool.submit(_measure, extractor, piece))
                if len(waiting) > 2 * jobs:
                    done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                    yield from (future.result() for future in done)
            yield from (future.result() for future in waiting)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _measure(extractor: Extractor, piece: _Work) -> tuple[dict[str, Measured], list[Problem]]:
    """One piece of work, in whichever process."""
    found: dict[str, Measured] = {}
    problems: list[Problem] = []
    for content, clip, source in piece:
        try:
            found[content] = extractor.measure(source)
        except InputError as error:
            problems += [replace(problem, clip_id=problem.clip_id or clip) for problem in error.problems]
    return found, problems


def _table(extractor: Extractor, by_clip: Mapping[str, Measured]) -> pl.DataFrame:
    units = {cue.name: (cue.modality, cue.unit) for cue in extractor.cues}
    rows: Iterable[tuple[object, ...]] = (
        (clip, cue, *units.get(cue, (extractor.modality, "")), value)
        for clip, measured in by_clip.items()
        for cue, value in measured.values.items()
    )
    schema = {
        "clip_id": pl.String,
        "cue": pl.String,
        "modality": pl.String,
        "unit": pl.String,
        "value": pl.Float64,
    }
    return pl.DataFrame(list(rows), schema=schema, orient="row").select(list(CUES.schema))
