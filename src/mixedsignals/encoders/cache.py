"""Embeddings that were made before, on disk: one folder per card, in it shards that are written whole or not at all.

A shard is a plain `.npz`. Nobody ever changes one, every process adds its own under a fresh name, so a killed run
loses at most one batch and two runs side by side need no lock. Why not a database: docs/decisions/0003.
"""

from __future__ import annotations

import json
import time
import uuid
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mixedsignals.embeddings import Card
from mixedsignals.encoders.protocol import Array
from mixedsignals.store import atomic

__all__ = ["EmbeddingCache", "Entry"]

_UNREADABLE = (ValueError, KeyError, EOFError, zipfile.BadZipFile)
_ATTEMPTS = 5
_STALE = 24 * 3600.0


@dataclass(frozen=True)
class Entry:
    """What is known of one content.

    Attributes:
        vector: float32 (d,), or None where the content lacks the modality.
        cut: whether the encoder left out its end.
        lacking: why there is no vector; empty where there is one.
    """

    vector: Array | None
    cut: bool = False
    lacking: str = ""


class EmbeddingCache:
    """The cached vectors of one card.

    Args:
        folder: the cache folder that all cards share.
        card: whose vectors these are.
    """

    def __init__(self, folder: Path, card: Card) -> None:
        digest = card.digest()
        self.folder = folder / "embeddings" / digest[:2] / digest
        self._card = card
        self._written: list[Path] = []

    def find(self, contents: Iterable[str]) -> dict[str, Entry]:
        """Entries of those content digests that are there; damaged shards count as not there."""
        wanted = set(contents)
        for _ in range(_ATTEMPTS):
            # A run that ends merges its shards and removes the parts: list again when one has gone meanwhile.
            with suppress(FileNotFoundError):
                return self._read(wanted)
        return {}

    def _read(self, wanted: set[str]) -> dict[str, Entry]:
        found: dict[str, Entry] = {}
        for path in sorted(self.folder.glob("[!.]*.npz")):  # a name with a dot is still being written
            with suppress(*_UNREADABLE):
                found = _shard(path, wanted) | found
        return found

    def add(self, entries: Mapping[str, Entry]) -> None:
        """Write one shard, atomically.

        Raises:
            CannotFinish: the disk is full or the folder cannot be written.
        """
        if not entries:
            return
        self._describe()
        path = self.folder / f"{uuid.uuid4().hex}.npz"
        having = {content: entry for content, entry in entries.items() if entry.vector is not None}
        lacking = {content: entry.lacking for content, entry in entries.items() if entry.vector is None}
        vectors = [entry.vector for entry in having.values() if entry.vector is not None]
        with atomic(path) as partial, partial.open("wb") as file:
            np.savez(
                file,
                contents=_strings(list(having)),
                values=np.stack(vectors).astype(np.float32) if vectors else np.zeros((0, 0), np.float32),
                cut=np.array([entry.cut for entry in having.values()], dtype=bool),
                lacking=_strings(list(lacking)),
                reasons=_strings(list(lacking.values())),
            )
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
                together |= _shard(path, None)
        except (OSError, *_UNREADABLE):
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
                partial.write_text(
                    json.dumps(self._card.to_dict(), indent=2, ensure_ascii=False), encoding="utf-8"
                )


def _strings(values: Sequence[str]) -> np.ndarray[tuple[int], np.dtype[np.str_]]:
    return np.array(values, dtype=np.str_) if values else np.zeros(0, dtype="U1")


def _shard(path: Path, wanted: set[str] | None) -> dict[str, Entry]:
    """Entries of one shard; its vectors are read only if one of them is wanted."""
    with np.load(path, allow_pickle=False) as file:
        contents = file["contents"].tolist()
        rows = [row for row, content in enumerate(contents) if wanted is None or content in wanted]
        lacking = zip(file["lacking"].tolist(), file["reasons"].tolist(), strict=True)
        entries = {c: Entry(None, lacking=why) for c, why in lacking if wanted is None or c in wanted}
        if rows:
            values, cut = np.asarray(file["values"], dtype=np.float32), file["cut"]
            if values.ndim != 2 or not len(contents) == len(values) == len(cut):
                raise ValueError(f"{path.name}: rows do not match")
            entries |= {contents[row]: Entry(values[row], bool(cut[row])) for row in rows}
    return entries
