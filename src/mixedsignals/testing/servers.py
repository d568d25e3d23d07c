"""Servers for trials and load tests: a study in a process of its own, and PostgreSQL on loopback where it is installed.

Both live as long as a `with` block. The study is served by the command line, as its owner would.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

__all__ = ["ServedStudy", "has_postgres", "postgres", "served"]

_STUDY = "study: "


@dataclass(frozen=True)
class ServedStudy:
    """A study that is served.

    Attributes:
        address: of its pages, such as `http://127.0.0.1:40123`.
        process: the server.
    """

    address: str
    process: subprocess.Popen[str]


@contextmanager
def served(
    study: Path, *, database: str | None = None, port: int = 0, log: Path | None = None, password: str = ""
) -> Iterator[ServedStudy]:
    """`mixedsignals study serve` until the block ends.

    Args:
        study: its folder.
        database: URL or file; None takes `study.db` in the folder.
        port: of 127.0.0.1; 0 takes a free one.
        log: file that gets what the server writes to stderr; None drops it.
        password: of the owner; empty leaves it to the server.

    Raises:
        RuntimeError: the server did not start.
    """
    command = [sys.executable, "-m", "mixedsignals", "study", "serve", str(study), "--port", str(port)]
    given = {"MIXEDSIGNALS_DATABASE": database, "MIXEDSIGNALS_OWNER_PASSWORD": password or None}
    environment = {**os.environ, **{name: value for name, value in given.items() if value is not None}}
    with Path(log or os.devnull).open("a", encoding="utf-8") as written:
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=written, text=True, env=environment
        )
        try:
            first = process.stdout.readline() if process.stdout is not None else ""
            if not first.startswith(_STUDY):
                raise RuntimeError(f"the study is not served: {' '.join(command)}")
            yield ServedStudy(first.removeprefix(_STUDY).strip(), process)
        finally:
            if process.poll() is None:
                process.terminate()
                process.wait(30)


def has_postgres() -> bool:
    """Whether Debian's PostgreSQL server is installed."""
    return bool(_binaries())


def _binaries() -> list[Path]:
    return sorted(path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/postgres"))


@contextmanager
def postgres(*, durable: bool = True) -> Iterator[Callable[[], str]]:
    """A PostgreSQL server of its own on loopback; call it for the URL of a new, empty database.

    Args:
        durable: wait for the disk, as a real server does; without it tests are quicker.

    Raises:
        RuntimeError: none is installed; see `has_postgres`.
    """
    if not has_postgres():
        raise RuntimeError("no PostgreSQL server is installed")
    programs, port = _binaries()[-1], _free_port()
    folder = Path(tempfile.mkdtemp(prefix="mixedsignals-postgres"))
    folder.chmod(0o755)
    as_user: list[str] = []
    if os.geteuid() == 0:  # the server refuses to run as root
        shutil.chown(folder, "postgres")
        as_user = ["runuser", "-u", "postgres", "--"]

    def run(program: str, *arguments: str) -> None:
        command = [*as_user, str(programs / program), *arguments]
        subprocess.run(command, check=True, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    data, connection = str(folder / "data"), ("-h", "127.0.0.1", "-p", str(port), "-U", "study")
    made: list[str] = []

    def new() -> str:
        made.append(f"study{len(made)}")
        run("psql", *connection, "postgres", "-qc", f"CREATE DATABASE {made[-1]}")
        return f"postgresql://study@127.0.0.1:{port}/{made[-1]}"

    try:
        run(
            "initdb",
            "-D",
            data,
            "-U",
            "study",
            "-A",
            "trust",
            "-E",
            "UTF8",
            *([] if durable else ["--no-sync"]),
        )
        options = f"-p {port} -h 127.0.0.1 -k {folder}{'' if durable else ' -F'}"
        run("pg_ctl", "start", "-D", data, "-o", options, "-l", str(folder / "log"), "-w")
        yield new
    finally:
        if (folder / "data" / "postmaster.pid").exists():
            run("pg_ctl", "stop", "-D", data, "-m", "immediate", "-w")
        shutil.rmtree(folder, ignore_errors=True)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
