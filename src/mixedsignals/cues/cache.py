"""Cues that were measured before, on disk: one folder per card, in it shards that are written whole or not at all.

The card (extractor, version, options) and the content of a clip (words, or bytes and span) decide; names of files do
not. Nobody ever changes a shard, so a killed run loses at most one, and two runs side by side need no lock.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path

import polars as pl

from mixedsignals.cues.protocol import Extractor, Measured
from mixedsignals.store import atomic, digest_bytes

__all__ = ["CueCache"]

_SCHEMA = {"content": pl.String, "cue": pl.String, "value": pl.Float64, "reason": pl.String}
_EMPTY = ""
"""The cue of a row that only says that a content was measured."""


class CueCache:
    """The cached cues of one extractor with one card, below `folder`, the cache folder that all share."""

    def __init__(self, folder: Path, extractor: Extractor) -> None:
        self._card = {"extractor": extractor.name, "modality": extractor.modality, **extractor.card}
        text = json.dumps(self._card, sort_keys=True, ensure_ascii=False)
        digest = digest_bytes(text.encode())
        self.folder = folder / "cues" / digest[:2] / digest
        self._written: list[Path] = []

    def find(self, contents: Iterable[str]) -> dict[str, Measured]:
        """What is known of those content digests; damaged shards count as not there."""
        wanted = pl.Series("content", list(set(contents)), dtype=pl.String)
        found: dict[str, Measured] = {}
        for path in sorted(self.folder.glob("[!.]*.parquet")):
            with suppress(pl.exceptions.PolarsError, OSError):
                found |= _measured(pl.read_parquet(path).filter(pl.col("content").is_in(wanted.implode())))
        return found

    def add(self, measured: Mapping[str, Measured]) -> None:
        """Write one shard, atomically.

        Raises:
            CannotFinish: the disk is full or the folder cannot be written.
        """
        if not measured:
            return
        self._write(_rows(measured))

    def merge(self) -> None:
        """Join the shards that this object wrote into one; others' are left alone."""
        if len(self._written) < 2:
            return
        parts, self._written = self._written, []
        self._write(pl.concat([pl.read_parquet(path) for path in parts]))
        for path in parts:
            with suppress(OSError):
                path.unlink()

    def _write(self, frame: pl.DataFrame) -> None:
        card = self.folder / "card.json"
        if not card.is_file():
            with atomic(card) as partial:
                partial.write_text(json.dumps(self._card, indent=2, ensure_ascii=False), encoding="utf-8")
        path = self.folder / f"{uuid.uuid4().hex}.parquet"
        with atomic(path) as partial:
            frame.write_parquet(partial)
        self._written.append(path)


def _rows(measured: Mapping[str, Measured]) -> pl.DataFrame:
    rows: list[tuple[str, str, float | None, str | None]] = []
    for content, found in measured.items():
        rows.append((content, _EMPTY, None, None))
        rows += [(content, cue, value, None) for cue, value in found.values.items()]
        rows += [(content, cue, None, reason) for cue, reason in found.absent.items()]
    return pl.DataFrame(rows, schema=_SCHEMA, orient="row")


def _measured(frame: pl.DataFrame) -> dict[str, Measured]:
    values: dict[str, dict[str, float]] = {}
    absent: dict[str, dict[str, str]] = {}
    for content, cue, value, reason in frame.select(list(_SCHEMA)).iter_rows():
        values.setdefault(content, {})
        absent.setdefault(content, {})
        if value is not None:
            values[content][cue] = value
        elif reason is not None:
            absent[content][cue] = reason
    return {content: Measured(values[content], absent[content]) for content in values}
