"""What leaves the store: answers as the `ANSWERS` table, and the figures that an owner looks at."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import sqlalchemy as sa

from mixedsignals.study.records import ANSWERS
from mixedsignals.study.store.database import Database
from mixedsignals.study.store.people import excluded_ids
from mixedsignals.study.store.schema import answers, exposures, participants, removals, trials
from mixedsignals.tables import conform

__all__ = ["Person", "Removals", "answers_frame", "people_of", "read_answers", "removed"]


@dataclass(frozen=True)
class Person:
    """One participant as their owner sees them.

    Attributes:
        participant_id: random token, the `rater_id` of exports.
        way: invitation that they came by.
        stage: where they are.
        checks: JSON of the headphone and playback checks.
        entered_at, finished_at, last_at: in seconds since 1970.
        answers: how many they have given, practice and checks included.
        skipped: clips that they could not play.
        excluded: why they were left out; None where not.
    """

    participant_id: str
    way: str
    stage: str
    checks: str | None
    entered_at: float
    finished_at: float | None
    last_at: float | None
    answers: int
    skipped: int
    excluded: str | None


@dataclass(frozen=True)
class Removals:
    """How many people's data were deleted on request, and how many answers went with them."""

    people: int
    answers: int


def read_answers(database: Database | str | Path) -> pl.DataFrame:
    """Every answer of a study as an `ANSWERS` table: practice, checks and excluded people included, and marked.

    Args:
        database: an open database, the path of an SQLite file, or a PostgreSQL URL.

    Returns:
        One row per answer, ordered by participant and position. `occasion` is 1 where the person had judged the clip
        before; `arm` is the arm of a counterfactual design, `repeat` for a test-retest item, else null.

    Raises:
        InputError: no database is there.
        CannotFinish: it cannot be reached.
    """
    if isinstance(database, Database):
        with database.reading() as connection:
            return answers_frame(connection)
    opened = Database(database, create=False)
    try:
        return read_answers(opened)
    finally:
        opened.close()


def answers_frame(connection: sa.Connection) -> pl.DataFrame:
    """`read_answers` on a connection."""
    query = (
        sa.select(answers, exposures, trials)
        .join_from(answers, exposures)
        .join(trials, trials.c.trial_id == exposures.c.trial_id)
        .order_by(trials.c.participant_id, trials.c.place, exposures.c.step)
        .set_label_style(sa.LABEL_STYLE_TABLENAME_PLUS_COL)
    )
    gone = excluded_ids(connection)
    rows = [_row(row, gone) for row in connection.execute(query).mappings()]
    return conform(ANSWERS, rows) if rows else ANSWERS.empty()


def _row(row: Any, gone: dict[str, str]) -> dict[str, Any]:
    kind, rater, step = row["trials_kind"], row["trials_participant_id"], row["exposures_step"]
    arm = row["trials_arm"] if ">" in row["trials_arm"] else None
    said, point = row["answers_label"], row["answers_scale"]
    at = datetime.datetime.fromtimestamp(row["answers_answered_at"], datetime.UTC)
    return {
        "stimulus_id": row["exposures_stimulus_id"],
        "clip_id": row["trials_clip_id"],
        "rater_id": rater,
        "given": row["exposures_condition"],
        "occasion": row["trials_occasion"] + step,
        "label": str(point) if said is None else said,
        "confidence": row["answers_confidence"],
        "seconds": row["answers_seconds"],
        # Both steps of a clip share a place in the order; practice has none of its own.
        "position": row["trials_place"] if row["trials_position"] is None else row["trials_position"],
        "arm": "repeat" if kind == "repeat" else arm,
        "kind": "item" if kind == "repeat" else kind,
        "expected": row["trials_expected"],
        "scale": point,
        "free_text": row["answers_free_text"],
        "reasons": row["answers_reasons"],
        "excluded": gone.get(rater),
        "answered_at": at.isoformat(timespec="milliseconds"),
    }


def people_of(connection: sa.Connection) -> list[Person]:
    """Everybody who takes part, in the order in which they came."""
    last, count = sa.func.max(answers.c.answered_at), sa.func.count(answers.c.answer_id)
    columns = participants.c
    own = (trials.c.participant_id == columns.participant_id) & trials.c.skipped_at.is_not(None)
    skipped = sa.select(sa.func.count()).select_from(trials).where(own).scalar_subquery()
    query = (
        sa.select(
            columns.participant_id,
            columns.invitation_id,
            columns.stage,
            columns.checks,
            columns.entered_at,
            columns.finished_at,
            last,
            count,
            skipped,
        )
        .outerjoin(answers, answers.c.participant_id == columns.participant_id)
        .group_by(*list(columns)[:])
        .order_by(columns.entered_at)
    )
    gone = excluded_ids(connection)
    rows: list[Any] = list(connection.execute(query))
    return [Person(*(*row, gone.get(row[0]))) for row in rows]


def removed(connection: sa.Connection) -> Removals:
    """What was deleted on request."""
    query = sa.select(sa.func.count(), sa.func.coalesce(sa.func.sum(removals.c.answers), 0)).select_from(
        removals
    )
    people, gone = connection.execute(query).one()
    return Removals(int(people), int(gone))
