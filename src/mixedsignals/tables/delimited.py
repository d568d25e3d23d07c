"""Delimited text as people and spreadsheets write it, read without guessing at values.

Every cell is text and only an empty one is missing. Commas, semicolons and tabs are told apart by the header line, a
byte order mark and any line ends are accepted; a row with too few or too many cells is a fault, never padded or cut.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from pathlib import Path

import polars as pl

from mixedsignals.errors import InputError, Problem

__all__ = ["read_delimited"]

_NAMED_ROWS = 1_000
_SEPARATORS = (",", ";", "\t")
_QUOTES = 'Check the quotes: a cell with a quote in it is written "so ""quoted"" cells".'


def read_delimited(content: bytes, path: Path) -> pl.DataFrame:
    """The table in the bytes of a `.csv` file.

    Args:
        content: the bytes; `path` only names them in problems.

    Raises:
        InputError: not UTF-8, empty, a repeated or empty column name, quotes that do not close, or rows whose number of
            cells is not that of the header (all of them, with their rows).
    """
    text = _decoded(content.removeprefix(b"\xef\xbb\xbf"), path)
    if not text.strip():
        raise InputError(
            _problem("empty-file", path, "is empty", "Write a header line and one row per fact.")
        )
    separator = _separator(text)
    if problems := list(_layout_faults(text, separator, path)):
        raise InputError(problems)
    try:
        frame = pl.read_csv(io.BytesIO(text.encode()), infer_schema=False, separator=separator)
    except pl.exceptions.PolarsError as error:
        message = f"cannot be read as delimited text ({str(error).splitlines()[0]})"
        raise InputError(_problem("unreadable-table", path, message, _QUOTES)) from error
    return _without_empty_end(frame.rename(str.strip))


def _decoded(content: bytes, path: Path) -> str:
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        row = content.count(b"\n", 0, error.start) + 1
        message = f"byte {content[error.start]:#04x} is not UTF-8"
        remedy = "Save the file as UTF-8 (a spreadsheet calls it 'CSV UTF-8')."
        raise InputError(_problem("not-utf-8", path, message, remedy, row)) from error
    return text if "\n" in text else text.replace("\r", "\n")


def _separator(text: str) -> str:
    """The comma, unless the header line has none and has one of the others."""
    header = re.sub(r'"[^"]*"', "", text.split("\n", 1)[0])
    return next((mark for mark in _SEPARATORS if mark in header), ",")


def _layout_faults(text: str, separator: str, path: Path) -> Iterator[Problem]:
    # The fast reader would pad a short row with empty cells, and not say where a quote is left open.
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    row = 0
    try:
        header = next(reader)
        row = 1
        yield from _header_faults([name.strip() for name in header], path)
        wrong = []
        for cells in reader:
            row += 1
            if len(cells) != len(header) and cells:
                wrong.append((row, len(cells)))
    except csv.Error as error:
        if "field larger" not in str(error):
            message = f"cannot be read as delimited text from here on ({error})"
            yield _problem("unreadable-table", path, message, _QUOTES, row + 1)
        return
    yield from _ragged(wrong, len(header), path)


def _header_faults(header: list[str], path: Path) -> Iterator[Problem]:
    if twice := sorted({name for name in header if header.count(name) > 1 and name}):
        message = f"the header has {', '.join(twice)} twice"
        yield _problem("repeated-column", path, message, "Give every column a name of its own.", 1)
    if header.count("") > 1:
        message = f"{header.count('')} columns have no name"
        yield _problem("unnamed-column", path, message, "Name the columns, or remove them.", 1)


def _ragged(wrong: list[tuple[int, int]], columns: int, path: Path) -> Iterator[Problem]:
    remedy = "Complete the row, or put quotes around a cell with a separator in it."
    for row, cells in wrong[:_NAMED_ROWS]:
        message = f"{cells} cell{'s' * (cells != 1)} where the header has {columns}"
        yield _problem("ragged-row", path, message, remedy, row)
    if len(wrong) > _NAMED_ROWS:
        message = f"{len(wrong) - _NAMED_ROWS} further rows have too few or too many cells"
        yield _problem("ragged-row", path, message, remedy)


def _without_empty_end(frame: pl.DataFrame) -> pl.DataFrame:
    """Without the empty rows that spreadsheets leave at the end; one in the middle stays, and is a fault later."""
    full = frame.select(~pl.all_horizontal(pl.all().is_null())).to_series().arg_true()
    return frame.head(int(full[-1]) + 1 if len(full) else 0)


def _problem(code: str, path: Path, message: str, remedy: str, row: int | None = None) -> Problem:
    return Problem(code, message, remedy, file=path.name, row=row)
