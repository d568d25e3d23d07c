"""The verb `cues`: what can be heard, seen and read in the clips of a corpus or a run.

Of a run, the cues go into its tables, where `diagnose` finds them. What was measured once comes from the cache.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from mixedsignals.errors import CannotFinish, InputError, Problem
from mixedsignals.progress import SILENT, Progress
from mixedsignals.store import RunFolder, atomic
from mixedsignals.tables import CLIPS, CUES, conform, read_table, write_table

if TYPE_CHECKING:
    from mixedsignals.cues import Absence, Cues, Extractor

__all__ = ["ABSENT", "cues"]

ABSENT = "cues_absent.json"
"""Beside the table `cues` of a run: which clips lack which cues, and why."""


def cues(
    folder: Path | str,
    *,
    which: Sequence[str] | None = None,
    measured: Mapping[str, Sequence[Path | str]] | None = None,
    affect: Mapping[str, str] | None = None,
    jobs: int = 1,
    progress: Progress = SILENT,
) -> Cues:
    """Measure the cues of a corpus or of a run; a run's go into its tables.

    Args:
        folder: a corpus folder, or a run folder whose media are still where they were.
        which: names of extractors (`prosody`, `words`, `face`, `egemaps`, `pyfeat`, or another package's); None takes
            prosody and words, and face where it can be had.
        measured: files or folders of cues that were measured elsewhere, by modality, such as
            `{"video": ["openface.csv"]}`.
        affect: models of affect dimensions by modality (`audio`, `text`): a hub name or a folder each.
        jobs: processes that measure side by side.
        progress: told how far it is, and what is left out.

    Raises:
        InputError: faults of the folder, media that cannot be read, or files of other clips.
        UsageError: an unknown extractor.
        CannotFinish: an extractor that was asked for needs something that is not there, or no clip has any cue.
    """
    from mixedsignals.cues import Affect, Cues, extract, read_measured

    run = RunFolder(Path(folder))
    clips, root = _clips_of_run(run) if run.exists() else _clips_of_corpus(Path(folder), progress)
    extractors = _extractors(which, clips, progress)
    extractors += [Affect(modality, model) for modality, model in (affect or {}).items()]
    # Files first: measuring takes minutes, and a wrong file should not be told after them.
    tables, absent = [], []
    for modality, paths in (measured or {}).items():
        for path in paths:
            table, lacking = read_measured(path, clips["clip_id"], modality=modality)
            tables.append(table)
            absent += lacking
    found = extract(clips, root, extractors, jobs=jobs, progress=progress)
    made = Cues(_joined([found.table, *tables]), (*found.absent, *absent), found.measured, found.reused)
    if made.table.is_empty():
        reasons = "; ".join(
            f"{why} ({n})" for why, n in Counter(a.reason for a in made.absent).most_common(4)
        )
        raise CannotFinish(f"None of the {clips.height} clips has any of these cues: {reasons}.")
    if run.exists():
        _write(run, made, extractors, measured or {})
    return made


def _clips_of_run(run: RunFolder) -> tuple[pl.DataFrame, Path]:
    manifest = run.read_manifest()
    root = manifest.get("corpus", {}).get("media_root")
    if not run.table("clips").is_file():
        message, remedy = "has no table of clips", "Name a corpus folder, or a run that was made from one."
        raise InputError(Problem("no-clips", message, remedy, file=str(run.path)))
    clips = read_table(CLIPS, run.table("clips"))
    return clips, Path(root) if root else Path()


def _clips_of_corpus(folder: Path, progress: Progress) -> tuple[pl.DataFrame, Path]:
    from mixedsignals.api.newclips import corpus_of

    corpus = corpus_of(folder, progress=progress)
    return corpus.clips, Path(corpus.media_root)


def _extractors(which: Sequence[str] | None, clips: pl.DataFrame, progress: Progress) -> list[Extractor]:
    from mixedsignals.cues import find_extractors
    from mixedsignals.cues.registry import DEFAULT

    names = list(which) if which is not None else list(DEFAULT)
    models: Path | None = None
    if "face" in names:
        models = _face_models()
    elif which is None and _has_picture(clips):
        try:
            models = _face_models()
            return find_extractors([*names, "face"], face_models=models)
        except CannotFinish as reason:
            progress.say(f"Faces are left out. {reason}")
    return find_extractors(names, face_models=models)


def _face_models() -> Path:
    """The file of the face models, its digest checked.

    Raises:
        CannotFinish: it has not been fetched.
    """
    from mixedsignals.encoders.weights import weights_folder, weights_status

    state = next(one.state for one in weights_status() if one.name == "face-landmarker")
    if state != "ready":
        raise CannotFinish(
            f"The face models are {state}: run `mixedsignals weights fetch face-landmarker` (4 MB)."
        )
    return weights_folder("face-landmarker") / "face_landmarker.task"


def _has_picture(clips: pl.DataFrame) -> bool:
    """Whether any clip names a file that may have a picture."""
    from mixedsignals.corpus.layout import AUDIO_SUFFIXES

    named = [*clips["video"].drop_nulls(), *clips["media"].drop_nulls()]
    return any(Path(one).suffix.lower() not in AUDIO_SUFFIXES for one in named)


def _joined(tables: Iterable[pl.DataFrame]) -> pl.DataFrame:
    """All cues in one table.

    Raises:
        InputError: two sources give the same cue of the same clip.
    """
    whole = pl.concat(list(tables))
    if not (twice := whole.filter(whole.select("clip_id", "cue").is_duplicated())).is_empty():
        names = ", ".join(twice["cue"].unique(maintain_order=True).head(5))
        message = f"{names}: measured by more than one of the extractors and files named"
        raise InputError(
            Problem("cue-twice", message, "Leave one of them out, or rename the columns of the file.")
        )
    return conform(CUES, whole, source="cues")


def _write(
    run: RunFolder, made: Cues, extractors: Sequence[Extractor], measured: Mapping[str, Sequence[Path | str]]
) -> None:
    write_table(CUES, made.table, run.table("cues"), checked=True)
    with atomic(run.tables / ABSENT) as partial:
        rows = [asdict(absence) for absence in made.absent]
        partial.write_text(json.dumps(rows, ensure_ascii=False, indent=1), encoding="utf-8")
    manifest = run.read_manifest()
    manifest["cues"] = {
        "extractors": {one.name: {"modality": one.modality, **one.card} for one in extractors},
        "measured": {modality: [Path(path).name for path in paths] for modality, paths in measured.items()},
        "absent": dict(reasons(made.absent)),
    }
    run.write_manifest(manifest)
    run.log("cues", cues=made.table["cue"].n_unique(), clips=made.table["clip_id"].n_unique())


def reasons(absent: Iterable[Absence]) -> list[tuple[str, int]]:
    """`prosody: the sound is silent` and how many clips, the most frequent first."""
    return Counter(
        f"{one.extractor}: {one.reason}"
        for one in {(a.clip_id, a.extractor, a.reason): a for a in absent}.values()
    ).most_common()
