"""Studies: people judge the clips of a corpus with modalities withheld, and their votes are exported and analysed.

The study room knows neither corpora nor the diagnosis; here a corpus becomes tables and paths for it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from mixedsignals.errors import CannotFinish, InputError, Problem
from mixedsignals.progress import SILENT, Progress

if TYPE_CHECKING:
    from mixedsignals.corpus import Corpus
    from mixedsignals.study.power import Power
    from mixedsignals.study.settings import StudySettings
    from mixedsignals.study.stimuli import ClipSource

__all__ = ["StudyMade", "clip_sources", "create_study"]


@dataclass(frozen=True)
class StudyMade:
    """What `create_study` made.

    Attributes:
        path: the folder of the study.
        settings: the study's settings.
        n_clips: clips that are judged; practice clips come on top.
        n_stimuli: what can be shown, practice and attention checks included.
        n_files: rendered files.
        participants: people who fill every cell when all of them finish.
        power: what the study can find; None where there is nothing to compare or no target.
        left_out: clips that lack a modality and were left out.
        notes: sentences that the owner should know.
    """

    path: Path
    settings: StudySettings
    n_clips: int
    n_stimuli: int
    n_files: int
    participants: int
    power: Power | None
    left_out: tuple[str, ...]
    notes: tuple[str, ...]


def create_study(
    corpus: Path | str,
    out: Path | str,
    *,
    settings: Mapping[str, Any],
    clips: int | None = None,
    skip_incomplete: bool = False,
    simulations: int = 300,
    jobs: int = 2,
    progress: Progress = SILENT,
) -> StudyMade:
    """Make a study of a corpus: settings, pages, stimuli and what the study can find. Goes on where it stopped.

    Args:
        corpus: a corpus folder.
        out: the folder of the study; new, empty, or of an earlier call with the same settings.
        settings: fields of `StudySettings`; the name, labels and kind are the corpus's where absent, and there are
            as many items per person as there are clips, 20 at most.
        clips: draw this many clips (practice included) by the seed, from as many speakers as there are; None takes all.
        skip_incomplete: leave out clips that cannot be given in every condition instead of refusing them.
        simulations: studies simulated per effect for the power; 0 for none.
        jobs: threads that render.
        progress: where to say how far it is.

    Raises:
        InputError: faults of the corpus or the settings, clips without a modality, or another study in `out`.
        CannotFinish: too few clips, or the disk is full.
    """
    from mixedsignals.api.corpora import read
    from mixedsignals.study.folder import StudyFolder
    from mixedsignals.study.settings import write_settings
    from mixedsignals.study.stimuli import plan_stimuli, render_stimuli, with_attention_words

    whole = read(corpus)
    chosen, sources, left_out = _chosen(whole, settings, clips, skip_incomplete=skip_incomplete)
    folder = StudyFolder(Path(out))
    if not _goes_on(folder, chosen):
        folder.write_missing_pages()
        stimuli = plan_stimuli(sources, chosen, attention=folder.page("attention"))
        own = whole.clips.filter(pl.col("clip_id").is_in(list(sources)))
        folder.write_tables(stimuli, clips=own, targets=_targets(whole, chosen, sources))
        write_settings(chosen, folder.settings_path)
    folder.write_missing_pages()
    stimuli = with_attention_words(folder.stimuli(), folder.page("attention"))
    stimuli = render_stimuli(stimuli, sources, chosen, folder.media, jobs=jobs, progress=progress)
    folder.write_tables(stimuli, clips=folder.clips(), targets=folder.targets())
    return _made(folder, stimuli, left_out, simulations, progress)


def _chosen(
    corpus: Corpus, given: Mapping[str, Any], clips: int | None, *, skip_incomplete: bool
) -> tuple[StudySettings, dict[str, ClipSource], tuple[str, ...]]:
    """The settings with what the corpus says, the clips that take part, and those left out."""
    from mixedsignals.study.settings import StudySettings
    from mixedsignals.study.stimuli import complete_clips

    known = {"name": corpus.name, **given, "conditions": _spelled(given.get("conditions", ()))}
    if "labels" not in given:
        known |= {"labels": corpus.labels.names, "kind": corpus.labels.kind}
    settings = StudySettings(**known)
    sources = clip_sources(corpus)
    complete, problems = complete_clips(sources, settings.conditions)
    if problems and not skip_incomplete:
        raise InputError(problems)
    taken = _drawn(corpus, complete, clips, settings.seed)
    if "items_per_participant" not in given:
        items = max(1, min(20, len(taken) - settings.practice))
        settings = replace(
            settings, items_per_participant=items, repeats=given.get("repeats", min(settings.repeats, items))
        )
    skipped = tuple(str(problem.clip_id) for problem in problems)
    return settings, {clip: sources[clip] for clip in taken}, skipped


def _spelled(conditions: Iterable[str]) -> tuple[str, ...]:
    """Each condition in its one spelling; every one that is none is named."""
    from mixedsignals.study.conditions import parse_condition

    found: list[str] = []
    problems: list[Problem] = []
    for condition in conditions:
        try:
            found.append(parse_condition(condition))
        except InputError as error:
            problems += error.problems
    if problems:
        raise InputError(problems)
    return tuple(found)


def clip_sources(corpus: Corpus) -> dict[str, ClipSource]:
    """Where the picture, sound and words of every clip of a corpus are."""
    from mixedsignals.media import Part
    from mixedsignals.study.stimuli import ClipSource

    found = {}
    for row in corpus.clips.iter_rows(named=True):
        places = {kind: corpus.media_path(row, kind) for kind in ("audio", "video")}
        cut = {
            kind: None if path is None else Part(path, row["start"], row["end"])
            for kind, path in places.items()
        }
        words = (row["transcript"] or "").strip() or None
        found[row["clip_id"]] = ClipSource(picture=cut["video"], sound=cut["audio"], text=words)
    return found


def _drawn(corpus: Corpus, complete: list[str], clips: int | None, seed: int) -> list[str]:
    """So many clips at random, from as many speakers as there are: intervals count speakers."""
    import numpy as np

    if not complete:
        raise CannotFinish("No clip can be given in every condition, so there is nothing to judge.")
    if clips is None or clips >= len(complete):
        return complete
    order = np.random.default_rng(seed).permutation(len(complete)).tolist()
    seen: Counter[str] = Counter()
    turns: list[tuple[int, int, int]] = []
    for place in order:
        speaker = corpus.groups[complete[place]] or f"clip {complete[place]}"
        turns.append((seen[speaker], len(turns), place))
        seen[speaker] += 1
    return [complete[place] for place in sorted(place for _, _, place in sorted(turns)[:clips])]


def _goes_on(folder: Any, settings: StudySettings) -> bool:
    """Whether the same study has been begun there; another one, or other things, are not written over."""
    if folder.exists():
        if folder.settings() != settings:
            message = "is a study with other settings"
            remedy = "Name another folder with --out, or give the options that it was made with."
            raise InputError(Problem("another-study", message, remedy, file=str(folder.path)))
        return True
    if folder.path.is_dir() and any(p for p in folder.path.iterdir() if p.name != "pages"):
        message = "is not empty, and no study"
        raise InputError(Problem("another-study", message, "Name another folder.", file=str(folder.path)))
    return False


def _targets(
    corpus: Corpus, settings: StudySettings, sources: Mapping[str, ClipSource]
) -> pl.DataFrame | None:
    """Targets of the clips, where people are asked for the corpus's own labels."""
    from mixedsignals.corpus import make_targets

    if set(settings.answers.names) != set(corpus.labels.names):
        return None
    found = make_targets(
        corpus.clips, corpus.votes, corpus.targets, corpus.labels, tie_rule=corpus.tie_rule
    ).table.filter(pl.col("clip_id").is_in(list(sources)))
    return None if found.is_empty() else found


def _made(
    folder: Any, stimuli: pl.DataFrame, left_out: tuple[str, ...], simulations: int, progress: Progress
) -> StudyMade:
    from mixedsignals.study.power import PowerOptions, simulate_power

    settings, clips = folder.settings(), folder.clips()
    judged = clips.filter(pl.col("clip_id").is_in(stimuli.filter(kind="item")["clip_id"].unique().to_list()))
    notes, power = _notes(settings), None
    if folder.targets() is None:
        notes.append(
            "No clip has a target in these labels, so gain in accuracy, and its power, are not applicable."
        )
    elif simulations:
        options = PowerOptions(simulations=simulations, seed=settings.seed)
        power = simulate_power(settings, judged["speaker_id"].to_list(), options=options, progress=progress)
    return StudyMade(
        path=folder.path,
        settings=settings,
        n_clips=judged.height,
        n_stimuli=stimuli.height,
        n_files=stimuli["file"].drop_nulls().n_unique(),
        participants=settings.participants_for(judged.height),
        power=power,
        left_out=left_out,
        notes=tuple(notes),
    )


def _notes(settings: StudySettings) -> list[str]:
    """What every owner of such a study should know before people come."""
    named = {part for condition in settings.conditions for part in condition.split("+")}
    notes = []
    if "audio" in named:
        instead = (
            "" if "audio-lowpass" in named else " To keep the voice without its words, use audio-lowpass."
        )
        notes.append(f"Audio carries the words: people given audio also get what text gives.{instead}")
    return notes
