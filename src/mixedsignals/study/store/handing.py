"""Rows of what was handed to whom: trials (a clip in a condition or arm), exposures (one stimulus each), answers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from mixedsignals.study.store.people import excluded_ids
from mixedsignals.study.store.schema import answers, exposures, trials

__all__ = [
    "Answer",
    "Exposure",
    "Reservation",
    "Trial",
    "add_exposure",
    "add_trial",
    "answered",
    "count_answered",
    "count_skipped",
    "exposure_of",
    "finish_trial",
    "open_exposure",
    "renew",
    "reservations",
    "skip_trial",
    "take_answer",
    "trials_of",
]


@dataclass(frozen=True)
class Answer:
    """What a person said about one stimulus.

    Attributes:
        label: one of the study's labels; None where only the scale is asked.
        scale: point of the scale, from 1; None where it is not asked.
        confidence: from 1 to 5, or None.
        free_text: what they wrote, or None.
        reasons: per modality, the label that it pointed to; empty where not asked.
    """

    label: str | None = None
    scale: int | None = None
    confidence: int | None = None
    free_text: str | None = None
    reasons: Mapping[str, str] | None = None


@dataclass(frozen=True)
class Trial:
    """One clip handed to one participant (see the `trials` table)."""

    trial_id: int
    participant_id: str
    place: int
    position: int | None
    kind: str
    clip_id: str
    arm: str
    expected: str | None
    occasion: int
    reserved_at: float
    expires_at: float
    finished_at: float | None
    skipped_at: float | None


@dataclass(frozen=True)
class Exposure:
    """One stimulus shown to one participant, with the trial that it belongs to."""

    exposure_id: int
    step: int
    condition: str
    stimulus_id: str
    shown_at: float
    trial: Trial


@dataclass(frozen=True)
class Reservation:
    """What a trial takes from its cell: for good once it is finished, until it expires before."""

    trial_id: int
    clip_id: str
    arm: str
    position: int
    expires_at: float | None


def add_trial(connection: sa.Connection, **values: object) -> Trial:
    """Insert a trial, and give it."""
    row = {"finished_at": None, "skipped_at": None, **values}
    made = connection.execute(sa.insert(trials).values(row)).inserted_primary_key
    assert made is not None
    return Trial(trial_id=made[0], **row)  # type: ignore[arg-type]


def add_exposure(
    connection: sa.Connection, trial: Trial, *, step: int, condition: str, stimulus_id: str, now: float
) -> Exposure:
    """Insert an exposure, and give it."""
    row = {
        "trial_id": trial.trial_id,
        "step": step,
        "condition": condition,
        "stimulus_id": stimulus_id,
        "shown_at": now,
    }
    made = connection.execute(sa.insert(exposures).values(row)).inserted_primary_key
    assert made is not None
    return Exposure(made[0], step, condition, stimulus_id, now, trial)


def finish_trial(connection: sa.Connection, trial: Trial, *, now: float) -> None:
    """Every step of the trial has its answer."""
    own = trials.c.trial_id == trial.trial_id
    connection.execute(sa.update(trials).where(own).values(finished_at=now))


def skip_trial(connection: sa.Connection, trial: Trial, *, now: float) -> None:
    """The recording could not be played: nothing more is asked about this clip, and others get it."""
    own = trials.c.trial_id == trial.trial_id
    connection.execute(sa.update(trials).where(own).values(skipped_at=now, expires_at=now))


def renew(connection: sa.Connection, exposure: Exposure, *, now: float, expires_at: float) -> None:
    """The person is back: the reservation holds again, and the clock of this stimulus starts anew."""
    own, shown = trials.c.trial_id == exposure.trial.trial_id, exposures.c.exposure_id == exposure.exposure_id
    connection.execute(sa.update(trials).where(own).values(expires_at=expires_at))
    connection.execute(sa.update(exposures).where(shown).values(shown_at=now))


def take_answer(connection: sa.Connection, exposure: Exposure, answer: Answer, *, now: float) -> None:
    """Insert the answer to an exposure that has none."""
    reasons = json.dumps(dict(answer.reasons), ensure_ascii=False) if answer.reasons else None
    row = {
        "exposure_id": exposure.exposure_id,
        "participant_id": exposure.trial.participant_id,
        "answered_at": now,
        "seconds": max(now - exposure.shown_at, 0.0),
        "label": answer.label,
        "scale": answer.scale,
        "confidence": answer.confidence,
        "free_text": answer.free_text,
        "reasons": reasons,
    }
    connection.execute(sa.insert(answers).values(row))


_SHOWN = sa.select(
    exposures.c.exposure_id,
    exposures.c.step,
    exposures.c.condition,
    exposures.c.stimulus_id,
    exposures.c.shown_at,
    *trials.c,
).join_from(exposures, trials)


def _exposure(row: Any) -> Exposure | None:
    return None if row is None else Exposure(row[0], row[1], row[2], row[3], row[4], Trial(*row[5:]))


def open_exposure(connection: sa.Connection, participant_id: str) -> Exposure | None:
    """What this person is shown now: the one exposure of theirs without an answer."""
    query = _SHOWN.outerjoin(answers).where(
        trials.c.participant_id == participant_id,
        answers.c.answer_id.is_(None),
        trials.c.skipped_at.is_(None),
    )
    return _exposure(connection.execute(query).first())


def exposure_of(connection: sa.Connection, participant_id: str, exposure_id: int) -> Exposure | None:
    """An exposure of this person by its number; None where it is somebody else's or nobody's."""
    query = _SHOWN.where(trials.c.participant_id == participant_id, exposures.c.exposure_id == exposure_id)
    return _exposure(connection.execute(query).first())


def answered(connection: sa.Connection, exposure: Exposure) -> bool:
    """Whether the exposure has its answer."""
    query = sa.select(answers.c.answer_id).where(answers.c.exposure_id == exposure.exposure_id)
    return connection.scalar(query) is not None


def count_answered(connection: sa.Connection, participant_id: str) -> int:
    """How many answers this person has given, practice and checks included."""
    query = sa.select(sa.func.count()).where(answers.c.participant_id == participant_id)
    return int(connection.scalar(query) or 0)


def count_skipped(connection: sa.Connection, participant_id: str) -> int:
    """How many answers this person will not give, because a recording could not be played."""
    given = sa.select(sa.func.count()).select_from(exposures).join(answers)
    given = given.where(exposures.c.trial_id == trials.c.trial_id)
    steps = sa.case((trials.c.arm.contains(">"), 2), else_=1) - given.scalar_subquery()
    own = (trials.c.participant_id == participant_id) & trials.c.skipped_at.is_not(None)
    return int(connection.scalar(sa.select(sa.func.coalesce(sa.func.sum(steps), 0)).where(own)) or 0)


def trials_of(connection: sa.Connection, participant_id: str) -> list[Trial]:
    """All trials of a participant in their order."""
    query = sa.select(trials).where(trials.c.participant_id == participant_id).order_by(trials.c.place)
    return [Trial(*row) for row in connection.execute(query)]


def reservations(connection: sa.Connection, *, now: float) -> list[Reservation]:
    """What counts for balancing: items finished by people who are not excluded, and those reserved now."""
    query = sa.select(
        trials.c.trial_id,
        trials.c.clip_id,
        trials.c.arm,
        trials.c.position,
        trials.c.expires_at,
        trials.c.finished_at,
        trials.c.participant_id,
    ).where(trials.c.kind == "item", (trials.c.finished_at.is_not(None)) | (trials.c.expires_at > now))
    gone = excluded_ids(connection)
    return [
        Reservation(row[0], row[1], row[2], row[3], row[4] if row[5] is None else None)
        for row in connection.execute(query)
        if row[6] not in gone
    ]
