"""Ready-made features: one row of numbers per clip and modality, made elsewhere.

They are joined to clips by id, never by order. One reader serves whoever checks a corpus and whoever encodes it.
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

_SUFFIXES = (".parquet", ".npz", ".csv", ".csv.gz")
_REMEDY = "Write a .parquet or .csv with clip_id and numeric columns, or an .npz with clip_ids and values."
_NAMED_ROWS = 1_000

Numbers = npt.NDArray[np.float64]


def read_features(path: Path | str, modality: str, *, file: str | None = None) -> Embeddings:
    """Read ready-made features of one modality.

    Args:
        path: a `.parquet` or `.csv` with a column `clip_id` and numeric columns (or one column of equally long lists),
            or an `.npz` with `clip_ids` (n) and `values` (n, d). One row per clip; a clip without the modality is
            simply absent.
        modality: for the card.
        file: name of the file in problems; `path`'s own when absent.

    Returns:
        Embeddings. Their card is the one that an `.npz` of `Embeddings.save` brings; else its encoder is `features:`
        and the file's name, and its revision the digest of the file.

    Raises:
        InputError: the file cannot be read, is of another modality, has several rows for a clip, a column that is not
            numeric, no columns or rows, or cells that are empty, NaN or infinite. All faults are named.
    """
    path = Path(path)
    file = file or path.name
    if not path.is_file():
        raise _fault("missing-features", "is not there", "Put the file there or correct corpus.toml.", file)
    if not path.name.endswith(_SUFFIXES):
        raise _fault("unreadable-features", f"ends in {path.suffix!r}", _REMEDY, file)
    try:
        clip_ids, values, names, card = (
            _read_npz(path) if path.suffix == ".npz" else _read_columns(path, file)
        )
    except (OSError, ValueError, KeyError, zipfile.BadZipFile, pl.exceptions.PolarsError) as error:
        why = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise _fault("unreadable-features", f"cannot be read as features ({why})", _REMEDY, file) from error
    if card is not None and card.modality != modality:
        message = f"holds {card.modality} embeddings and was given for {modality}"
        raise _fault("wrong-modality", message, "Name the right file.", file)
    if problems := _problems(clip_ids, values, names, file, has_rows=path.suffix != ".npz"):
        raise InputError(problems)
    made = Card(modality, f"features:{path.name}", digest_file(path), layer="as given", pooling="as given")
    return Embeddings(tuple(str(clip) for clip in clip_ids), values.astype(np.float32), card or made)


def _fault(code: str, message: str, remedy: str, file: str) -> InputError:
    return InputError(Problem(code, message, remedy, file=file))


def _read_npz(path: Path) -> tuple[list[str | None], Numbers, list[str], Card | None]:
    with np.load(path, allow_pickle=False) as content:
        if not {"clip_ids", "values"} <= set(content.files):
            found = ", ".join(sorted(content.files)) or "nothing"
            raise ValueError(f"it holds {found}; clip_ids and values are needed")
        clip_ids: list[str | None] = [str(clip) for clip in content["clip_ids"]]
        values = content["values"]
        saved = "card" in content.files
    if values.dtype.kind not in "fiub":
        raise ValueError(f"values are of type {values.dtype}, not numbers")
    if values.ndim != 2 or len(values) != len(clip_ids):
        raise ValueError(
            f"values have shape {values.shape} for {len(clip_ids)} clip ids; legal is one row per clip"
        )
    names = [f"column {number}" for number in range(values.shape[1])]
    return clip_ids, values.astype(np.float64), names, Embeddings.load(path).card if saved else None


def _read_columns(path: Path, file: str) -> tuple[list[str | None], Numbers, list[str], None]:
    frame = read_frame(path)
    if "clip_id" not in frame.columns:
        raise ValueError(f"no column clip_id; there are {', '.join(frame.columns[:10])}")
    clip_ids = frame["clip_id"].cast(pl.String).to_list()
    frame = _unnested(frame.drop("clip_id"), file)
    numbers = frame.select(pl.all().cast(pl.Float64, strict=False))
    words = [name for name in frame.columns if (numbers[name].is_null() & frame[name].is_not_null()).any()]
    if words:
        message = f"columns with cells that are not numbers: {', '.join(words[:10])}"
        raise _fault("not-a-number", message, "Remove the columns or correct the cells.", file)
    return clip_ids, numbers.fill_null(float("nan")).to_numpy(), frame.columns, None


def _unnested(frame: pl.DataFrame, file: str) -> pl.DataFrame:
    """A single column of lists as one column per position."""
    if frame.width != 1 or not isinstance(frame.dtypes[0], pl.List | pl.Array):
        nested = [name for name, dtype in frame.schema.items() if dtype.is_nested()]
        if nested:
            message = f"columns with cells that are not numbers: {', '.join(nested[:10])}"
            raise _fault("not-a-number", message, "Keep one column of lists, or columns of numbers.", file)
        return frame
    lists = frame.to_series()
    if isinstance(lists.dtype, pl.Array):
        lists = lists.cast(pl.List(lists.dtype.inner))
    lengths = lists.list.len()
    if lists.null_count() or lengths.n_unique() != 1 or not lengths[0]:
        message = f"the lists in {lists.name} are empty or of different lengths"
        remedy = "Give every clip a list of the same length; leave out clips without features."
        raise _fault("ragged-features", message, remedy, file)
    return pl.DataFrame({f"{lists.name}[{place}]": lists.list.get(place) for place in range(int(lengths[0]))})


def _problems(
    clip_ids: list[str | None], values: Numbers, names: list[str], file: str, *, has_rows: bool
) -> list[Problem]:
    problems = []
    if not names or not len(clip_ids):
        what = "no rows" if names else "no columns of numbers"
        problems.append(Problem("empty-features", f"has {what}", _REMEDY, file=file))
    ids = pl.Series("clip_id", clip_ids, dtype=pl.String)
    if blank := ids.is_null().arg_true().to_list():
        message = f"{len(blank)} rows have no clip_id"
        problems.append(Problem("missing-value", message, "Fill the cells.", file=file, row=blank[0] + 2))
    repeated = ids.drop_nulls().value_counts().filter(pl.col("count") > 1).sort("clip_id")
    for clip, count in repeated.iter_rows():
        message, remedy = f"{count} rows for one clip; legal is one", "Pool them to one row per clip."
        problems.append(Problem("several-rows-per-clip", message, remedy, file=file, clip_id=clip))
    with np.errstate(over="ignore"):
        finite = np.isfinite(values.astype(np.float32))
    wrong = np.flatnonzero(~finite.all(axis=1)).tolist()
    remedy = "Leave out the row if the clip lacks the modality; else correct the cell."
    for row in wrong[:_NAMED_ROWS]:
        column = names[int(np.flatnonzero(~finite[row])[0])]
        came = values[row][~finite[row]][0]
        message = f"{column} is {'empty or NaN' if np.isnan(came) else came}; legal is a finite number"
        line = row + 2 if has_rows else None
        problems.append(Problem("not-finite", message, remedy, file=file, row=line, clip_id=clip_ids[row]))
    if len(wrong) > _NAMED_ROWS:
        message = f"{len(wrong) - _NAMED_ROWS} further rows have such cells"
        problems.append(Problem("not-finite", message, remedy, file=file))
    return problems
