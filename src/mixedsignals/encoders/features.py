"""Ready-made features as an encoder: vectors that the user has already, joined by clip id and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl

from mixedsignals.embeddings import Card, Embeddings
from mixedsignals.encoders.sources import Absent
from mixedsignals.errors import CannotFinish, InputError, Problem
from mixedsignals.store import digest_file

__all__ = ["read_features", "ready_made"]

_ID = "clip_id"


def ready_made(
    clips: pl.DataFrame, modality: str, features: Embeddings | Path
) -> tuple[Embeddings, list[Absent]]:
    """Features of the clips that have some, in the order of the clips, and the clips that have none.

    Raises:
        InputError: rows for clips that are not in the corpus, or a file that `read_features` refuses.
        CannotFinish: no clip has features.
    """
    given = features if isinstance(features, Embeddings) else read_features(features, modality)
    wanted = clips[_ID].to_list()
    if unknown := sorted(set(given.clip_ids) - set(wanted)):
        raise InputError(
            Problem(
                code="unknown-clip",
                message=f"{modality} features for {len(unknown)} clips that are not in clips: {', '.join(unknown[:5])}",
                remedy="Remove these rows, or add the clips; ids must match to the letter.",
                file=None if isinstance(features, Embeddings) else str(features),
            )
        )
    having = set(given.clip_ids)
    if not having:
        raise CannotFinish(f"None of the {len(wanted)} clips has {modality} features.")
    there = [clip for clip in wanted if clip in having]
    return given.select(there), [
        Absent(clip, f"no {modality} features") for clip in wanted if clip not in having
    ]


def read_features(path: Path, modality: str) -> Embeddings:
    """Features from a file.

    Args:
        path: Parquet or CSV with `clip_id` and one numeric column per dimension, or with `clip_id` and one column of
            equally long lists; or `.npz` with `clip_ids` (n) and `values` (n, d), as `Embeddings.save` writes it.
        modality: what the features stand for.

    Raises:
        InputError: a file that cannot be read, no ids, repeated ids, columns that are not numbers, or values that are
            missing, NaN or infinite; the clips are named.
    """
    if not path.is_file():
        raise _fault(path, "missing-file", "is not there", "Correct the path of the features.")
    if path.suffix == ".npz":
        ids, values, card = _from_npz(path, modality)
    else:
        ids, values = _from_table(path)
        card = None
    try:
        return Embeddings(tuple(ids), values, card or _card(path, modality))
    except InputError as error:
        raise InputError(
            [Problem(p.code, p.message, p.remedy, file=str(path)) for p in error.problems]
        ) from error


def _card(path: Path, modality: str) -> Card:
    return Card(
        modality=modality,
        encoder=f"features:{path.name}",
        revision=digest_file(path),
        layer="as given",
        pooling="as given",
    )


def _from_npz(path: Path, modality: str) -> tuple[Sequence[str], np.ndarray, Card | None]:
    try:
        with np.load(path, allow_pickle=False) as file:
            names = set(file.files)
            if not {"clip_ids", "values"} <= names:
                found = ", ".join(sorted(names)) or "nothing"
                raise _fault(
                    path,
                    "unreadable-features",
                    f"holds {found}; clip_ids and values are needed",
                    "Save it with these.",
                )
            if "card" not in names:
                return [str(clip) for clip in file["clip_ids"].tolist()], _numbers(file["values"], path), None
    except InputError:
        raise
    except Exception as error:
        raise _fault(
            path, "unreadable-features", f"cannot be read ({error})", "Save it again as plain arrays."
        ) from error
    whole = Embeddings.load(path)
    if whole.card.modality != modality:
        message = f"holds {whole.card.modality} embeddings and was given for {modality}"
        raise _fault(path, "wrong-modality", message, "Name the right file.")
    return whole.clip_ids, whole.values, whole.card


def _numbers(values: np.ndarray, path: Path) -> np.ndarray:
    if values.dtype.kind not in "fiub":
        raise _fault(
            path, "unreadable-features", f"values are of type {values.dtype}, not numbers", "Save numbers."
        )
    return values.astype(np.float32)


def _from_table(path: Path) -> tuple[list[str], np.ndarray]:
    frame = _table(path)
    if _ID not in frame.columns or len(frame.columns) < 2:
        message = f"has the columns {', '.join(frame.columns[:8])}; clip_id and at least one more are needed"
        raise _fault(path, "missing-column", message, "Name the id column clip_id.")
    ids = frame[_ID].cast(pl.String)
    if ids.null_count():
        raise _fault(path, "missing-id", f"has {ids.null_count()} rows without clip_id", "Fill in the ids.")
    rest = frame.drop(_ID)
    if len(rest.columns) == 1 and isinstance(rest.dtypes[0], pl.List | pl.Array):
        rest = _unnest(rest.to_series(), path)
    if words := [name for name, kind in rest.schema.items() if not (kind.is_numeric() or kind == pl.Boolean)]:
        message = f"has columns that are not numbers: {', '.join(words[:5])}"
        raise _fault(path, "not-a-number", message, "Keep clip_id and numbers only.")
    return ids.to_list(), rest.cast(pl.Float32).to_numpy().reshape(len(frame), -1)


def _table(path: Path) -> pl.DataFrame:
    try:
        if path.suffix == ".parquet":
            return pl.read_parquet(path)
        if path.name.endswith((".csv", ".csv.gz")):
            return pl.read_csv(path, schema_overrides={_ID: pl.String}, infer_schema_length=None)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise _fault(path, "unreadable-features", f"cannot be read ({error})", "Save it again.") from error
    raise _fault(path, "unreadable-features", f"ends in {path.suffix!r}", "Use .parquet, .npz or .csv.")


def _unnest(series: pl.Series, path: Path) -> pl.DataFrame:
    """A column of lists to one column per position."""
    lists = series.cast(pl.List(series.dtype.inner)) if isinstance(series.dtype, pl.Array) else series
    lengths = lists.list.len()
    if lists.null_count() or lengths.n_unique() != 1 or not lengths[0]:
        message = f"the lists in {series.name} are empty or of different lengths"
        remedy = "Give every clip a list of the same length; leave out clips without features."
        raise _fault(path, "ragged-features", message, remedy)
    return pl.DataFrame({str(i): lists.list.get(i) for i in range(int(lengths[0]))})


def _fault(path: Path, code: str, message: str, remedy: str) -> InputError:
    return InputError(Problem(code=code, message=message, remedy=remedy, file=str(path)))
