"""The verb `export`: a corpus, run or study for another tool, Label Studio or FiftyOne."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from mixedsignals.errors import CannotFinish, InputError, Problem, UsageError
from mixedsignals.progress import SILENT, Progress
from mixedsignals.store import RunFolder
from mixedsignals.tables import PREDICTIONS, SCORES, VOTES, read_table

if TYPE_CHECKING:
    from mixedsignals.corpus import Corpus
    from mixedsignals.study.folder import StudyFolder
    from mixedsignals.study.settings import StudySettings

__all__ = ["LabelStudioMade", "export_fiftyone", "export_label_studio"]

_LOCAL = "/data/local-files/?d=media/"
_QUESTION = "How does this person come across?"


@dataclass(frozen=True)
class LabelStudioMade:
    """What `export_label_studio` wrote: the projects' folders, and how many tasks and media files there are."""

    path: Path
    projects: tuple[Path, ...]
    n_tasks: int
    n_files: int


def export_label_studio(
    source: Path | str,
    out: Path | str,
    *,
    conditions: Iterable[str] | None = None,
    media_url: str = _LOCAL,
    suggest: bool = False,
    jobs: int = 2,
    progress: Progress = SILENT,
) -> LabelStudioMade:
    """Write a Label Studio project per condition around media from which the other modalities are taken out.

    Args:
        source: a study (its own stimuli), a corpus, or a run (its corpus).
        out: a new or empty folder.
        conditions: what annotators are given; the study's, or everything that the corpus has, where absent.
        media_url: what a file's name is appended to; by default Label Studio's local files below `out`.
        suggest: give annotators the fused model's label as a prediction (runs only). It will sway them.
        jobs: threads that render.
        progress: where to say how far it is.

    Raises:
        UsageError: conditions of a study that are not its own, or suggestions without a run.
        InputError: `out` is not empty, faults of the source, or clips that lack a modality.
    """
    from mixedsignals.study.folder import StudyFolder
    from mixedsignals.study.label_studio import write_projects

    place, study = Path(out), StudyFolder(Path(source))
    if place.is_dir() and any(place.iterdir()):
        raise InputError(Problem("not-empty", "is not empty", "Name a new folder.", file=str(place)))
    run = RunFolder(Path(source))
    if suggest and not run.exists():
        raise UsageError("--suggest goes with a run, whose fused model makes the suggestions.")
    if study.exists():
        settings, stimuli, clips, question = _of_study(study, place / "media", conditions)
    else:
        corpus = _corpus(Path(source), run)
        settings, stimuli = _rendered(corpus, place / "media", conditions, jobs, progress)
        clips, question = corpus.clips, _QUESTION
    projects = write_projects(
        place,
        stimuli,
        clips,
        settings,
        question=question,
        media_url=media_url,
        suggested=_suggested(run) if suggest else {},
    )
    items = stimuli.filter(kind="item")
    return LabelStudioMade(place, tuple(projects), items.height, items["file"].drop_nulls().n_unique())


def _of_study(
    study: StudyFolder, media: Path, conditions: Iterable[str] | None
) -> tuple[StudySettings, pl.DataFrame, pl.DataFrame, str]:
    from mixedsignals.study.folder import open_study

    settings = open_study(study.path).settings()
    if conditions is not None and set(conditions) != set(settings.conditions):
        raise UsageError(f"a study is exported in its own conditions, {', '.join(settings.conditions)}.")
    stimuli = study.stimuli()
    media.mkdir(parents=True, exist_ok=True)
    for name in stimuli.filter(kind="item")["file"].drop_nulls().unique():
        shutil.copyfile(study.media_file(name), media / name)
    return settings, stimuli, study.clips(), " ".join(study.page("question").split())


def _corpus(source: Path, run: RunFolder) -> Corpus:
    """The corpus itself, or the one that a run was made of."""
    from mixedsignals.api.corpora import read

    if not run.exists():
        return read(source)
    path = run.read_manifest().get("corpus", {}).get("path")
    if path is None:
        raise CannotFinish(
            f"{source}: this run was made from tables alone; export the corpus folder instead."
        )
    return read(path)


def _rendered(
    corpus: Corpus, media: Path, conditions: Iterable[str] | None, jobs: int, progress: Progress
) -> tuple[StudySettings, pl.DataFrame]:
    from mixedsignals.api.studying import clip_sources
    from mixedsignals.labels import MODALITIES, combination
    from mixedsignals.study.conditions import parse_condition
    from mixedsignals.study.settings import StudySettings
    from mixedsignals.study.stimuli import complete_clips, plan_stimuli, render_stimuli

    sources = clip_sources(corpus)
    everything = combination(m for m in MODALITIES if any(not s.lacks(m) for s in sources.values()))
    chosen = tuple(parse_condition(condition) for condition in conditions or [everything])
    settings = StudySettings(
        name=corpus.name,
        conditions=chosen,
        labels=corpus.labels.names,
        kind=corpus.labels.kind,
        items_per_participant=1,
        practice=0,
        attention=0,
        repeats=0,
    )
    complete, problems = complete_clips(sources, chosen)
    if problems and (conditions is not None or not complete):
        raise InputError(problems)
    kept = {clip: sources[clip] for clip in complete}
    stimuli = plan_stimuli(kept, settings, attention="")
    return settings, render_stimuli(stimuli, kept, settings, media, jobs=jobs, progress=progress)


def _suggested(run: RunFolder) -> dict[str, tuple[str, str, float]]:
    """The fused model's most probable label of every clip, by the mean over seeds."""
    fused = run.read_manifest().get("diagnosis", {}).get("fusion", "fusion")
    predictions = read_table(PREDICTIONS, run.table("predictions"), where=pl.col("source") == fused)
    widest = predictions.filter(pl.col("given").str.len_chars() == pl.col("given").str.len_chars().max())
    mean = widest.group_by("clip_id", "label").agg(pl.col("probability").mean())
    top = mean.sort("probability", "label", descending=[True, False]).unique("clip_id", keep="first")
    return {clip: (fused, label, chance) for clip, label, chance in top.iter_rows()}


def export_fiftyone(
    source: Path | str, *, name: str | None = None, overwrite: bool = False, progress: Progress = SILENT
) -> tuple[str, int]:
    """Make a FiftyOne dataset of a corpus or run; give its name and the number of samples.

    Args:
        source: a corpus (targets and votes), or a run (predictions and scores besides).
        name: of the dataset; the corpus's where absent.
        overwrite: replace a dataset of that name.
        progress: where to say how far it is.

    Raises:
        CannotFinish: FiftyOne is not installed, or no clip has a file.
        UsageError: there is a dataset of that name.
    """
    from mixedsignals.study.fiftyone import make_dataset

    run = RunFolder(Path(source))
    corpus = _corpus(Path(source), run)
    tables: dict[str, pl.DataFrame | None] = {"votes": corpus.votes, "targets": _targets(corpus)}
    if run.exists():
        for table in (PREDICTIONS, SCORES, VOTES):
            if run.table(table.name).is_file():
                tables[table.name] = read_table(table, run.table(table.name))
    chosen = name or corpus.name
    count = make_dataset(
        chosen, corpus.clips, _files(corpus), tables=tables, overwrite=overwrite, progress=progress
    )
    return chosen, count


def _targets(corpus: Corpus) -> pl.DataFrame:
    from mixedsignals.corpus import make_targets

    return make_targets(
        corpus.clips, corpus.votes, corpus.targets, corpus.labels, tie_rule=corpus.tie_rule
    ).table


def _files(corpus: Corpus) -> Mapping[str, Path]:
    """The picture's file of every clip, else the sound's."""
    found: dict[str, Any] = {}
    for row in corpus.clips.iter_rows(named=True):
        found[row["clip_id"]] = corpus.media_path(row, "video") or corpus.media_path(row, "audio")
    return {clip: path for clip, path in found.items() if path is not None}
