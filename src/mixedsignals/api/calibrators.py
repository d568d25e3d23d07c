"""The calibrators of a run for new clips: `models/calibrators.json`, one per source and given, written by `diagnose`.

They were fitted on all clips of the run, so they are for clips that the run has never seen; its own clips have their
calibrated probabilities, made out of fold, in `predictions`.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from pathlib import Path

import numpy as np
import polars as pl

from mixedsignals.labels import Labels
from mixedsignals.measures.calibration import Calibrator
from mixedsignals.store import atomic

__all__ = ["calibrated_column", "load_calibrators", "save_calibrators"]

_FILE = "calibrators.json"

Calibrators = Mapping[tuple[str, str], Calibrator]


def save_calibrators(calibrators: Calibrators, labels: Labels, models: Path) -> None:
    """Write the calibrators into the folder of models; where there are none, an earlier file goes."""
    path = models / _FILE
    if not calibrators:
        path.unlink(missing_ok=True)
        return
    rows = [
        {"source": source, "given": given, "slope": one.slope.tolist(), "shift": one.shift.tolist()}
        for (source, given), one in sorted(calibrators.items())
    ]
    content = {"version": 1, "labels": list(labels.names), "calibrators": rows}
    with atomic(path) as partial:
        partial.write_text(json.dumps(content, indent=2, ensure_ascii=False), encoding="utf-8")


def load_calibrators(labels: Labels, models: Path) -> dict[tuple[str, str], Calibrator]:
    """The calibrators of a run by source and given; empty where it was not diagnosed, or with other labels."""
    path = models / _FILE
    if not path.is_file():
        return {}
    content = json.loads(path.read_text(encoding="utf-8"))
    if content["labels"] != list(labels.names):
        return {}
    return {
        (row["source"], row["given"]): Calibrator(np.asarray(row["slope"]), np.asarray(row["shift"]))
        for row in content["calibrators"]
    }


def calibrated_column(
    predictions: pl.DataFrame, calibrators: Calibrators, labels: Labels, *, own: Collection[str]
) -> pl.DataFrame:
    """Predictions (clip_id, source, given, label, probability) with `calibrated`; null for clips in `own`.

    Null as well for a source that has no calibrator.
    """
    order = {name: place for place, name in enumerate(labels)}
    rows = predictions.with_row_index("_row").with_columns(
        pl.col("label").replace_strict(order, return_dtype=pl.Int64).alias("_label")
    )
    values = np.full(len(rows), np.nan)
    for (source, given), part in rows.partition_by("source", "given", as_dict=True).items():
        calibrator = calibrators.get((str(source), str(given)))
        new = part.filter(~pl.col("clip_id").is_in(list(own))).sort("clip_id", "_label")
        if calibrator is not None and new.height:
            raw = new["probability"].to_numpy().reshape(-1, len(labels))
            values[new["_row"].to_numpy()] = calibrator(raw).reshape(-1)
    column = pl.Series("calibrated", values).fill_nan(None).clip(0.0, 1.0)
    place = predictions.columns.index("probability") + 1
    return predictions.clone().insert_column(place, column)
