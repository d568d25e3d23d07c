"""The figures and the output in the README, from `make demo` in a fresh clone with nothing cached."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Fresh", "fresh_demo"]

LAYERS = {"core": ".", "offline": ".[offline]"}


@dataclass(frozen=True)
class Fresh:
    """What a fresh clone needed: what `make demo` printed, minutes, and megabytes by what they are."""

    printed: str
    minutes: float
    processor_minutes: float
    megabytes: dict[str, float]

    def __str__(self) -> str:
        sizes = "\n".join(f"{name}: {size:.0f} MB" for name, size in self.megabytes.items())
        return (
            f"make demo took {self.minutes:.1f} minutes, {self.processor_minutes:.1f} of them the processors' "
            f"({os.cpu_count()} cores)\n{sizes}"
        )


def fresh_demo(root: Path, scratch: Path) -> Fresh:
    """Clone what is committed, run the two commands there, and measure; every size is what `du` would add up.

    Raises:
        CalledProcessError: a command fails; what it said is on stderr.
    """
    clone = scratch / "clone"
    subprocess.run(["git", "clone", "--quiet", str(root), str(clone)], check=True)
    environment = {**os.environ, "MIXEDSIGNALS_CACHE": str(scratch / "cache"), "COLUMNS": "110"}
    began, before = time.perf_counter(), _processor_seconds()
    call = [f"PYTHON={sys.executable}", "demo"]
    done = subprocess.run(
        ["make", *call], cwd=clone, env=environment, check=True, stdout=subprocess.PIPE, text=True
    )
    seconds, worked = time.perf_counter() - began, _processor_seconds() - before
    sizes = {f"to download, {name}": _download(clone, what, scratch / name) for name, what in LAYERS.items()}
    sizes |= {"installed, offline": _size(clone / ".venv"), "installed, core": _core(clone, scratch)}
    sizes |= {"weights": _size(scratch / "cache" / "weights"), "the run": _size(clone / "build")}
    printed = done.stdout[done.stdout.index("\nmodel  ") + 1 :]
    return Fresh(printed, seconds / 60, worked / 60, sizes)


def _processor_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _size(folder: Path) -> float:
    files = (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    return sum({(s := path.stat()).st_ino: s.st_blocks * 512 for path in files}.values()) / 1e6


def _download(clone: Path, what: str, out: Path) -> float:
    pip = [str(clone / ".venv" / "bin" / "python"), "-m", "pip"]
    fetch = [*pip, "download", "--quiet", "-c", "constraints.txt", "-d", str(out), what]
    subprocess.run(fetch, cwd=clone, check=True)
    return _size(out)


def _core(clone: Path, scratch: Path) -> float:
    """The bare install in an environment of its own."""
    bare = scratch / "bare"
    subprocess.run([sys.executable, "-m", "venv", str(bare)], check=True)
    install = [str(bare / "bin" / "python"), "-m", "pip", "install", "--quiet", "-c", "constraints.txt", "."]
    subprocess.run(install, cwd=clone, check=True)
    return _size(bare)
