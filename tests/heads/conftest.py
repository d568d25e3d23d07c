"""Small made-up corpora: embeddings with a known signal, targets and folds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import polars as pl
import pytest

from mixedsignals.embeddings import Card, Embeddings
from mixedsignals.labels import Labels


@dataclass(frozen=True)
class Made:
    """What `fit_heads` takes."""

    embeddings: dict[str, Embeddings]
    targets: pl.DataFrame
    splits: pl.DataFrame
    labels: Labels

    @property
    def arguments(self) -> tuple[dict[str, Embeddings], pl.DataFrame, pl.DataFrame, Labels]:
        return self.embeddings, self.targets, self.splits, self.labels


def card(modality: str, **changes: object) -> Card:
    fields = {"encoder": "made", "revision": "1", "layer": "last", "pooling": "mean", **changes}
    return Card(modality=modality, **fields)  # type: ignore[arg-type]


def make(
    n: int = 120,
    widths: dict[str, int] | None = None,
    *,
    n_labels: int = 2,
    folds: int = 2,
    signal: float = 1.0,
    missing: dict[str, float] | None = None,
    seed: int = 0,
) -> Made:
    """Clips whose label shifts every modality by `signal`; `missing` is the share that lacks a modality."""
    rng = np.random.default_rng(seed)
    ids = [f"{clip:04d}" for clip in range(n)]
    names = tuple(f"label{code}" for code in range(n_labels))
    truth = np.arange(n) % n_labels
    embeddings = {}
    for modality, width in (widths or {"text": 6, "audio": 5, "video": 4}).items():
        centres = rng.normal(size=(n_labels, width)) * signal
        values = (centres[truth] + rng.normal(size=(n, width))).astype(np.float32)
        has = rng.random(n) >= (missing or {}).get(modality, 0.0)
        kept = tuple(clip for clip, there in zip(ids, has, strict=True) if there)
        embeddings[modality] = Embeddings(kept, values[has], card(modality))
    targets = pl.DataFrame({"clip_id": ids, "label": [names[code] for code in truth], "share": 1.0})
    block = rng.permutation(n)
    rows = [
        (
            ids[clip],
            fold,
            "test" if block[clip] % folds == fold else "tune" if block[clip] % 7 == 0 else "train",
        )
        for fold in range(folds)
        for clip in range(n)
    ]
    splits = pl.DataFrame(rows, schema=["clip_id", "fold", "role"], orient="row")
    return Made(embeddings, targets, splits, Labels(names))


@pytest.fixture
def corpus() -> Callable[..., Made]:
    return make
