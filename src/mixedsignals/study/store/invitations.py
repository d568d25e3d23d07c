"""Ways in: single-use invitations, open links with a quota, and links that take a recruiting service's ids."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass
from typing import Any, Literal

import sqlalchemy as sa

from mixedsignals.study.store.schema import invitations, participants

__all__ = [
    "Invitation",
    "Way",
    "find_invitation",
    "list_invitations",
    "make_invitations",
    "revoke",
    "room_left",
]

Way = Literal["single", "open", "panel"]


@dataclass(frozen=True)
class Invitation:
    """One way in.

    Attributes:
        invitation_id: random token.
        kind: `single` makes one participant, `open` as many as its quota, `panel` the same and asks for the id that
            a recruiting service puts into the address.
        quota: most participants; None where there is no limit.
        used: participants made so far.
        revoked: whether it lets nobody new in.
    """

    invitation_id: str
    kind: Way
    quota: int | None
    used: int
    revoked: bool


def make_invitations(
    connection: sa.Connection, kind: Way, *, count: int = 1, quota: int | None = None
) -> list[str]:
    """Make invitations, and give their ids.

    Args:
        connection: of a write.
        kind: see `Invitation`.
        count: how many.
        quota: of each; 1 for `single` whatever is said.
    """
    made = [secrets.token_urlsafe(18) for _ in range(count)]
    limit = 1 if kind == "single" else quota
    rows = [
        {"invitation_id": each, "kind": kind, "quota": limit, "created_at": time.time(), "revoked_at": None}
        for each in made
    ]
    connection.execute(sa.insert(invitations), rows)
    return made


def _used() -> sa.ScalarSelect[int]:
    own = participants.c.invitation_id == invitations.c.invitation_id
    return sa.select(sa.func.count()).select_from(participants).where(own).scalar_subquery()


def _select() -> sa.Select[Any]:
    columns = invitations.c
    return sa.select(
        columns.invitation_id, columns.kind, columns.quota, columns.revoked_at, _used().label("used")
    )


def _invitation(row: Any) -> Invitation:
    return Invitation(row[0], row[1], row[2], row[4], row[3] is not None)


def find_invitation(connection: sa.Connection, invitation_id: str) -> Invitation | None:
    """The invitation with this id."""
    row = connection.execute(_select().where(invitations.c.invitation_id == invitation_id)).first()
    if row is None:
        return None
    return _invitation(row)


def list_invitations(connection: sa.Connection) -> list[Invitation]:
    """All invitations, oldest first."""
    rows = connection.execute(_select().order_by(invitations.c.created_at, invitations.c.invitation_id))
    return [_invitation(row) for row in rows]


def revoke(connection: sa.Connection, invitation_id: str) -> None:
    """Let nobody new in by this invitation; whoever is in goes on."""
    own = invitations.c.invitation_id == invitation_id
    connection.execute(sa.update(invitations).where(own).values(revoked_at=time.time()))


def room_left(invitation: Invitation) -> bool:
    """Whether one more may come in by it."""
    return not invitation.revoked and (invitation.quota is None or invitation.used < invitation.quota)
