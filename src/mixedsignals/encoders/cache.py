"""Embeddings that were made before, on disk: a shard is a plain `.npz`; how they are kept is told in `shards`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mixedsignals.embeddings import Card
from mixedsignals.encoders.protocol import Array
from mixedsignals.shards import Shards

__all__ = ["EmbeddingCache", "Entry"]


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


class EmbeddingCache(Shards[Entry]):
    """The cached vectors of one card.

    Args:
        folder: the cache folder that all cards share.
        card: whose vectors these are.
    """

    suffix = ".npz"

    def __init__(self, folder: Path, card: Card) -> None:
        digest = card.digest()
        super().__init__(folder / "embeddings" / digest[:2] / digest, card.to_dict())

    def read(self, path: Path, wanted: set[str] | None) -> dict[str, Entry]:
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

    def write(self, path: Path, entries: Mapping[str, Entry]) -> None:
        """Vectors, which of them were cut, and what has none."""
        having = {content: entry for content, entry in entries.items() if entry.vector is not None}
        lacking = {content: entry.lacking for content, entry in entries.items() if entry.vector is None}
        vectors = [entry.vector for entry in having.values() if entry.vector is not None]
        with path.open("wb") as file:
            np.savez(
                file,
                contents=_strings(list(having)),
                values=np.stack(vectors).astype(np.float32) if vectors else np.zeros((0, 0), np.float32),
                cut=np.array([entry.cut for entry in having.values()], dtype=bool),
                lacking=_strings(list(lacking)),
                reasons=_strings(list(lacking.values())),
            )


def _strings(values: Sequence[str]) -> np.ndarray[tuple[int], np.dtype[np.str_]]:
    return np.array(values, dtype=np.str_) if values else np.zeros(0, dtype="U1")
