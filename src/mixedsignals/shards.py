"""Results that were made before, on disk: one folder per card, in it shards that are written whole or not at all.

Shared, because embeddings and cues are kept alike. Nobody ever changes a shard, every process adds its own under a
fresh name, so a killed run loses at most one and two runs side by side need no lock. Why not a database:
docs/decisions/0003.
"""

from __future__ import annotations

import json
import time
import uuid
import zipfile
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

import polars as pl

from mixedsignals.store import atomic

__all__ = ["Shards"]

_UNREADABLE = (ValueError, KeyError, EOFError, OSError, zipfile.BadZipFile, pl.exceptions.PolarsError)
_ATTEMPTS = 5
_STALE = 24 * 3600.0
Entry = TypeVar("Entry")


class Shards(ABC, Generic[Entry]):
    """What is known under one card, by digest of the content.

    Args:
        folder: of this card, below a cache folder; made when something is added.
        card: what made the entries, kept beside them in `card.json`.
    """

    suffix: ClassVar[str]
    """How the name of a shard ends."""

    def __init__(self, folder: Path, card: Mapping[str, Any]) -> None:
        self.folder = folder
        self._card = card
        self._written: list[Path] = []

    @abstractmethod
    def read(self, path: Path, wanted: set[str] | None) -> dict[str, Entry]:
        """Entries of one shard, of those contents only where `wanted` is given.

        Raises:
            ValueError, KeyError, EOFError, OSError, zipfile.BadZipFile, polars.exceptions.PolarsError: it is damaged.
        """

    @abstractmethod
    def write(self, path: Path, entries: Mapping[str, Entry]) -> None:
        """Write one shard."""

    def find(self, contents: Iterable[str]) -> dict[str, Entry]:
        """Entries of those content digests that are there; damaged shards count as not there."""
        wanted = set(contents)
        for _ in range(_ATTEMPTS):
            # A run that ends merges its shards and removes the parts: list again when one has gone meanwhile.
            with suppress(FileNotFoundError):
                return self._look(wanted)
        return {}

    def _look(self, wanted: set[str]) -> dict[str, Entry]:
        found: dict[str, Entry] = {}
        for path in sorted(
            self.folder.glob(f"[!.]*{self.suffix}")
        ):  # a name with a dot is still being written
            try:
                found = self.read(path, wanted) | found
            except FileNotFoundError:
                raise
            except _UNREADABLE:
                continue
        return found

    def add(self, entries: Mapping[str, Entry]) -> None:
        """Write one shard, atomically.

        Raises:
            CannotFinish: the disk is full or the folder cannot be written.
        """
        if not entries:
            return
        self._describe()
        path = self.folder / f"{uuid.uuid4().hex}{self.suffix}"
        with atomic(path) as partial:
            self.write(partial, entries)
        self._written.append(path)

    def merge(self) -> None:
        """Join the shards that this object wrote into one; others' shards are left alone."""
        self._sweep()
        if len(self._written) < 2:
            return
        parts, self._written = self._written, []
        together: dict[str, Entry] = {}
        try:
            for path in parts:
                together |= self.read(path, None)
        except _UNREADABLE:
            return
        self.add(together)
        for path in parts:
            with suppress(OSError):
                path.unlink()

    def _sweep(self) -> None:
        """Remove what killed runs left half written."""
        for path in self.folder.glob(".*.partial*"):
            with suppress(OSError):
                if time.time() - path.stat().st_mtime > _STALE:
                    path.unlink()

    def _describe(self) -> None:
        path = self.folder / "card.json"
        if not path.is_file():
            with atomic(path) as partial:
                partial.write_text(json.dumps(self._card, indent=2, ensure_ascii=False), encoding="utf-8")
