"""FiftyOne: clips with targets, votes, predictions and scores as a dataset to look through, where it is installed."""

from __future__ import annotations

import importlib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl

from mixedsignals.errors import CannotFinish, UsageError
from mixedsignals.progress import SILENT, Progress

__all__ = ["make_dataset"]

_BATCH = 1_000


def make_dataset(
    name: str,
    clips: pl.DataFrame,
    paths: Mapping[str, Path],
    *,
    tables: Mapping[str, pl.DataFrame | None] | None = None,
    overwrite: bool = False,
    progress: Progress = SILENT,
) -> int:
    """Make a persistent FiftyOne dataset of every clip that has a file; give the number of its samples.

    A sample has the clip's columns, `target`, `people_GIVEN` (majority of votes with its share, and the counts), the
    seed-mean prediction of every source, and every score, each under a name that FiftyOne allows.

    Args:
        name: of the dataset.
        clips: a `clips` table.
        paths: the file of every clip that has one.
        tables: `targets`, `votes`, `predictions` and `scores`, as far as there are.
        overwrite: replace a dataset of that name.
        progress: where to say how far it is.

    Raises:
        CannotFinish: FiftyOne is not installed, or no clip has a file.
        UsageError: there is a dataset of that name, and it is not to be overwritten.
    """
    if not paths:
        raise CannotFinish("No clip has a media file, and a FiftyOne sample is a file.")
    fo = _library()
    if fo.dataset_exists(name):
        if not overwrite:
            raise UsageError(f"there is a FiftyOne dataset {name!r}; give --overwrite, or another --name.")
        fo.delete_dataset(name)
    known = {
        key: frame for key, frame in (tables or {}).items() if frame is not None and not frame.is_empty()
    }
    fields = _fields(fo, known)
    dataset = fo.Dataset(name, persistent=True)
    rows = [row for row in clips.iter_rows(named=True) if row["clip_id"] in paths]
    with progress.task("Making the FiftyOne dataset", len(rows)) as task:
        for begin in range(0, len(rows), _BATCH):
            batch = rows[begin : begin + _BATCH]
            dataset.add_samples(
                [_sample(fo, row, paths[row["clip_id"]], fields) for row in batch], progress=False
            )
            task.advance(len(batch))
    return len(rows)


def _library() -> Any:
    try:
        return importlib.import_module("fiftyone")
    except ImportError as error:
        message = "FiftyOne is not installed. Install it with: pip install fiftyone"
        raise CannotFinish(message) from error


def _sample(fo: Any, row: Mapping[str, Any], path: Path, fields: Mapping[str, dict[str, Any]]) -> Any:
    own = {
        _field(column): value
        for column, value in row.items()
        if value is not None and column not in ("media", "audio", "video", "label")
    }
    told = {name: values[row["clip_id"]] for name, values in fields.items() if row["clip_id"] in values}
    return fo.Sample(filepath=str(path.resolve()), **{**own, **told})


def _field(name: str) -> str:
    """A name that FiftyOne takes: letters, digits and single underscores, beginning with a letter."""
    made = re.sub(r"\W+", "_", name).strip("_")
    return made if made and made[0].isalpha() else f"f_{made}"


def _fields(fo: Any, known: Mapping[str, pl.DataFrame]) -> dict[str, dict[str, Any]]:
    """Per field the value of every clip that has one."""
    fields: dict[str, dict[str, Any]] = {}
    if "targets" in known:
        best = known["targets"].sort("share", descending=True).unique("clip_id", keep="first")
        fields["target"] = {
            clip: fo.Classification(label=label, confidence=share)
            for clip, label, share in best.select("clip_id", "label", "share").iter_rows()
        }
    if "votes" in known:
        fields |= _votes(fo, known["votes"])
    if "predictions" in known:
        fields |= _predictions(fo, known["predictions"])
    for clip, source, measure, value in (
        known["scores"].select("clip_id", "source", "measure", "value").iter_rows()
        if "scores" in known
        else ()
    ):
        fields.setdefault(_field(f"{source}_{measure}"), {})[clip] = value
    return fields


def _votes(fo: Any, votes: pl.DataFrame) -> dict[str, dict[str, Any]]:
    """First votes per condition: the majority with its share, and the counts; the first label of equals by name."""
    weight = pl.col("count").fill_null(1).sum().alias("n")
    first = votes.filter(pl.col("occasion").fill_null(0) == 0)
    counted = first.group_by("given", "clip_id", "label").agg(weight).sort("given", "clip_id", "label")
    fields: dict[str, dict[str, Any]] = {}
    for (given, clip), part in counted.group_by(["given", "clip_id"], maintain_order=True):
        counts = {label: int(n) for label, n in part.select("label", "n").iter_rows()}
        top = max(counts, key=lambda label: counts[label])
        name = _field(f"people_{given}")
        share = counts[top] / sum(counts.values())
        fields.setdefault(name, {})[str(clip)] = fo.Classification(label=top, confidence=share)
        fields.setdefault(f"{name}_counts", {})[str(clip)] = counts
    return fields


def _predictions(fo: Any, predictions: pl.DataFrame) -> dict[str, dict[str, Any]]:
    """The most probable label of every source under its fullest input, by the mean over seeds.

    A source such as `fusion~token` is fusion as it was probed, and no model of its own.
    """
    models = predictions.filter(~pl.col("source").str.contains("~", literal=True))
    width = models.with_columns(width=pl.col("given").str.count_matches("+", literal=True))
    fullest = width.filter(pl.col("width") == pl.col("width").max().over("source"))
    mean = fullest.group_by("source", "clip_id", "label").agg(pl.col("probability").mean())
    top = mean.sort("probability", "label", descending=[True, False]).unique(
        ["source", "clip_id"], keep="first", maintain_order=True
    )
    fields: dict[str, dict[str, Any]] = {}
    for source, clip, label, probability in top.iter_rows():
        made = fo.Classification(label=label, confidence=probability)
        fields.setdefault(_field(source), {})[clip] = made
    return fields
