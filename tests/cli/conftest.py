"""A made corpus and a finished run of it, shared by the tests of the command line."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from mixedsignals.cli._app import _run
from mixedsignals.testing import make_corpus

QUICK = ("--seeds", "1,2", "--folds", "3", "--epochs", "3", "--quiet", "--threads", "1")


@dataclass(frozen=True)
class Done:
    """What one call of the command line gave."""

    code: int
    out: str
    err: str


Call = Callable[..., Done]


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Call:
    """Call the command line as a user would, in this process."""

    def run(*args: object) -> Done:
        capsys.readouterr()
        code = _run([str(arg) for arg in args])
        captured = capsys.readouterr()
        return Done(code, captured.out, captured.err)

    return run


@pytest.fixture(scope="session")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """120 clips of 12 speakers with ready-made features in three modalities; text says nothing about the label."""
    folder = tmp_path_factory.mktemp("made") / "corpus"
    make_corpus(folder, n_clips=120, n_speakers=12, strength={"text": 0.0, "audio": 2.5, "video": 2.0}, seed=3)
    return folder


@pytest.fixture(scope="session")
def finished(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of `corpus`; tests do not change it."""
    out = tmp_path_factory.mktemp("runs") / "run"
    assert _run(["run", str(corpus), "--out", str(out), "--media", "none", *QUICK]) == 0
    return out
