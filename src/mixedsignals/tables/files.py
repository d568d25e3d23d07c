"""Tables on disk: Parquet, and delimited text (`.csv`) in which every cell is text and only an empty one is missing."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Sequence
from pathlib import Path

import polars as pl

from mixedsignals.errors import InputError, Problem
from mixedsignals.labels import Labels
from mixedsignals.store import atomic
from mixedsignals.tables.column import Table
from mixedsignals.tables.delimited import read_delimited
from mixedsignals.tables.examine import conform

__all__ = ["read_frame", "read_table", "write_table"]


def read_frame(path: Path | str) -> pl.DataFrame:
    """A `.parquet` file, or a `.csv` (or `.csv.gz`) file with every cell as text and empty cells as null.

    Raises:
        InputError: the file is missing, not UTF-8, ragged (every such row is named), or of another kind.
    """
    path = Path(path)
    if path.is_dir():
        raise InputError(
            _file_problem("unreadable-table", path, "is a folder", "Name a .csv or .parquet file.")
        )
    try:
        if path.suffix == ".parquet":
            return pl.read_parquet(path)
        content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except FileNotFoundError as error:
        raise InputError(_file_problem("missing-file", path, "is not there", "Check the path.")) from error
    except (OSError, EOFError, zlib.error, pl.exceptions.PolarsError) as error:
        message = f"cannot be read as a table ({error})"
        raise InputError(
            _file_problem("unreadable-table", path, message, "Write it again as Parquet or CSV.")
        ) from error
    return read_delimited(content, path)


def read_table(
    table: Table,
    path: Path | str,
    *,
    labels: Labels | None = None,
    columns: Sequence[str] | None = None,
    where: pl.Expr | None = None,
) -> pl.DataFrame:
    """Read and check one table; one that `write_table` wrote was checked then, and is only read.

    Args:
        labels: the corpus's labels, to check label columns against.
        columns: which columns to keep; all by default.
        where: which rows to keep; of a large table written here the others are not even loaded.

    Raises:
        InputError: the file cannot be read, or has faults (all of them, with their rows).
    """
    if labels is None and _is_ours(table, Path(path)):
        lazy = pl.scan_parquet(path)
    else:
        lazy = conform(table, read_frame(path), source=Path(path).name, labels=labels).lazy()
    lazy = lazy if where is None else lazy.filter(where)
    return (lazy if columns is None else lazy.select(columns)).collect()


def _is_ours(table: Table, path: Path) -> bool:
    """Whether the file has our mark and, as a mark may be copied, the form that it stands for."""
    if path.suffix != ".parquet" or not path.is_file():
        return False
    try:
        told, schema = pl.read_parquet_metadata(path), pl.read_parquet_schema(path)
    except (OSError, pl.exceptions.PolarsError):
        return False
    marked = all(told.get(key) == value for key, value in _mark(table).items())
    declared = all(schema.get(name) == dtype for name, dtype in table.schema.items())
    return marked and declared and (table.open or len(schema) == len(table.schema))


def _mark(table: Table) -> dict[str, str]:
    return {"mixedsignals.table": table.name, "mixedsignals.schema_version": str(table.schema_version)}


def write_table(table: Table, frame: pl.DataFrame, path: Path | str, *, checked: bool = False) -> None:
    """Check and write one table as Parquet, atomically, with its name and schema version in the metadata.

    Args:
        checked: the frame comes from `conform` or `read_table` as it is, so its keys are not compared again.

    Raises:
        InputError: the frame has faults.
        CannotFinish: the disk is full or the folder cannot be written.
    """
    whole = conform(table, frame, keys=not checked)
    with atomic(path) as partial:
        whole.write_parquet(partial, metadata=_mark(table))


def _file_problem(code: str, path: Path, message: str, remedy: str) -> Problem:
    return Problem(code, message, remedy, file=path.name)
