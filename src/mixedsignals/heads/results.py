"""Finished heads as tables: `predictions`, `gates` and `dynamics`, built a whole block at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl

from mixedsignals.heads.data import TrainingSet
from mixedsignals.heads.fusion import source_of
from mixedsignals.heads.outcome import TrainedHead
from mixedsignals.tables import DYNAMICS, GATES, PREDICTIONS, Table, conform

__all__ = ["dynamics_table", "gates_table", "predictions_table"]


def predictions_table(
    run_id: str, data: TrainingSet, heads: Sequence[TrainedHead], fused: str
) -> pl.DataFrame:
    """Out-of-fold probabilities: one row per seed, clip, combination and label."""
    names = np.array(list(data.labels), dtype=object)
    blocks = []
    for one in heads:
        n = len(one.test.clips)
        blocks.append(
            {
                "clip": np.repeat(one.test.clips, len(names)),
                "label": np.tile(np.arange(len(names)), n),
                "probability": one.test.probabilities.reshape(-1),
            }
        )
    return _table(PREDICTIONS, run_id, data, heads, fused, blocks, {"label": names})


def gates_table(run_id: str, data: TrainingSet, heads: Sequence[TrainedHead], fused: str) -> pl.DataFrame:
    """Gate and attention weight out of fold: one row per seed, clip, combination and modality that the clip has."""
    names = np.array(list(data.inputs), dtype=object)
    blocks = []
    for one in heads:
        row, column = np.nonzero(one.test.present)
        columns = np.array([list(data.inputs).index(name) for name in one.head.modalities])
        blocks.append(
            {
                "clip": one.test.clips[row],
                "modality": columns[column],
                "gate": one.test.gates[row, column],
                "weight": one.test.weights[row, column],
            }
        )
    return _table(GATES, run_id, data, heads, fused, blocks, {"modality": names})


def dynamics_table(run_id: str, data: TrainingSet, heads: Sequence[TrainedHead], fused: str) -> pl.DataFrame:
    """Probability of the target, and whether it led, after every epoch, for the clips that a head was trained on."""
    blocks = []
    followed = [one for one in heads if one.p_target.size]
    for one in followed:
        epochs, n = one.p_target.shape
        blocks.append(
            {
                "clip": np.tile(one.train_clips, epochs),
                "fold": np.full(epochs * n, one.head.fold),
                "epoch": np.repeat(np.arange(epochs), n),
                "p_target": one.p_target.reshape(-1),
                "right": one.right.reshape(-1).astype(np.int64),
            }
        )
    return _table(DYNAMICS, run_id, data, followed, fused, blocks, {})


def _table(
    table: Table,
    run_id: str,
    data: TrainingSet,
    heads: Sequence[TrainedHead],
    fused: str,
    blocks: Sequence[dict[str, Any]],
    names: dict[str, Any],
) -> pl.DataFrame:
    """Put blocks of plain numbers together, then give positions their names."""
    if not any(len(block["clip"]) for block in blocks):
        return table.empty()
    lengths = [len(block["clip"]) for block in blocks]
    columns = {key: np.concatenate([block[key] for block in blocks]) for key in blocks[0]}
    given = pl.Series([one.head.combination for one in heads])
    source = pl.Series([source_of(one.head.combination, fused) for one in heads])
    which = pl.Series(np.repeat(np.arange(len(heads)), lengths))
    series = {
        "run_id": pl.repeat(run_id, int(sum(lengths)), eager=True),
        "seed": np.repeat([one.head.seed for one in heads], lengths),
        "clip_id": pl.Series(data.clip_ids).gather(columns.pop("clip")),
        "source": source.gather(which),
        "given": given.gather(which),
    }
    for name, legend in names.items():
        series[name] = pl.Series(legend.tolist()).gather(columns.pop(name))
    return conform(table, pl.DataFrame({**series, **columns}))
