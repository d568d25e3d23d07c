"""Studies while they run: serving their pages, ways in, how they stand, and closing them."""

from __future__ import annotations

import logging
import secrets
import socket
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from mixedsignals.errors import CannotFinish, UsageError

if TYPE_CHECKING:
    from mixedsignals.study.overview import Overview
    from mixedsignals.study.server import ServerOptions
    from mixedsignals.study.store import Database

__all__ = ["Served", "close_study", "invite_people", "serve_study", "study_status"]

DATABASE = "study.db"


@dataclass(frozen=True)
class Served:
    """What is said once a study is being served.

    Attributes:
        address: where it is.
        owner: address of the owner's page.
        password: the owner's new password, shown this once; None where one had been set.
        database: where answers go, without a password.
    """

    address: str
    owner: str
    password: str | None
    database: str


def _database(study: Path, named: str | None, *, create: bool = True) -> Database:
    from mixedsignals.study.store import Database

    return Database(named or study / DATABASE, create=create)


def serve_study(
    study: Path | str,
    *,
    database: str | None = None,
    host: str = "127.0.0.1",
    port: int = 8000,
    public_url: str | None = None,
    proxies: tuple[str, ...] = (),
    password: str | None = None,
    ready: Callable[[Served], None] = lambda served: None,  # noqa: ARG005
) -> None:
    """Serve the pages of a study until interrupted.

    Args:
        study: its folder.
        database: path of an SQLite file, or a PostgreSQL URL; `study.db` in the folder by default.
        host: address to listen on; this machine alone by default.
        port: port to listen on, 0 for any that is free.
        public_url: address under which participants come, such as `https://study.example.org`.
        proxies: addresses of proxies whose word on addresses and https is believed.
        password: of the owner's page; drawn and said once where none was ever set.
        ready: told once the server listens.

    Raises:
        InputError: faults of the study's folder.
        UsageError: `public_url` is no address.
        CannotFinish: the address is taken, or the database cannot be reached.
    """
    from mixedsignals.study.folder import open_study
    from mixedsignals.study.server import ServerOptions, make_app

    chosen = ServerOptions(host=host, port=port, public_url=public_url, proxies=proxies)
    folder = open_study(study)
    opened = _database(folder.path, database)
    listening = _listen(chosen)
    chosen = replace(chosen, port=listening.getsockname()[1])
    try:
        app = make_app(folder, opened, chosen)
        drawn = _password(opened, password)
        _log_to_stderr()
        ready(Served(chosen.address, f"{chosen.address}/owner", drawn, opened.shown))
        import uvicorn  # after the rest, which says what to install where it is missing

        uvicorn.Server(uvicorn.Config(app, **_uvicorn(chosen))).run(sockets=[listening])
    finally:
        listening.close()
        opened.close()


def _listen(options: ServerOptions) -> socket.socket:
    family = socket.AF_INET6 if ":" in options.host else socket.AF_INET
    # asyncio switches off Nagle's delays (40 ms a page) only of sockets that say they are TCP.
    made = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        made.bind((options.host, options.port))
        made.listen(256)
    except OSError as error:
        made.close()
        text = f"{options.host}:{options.port} cannot be listened on ({error.strerror}). Name another --port."
        raise CannotFinish(text) from error
    return made


def _uvicorn(options: ServerOptions) -> dict[str, Any]:
    return {
        "access_log": False,  # paths hold tokens; the study's own log names routes
        "log_level": "warning",
        "server_header": False,
        "proxy_headers": bool(options.proxies),
        "forwarded_allow_ips": list(options.proxies) or None,
        "timeout_keep_alive": 30,
        "h11_max_incomplete_event_size": 16 * 1024,
        "limit_concurrency": 1000,
        "timeout_graceful_shutdown": 10,
    }


def _password(database: Database, password: str | None) -> str | None:
    """Set the owner's password; drawn where none is given or set, and only then given back."""
    from mixedsignals.study.store import facts

    with database.writing() as connection:
        if password is not None:
            if not facts.check_password(connection, password):
                facts.set_password(connection, password)
            return None
        if facts.has_password(connection):
            return None
        drawn = secrets.token_urlsafe(12)
        facts.set_password(connection, drawn)
        return drawn


def _log_to_stderr() -> None:
    logger = logging.getLogger("mixedsignals.study")
    logger.setLevel(logging.INFO)
    if not logger.handlers:
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
        logger.addHandler(handler)
        logger.propagate = False


def invite_people(
    study: Path | str,
    kind: Literal["single", "open", "panel"] = "single",
    *,
    count: int = 1,
    quota: int | None = None,
    address: str = "http://127.0.0.1:8000",
    database: str | None = None,
) -> list[str]:
    """Make links into a study.

    Args:
        study: its folder.
        kind: `single` links are for one person each; an `open` one for as many as its quota; a `panel` one for a
            recruiting service, which adds its participants' ids to the address.
        count: how many links.
        quota: most people per link, for `open` and `panel`.
        address: where participants reach the server.
        database: as for `serve_study`.

    Returns:
        The links.

    Raises:
        UsageError: a quota for single-use links.
        InputError: no study is there.
    """
    from mixedsignals.study.folder import open_study
    from mixedsignals.study.server import ServerOptions
    from mixedsignals.study.server.tokens import Signer
    from mixedsignals.study.store import facts, invitations

    if kind == "single" and quota is not None:
        raise UsageError("a single-use link is for one person; --quota goes with --open or --panel")
    base = ServerOptions(public_url=address).address
    opened = _database(open_study(study).path, database)
    try:
        with opened.writing() as connection:
            made = invitations.make_invitations(connection, kind, count=count, quota=quota)
            signer = Signer(facts.secret_of(connection))
    finally:
        opened.close()
    ids = "?PROLIFIC_PID={{%PROLIFIC_PID%}}" if kind == "panel" else ""
    return [f"{base}/i/{signer.sign('invitation', each)}{ids}" for each in made]


def study_status(study: Path | str, *, database: str | None = None) -> Overview:
    """How a study stands: cells filled, agreement so far, people and their flags.

    Raises:
        InputError: no study, or no database of it, is there.
    """
    from mixedsignals.study.cells import make_design
    from mixedsignals.study.folder import open_study
    from mixedsignals.study.overview import overview

    folder = open_study(study)
    opened = _database(folder.path, database, create=False)
    try:
        return overview(opened, make_design(folder.settings(), folder.stimuli()))
    finally:
        opened.close()


def close_study(study: Path | str, *, database: str | None = None, reopen: bool = False) -> bool:
    """Close a study, or open it again: nobody new comes in and nobody gets another clip.

    Returns:
        Whether it is closed now.

    Raises:
        InputError: no study, or no database of it, is there.
    """
    from mixedsignals.study.folder import open_study
    from mixedsignals.study.store import facts

    opened = _database(open_study(study).path, database, create=False)
    try:
        with opened.writing() as connection:
            (facts.reopen_study if reopen else facts.close_study)(connection)
            return facts.closed_at(connection) is not None
    finally:
        opened.close()
