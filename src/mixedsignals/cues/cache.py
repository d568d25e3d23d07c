"""Cues that were measured before, on disk: a shard is a small Parquet table; how they are kept is told in `shards`.

The card (extractor, version, options) and the content of a clip (words, or bytes and span) decide; names of files do
not.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import polars as pl

from mixedsignals.cues.protocol import Extractor, Measured
from mixedsignals.shards import Shards
from mixedsignals.store import digest_bytes

__all__ = ["CueCache"]

_SCHEMA = {"content": pl.String, "cue": pl.String, "value": pl.Float64, "reason": pl.String}
_EMPTY = ""
"""The cue of a row that only says that a content was measured."""


class CueCache(Shards[Measured]):
    """The cached cues of one extractor with one card, below `folder`, the cache folder that all share."""

    suffix = ".parquet"

    def __init__(self, folder: Path, extractor: Extractor) -> None:
        card = {"extractor": extractor.name, "modality": extractor.modality, **extractor.card}
        digest = digest_bytes(json.dumps(card, sort_keys=True, ensure_ascii=False).encode())
        super().__init__(folder / "cues" / digest[:2] / digest, card)

    def read(self, path: Path, wanted: set[str] | None) -> dict[str, Measured]:
        """What one shard says."""
        frame = pl.read_parquet(path)
        if wanted is not None:
            frame = frame.filter(pl.col("content").is_in(wanted))
        return _measured(frame)

    def write(self, path: Path, entries: Mapping[str, Measured]) -> None:
        """One row for each content, each value and each reason."""
        _rows(entries).write_parquet(path)


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
