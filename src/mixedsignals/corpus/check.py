"""Every problem of a corpus folder at once: `check_corpus` reads what can be read and names the rest.

Faults stop a run, warnings do not. What shows without opening recordings comes from reading the folder; this adds
what the recordings hold, what occurs twice, and what is legal but seldom meant.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import polars as pl

from mixedsignals.corpus.folder import Corpus, load_lenient
from mixedsignals.corpus.recordings import check_recordings
from mixedsignals.corpus.repeats import check_identical, check_transcripts
from mixedsignals.corpus.targets import make_targets
from mixedsignals.errors import InputError, Problem
from mixedsignals.features import read_features
from mixedsignals.progress import SILENT, Progress

__all__ = ["check_corpus", "check_loaded", "check_modalities", "check_speakers"]

_NAMED = 20


def check_corpus(
    path: Path | str, *, decode: bool = True, progress: Progress = SILENT, jobs: int = 1
) -> list[Problem]:
    """Every fault and warning of a corpus folder, faults first, each with file, row and remedy.

    Args:
        path: the folder; one that is not there is a fault, not an exception.
        decode: decode every recording to its end; False reads headers only and does not see damage inside.
        progress: told of every recording.
        jobs: recordings decoded at the same time.
    """
    return check_loaded(*load_lenient(path), decode=decode, progress=progress, jobs=jobs)


def check_loaded(
    corpus: Corpus,
    problems: Sequence[Problem],
    *,
    decode: bool = True,
    progress: Progress = SILENT,
    jobs: int = 1,
) -> list[Problem]:
    """`check_corpus` for a folder that `load_lenient` has read; `problems` are those that it listed."""
    problems = list(problems)
    if not corpus.clips.is_empty():
        clips, root, file = corpus.clips, corpus.media_root, corpus.files.get("clips", "clips.csv")
        problems += check_recordings(clips, root, file=file, decode=decode, progress=progress, jobs=jobs)
        problems += check_identical(clips, root, file=file)
        problems += check_transcripts(clips, _targets(corpus), file=file)
        problems += check_modalities(clips, _featured(corpus), file=file)
        problems += check_speakers(clips, file=file)
    return sorted(dict.fromkeys(problems), key=lambda problem: problem.severity == "warning")


def check_modalities(
    clips: pl.DataFrame, featured: frozenset[str] = frozenset(), *, file: str = "clips.csv"
) -> list[Problem]:
    """Warnings of clips with nothing to look at: no recording, no transcript and no ready-made features.

    Args:
        clips: a `clips` table.
        featured: ids of the clips that have ready-made features of any modality.
        file: name of the clips table for the problems.
    """
    nothing = clips.select(
        pl.all_horizontal(pl.col("media", "audio", "video", "transcript").is_null())
        & ~pl.col("clip_id").is_in(list(featured))
    ).to_series()
    message = "has no recording, transcript or features, so no model can judge it"
    return _of_rows(clips, nothing, "no-modality", message, "Add one, or leave the clip out.", file)


def check_speakers(clips: pl.DataFrame, *, file: str = "clips.csv") -> list[Problem]:
    """Warnings of clips without a speaker: they count as speakers of their own in folds and intervals."""
    unknown = clips["speaker_id"].is_null()
    remedy = "Give speaker ids if one speaker has several clips; else intervals come out too narrow."
    if unknown.all():
        message = "no clip has a speaker_id, so each counts as a speaker of its own"
        return [Problem("no-speakers", message, remedy, severity="warning", file=file)]
    message = "has no speaker_id, while others have; it counts as a speaker of its own"
    return _of_rows(clips, unknown, "no-speaker", message, remedy, file)


def _of_rows(
    clips: pl.DataFrame, mask: pl.Series, code: str, message: str, remedy: str, file: str
) -> list[Problem]:
    """A warning for each marked row, and one that counts those after the first twenty."""
    rows: Sequence[int] = mask.arg_true().to_list()
    problems = [
        Problem(code, message, remedy, "warning", file, row + 2, clips["clip_id"][row])
        for row in rows[:_NAMED]
    ]
    if len(rows) > _NAMED:
        further = f"{len(rows) - _NAMED} further clips: {message}"
        problems.append(Problem(code, further, remedy, severity="warning", file=file))
    return problems


def _targets(corpus: Corpus) -> dict[str, str]:
    """The main target of every clip, as far as one can be told from tables that may have faults."""
    clips = corpus.clips.drop_nulls("clip_id")
    with suppress(InputError):
        made = make_targets(clips, corpus.votes, corpus.targets, corpus.labels, tie_rule=corpus.tie_rule)
        return made.labels_by_clip
    return dict(clips.select("clip_id", "label").drop_nulls().iter_rows())


def _featured(corpus: Corpus) -> frozenset[str]:
    """Clips with ready-made features; files with faults are named elsewhere."""
    ids: set[str] = set()
    for modality, path in corpus.features.items():
        with suppress(InputError):
            ids.update(read_features(path, modality).clip_ids)
    return frozenset(ids)
