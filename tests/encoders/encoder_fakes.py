"""An encoder without a network, to see what the machinery around encoders does."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence

import numpy as np

from mixedsignals.embeddings import Card
from mixedsignals.encoders import Prepared, Source
from mixedsignals.store import digest_bytes

WIDTH = 4


def vector_of(words: str) -> np.ndarray:
    """What the counting encoder makes of some words."""
    return np.frombuffer(bytes.fromhex(digest_bytes(words.encode())), dtype=np.uint8)[:WIDTH].astype(
        np.float32
    )


class CountingEncoder:
    """Vectors from a digest of the words; remembers loads and batches, and can be slow, full or broken."""

    batch_size = 4

    def __init__(self, *, revision: str = "1", seconds: float = 0.0) -> None:
        if not hasattr(self, "card"):
            self.card = Card("text", "counting", revision, "none", "none", {"max_tokens": 8})
        self.loads = 0
        self.batches: list[list[str]] = []
        self.seconds = seconds
        self.room: int | None = None
        self.error: Exception = RuntimeError(
            "DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"
        )
        self.poison: str | None = None
        self._lock = threading.Lock()

    @property
    def seen(self) -> list[str]:
        """All words that were encoded, in no particular order."""
        return sorted(words for batch in self.batches for words in batch)

    def load(self, device: str) -> None:
        self.loads += 1

    def prepare(self, source: Source) -> Prepared:
        assert source.text is not None
        return Prepared(source.text, cut=len(source.text.split()) > 8)

    def encode(self, batch: Sequence[Prepared]) -> np.ndarray:
        time.sleep(self.seconds)
        if self.room is not None and len(batch) > self.room:
            raise self.error
        with self._lock:
            self.batches.append([item.payload for item in batch])
        vectors = np.stack([vector_of(item.payload) for item in batch])
        if self.poison is not None:
            vectors[[item.payload == self.poison for item in batch]] = np.nan
        return vectors


class Listener:
    """A `Progress` that remembers what was said."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.tasks: dict[str, list[int]] = {}

    def say(self, text: str) -> None:
        self.said.append(text)

    def task(self, name: str, total: int | None = None) -> _Task:
        return _Task(self.tasks.setdefault(name, [0, total or 0]))


class _Task:
    def __init__(self, counts: list[int]) -> None:
        self._counts = counts

    def __enter__(self) -> _Task:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def advance(self, n: int = 1) -> None:
        self._counts[0] += n
