"""Ready-made features: one row of numbers per clip and modality, made elsewhere.

They are joined to clips by id, never by order.
"""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from mixedsignals.embeddings import Card, Embeddings
from mixedsignals.errors import InputError, Problem
from mixedsignals.store import digest_file
from mixedsignals.tables import read_frame

__all__ = ["read_features"]

_REMEDY = "Write a .parquet or .csv with clip_id and numeric columns, or an .npz with clip_ids and values."


def read_features(path: Path | str, modality: str, *, file: str | None = None) -> Embeddings:
    """Read ready-made features of one modality.

    Args:
        path: a `.parquet` or `.csv` with a column `clip_id` and numeric columns, or an `.npz` with `clip_ids` (n) and
            `values` (n, d). One row per clip; a clip without the modality is simply absent.
        modality: for the card.
        file: name of the file in problems; `path`'s own when absent.

    Returns:
        Embeddings whose card has the encoder `features` and, as revision, the digest of the file.

    Raises:
        InputError: the file cannot be read, has several rows for a clip, a column that is not numeric, no columns or
            rows, or cells that are empty, NaN or infinite. All faults are named.
    """
    path = Path(path)
    file = file or path.name
    try:
        clip_ids, values, names = _read_npz(path) if path.suffix == ".npz" else _read_columns(path, file)
    except FileNotFoundError as error:
        raise InputError(
            Problem(
                "missing-features", "is not there", "Put the file there or correct corpus.toml.", file=file
            )
        ) from error
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise InputError(
            Problem("unreadable-features", f"cannot be read as features ({error})", _REMEDY, file=file)
        ) from error
    if problems := _problems(clip_ids, values, names, file, has_rows=path.suffix != ".npz"):
        raise InputError(problems)
    card = Card(
        modality=modality,
        encoder="features",
        revision=digest_file(path),
        layer="ready-made",
        pooling="ready-made",
        preprocessing={"columns": len(names)},
    )
    return Embeddings(tuple(str(clip) for clip in clip_ids), values.astype(np.float32), card)


def _read_npz(path: Path) -> tuple[list[str | None], npt.NDArray[np.float64], list[str]]:
    with np.load(path, allow_pickle=False) as content:
        clip_ids: list[str | None] = [str(clip) for clip in content["clip_ids"]]
        values = content["values"].astype(np.float64)
    if values.ndim != 2 or len(values) != len(clip_ids):
        raise ValueError(
            f"values have shape {values.shape} for {len(clip_ids)} clip ids; legal is one row per clip"
        )
    return clip_ids, values, [f"column {number}" for number in range(values.shape[1])]


def _read_columns(path: Path, file: str) -> tuple[list[str | None], npt.NDArray[np.float64], list[str]]:
    frame = read_frame(path)
    if "clip_id" not in frame.columns:
        raise ValueError(f"no column clip_id; there are {', '.join(frame.columns[:10])}")
    names = [name for name in frame.columns if name != "clip_id"]
    numbers = frame.select(pl.col(name).cast(pl.Float64, strict=False) for name in names)
    words = [name for name in names if (numbers[name].is_null() & frame[name].is_not_null()).any()]
    if words:
        message = f"columns with cells that are not numbers: {', '.join(words[:10])}"
        raise InputError(
            Problem("not-a-number", message, "Remove the columns or correct the cells.", file=file)
        )
    return frame["clip_id"].cast(pl.String).to_list(), numbers.fill_null(float("nan")).to_numpy(), names


def _problems(
    clip_ids: list[str | None],
    values: npt.NDArray[np.float64],
    names: list[str],
    file: str,
    *,
    has_rows: bool,
) -> list[Problem]:
    problems = []
    if not names or not len(clip_ids):
        what = "no rows" if names else "no columns of numbers"
        problems.append(Problem("empty-features", f"has {what}", _REMEDY, file=file))
    ids = pl.Series("clip_id", clip_ids, dtype=pl.String)
    if blank := ids.is_null().arg_true().to_list():
        problems.append(
            Problem(
                "missing-value",
                f"{len(blank)} rows have no clip_id",
                "Fill the cells.",
                file=file,
                row=blank[0] + 2,
            )
        )
    repeated = ids.drop_nulls().value_counts().filter(pl.col("count") > 1).sort("clip_id")
    for clip, count in repeated.iter_rows():
        message = f"{count} rows for one clip; legal is one"
        problems.append(
            Problem(
                "several-rows-per-clip", message, "Pool them to one row per clip.", file=file, clip_id=clip
            )
        )
    with np.errstate(over="ignore"):
        finite = np.isfinite(values.astype(np.float32))
    for row in np.flatnonzero(~finite.all(axis=1)).tolist():
        column = names[int(np.flatnonzero(~finite[row])[0])]
        came = values[row][~finite[row]][0]
        message = f"{column} is {'empty or NaN' if np.isnan(came) else came}; legal is a finite number"
        remedy = "Leave out the row if the clip lacks the modality; else correct the cell."
        problems.append(
            Problem(
                "not-finite",
                message,
                remedy,
                file=file,
                row=row + 2 if has_rows else None,
                clip_id=clip_ids[row],
            )
        )
    return problems
