"""A pretrained model as files on this machine: in a folder of the user's, or in the hub's cache (fetched if need be).

Whatever is named ends as a folder, and loading reads that folder only; code that comes with a model is never run.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mixedsignals.errors import CannotFinish, InputError, Problem
from mixedsignals.store import digest_file

__all__ = ["LocalModel", "find_model"]

_WEIGHTS = (
    "model.safetensors",
    "model.safetensors.index.json",
    "pytorch_model.bin",
    "pytorch_model.bin.index.json",
)
_WAYS_OUT = "Name a folder that holds the model, or `lite` (offline weights), or bring ready-made features."


@dataclass(frozen=True)
class LocalModel:
    """A model on disk.

    Attributes:
        name: hub name, or the folder's own name.
        revision: commit of the hub, or a digest over the folder's files.
        folder: where the files are.
        licence: as the model card states it; None where it does not.
    """

    name: str
    revision: str
    folder: Path
    licence: str | None

    def settings(self, file: str) -> dict[str, Any]:
        """The content of one of its JSON files; empty where there is none."""
        path = self.folder / file
        if not path.is_file():
            return {}
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
        except (ValueError, OSError) as error:
            raise _fault(path, f"cannot be read as JSON ({error})", "Save the model again.") from error
        return content if isinstance(content, dict) else {}


def find_model(name: str) -> LocalModel:
    """The model of that name: a folder first, then the hub's cache, then the hub.

    Raises:
        InputError: a folder without a model, or a name that the hub does not know.
        CannotFinish: the hub cannot be reached or does not let this user in.
    """
    folder = Path(name).expanduser()
    if folder.is_dir():
        return _of_folder(folder)
    if name.startswith((".", "/", "~")) or name.count("/") > 1:
        raise _fault(
            folder, "is not a folder", "Name a folder that holds a model, or a hub name (owner/model)."
        )
    repository, _, revision = name.partition("@")
    snapshot = _cached(repository, revision or None) or _fetched(repository, revision or None)
    return LocalModel(repository, snapshot.name, snapshot, _licence(snapshot))


def _of_folder(folder: Path) -> LocalModel:
    missing = [] if (folder / "config.json").is_file() else ["config.json"]
    if not _weight_files(folder):
        missing.append(_WEIGHTS[0])
    if missing:
        message = f"holds no {' and no '.join(missing)}"
        raise _fault(folder, message, "Name a folder that `save_pretrained` wrote.")
    digest = hashlib.sha256()
    for path in sorted(
        [*folder.glob("*.json"), *folder.glob("*.txt"), *folder.glob("*.model"), *_weight_files(folder)]
    ):
        digest.update(f"{path.name}\0{digest_file(path)}\0".encode())
    return LocalModel(folder.resolve().name, digest.hexdigest(), folder, _licence(folder))


def _weight_files(folder: Path) -> list[Path]:
    """The files that would be loaded: safetensors where there are some."""
    for pattern in ("*.safetensors", "pytorch_model*.bin"):
        if files := sorted(folder.glob(pattern)):
            return files
    return []


def _cached(repository: str, revision: str | None) -> Path | None:
    hub = _hub()
    with suppress(hub.errors.LocalEntryNotFoundError, hub.errors.HFValidationError):
        snapshot = Path(hub.snapshot_download(repository, revision=revision, local_files_only=True))
        if (snapshot / "config.json").is_file() and _whole(snapshot):
            return snapshot
    return None


def _whole(snapshot: Path) -> bool:
    """Whether weights are there, and of those in parts every part."""
    for name in _WEIGHTS:
        if (snapshot / name).is_file():
            if not name.endswith(".index.json"):
                return True
            index = json.loads((snapshot / name).read_text(encoding="utf-8"))
            return all((snapshot / part).is_file() for part in set(index["weight_map"].values()))
    return False


def _fetched(repository: str, revision: str | None) -> Path:
    hub = _hub()
    try:
        # One question that is asked once: other calls try five times to reach a hub that is not there.
        told = hub.HfApi().model_info(repository, revision=revision, timeout=30)
        files = [file.rfilename for file in told.siblings or () if "/" not in file.rfilename]
        safe = [name for name in files if name.endswith(".safetensors")]
        weights = safe or [name for name in files if re.fullmatch(r"pytorch_model.*\.bin", name)]
        others = [name for name in files if name.endswith((".json", ".txt", ".model")) or name == "README.md"]
    except hub.errors.GatedRepoError as error:
        raise CannotFinish(
            f"{repository} asks for permission on the hub. Log in there, or: {_WAYS_OUT}"
        ) from error
    except (
        hub.errors.RepositoryNotFoundError,
        hub.errors.RevisionNotFoundError,
        hub.errors.HFValidationError,
    ) as error:
        message = (
            f"{repository!r} is neither a folder here, nor an encoder of this package, nor a model on the hub"
        )
        raise InputError(
            Problem(code="unknown-encoder", message=message, remedy=f"Correct the name. {_WAYS_OUT}")
        ) from error
    except Exception as error:  # the hub's client passes on whatever its transport raises
        why = str(error).strip().splitlines()[0][:200] if str(error).strip() else type(error).__name__
        raise CannotFinish(
            f"{repository} is not on this machine and the hub cannot be reached ({why}). {_WAYS_OUT}"
        ) from error
    return _downloaded(repository, revision, [*weights, *others])


def _downloaded(repository: str, revision: str | None, files: list[str]) -> Path:
    """The files of a model, into the hub's cache; what an interrupted download brought is gone on from."""
    hub = _hub()
    try:
        return Path(hub.snapshot_download(repository, revision=revision, allow_patterns=files))
    except hub.errors.GatedRepoError as error:
        raise CannotFinish(
            f"{repository} asks for permission on the hub. Log in there, or: {_WAYS_OUT}"
        ) from error
    except Exception as error:  # as above
        why = str(error).strip().splitlines()[0][:200] if str(error).strip() else type(error).__name__
        raise CannotFinish(
            f"The download of {repository} was interrupted ({why}). What came is kept: the same command goes on from "
            f"there. {_WAYS_OUT}"
        ) from error


def _hub() -> Any:
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    import huggingface_hub
    import huggingface_hub.errors

    return huggingface_hub


def _licence(folder: Path) -> str | None:
    """The `license:` line at the head of the model card."""
    card = folder / "README.md"
    if not card.is_file():
        return None
    head = card.read_text(encoding="utf-8", errors="replace").split("---")
    found = re.search(r"^license:\s*['\"]?([\w.+-]+)", head[1] if len(head) > 2 else "", flags=re.MULTILINE)
    return found[1] if found else None


def _fault(path: Path, message: str, remedy: str) -> InputError:
    return InputError(Problem(code="unreadable-model", message=message, remedy=remedy, file=str(path)))
