"""Tables on disk: Parquet, and delimited text (`.csv`) in which every cell is text and only an empty one is missing."""

from __future__ import annotations

import gzip
import zlib
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


def read_table(table: Table, path: Path | str, *, labels: Labels | None = None) -> pl.DataFrame:
    """Read and check one table.

    Raises:
        InputError: the file cannot be read, or has faults (all of them, with their rows).
    """
    return conform(table, read_frame(path), source=Path(path).name, labels=labels)


def write_table(table: Table, frame: pl.DataFrame, path: Path | str) -> None:
    """Check and write one table as Parquet, atomically, with its name and schema version in the metadata.

    Raises:
        InputError: the frame has faults.
        CannotFinish: the disk is full or the folder cannot be written.
    """
    whole = conform(table, frame)
    metadata = {"mixedsignals.table": table.name, "mixedsignals.schema_version": str(table.schema_version)}
    with atomic(path) as partial:
        whole.write_parquet(partial, metadata=metadata)


def _file_problem(code: str, path: Path, message: str, remedy: str) -> Problem:
    return Problem(code, message, remedy, file=path.name)
