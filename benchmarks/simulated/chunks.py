"""What is done is kept: simulated corpora are worked through in chunks, each saved as it finishes.

A chunk's name holds a digest of the code that it came from (comments and docstrings aside), so that a benchmark that
was stopped goes on where it was, and figures of other code are never mixed in.
"""

from __future__ import annotations

import ast
import hashlib
import os
import sys
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

__all__ = ["Chunks", "Task", "code_digest"]

JUDGED_CODE = (
    "mixedsignals.measures",
    "mixedsignals.diagnosis.statistics",
    "mixedsignals.diagnosis.chance",
    "mixedsignals.diagnosis.attribution",
)


def _bare(path: Path) -> str:
    """The code of a file without docstrings and comments."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            node.body = [one for one in body if not _is_text(one)]  # type: ignore[attr-defined]
    return ast.dump(tree)


def _is_text(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


@cache
def code_digest() -> str:
    """Twelve hexadecimal digits of the measures that are loaded and of the simulations."""
    loaded = [(name, module.__file__) for name, module in sys.modules.items() if name.startswith(JUDGED_CODE)]
    files = [Path(file) for _, file in sorted(loaded) if file]
    files += [path for path in sorted(Path(__file__).parent.glob("*.py")) if path != Path(__file__)]
    return hashlib.sha256("".join(_bare(path) for path in files).encode()).hexdigest()[:12]


@dataclass(frozen=True)
class Task:
    """A piece of work with a name that says all that it depends on, besides the code; it gives named arrays."""

    name: str
    work: Callable[[], Mapping[str, np.ndarray]]


@dataclass(frozen=True)
class Chunks:
    """The folder of finished tasks."""

    folder: Path

    def path(self, name: str) -> Path:
        """Where the result of a task lies, whether it is there or not."""
        return self.folder / f"{code_digest()}-{name}.npz"

    def get(self, name: str) -> dict[str, np.ndarray] | None:
        """The result of a task; None if it has not finished."""
        if not self.path(name).is_file():
            return None
        with np.load(self.path(name)) as found:
            return dict(found)

    def do(self, tasks: Iterable[Task], *, jobs: int = 1) -> None:
        """Finish all tasks that have not, in their order."""
        self.folder.mkdir(parents=True, exist_ok=True)
        left = [task for task in tasks if not self.path(task.name).is_file()]
        if jobs < 2:
            for task in left:
                self._one(task)
            return
        with ProcessPoolExecutor(jobs) as pool:
            for _ in pool.map(self._one, left):
                pass

    def _one(self, task: Task) -> None:
        path = self.path(task.name)
        if path.is_file():
            return
        part = path.with_suffix(f".{os.getpid()}.part")
        with part.open("wb") as out:
            np.savez(out, **task.work())  # type: ignore[arg-type]
        part.replace(path)
