"""Opening a study's database: an SQLite file by default, PostgreSQL by URL; migrated when opened.

A write is one transaction that is on the disk when its block ends (SQLite: WAL with full synchronisation). Writes of
this process queue here, fairly, and those of other processes are kept apart by the database.
"""

from __future__ import annotations

import os
import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from sqlalchemy.exc import ArgumentError, DatabaseError, InterfaceError

from mixedsignals.errors import CannotFinish, InputError, Problem
from mixedsignals.study.store import schema

__all__ = ["Database"]

_HEAD = "0001"
_FIRST: dict[str, Callable[[], str]] = {"secret": lambda: secrets.token_urlsafe(48), "events": lambda: "0"}


class Database:
    """A study's database.

    Args:
        place: path of an SQLite file, or a URL such as `postgresql://user:password@host/name`.
        create: whether an SQLite file that is not there is made.

    Raises:
        InputError: no database is there and `create` is off, or the URL is none that is supported.
        CannotFinish: the database cannot be reached, or comes from a later version of this program.
    """

    def __init__(self, place: str | Path, *, create: bool = True) -> None:
        self._queue = threading.Lock()
        self.engine = _engine(place, create=create)
        self.shown = self.engine.url.render_as_string(hide_password=True)
        try:
            self._migrate()
        except (DatabaseError, InterfaceError, OSError) as error:
            raise CannotFinish(
                f"{self.shown}: the database cannot be opened ({_first_line(error)})"
            ) from error

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """A connection for looking; it sees one state of the data."""
        with self.engine.connect() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[sa.Connection]:
        """One transaction: durable when the block ends, undone when it raises."""
        with self._queue, self.engine.connect() as connection:
            connection = connection.execution_options(writes=True)
            with connection.begin():
                yield connection

    def scrub(self) -> None:
        """Take what was deleted off the disk as well: SQLite keeps it in its log until that is written back.

        Where somebody reads at this moment it happens with the next writing back instead.
        """
        if self.engine.dialect.name != "sqlite":
            return
        raw = self.engine.raw_connection()
        try:
            raw.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")
        finally:
            raw.close()

    def close(self) -> None:
        """Let go of all connections."""
        self.engine.dispose()

    def _migrate(self) -> None:
        with self.engine.connect() as connection:
            at = MigrationContext.configure(connection).get_current_revision()
        if at == _HEAD:
            return
        if at is not None and at > _HEAD:
            raise CannotFinish(f"{self.shown}: made by a later version of mixedsignals; upgrade this one")
        config = Config()
        config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
        with self.writing() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
            there = set(connection.scalars(sa.select(schema.meta.c.key)))
            for key, make in _FIRST.items():
                if key not in there:
                    connection.execute(sa.insert(schema.meta).values(key=key, value=make()))


def _engine(place: str | Path, *, create: bool) -> sa.Engine:
    if "://" not in str(place):
        return _sqlite(Path(place), create=create)
    try:
        url = sa.make_url(str(place))
    except (ArgumentError, ValueError) as error:
        raise _no_url("cannot be read as a URL") from error
    if url.get_backend_name() == "sqlite" and url.database:
        return _sqlite(Path(url.database), create=create)
    if url.get_backend_name() != "postgresql":
        raise _no_url(f"names {url.get_backend_name()!r}")
    try:
        return sa.create_engine(
            url.set(drivername="postgresql+pg8000"), pool_size=16, max_overflow=8, pool_pre_ping=True
        )
    except ImportError as error:
        text = "PostgreSQL needs its driver. Install it with: pip install 'mixedsignals[postgres]'"
        raise CannotFinish(text) from error


def _no_url(what: str) -> InputError:
    remedy = "Name an SQLite file, or postgresql://USER@HOST/NAME."
    return InputError(Problem("unknown-database", f"the database {what}", remedy))


def _sqlite(path: Path, *, create: bool) -> sa.Engine:
    if not create and not path.is_file():
        remedy = "Serve the study or make an invitation first, or name its database with --database."
        raise InputError(Problem("missing-database", "is not there", remedy, file=str(path)))
    _touch_private(path)
    engine = sa.create_engine(
        f"sqlite:///{path}", connect_args={"timeout": 30.0}, pool_size=16, max_overflow=8
    )

    @sa.event.listens_for(engine, "connect")
    def _prepare(connection: Any, _: object) -> None:
        connection.isolation_level = None  # the driver must not begin transactions of its own
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "secure_delete=ON"):
            connection.execute(f"PRAGMA {pragma}")

    @sa.event.listens_for(engine, "begin")
    def _begin(connection: sa.Connection) -> None:
        writes = connection.get_execution_options().get("writes")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def _touch_private(path: Path) -> None:
    """A new file is for this user alone: it holds the key that signs links."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    except OSError as error:
        raise CannotFinish(f"{path}: the database cannot be written ({error.strerror})") from error


def _first_line(error: Exception) -> str:
    return str(getattr(error, "orig", error)).splitlines()[0]
