"""What one source decides about every clip, in time that grows with the clips: arrays instead of joins of tables.

Probabilities are summed into one cell per clip and label, so neither sorting nor grouping by name is needed.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import polars as pl

__all__ = ["decisions"]

Floats = npt.NDArray[np.float64]


def decisions(
    said: pl.DataFrame, clips: pl.Series, labels: Sequence[str], targets: pl.Series
) -> pl.DataFrame:
    """One row per clip, in the order of `clips`, with nulls where the source says nothing.

    Args:
        said: rows of one source under one input: clip_id, label, probability and, if there, calibrated; the rows of
            several seeds are averaged.
        clips: ids (n,), each once.
        labels: the label names in order; the first of several that are equally probable is predicted.
        targets: the target label of each clip (n,), null where there is none.

    Returns:
        clip_id, predicted, confidence, target, p_target, c_target (calibrated) and right, (n, 7).
    """
    names = list(
        dict.fromkeys([*labels, *said["label"].unique().sort(), *targets.drop_nulls().unique().sort()])
    )
    width, every = len(names), pl.Enum(names)
    cell = said["clip_id"].cast(pl.Enum(clips)).to_physical().to_numpy().astype(np.int64) * width
    cell += said["label"].cast(every).to_physical().to_numpy()
    shape = (len(clips), width)
    raw = _means(cell, said["probability"], shape)
    absent = np.isnan(raw).all(axis=1)
    filled = np.where(np.isnan(raw), -np.inf, raw)
    best = filled.argmax(axis=1)
    own = targets.cast(every).to_physical().cast(pl.Int64).fill_null(-1).to_numpy()
    rows = np.arange(len(clips))
    columns = {"p_target": np.where(own >= 0, raw[rows, own], np.nan)}
    if "calibrated" in said.columns and said["calibrated"].count():
        columns["c_target"] = np.where(own >= 0, _means(cell, said["calibrated"], shape)[rows, own], np.nan)
    else:
        columns["c_target"] = np.full(len(clips), np.nan)
    predicted = pl.Series(names, dtype=pl.String).gather(best).set(pl.Series(absent), None)
    frame = pl.DataFrame(
        {
            "clip_id": clips,
            "predicted": predicted,
            "confidence": np.where(absent, np.nan, filled[rows, best]),
            "target": targets,
            **columns,
        }
    )
    return frame.with_columns(
        pl.col("confidence", "p_target", "c_target").fill_nan(None),
        (pl.col("predicted") == pl.col("target")).alias("right"),
    )


def _means(cell: npt.NDArray[np.int64], values: pl.Series, shape: tuple[int, int]) -> Floats:
    """Mean of the values in each cell, NaN in cells without one."""
    numbers = values.to_numpy()
    known = np.isfinite(numbers)
    cell, numbers = (cell, numbers) if known.all() else (cell[known], numbers[known])
    total, count = (np.bincount(cell, w, minlength=shape[0] * shape[1]) for w in (numbers, None))
    means = np.divide(total, count, out=np.full(len(total), np.nan), where=count > 0)
    found: Floats = means.reshape(shape)
    return found
