"""Simulated participants: the answers that a study would have, without a server, with known chances."""

from __future__ import annotations

import numpy as np
import polars as pl

from mixedsignals.study.records import ANSWERS
from mixedsignals.study.settings import StudySettings
from mixedsignals.tables import conform


def simulated_answers(
    settings: StudySettings,
    stimuli: pl.DataFrame,
    targets: dict[str, str],
    accuracy: dict[str, float],
    *,
    people: int,
    seed: int = 0,
    same: float = 0.5,
) -> pl.DataFrame:
    """Answers of people who see each clip once, repeats and second looks besides.

    `accuracy` is the chance of a right answer per condition; a second look repeats the first answer with chance
    `same` and is a new one else.
    """
    rng = np.random.default_rng(seed)
    shown = {(r["clip_id"], r["condition"]): r["stimulus_id"] for r in stimuli.iter_rows(named=True)}
    clips = sorted(stimuli.filter(kind="item")["clip_id"].unique())
    names, cells = settings.answers.names, settings.cells

    def answer(clip: str, given: str) -> str:
        others = [name for name in names if name != targets[clip]]
        return targets[clip] if rng.random() < accuracy[given] else str(rng.choice(others))

    rows = []
    for person in range(people):
        size = min(settings.items_per_participant, len(clips))
        own = [str(clip) for clip in rng.choice(clips, size, replace=False)]
        said: dict[str, tuple[str, str]] = {}
        trials: list[tuple[str, str, str | None, int]] = []
        for number, clip in enumerate(own):
            cell = cells[(person + number) % len(cells)]
            first, _, second = cell.partition(">")
            trials.append((clip, first, cell if second else None, 0))
            if second:
                trials.append((clip, second, cell, 1))
        if not settings.arms:
            trials += [(clip, said_in, "repeat", 1) for clip, said_in in _repeats(trials, settings.repeats)]
        for position, (clip, given, arm, occasion) in enumerate(trials):
            label = answer(clip, given)
            if occasion and said[clip][0] == given and rng.random() < same:
                label = said[clip][1]
            said.setdefault(clip, (given, label))
            rows.append(
                {
                    "stimulus_id": shown[clip, given],
                    "clip_id": clip,
                    "rater_id": f"p{person:03}",
                    "given": given,
                    "occasion": occasion,
                    "label": label,
                    "confidence": float(rng.integers(1, 6)),
                    "seconds": float(rng.lognormal(1.5, 0.4)),
                    "position": position,
                    "arm": arm,
                    "kind": "item",
                }
            )
    return conform(ANSWERS, rows)


def _repeats(trials: list[tuple[str, str, str | None, int]], count: int) -> list[tuple[str, str]]:
    return [(clip, given) for clip, given, _, _ in trials[:count]]
