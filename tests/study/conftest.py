"""A small study with real media, a server for it in a process of its own, and PostgreSQL where it is installed."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from study_hosting import PASSWORD, Hosted, hosting

from mixedsignals import api, media
from mixedsignals.study.folder import StudyFolder
from mixedsignals.study.records import STIMULI
from mixedsignals.study.settings import StudySettings, write_settings
from mixedsignals.tables import CLIPS, conform
from mixedsignals.testing import servers
from mixedsignals.testing.servers import served
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
def serving(folder: StudyFolder, *, database: str | None = None, port: int = 0) -> Iterator[Running]:
    """`mixedsignals study serve` until the block ends; it logs beside the study's folder."""
    log = folder.path.parent / "server.log"
    with served(folder.path, database=database, port=port, log=log, password=PASSWORD) as study:
        yield Running(folder, database, study.address, study.process)


@pytest.fixture(scope="session")
def serve() -> Callable[..., object]:
    """`with serve(folder) as running:`."""
    return serving


@pytest.fixture(scope="session")
def postgres() -> Iterator[Callable[[], str]]:
    """A PostgreSQL server on loopback; call it for the URL of a new, empty database."""
    with servers.postgres(durable=False) as new:
        yield new


BACKENDS = [pytest.param("sqlite"), pytest.param("postgres", marks=pytest.mark.postgres)]


@pytest.fixture(params=BACKENDS)
def database(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database: an SQLite file, and PostgreSQL."""
    if request.param == "postgres":
        made: str = request.getfixturevalue("postgres")()
        return made
    return str(tmp_path / "answers.db")


@pytest.fixture
def host() -> Iterator[Callable[..., Hosted]]:
    """Serve a study from a thread: `host(make_study())`."""
    with ExitStack() as stack:
        yield lambda folder, **options: stack.enter_context(hosting(folder, **options))
