"""Corpora and a finished run that the tests of the command line share, and the way to type a command."""

from __future__ import annotations

import contextlib
import io
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pytest

from mixedsignals.cli._app import _run
from mixedsignals.testing import make_corpus

QUICK = ("--seeds", "1,2", "--folds", "3", "--epochs", "3", "--quiet", "--threads", "1")
FAST = ("--seeds", "1", "--folds", "3", "--epochs", "1", "--threads", "1", "--media", "none")


@dataclass(frozen=True)
class Done:
    """What one call of the command line gave."""

    code: int
    out: str
    err: str


Call = Callable[..., Done]


def typed(*args: object) -> Done:
    """Call the command line as a user would, in this process."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = _run([str(arg) for arg in args])
    return Done(code, out.getvalue(), err.getvalue())


def one_error(done: Done, code: int) -> str:
    """The error of a call: said once, without a traceback, with the exit code that it should have."""
    assert done.code == code, done.err
    assert "Traceback" not in done.err
    assert done.err.count("mixedsignals: ") == 1
    return done.err.partition("mixedsignals: ")[2].strip()


def tables(run: Path) -> dict[str, pl.DataFrame]:
    """All tables of a run by name."""
    return {path.stem: pl.read_parquet(path) for path in sorted((run / "tables").glob("*.parquet"))}


def edit(path: Path, change: Callable[[pl.DataFrame], pl.DataFrame]) -> None:
    """Write a CSV table again after a change; every cell is text."""
    change(pl.read_csv(path, infer_schema=False)).write_csv(path)


@pytest.fixture
def call() -> Call:
    """`call("check", corpus)`: what a user who types it gets."""
    return typed


@pytest.fixture(scope="session")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """120 clips of 12 speakers with ready-made features in three modalities; text says nothing about the label."""
    folder = tmp_path_factory.mktemp("made") / "corpus"
    make_corpus(
        folder, n_clips=120, n_speakers=12, strength={"text": 0.0, "audio": 2.5, "video": 2.0}, seed=3
    )
    return folder


@pytest.fixture(scope="session")
def first(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Done]:
    """A run of `corpus`, and what was printed."""
    out = tmp_path_factory.mktemp("runs") / "run"
    done = typed("run", corpus, "--out", out, "--media", "none", *QUICK)
    assert done.code == 0, done.err
    return out, done


@pytest.fixture(scope="session")
def finished(first: tuple[Path, Done]) -> Path:
    """A finished run of `corpus`; tests do not change it."""
    return first[0]


@pytest.fixture(scope="session")
def sound_corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """36 clips of 6 speakers with real media and ready-made features; tests copy it before they spoil it."""
    folder = tmp_path_factory.mktemp("made") / "sound"
    make_corpus(folder, n_clips=36, n_speakers=6, votes_per_clip=2, media=True, seconds=0.5, seed=5)
    return folder


@pytest.fixture
def copy(sound_corpus: Path, tmp_path: Path) -> Path:
    """A copy of `sound_corpus` that a test may spoil."""
    return Path(shutil.copytree(sound_corpus, tmp_path / "corpus"))
