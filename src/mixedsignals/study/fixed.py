"""What must not change once the first participant has come: what is shown, what is asked, and in which design.

How many people are wanted, how long a reservation holds, the language and what stands on the last page may change.
"""

from __future__ import annotations

import json
from dataclasses import asdict

import polars as pl

from mixedsignals.errors import InputError, Problem
from mixedsignals.store import digest_frame
from mixedsignals.study.settings import SETTINGS_FILE, StudySettings
from mixedsignals.study.store import Database, facts, people

__all__ = ["hold_to"]

_MAY_CHANGE = frozenset(
    {
        "name",
        "raters_per_cell",
        "reservation_minutes",
        "participants",
        "headphones",
        "language",
        "completion_code",
        "completion_url",
    }
)


def hold_to(database: Database, settings: StudySettings, stimuli: pl.DataFrame) -> None:
    """Remember settings and stimuli until the first participant comes; from then on insist on them.

    Args:
        database: the study's.
        settings: as they are now.
        stimuli: as they are now; attention checks are no part of it, as they may be worded anew.

    Raises:
        InputError: every setting that differs from what the participants so far were given.
    """
    shown = stimuli.filter(pl.col("kind") != "attention").select(
        "stimulus_id", "clip_id", "condition", "kind"
    )
    now = {name: value for name, value in asdict(settings).items() if name not in _MAY_CHANGE}
    now["stimuli"] = digest_frame(shown.sort("stimulus_id"))
    now = json.loads(json.dumps(now))
    with database.writing() as connection:
        kept = facts.read_fact(connection, "given")
        if kept is None or people.count_all(connection) == 0:
            facts.write_fact(connection, "given", json.dumps(now))
            return
    before = json.loads(kept)
    problems = [
        _problem(name, before.get(name), now.get(name))
        for name in sorted({*before, *now})
        if before.get(name) != now.get(name)
    ]
    if problems:
        raise InputError(problems)


def _problem(name: str, before: object, now: object) -> Problem:
    remedy = (
        "Put it back, or make another study; people who have come would not be comparable with those to come."
    )
    if name == "stimuli":
        message = "differs from what people who have come were shown"
        return Problem("changed-study", message, remedy, file="stimuli.parquet")
    message = f"{name} is {now!r} and was {before!r} when the first participant came"
    return Problem("changed-study", message, remedy, file=SETTINGS_FILE)
