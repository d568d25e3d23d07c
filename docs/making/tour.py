"""Executes `docs/tour.in.md` in one scratch folder and writes what really happened into `docs/tour.md`.

Marked fences are taken: `console run` (lines that start with `$ `), `python run` (one namespace for the whole tour) and
`… file=NAME`, which is written to the scratch folder. `exit=N` says which exit code is right, `lines=N` how much of
the output is shown. Nothing of the machine gets into the page: a path of it in the output is an error.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

__all__ = ["Fence", "Tour", "TourError", "fences"]

_FENCE = re.compile(r"^```(?P<kind>\w+)(?P<marks>[^\n]*)\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL)
_SECONDS = re.compile(r"\b\d+\.\d s\b")


class TourError(Exception):
    """A step of the tour did not go as the page says."""


@dataclass(frozen=True)
class Fence:
    """One fenced block: its language, the marks after it, its content and where it stands."""

    kind: str
    marks: tuple[str, ...]
    body: str
    span: tuple[int, int]

    @property
    def runs(self) -> bool:
        """Whether it is executed."""
        return "run" in self.marks

    def mark(self, name: str) -> str | None:
        """The value of a mark such as `exit=1`."""
        return next((m.partition("=")[2] for m in self.marks if m.startswith(f"{name}=")), None)


def fences(page: str) -> Iterator[Fence]:
    """Every fenced block of a page, in order."""
    for found in _FENCE.finditer(page):
        yield Fence(found["kind"], tuple(found["marks"].split()), found["body"], found.span())


@dataclass
class Tour:
    """One execution: the scratch folder, what every step printed in order, and the names that Python blocks share.

    `instead` replaces commands by others, so that a test can take a smaller run.
    """

    scratch: Path
    instead: Mapping[str, str] = field(default_factory=dict)
    outputs: list[str] = field(default_factory=list)
    names: dict[str, Any] = field(default_factory=dict)

    def page(self, source: str) -> str:
        """The page with the output of every step in it.

        Raises:
            TourError: a command ends with another exit code than the page says, or prints a path of this machine.
        """
        parts, at = [], 0
        for fence in fences(source):
            parts += [source[at : fence.span[0]], self._done(fence)]
            at = fence.span[1]
        return "".join([*parts, source[at:]])

    def _done(self, fence: Fence) -> str:
        if name := fence.mark("file"):
            path = self.scratch / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(fence.body, encoding="utf-8")
            return f"`{name}`:\n\n```{fence.kind}\n{fence.body}```"
        if not fence.runs:
            return f"```{' '.join((fence.kind, *fence.marks))}\n{fence.body}```"
        if fence.kind == "python":
            shown = self._shortened(self._python(fence.body), fence)
            return f"```python\n{fence.body}```" + (f"\n\n```text\n{shown}```" if shown else "")
        return f"```console\n{self._console(fence)}```"

    def _console(self, fence: Fence) -> str:
        lines = []
        for command in re.split(r"^\$ ", fence.body, flags=re.MULTILINE)[1:]:
            taken = self.instead.get(command.strip(), command)
            done = subprocess.run(
                ["bash", "-c", taken], cwd=self.scratch, env=_environment(), capture_output=True, text=True
            )
            wanted = int(fence.mark("exit") or 0)
            if done.returncode != wanted:
                raise TourError(
                    f"{command.strip()}: exit {done.returncode}, not {wanted}\n{done.stderr}{done.stdout}"
                )
            said = self._clean(done.stdout + (done.stderr if done.returncode else ""))
            lines.append(f"$ {command.strip()}\n{self._shortened(said, fence)}")
        return "\n".join(lines)

    def _python(self, code: str) -> str:
        """Run a block in the tour's one namespace, in the scratch folder, and keep what it prints."""
        said = io.StringIO()
        with contextlib.chdir(self.scratch), contextlib.redirect_stdout(said):
            try:
                exec(compile(code, "tour", "exec"), self.names)
            except Exception as error:
                raise TourError(f"python block failed ({error}):\n{code}") from error
        return self._clean(said.getvalue())

    def _clean(self, said: str) -> str:
        said = _SECONDS.sub("… s", said.replace(f"{self.scratch}/", ""))
        for place in (str(self.scratch), str(Path.home()), sys.prefix):
            if len(place) > 1 and place in said:
                raise TourError(f"the output names a place of this machine ({place}):\n{said}")
        self.outputs.append(said)
        return said

    def _shortened(self, said: str, fence: Fence) -> str:
        most = int(fence.mark("lines") or 40)
        lines = said.splitlines()
        kept = lines if len(lines) <= most else [*lines[:most], f"… and {len(lines) - most} more lines"]
        return "".join(f"{line.rstrip()}\n" for line in kept)


def _environment() -> dict[str, str]:
    places = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    return {**os.environ, "PATH": places, "COLUMNS": "110", "PYTHONWARNINGS": "ignore", "NO_COLOR": "1"}
