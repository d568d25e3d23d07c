"""Tables on disk: Parquet, and CSV in which every cell is text and only an empty cell is missing."""

from __future__ import annotations

import gzip
import io
from pathlib import Path

import polars as pl

from mixedsignals.errors import InputError, Problem
from mixedsignals.labels import Labels
from mixedsignals.store import atomic
from mixedsignals.tables.column import Table
from mixedsignals.tables.examine import conform

__all__ = ["read_frame", "read_table", "write_table"]


def read_frame(path: Path | str) -> pl.DataFrame:
    """A `.parquet` file, or a `.csv` (or `.csv.gz`) file with every cell as text and empty cells as null.

    Raises:
        InputError: the file is missing, not UTF-8, ragged, or of another kind.
    """
    path = Path(path)
    try:
        if path.suffix == ".parquet":
            return pl.read_parquet(path)
        content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except FileNotFoundError as error:
        raise InputError(_file_problem("missing-file", path, "is not there", "Check the path.")) from error
    except (OSError, pl.exceptions.PolarsError) as error:
        message = f"cannot be read as a table ({error})"
        raise InputError(
            _file_problem("unreadable-table", path, message, "Write it again as Parquet or CSV.")
        ) from error
    return _read_csv(content, path)


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


def _read_csv(content: bytes, path: Path) -> pl.DataFrame:
    content = content.removeprefix(b"\xef\xbb\xbf")
    try:
        content.decode("utf-8")
    except UnicodeDecodeError as error:
        row = content.count(b"\n", 0, error.start) + 1
        problem = _file_problem(
            "not-utf-8",
            path,
            f"byte {content[error.start]:#04x} is not UTF-8",
            "Save the file as UTF-8.",
            row,
        )
        raise InputError(problem) from error
    if not content.strip():
        raise InputError(
            _file_problem("empty-file", path, "is empty", "Write a header line and one row per fact.")
        )
    try:
        return pl.read_csv(io.BytesIO(content), infer_schema=False)
    except pl.exceptions.PolarsError as error:
        message = f"cannot be read as comma-separated values ({str(error).splitlines()[0]})"
        raise InputError(
            _file_problem("unreadable-table", path, message, "Check quotes and the number of cells.")
        ) from error


def _file_problem(code: str, path: Path, message: str, remedy: str, row: int | None = None) -> Problem:
    return Problem(code, message, remedy, file=path.name, row=row)
