"""A small study with real media, a server for it in a process of its own, and PostgreSQL where it is installed."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import uvicorn

from mixedsignals import api, media
from mixedsignals.study.folder import StudyFolder
from mixedsignals.study.records import STIMULI
from mixedsignals.study.server import ServerOptions, make_app
from mixedsignals.study.server.tokens import Signer
from mixedsignals.study.settings import StudySettings, write_settings
from mixedsignals.study.store import Database, facts, invitations
from mixedsignals.tables import CLIPS, conform
from mixedsignals.testing.visitor import Visitor

CONDITIONS = ("text", "audio", "video", "text+audio+video")


@pytest.fixture(scope="session")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """One recording per condition that has one: sound alone, picture alone, both."""
    folder = tmp_path_factory.mktemp("recordings")
    tone = np.sin(np.arange(8_000) / 15).astype(np.float32) / 2
    pictures = [np.full((48, 64, 3), 20 * level, np.uint8) for level in range(5)]
    media.write_video(folder / "whole.mp4", pictures, fps=10, audio=tone)
    whole = media.Part(folder / "whole.mp4")
    media.withhold(folder / "both.mp4", picture=whole, sound=whole)
    media.withhold(folder / "video.mp4", picture=whole)
    media.withhold(folder / "audio.m4a", sound=whole)
    names = {"text+audio+video": "both.mp4", "video": "video.mp4", "audio": "audio.m4a"}
    return {condition: (folder / name).read_bytes() for condition, name in names.items()}


def stimulus_rows(
    clips: int, conditions: tuple[str, ...], *, practice: int, labels: tuple[str, ...]
) -> list[dict]:
    """Rows of `STIMULI` for made clips."""
    kinds = [("practice", f"practice{at}") for at in range(practice)]
    kinds += [("item", f"clip{at:02}") for at in range(clips)]
    rows = [
        {
            "stimulus_id": f"s-{clip}-{condition}",
            "clip_id": clip,
            "condition": condition,
            "file": None if condition == "text" else f"f-{clip}-{condition}.mp4",
            "mime": None if condition == "text" else "audio/mp4" if condition == "audio" else "video/mp4",
            "text": f"words of {clip}" if "text" in condition else None,
            "kind": kind,
        }
        for kind, clip in kinds
        for condition in conditions
    ]
    checks = [
        {
            "stimulus_id": f"s-check-{label}",
            "clip_id": f"attention:{at}",
            "condition": "text",
            "text": f"Choose **{label}**",
            "kind": "attention",
            "expected": label,
        }
        for at, label in enumerate(labels)
    ]
    return rows + checks


@pytest.fixture
def make_study(tmp_path: Path, recordings: dict[str, bytes]) -> Callable[..., StudyFolder]:
    """Write a study folder: `make_study(clips=8, design="latin")`."""

    def make(*, clips: int = 8, name: str = "study", **settings: object) -> StudyFolder:
        given = {
            "name": "made",
            "conditions": CONDITIONS,
            "labels": ("calm", "warm"),
            "raters_per_cell": 2,
            "items_per_participant": 4,
            "practice": 1,
            "attention": 1,
            "repeats": 1,
            "headphones": False,
            **settings,
        }
        made = StudySettings(**given)  # type: ignore[arg-type]
        folder = StudyFolder(tmp_path / name)
        rows = stimulus_rows(clips, made.conditions, practice=made.practice, labels=made.answers.names)
        folder.media.mkdir(parents=True)
        for row in rows:
            if row.get("file"):
                folder.media_file(row["file"]).write_bytes(recordings[row["condition"]])
        names = sorted({row["clip_id"] for row in rows if row["kind"] != "attention"})
        folder.write_tables(conform(STIMULI, rows), clips=conform(CLIPS, pl.DataFrame({"clip_id": names})))
        folder.write_missing_pages()
        write_settings(made, folder.settings_path)
        return folder

    return make


@dataclass
class Running:
    """A server in a process of its own."""

    folder: StudyFolder
    database: str | None
    address: str
    process: subprocess.Popen[str]

    def links(self, count: int = 1, kind: str = "single", quota: int | None = None) -> list[str]:
        """New links into the study."""
        return api.invite_people(
            self.folder.path,
            kind,  # type: ignore[arg-type]
            count=count,
            quota=quota,
            address=self.address,
            database=self.database,
        )

    def visitor(self) -> Visitor:
        """Somebody who has not come in yet."""
        return Visitor(self.address)

    def kill(self) -> None:
        """As the power failing would, for the process."""
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait(30)


@contextmanager
def serving(
    folder: StudyFolder, *, database: str | None = None, port: int = 0, log: Path | None = None
) -> Iterator[Running]:
    """`mixedsignals study serve` until the block ends."""
    command = [sys.executable, "-m", "mixedsignals", "study", "serve", str(folder.path), "--port", str(port)]
    environment = {**os.environ, "MIXEDSIGNALS_OWNER_PASSWORD": "a long password"}
    if database is not None:
        environment["MIXEDSIGNALS_DATABASE"] = database
    path = log or folder.path.parent / "server.log"
    with path.open("a") as written:
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=written, text=True, env=environment
        )
        assert process.stdout is not None
        first = process.stdout.readline()
        assert first.startswith("study: "), path.read_text()
        try:
            yield Running(folder, database, first.removeprefix("study: ").strip(), process)
        finally:
            if process.poll() is None:
                process.terminate()
                process.wait(30)


def free_port() -> int:
    """A port of this machine that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], str]]:
    """A PostgreSQL server on loopback; call it for the URL of a new, empty database."""
    binaries = sorted(Path("/usr/lib/postgresql").glob("*/bin"))[-1]
    folder = Path(tempfile.mkdtemp(prefix="mixedsignals-postgres"))
    folder.chmod(0o755)
    as_user: list[str] = []
    if os.geteuid() == 0:  # the server refuses to run as root
        shutil.chown(folder, "postgres")
        as_user = ["runuser", "-u", "postgres", "--"]
    data, port = folder / "data", free_port()
    run = [*as_user, str(binaries / "initdb"), "-D", str(data), "-U", "study", "-A", "trust", "-E", "UTF8"]
    subprocess.run(run, check=True, capture_output=True, cwd=folder)
    options = ["-p", str(port), "-h", "127.0.0.1", "-k", str(folder)]
    server = subprocess.Popen(
        [*as_user, str(binaries / "postgres"), "-D", str(data), *options],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=folder,
    )
    count = iter(range(1_000_000))

    def make() -> str:
        name = f"study{next(count)}"
        sql = [str(binaries / "psql"), "-h", "127.0.0.1", "-p", str(port), "-U", "study", "postgres", "-qc"]
        for _ in range(100):
            if subprocess.run([*sql, f"CREATE DATABASE {name}"], capture_output=True).returncode == 0:
                return f"postgresql://study@127.0.0.1:{port}/{name}"
            time.sleep(0.1)
        raise AssertionError("PostgreSQL did not start")

    yield make
    stop = [*as_user, str(binaries / "pg_ctl"), "stop", "-D", str(data), "-m", "immediate"]
    subprocess.run(stop, capture_output=True, cwd=folder)
    server.wait(30)
    shutil.rmtree(folder, ignore_errors=True)


BACKENDS = [pytest.param("sqlite"), pytest.param("postgres", marks=pytest.mark.postgres)]


@pytest.fixture(params=BACKENDS)
def database(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database: an SQLite file, and PostgreSQL."""
    if request.param == "postgres":
        made: str = request.getfixturevalue("postgres")()
        return made
    return str(tmp_path / "answers.db")


@pytest.fixture(scope="session")
def serve() -> Callable[..., object]:
    """`with serve(folder) as running:`."""
    return serving


@dataclass
class Hosted:
    """A study served by a thread of this process."""

    folder: StudyFolder
    database: Database
    address: str

    def links(self, count: int = 1, kind: str = "single", quota: int | None = None) -> list[str]:
        """New links into the study."""
        with self.database.writing() as connection:
            signer = Signer(facts.secret_of(connection))
            made = invitations.make_invitations(connection, kind, count=count, quota=quota)  # type: ignore[arg-type]
        return [f"{self.address}/i/{signer.sign('invitation', each)}" for each in made]

    def visitor(self) -> Visitor:
        """Somebody who has not come in yet."""
        return Visitor(self.address)

    def participant(self) -> Visitor:
        """Somebody who is at their first clip."""
        return self.visitor().enter(self.links()[0])

    def owner(self, password: str = "a long password") -> Visitor:
        """The owner, logged in."""
        with self.database.writing() as connection:
            if not facts.has_password(connection):
                facts.set_password(connection, password)
        made = self.visitor()
        mark = made.get("/owner").fields["mark"]
        made.post("/owner/login", {"mark": mark, "password": password})
        made.page = made.get("/owner")
        return made


@pytest.fixture
def host() -> Iterator[Callable[..., Hosted]]:
    """Serve a study from a thread: `host(make_study())`."""
    stops: list[Callable[[], None]] = []

    def start(folder: StudyFolder, **options: object) -> Hosted:
        listening = socket.create_server(("127.0.0.1", 0))
        port = listening.getsockname()[1]
        database = Database(folder.path / "study.db")
        app = make_app(folder, database, ServerOptions(port=port, **options))  # type: ignore[arg-type]
        server = uvicorn.Server(uvicorn.Config(app, log_level="error", access_log=False))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()

        def stop() -> None:
            server.should_exit = server.force_exit = True
            thread.join(10)
            listening.close()
            database.close()

        stops.append(stop)
        return Hosted(folder, database, f"http://127.0.0.1:{port}")

    yield start
    for stop in stops:
        stop()
