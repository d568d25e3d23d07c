"""What participants can be shown: which clip in which condition, under which random name, and the files themselves.

Planning draws the tokens and checks that every clip can be given in every condition. Rendering makes each file once,
from the corpus, and goes on where it stopped; clips that need the same file in two conditions share it.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from mixedsignals.errors import CannotFinish, InputError, Problem
from mixedsignals.media import Part, SoundTreatment, probe, withhold
from mixedsignals.progress import SILENT, Progress
from mixedsignals.study.conditions import parts, sound_of
from mixedsignals.study.records import STIMULI
from mixedsignals.study.settings import StudySettings
from mixedsignals.tables import conform

__all__ = ["ClipSource", "complete_clips", "plan_stimuli", "render_stimuli", "with_attention_words"]

_TOKEN = 16  # bytes: 128 bits cannot be guessed


@dataclass(frozen=True)
class ClipSource:
    """Where a clip's picture, sound and words are; None where it has none."""

    picture: Part | None = None
    sound: Part | None = None
    text: str | None = None

    def lacks(self, condition: str) -> list[str]:
        """What the condition needs and the clip does not have."""
        has = {"text": self.text, "video": self.picture, "audio": self.sound, "audio-lowpass": self.sound}
        return [part for part in parts(condition) if has[part] is None]


def complete_clips(
    sources: Mapping[str, ClipSource], conditions: Iterable[str]
) -> tuple[list[str], list[Problem]]:
    """The clips that can be given in every condition, and a fault for each of the others."""
    whole, problems = [], []
    needed = tuple(conditions)
    for clip, source in sources.items():
        lacking = sorted({part for condition in needed for part in source.lacks(condition)})
        if lacking:
            message = f"has no {' and no '.join(lacking)}, which the conditions {', '.join(needed)} need"
            remedy = "Add it, leave the condition out, or give --skip-incomplete."
            problems.append(Problem("missing-modality", message, remedy, clip_id=clip))
        else:
            whole.append(clip)
    return whole, problems


def plan_stimuli(
    sources: Mapping[str, ClipSource], settings: StudySettings, *, attention: str
) -> pl.DataFrame:
    """A `STIMULI` table with random tokens, before anything is rendered.

    Practice clips are drawn by the seed, come in every condition, and are no items.

    Args:
        sources: every clip of the study, each complete for all conditions.
        settings: the study's.
        attention: the words of an attention check, with `{label}` where the wanted answer goes.

    Raises:
        CannotFinish: after practice there are too few clips for one person's items.
        InputError: `attention` has no `{label}`.
    """
    clips = list(sources)
    order = np.random.default_rng(settings.seed).permutation(len(clips))
    practice = {clips[place] for place in order[: settings.practice]}
    _need_enough(len(clips) - len(practice), len(practice), settings)
    files: dict[tuple[str, bool, str | None], str] = {}
    rows = [
        _row(clip, condition, sources[clip], files) | {"kind": "practice" if clip in practice else "item"}
        for clip in clips
        for condition in settings.conditions
    ]
    return conform(STIMULI, [*rows, *_attention(settings, attention)], source="stimuli")


def _need_enough(items: int, practice: int, settings: StudySettings) -> None:
    if items >= settings.items_per_participant:
        return
    raise CannotFinish(
        f"{items} clips are left for judging beside {practice} for practice, and each person sees a clip once: "
        f"items_per_participant is {settings.items_per_participant}. Give --items-per-participant {max(items, 1)} "
        "or less, or fewer --practice items."
    )


def _row(
    clip: str, condition: str, source: ClipSource, files: dict[tuple[str, bool, str | None], str]
) -> dict[str, str | None]:
    picture, sound = "video" in parts(condition), sound_of(condition)
    file = None
    if picture or sound:
        suffix = ".mp4" if picture else ".m4a"
        file = files.setdefault((clip, picture, sound), _token() + suffix)
    return {
        "stimulus_id": _token(),
        "clip_id": clip,
        "condition": condition,
        "file": file,
        "mime": None if file is None else "video/mp4" if picture else "audio/mp4",
        "text": source.text if "text" in parts(condition) else None,
    }


def _token() -> str:
    return secrets.token_hex(_TOKEN)


def _attention(settings: StudySettings, words: str) -> list[dict[str, str | None]]:
    """One check for every answer, or as many as are wanted, whichever is more."""
    if not settings.attention:
        return []
    labels = settings.answers.names
    return [
        {
            "stimulus_id": _token(),
            "clip_id": f"attention:{number + 1}",
            "condition": "text",
            "text": _asking(words, labels[number % len(labels)]),
            "kind": "attention",
            "expected": labels[number % len(labels)],
        }
        for number in range(max(settings.attention, len(labels)))
    ]


def _asking(words: str, label: str) -> str:
    if "{label}" not in words:
        message, remedy = "does not say {label}", "Write {label} where the wanted answer is to stand."
        raise InputError(Problem("attention-page", message, remedy, file="pages/attention.md"))
    return words.replace("{label}", label).strip()


def with_attention_words(stimuli: pl.DataFrame, words: str) -> pl.DataFrame:
    """The same stimuli with attention checks in these words, as the owner may have edited them since.

    Args:
        stimuli: a `STIMULI` table.
        words: the words of an attention check, with `{label}` where the wanted answer goes.

    Raises:
        InputError: there are checks, and `words` has no `{label}`.
    """
    asked = stimuli.filter(kind="attention")["expected"].unique()
    said = {label: _asking(words, label) for label in asked}
    text = pl.col("expected").replace_strict(said, default=None, return_dtype=pl.String)
    return stimuli.with_columns(text=pl.when(kind="attention").then(text).otherwise("text"))


def render_stimuli(
    stimuli: pl.DataFrame,
    sources: Mapping[str, ClipSource],
    settings: StudySettings,
    folder: Path,
    *,
    jobs: int = 2,
    progress: Progress = SILENT,
) -> pl.DataFrame:
    """Render every file that is not there yet into `folder`; give the table with the lengths of all files.

    Raises:
        InputError: every clip that cannot be rendered, after all others have been.
        CannotFinish: the disk is full or the folder cannot be written.
    """
    wanted = stimuli.filter(pl.col("file").is_not_null()).unique("file", maintain_order=True)
    rows = wanted.select("file", "clip_id", "condition").rows()
    folder.mkdir(parents=True, exist_ok=True)
    lengths: dict[str, float | None] = {}
    problems: list[Problem] = []

    def render(row: tuple[str, str, str]) -> float | list[Problem] | None:
        file, clip, condition = row
        try:
            return _rendered(folder / file, sources[clip], condition, settings)
        except InputError as error:
            return _of_clip(error.problems, clip)

    with progress.task("Rendering stimuli", len(rows)) as task, ThreadPoolExecutor(jobs) as pool:
        for row, made in zip(rows, pool.map(render, rows), strict=True):
            if isinstance(made, list):
                problems += made
            else:
                lengths[row[0]] = made
            task.advance()
    if problems:
        raise InputError(problems)
    seconds = pl.col("file").replace_strict(lengths, default=None, return_dtype=pl.Float64)
    return stimuli.with_columns(seconds=seconds)


def _rendered(out: Path, source: ClipSource, condition: str, settings: StudySettings) -> float | None:
    if not out.is_file():
        sound = sound_of(condition)
        treatment = SoundTreatment(
            lowpass=settings.lowpass_hz if sound == "audio-lowpass" else None, loudness=settings.loudness
        )
        withhold(
            out,
            picture=source.picture if "video" in parts(condition) else None,
            sound=source.sound if sound else None,
            treatment=treatment,
            height=settings.height,
        )
    return probe(out).duration


def _of_clip(problems: Sequence[Problem], clip: str) -> list[Problem]:
    return [Problem(p.code, p.message, p.remedy, file=p.file, clip_id=clip) for p in problems]
