"""What lies on disk: atomic writes, digests, the cache folder and run folders.

A file is written beside its place and moved there when whole, so an interrupted run leaves no half table.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import tempfile
import time
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import platformdirs
import polars as pl
import tomli_w

from mixedsignals.errors import CannotFinish, InputError, Problem

__all__ = ["RunFolder", "atomic", "cache_dir", "digest_bytes", "digest_file", "digest_frame", "is_full_disk"]

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@contextmanager
def atomic(path: Path | str) -> Iterator[Path]:
    """A temporary path beside `path`; moved to `path` when the block succeeds, removed when it does not.

    Raises:
        CannotFinish: the disk is full, or the folder cannot be written.
    """
    path = Path(path)
    partial: Path | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(
            prefix=f".{path.stem}.", suffix=f".partial{path.suffix}", dir=path.parent
        )
        os.close(handle)
        partial = Path(name)
        yield partial
        with partial.open("rb+") as file:
            os.fsync(file.fileno())
        partial.chmod(0o666 & ~_umask())
        partial.replace(path)
    except Exception as error:
        if is_full_disk(error):
            raise CannotFinish(
                f"{path}: the disk is full; nothing was left half written. Free space and run again."
            ) from error
        if isinstance(error, OSError) and error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise CannotFinish(
                f"{path}: this folder cannot be written ({error.strerror}). Choose another one."
            ) from error
        raise
    finally:
        if partial is not None:
            with suppress(OSError):
                partial.unlink(missing_ok=True)


def is_full_disk(error: BaseException) -> bool:
    """Whether the system refused to write more: no space, a quota, or a limit on the size of files.

    Libraries written in Rust (Polars, safetensors) wrap the system's error and keep only its number in their words.
    """
    if isinstance(error, OSError):
        return error.errno in _FULL
    found = re.search(r"\(os error (\d+)\)", str(error))
    return found is not None and int(found[1]) in _FULL


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def digest_bytes(content: bytes) -> str:
    """SHA-256 in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def digest_file(path: Path | str) -> str:
    """SHA-256 of a file's bytes in hexadecimal, read in pieces."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digest_frame(frame: pl.DataFrame) -> str:
    """SHA-256 of a table's content: column names, types and values, row order included.

    How the table lies in memory (chunks, offsets) does not matter.
    """
    digest = hashlib.sha256(repr(list(frame.schema.items())).encode())
    for batch in frame.iter_slices(1_000_000):
        for column in batch.iter_columns():
            digest.update(_content(column))
    return digest.hexdigest()


def _content(column: pl.Series) -> bytes:
    """The values of a column as bytes, with their lengths where these differ, and which of them are missing."""
    if column.dtype.is_nested():
        return column.to_frame().write_ndjson().encode()
    parts = [len(column).to_bytes(8, "little")]
    if column.null_count():
        parts.append(np.packbits(column.is_null().to_numpy()).tobytes())
    if column.null_count() == len(column):
        return b"".join(parts)
    if not column.dtype.is_numeric():
        text = column.cast(pl.String).fill_null("")
        if text.n_unique() == 1:  # a column that always says the same is said once
            parts.append(b"=" + str(text[0]).encode())
        else:
            parts += [b":", text.str.len_bytes().to_numpy().tobytes(), text.str.join("").item().encode()]
        return b"".join(parts)
    return b"".join([*parts, np.ascontiguousarray(column.fill_null(0).to_numpy()).tobytes()])


def cache_dir() -> Path:
    """Folder of weights and embeddings: `$MIXEDSIGNALS_CACHE`, else the user's cache folder."""
    named = os.environ.get("MIXEDSIGNALS_CACHE")
    return Path(named).expanduser() if named else Path(platformdirs.user_cache_dir("mixedsignals"))


@dataclass(frozen=True)
class RunFolder:
    """A run on disk: `run.toml`, `tables/`, `models/`, `report/` and `log.jsonl`."""

    path: Path

    @property
    def tables(self) -> Path:
        """Folder of the Parquet tables."""
        return self.path / "tables"

    @property
    def models(self) -> Path:
        """Folder of heads and calibrators."""
        return self.path / "models"

    @property
    def report(self) -> Path:
        """Folder of the HTML report."""
        return self.path / "report"

    @property
    def manifest_path(self) -> Path:
        """`run.toml`."""
        return self.path / "run.toml"

    def table(self, name: str) -> Path:
        """Path of one table."""
        return self.tables / f"{name}.parquet"

    def exists(self) -> bool:
        """Whether a manifest is there."""
        return self.manifest_path.is_file()

    def read_manifest(self) -> dict[str, Any]:
        """The content of `run.toml`.

        Raises:
            InputError: it is missing or cannot be read.
        """
        return read_toml(
            self.manifest_path, remedy="Name a folder that `mixedsignals run` or `diagnose` made."
        )

    def write_manifest(self, manifest: Mapping[str, Any]) -> None:
        """Write `run.toml` atomically; None values are left out, as TOML has no null."""
        with atomic(self.manifest_path) as partial:
            partial.write_text(tomli_w.dumps(_without_none(manifest)), encoding="utf-8")

    def log(self, event: str, **fields: Any) -> None:
        """Append one line to `log.jsonl`; people's words and media never go there."""
        self.path.mkdir(parents=True, exist_ok=True)
        line = json.dumps(
            {"time": time.strftime("%Y-%m-%dT%H:%M:%S%z"), "event": event, **fields}, ensure_ascii=False
        )
        with (self.path / "log.jsonl").open("a", encoding="utf-8") as file:
            file.write(line + "\n")


def read_toml(path: Path, *, remedy: str) -> dict[str, Any]:
    """Read a TOML file, or say in one sentence why it cannot be read."""
    try:
        with path.open("rb") as file:
            return tomllib.load(file)
    except FileNotFoundError as error:
        raise InputError(
            Problem(code="missing-file", message="is not there", remedy=remedy, file=str(path))
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        message = f"cannot be read as TOML ({error})"
        raise InputError(
            Problem(code="unreadable-toml", message=message, remedy="Mend the file.", file=str(path))
        ) from error


def _without_none(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _without_none(item) for key, item in value.items() if item is not None}
    if isinstance(value, list | tuple):
        return [_without_none(item) for item in value if item is not None]
    if isinstance(value, Path):
        return str(value)
    return value
