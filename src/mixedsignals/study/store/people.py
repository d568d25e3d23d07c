"""Participants: how they come in, how far they are, and how they leave without a trace.

A participant is made when they consent, not before. What is known of them is a random token, the invitation that they
used, a keyed digest of a recruiting service's id, and times.
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import sqlalchemy as sa

from mixedsignals.study.store.facts import next_event
from mixedsignals.study.store.schema import (
    answers,
    exclusions,
    exposures,
    invitations,
    participants,
    removals,
    trials,
)

__all__ = [
    "Participant",
    "Stage",
    "count_all",
    "count_included",
    "delete_participant",
    "enter",
    "exclude",
    "excluded_ids",
    "find_by_external",
    "find_by_invitation",
    "find_by_link",
    "find_participant",
    "reason_of",
    "set_stage",
    "write_checks",
]

Stage = Literal["instructions", "check", "judging", "done"]


@dataclass(frozen=True)
class Participant:
    """One person as the study knows them.

    Attributes:
        participant_id: random token, the `rater_id` of exports.
        link_key: random token of their own link.
        serial: their number in the study, which seeds their order.
        stage: where they are.
        checks: what the headphone and playback checks gave.
        entered_at, finished_at: in seconds since 1970.
    """

    participant_id: str
    link_key: str
    serial: int
    stage: Stage
    checks: Mapping[str, Any]
    entered_at: float
    finished_at: float | None


def enter(connection: sa.Connection, invitation_id: str, *, external: str | None = None) -> Participant:
    """Make a participant, who has just consented.

    Args:
        connection: of a write.
        invitation_id: the way in.
        external: digest of a recruiting service's id (see `external_digest`).
    """
    next_event(connection)
    row = {
        "participant_id": f"p{secrets.token_hex(8)}",
        "link_key": secrets.token_urlsafe(18),
        "serial": _free_serial(connection),
        "invitation_id": invitation_id,
        "external_digest": external,
        "stage": "instructions",
        "checks": None,
        "entered_at": time.time(),
        "finished_at": None,
    }
    connection.execute(sa.insert(participants).values(row))
    return _person(row)


def _free_serial(connection: sa.Connection) -> int:
    """The smallest number that nobody has who counts: whoever was excluded or deleted leaves their row to others."""
    rows = connection.execute(sa.select(participants.c.participant_id, participants.c.serial)).all()
    gone = excluded_ids(connection)
    taken = {serial for participant, serial in rows if participant not in gone}
    return next(number for number in range(len(taken) + 1) if number not in taken)


def _person(row: Mapping[str, Any]) -> Participant:
    kept = {name: row[name] for name in Participant.__dataclass_fields__ if name != "checks"}
    return Participant(**kept, checks=json.loads(row["checks"] or "{}"))


def _find(connection: sa.Connection, condition: sa.ColumnElement[bool]) -> Participant | None:
    row = connection.execute(sa.select(participants).where(condition)).mappings().first()
    return None if row is None else _person(dict(row))


def find_participant(connection: sa.Connection, participant_id: str) -> Participant | None:
    """The participant with this token."""
    return _find(connection, participants.c.participant_id == participant_id)


def find_by_link(connection: sa.Connection, link_key: str) -> Participant | None:
    """The participant whose own link this is."""
    return _find(connection, participants.c.link_key == link_key)


def find_by_external(connection: sa.Connection, digest: str) -> Participant | None:
    """The participant who came with this id of a recruiting service."""
    return _find(connection, participants.c.external_digest == digest)


def find_by_invitation(connection: sa.Connection, invitation_id: str) -> Participant | None:
    """The participant who came by this invitation, for single-use ones."""
    return _find(connection, participants.c.invitation_id == invitation_id)


def set_stage(connection: sa.Connection, participant_id: str, stage: Stage) -> None:
    """Where the participant is now; `done` is dated."""
    values: dict[str, Any] = {"stage": stage}
    if stage == "done":
        values["finished_at"] = time.time()
    own = participants.c.participant_id == participant_id
    connection.execute(sa.update(participants).where(own).values(values))


def write_checks(connection: sa.Connection, participant_id: str, checks: Mapping[str, Any]) -> None:
    """What the headphone and playback checks gave."""
    own = participants.c.participant_id == participant_id
    connection.execute(sa.update(participants).where(own).values(checks=json.dumps(dict(checks))))


def exclude(connection: sa.Connection, participant_id: str, reason: str, *, excluded: bool = True) -> None:
    """Leave somebody out of counts and estimates, with a reason, or (`excluded=False`) take them in again.

    Their answers stay and are marked; their cells are free for others.
    """
    next_event(connection)
    row = {
        "participant_id": participant_id,
        "excluded": excluded,
        "reason": reason,
        "decided_at": time.time(),
    }
    connection.execute(sa.insert(exclusions).values(row))


def excluded_ids(connection: sa.Connection) -> dict[str, str]:
    """Who is left out now, and why."""
    rows = connection.execute(sa.select(exclusions).order_by(exclusions.c.exclusion_id)).mappings()
    latest = {row["participant_id"]: row for row in rows}
    return {participant: row["reason"] for participant, row in latest.items() if row["excluded"]}


def count_all(connection: sa.Connection) -> int:
    """How many people take part, excluded ones included."""
    return int(connection.scalar(sa.select(sa.func.count()).select_from(participants)) or 0)


def count_included(connection: sa.Connection) -> int:
    """How many people take part and are not excluded."""
    return count_all(connection) - len(excluded_ids(connection))


def reason_of(connection: sa.Connection, participant_id: str) -> str | None:
    """Why a participant is left out; None where they are not."""
    return excluded_ids(connection).get(participant_id)


def delete_participant(
    connection: sa.Connection, participant_id: str, *, asked_by: Literal["participant", "owner"]
) -> int:
    """Delete everything about one participant, and note that it happened, not to whom.

    Returns:
        How many answers were deleted.
    """
    next_event(connection)
    own_trials = sa.select(trials.c.trial_id).where(trials.c.participant_id == participant_id)
    _use_up_invitation(connection, participant_id)
    gone = connection.execute(sa.delete(answers).where(answers.c.participant_id == participant_id)).rowcount
    connection.execute(sa.delete(exposures).where(exposures.c.trial_id.in_(own_trials)))
    for table in (trials, exclusions, participants):
        connection.execute(sa.delete(table).where(table.c.participant_id == participant_id))
    row = {"asked_by": asked_by, "answers": gone, "removed_at": time.time()}
    connection.execute(sa.insert(removals).values(row))
    return int(gone)


def _use_up_invitation(connection: sa.Connection, participant_id: str) -> None:
    """A single-use invitation stays used when the one whom it made is deleted."""
    own = sa.select(participants.c.invitation_id).where(participants.c.participant_id == participant_id)
    single = (invitations.c.kind == "single") & invitations.c.invitation_id.in_(own)
    connection.execute(sa.update(invitations).where(single).values(revoked_at=time.time()))
