"""Checkpoints of a training that may be killed at any moment: only those that were written whole are gone on from.

The files are those of `Trainer` (weights that learn, optimiser, schedule, random states), which itself writes the last
three with torch and reads them back with torch's restricted reader. When all are there, `sealed.json` is written with
their digests; a checkpoint without that seal was cut short and is removed, one that does not match it is refused.
"""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

from mixedsignals.errors import InputError, Problem
from mixedsignals.store import atomic, digest_file

__all__ = ["last_checkpoint", "remove_checkpoints", "seal"]

_SEAL = "sealed.json"


def seal(checkpoint: Path) -> None:
    """Say that a checkpoint is whole."""
    files = {path.name: digest_file(path) for path in sorted(checkpoint.iterdir()) if path.is_file()}
    with atomic(checkpoint / _SEAL) as partial:
        partial.write_text(json.dumps(files, indent=1), encoding="utf-8")


def last_checkpoint(folder: Path) -> Path | None:
    """The newest whole checkpoint in the folder; those that were cut short are removed.

    Raises:
        InputError: a sealed checkpoint whose files are missing or changed.
    """
    found: Path | None = None
    for checkpoint in _checkpoints(folder):
        if not (checkpoint / _SEAL).is_file():
            shutil.rmtree(checkpoint, ignore_errors=True)
            continue
        found = checkpoint
    if found is not None:
        _check(found)
    return found


def remove_checkpoints(folder: Path) -> None:
    """Remove all checkpoints in the folder."""
    for checkpoint in _checkpoints(folder):
        shutil.rmtree(checkpoint, ignore_errors=True)


def _checkpoints(folder: Path) -> list[Path]:
    found = [
        (int(match[1]), path)
        for path in folder.glob("checkpoint-*")
        if (match := re.fullmatch(r"checkpoint-(\d+)", path.name))
    ]
    return [path for _, path in sorted(found)]


def _check(checkpoint: Path) -> None:
    remedy = (
        "Remove this folder to go on from an earlier checkpoint or to train this model anew; "
        "--no-tune-resume removes all checkpoints."
    )
    try:
        files = json.loads((checkpoint / _SEAL).read_text(encoding="utf-8"))
        bad = [
            name
            for name, digest in files.items()
            if not (checkpoint / name).is_file() or digest_file(checkpoint / name) != digest
        ]
    except (OSError, ValueError, AttributeError) as error:
        message = f"is a damaged checkpoint ({error})"
        raise InputError(Problem("corrupt-checkpoint", message, remedy, file=str(checkpoint))) from error
    if bad:
        message = f"is a damaged checkpoint: {', '.join(bad)} is not what was written"
        raise InputError(Problem("corrupt-checkpoint", message, remedy, file=str(checkpoint)))
