"""Single facts about a study that its database keeps: the signing key, the owner's password, whether it is closed."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time

import sqlalchemy as sa

from mixedsignals.study.store.schema import meta

__all__ = [
    "check_password",
    "close_study",
    "closed_at",
    "event_count",
    "external_digest",
    "has_password",
    "next_event",
    "read_fact",
    "reopen_study",
    "secret_of",
    "set_password",
    "write_fact",
]

_COST = {"n": 2**14, "r": 8, "p": 1, "maxmem": 64 * 2**20}


def read_fact(connection: sa.Connection, key: str) -> str | None:
    """The value of a key; None where there is none."""
    return connection.scalar(sa.select(meta.c.value).where(meta.c.key == key))


def write_fact(connection: sa.Connection, key: str, value: str | None) -> None:
    """Set a key, or take it away with None."""
    connection.execute(sa.delete(meta).where(meta.c.key == key))
    if value is not None:
        connection.execute(sa.insert(meta).values(key=key, value=value))


def secret_of(connection: sa.Connection) -> str:
    """The key that signs links, cookies and media addresses; made with the database, never shown."""
    return read_fact(connection, "secret") or ""


def event_count(connection: sa.Connection) -> int:
    """How many times anything that counts for balancing has changed."""
    return int(read_fact(connection, "events") or 0)


def next_event(connection: sa.Connection) -> int:
    """Count one more event, and hold back every other writer until this transaction ends.

    Returns:
        The number of events before this one: whoever counted along knows whether somebody else wrote meanwhile.
    """
    own = sa.cast(sa.cast(meta.c.value, sa.BigInteger) + 1, sa.Text)
    connection.execute(sa.update(meta).where(meta.c.key == "events").values(value=own))
    return event_count(connection) - 1


def close_study(connection: sa.Connection) -> None:
    """Nobody new comes in and nobody gets another clip; answers to clips already shown are still taken."""
    if closed_at(connection) is None:
        write_fact(connection, "closed_at", str(time.time()))


def reopen_study(connection: sa.Connection) -> None:
    """Undo `close_study`."""
    write_fact(connection, "closed_at", None)


def closed_at(connection: sa.Connection) -> float | None:
    """When the study was closed, in seconds since 1970; None while it is open."""
    value = read_fact(connection, "closed_at")
    return None if value is None else float(value)


def set_password(connection: sa.Connection, password: str) -> None:
    """Set the owner's password; only its scrypt hash is kept, and owners who are logged in are logged out."""
    salt = secrets.token_bytes(16)
    made = hashlib.scrypt(password.encode(), salt=salt, **_COST)
    write_fact(connection, "password", f"{salt.hex()}:{made.hex()}")


def has_password(connection: sa.Connection) -> bool:
    """Whether a password has been set."""
    return read_fact(connection, "password") is not None


def check_password(connection: sa.Connection, password: str) -> bool:
    """Whether this is the owner's password; takes as long either way."""
    salt, _, made = (read_fact(connection, "password") or f"{'00' * 16}:").partition(":")
    given = hashlib.scrypt(password.encode(), salt=bytes.fromhex(salt), **_COST)
    return hmac.compare_digest(given.hex(), made)


def external_digest(connection: sa.Connection, external: str) -> str:
    """What is kept of an id that a recruiting service gave: a digest that only this study's key can make."""
    return hmac.new(secret_of(connection).encode(), external.encode(), hashlib.sha256).hexdigest()
