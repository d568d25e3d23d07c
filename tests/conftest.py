"""Fixtures that every room's tests share, and what happens where a machine lacks a real part.

A test marked `realdata`, `browser`, `postgres` or `weights` skips where that part is missing, with one summary line;
`MIXEDSIGNALS_REQUIRE=browser,realdata` turns these skips into failures.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from contextlib import suppress
from pathlib import Path

import polars as pl
import pytest

from mixedsignals import api
from mixedsignals.store import cache_dir
from mixedsignals.testing.servers import has_postgres


def _realdata() -> str | None:
    named = os.environ.get("MIXEDSIGNALS_DATA")
    return None if named and Path(named).is_dir() else "set MIXEDSIGNALS_DATA to the folder of real data"


def _browser() -> str | None:
    return None if shutil.which("chromium") else "install Chromium"


def _postgres() -> str | None:
    return None if has_postgres() else "install PostgreSQL"


def _weights() -> str | None:
    from mixedsignals.encoders.weights import weights_status

    missing = [status.name for status in weights_status() if status.state not in ("ready", "fetched")]
    return f"run `mixedsignals weights fetch` ({', '.join(missing)})" if missing else None


def _index() -> str | None:
    """Whether pip reaches a package index, found out by fetching something tiny."""
    with tempfile.TemporaryDirectory() as folder:
        command = [
            sys.executable,
            "-m",
            "pip",
            "download",
            "--quiet",
            "--no-deps",
            "--dest",
            folder,
            "iniconfig",
        ]
        done = subprocess.run([*command, "--disable-pip-version-check"], capture_output=True)
    return "no package index in reach" if done.returncode else None


PARTS = {
    "realdata": _realdata,
    "browser": _browser,
    "postgres": _postgres,
    "weights": _weights,
    "index": _index,
}
_reasons: dict[str, str | None] = {}


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip, or fail where it is required, a test whose real part is missing."""
    required = set(filter(None, os.environ.get("MIXEDSIGNALS_REQUIRE", "").split(",")))
    for part, missing in PARTS.items():
        if item.get_closest_marker(part) is None:
            continue
        reason = _reasons.setdefault(part, missing())
        if reason is None:
            continue
        if part in required:
            pytest.fail(f"{part} is required, and missing: {reason}", pytrace=False)
        pytest.skip(f"{part}: {reason}")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """One line that says what was skipped for want of a real part, and the way to it."""
    counts: Counter[str] = Counter()
    for report in terminalreporter.stats.get("skipped", []):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        counts[reason.removeprefix("Skipped: ")] += 1
    if counts:
        parts = "; ".join(f"{count} {reason}" for reason, count in sorted(counts.items()))
        terminalreporter.write_line(f"skipped for want of a part: {parts}")


@pytest.fixture(scope="session")
def realdata() -> Path:
    """Folder of real data (`MIXEDSIGNALS_DATA`)."""
    return Path(os.environ["MIXEDSIGNALS_DATA"])


@pytest.fixture(scope="session")
def weights_dir() -> Path:
    """Folder of the offline weights."""
    return cache_dir() / "weights"


@pytest.fixture(scope="session")
def shared_cache(tmp_path_factory: pytest.TempPathFactory, weights_dir: Path) -> Path:
    """A cache folder with the offline weights that all tests of this run share, so that a clip is encoded once."""
    folder = tmp_path_factory.getbasetemp()
    folder = (folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder) / "shared-cache"
    folder.mkdir(exist_ok=True)
    with suppress(FileExistsError):
        (folder / "weights").symlink_to(weights_dir)
    return folder


@pytest.fixture(scope="session")
def six_speakers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """36 clips of six speakers of the built-in corpus with their votes; the media stay where they lie."""
    folder, whole = tmp_path_factory.mktemp("speakers") / "corpus", api.playhouse()
    clips = pl.read_csv(whole / "clips.csv", infer_schema=False)
    first = clips["speaker_id"].unique(maintain_order=True).head(6)
    kept = clips.filter(pl.col("speaker_id").is_in(first.implode())).group_by("speaker_id").head(6)
    kept = clips.filter(pl.col("clip_id").is_in(kept["clip_id"].implode()))
    votes = pl.read_parquet(whole / "votes.parquet")
    folder.mkdir()
    kept.write_csv(folder / "clips.csv")
    votes.filter(pl.col("clip_id").is_in(kept["clip_id"].implode())).write_parquet(folder / "votes.parquet")
    settings = f'labels = ["neutral", "empathetic"]\n[media]\nfolder = "{whole.as_posix()}"\n'
    (folder / "corpus.toml").write_text(settings, encoding="utf-8")
    return folder
