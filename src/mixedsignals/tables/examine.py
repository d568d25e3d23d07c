"""Checks at the door: data of any make is brought into the declared form, and every fault is named with its row."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from mixedsignals.errors import InputError, Problem
from mixedsignals.labels import Labels
from mixedsignals.tables.column import Column, Table

__all__ = ["conform", "examine", "frame_of", "hashes_of"]

_NAMED_ROWS = 1_000


def frame_of(data: Any) -> pl.DataFrame:
    """Polars, pandas, Arrow, a mapping of columns or a list of rows, as a Polars frame.

    A pandas NaN is a missing value; categories become strings.

    Raises:
        InputError: anything else.
    """
    if isinstance(data, pl.DataFrame):
        return data
    if isinstance(data, pl.LazyFrame):
        return data.collect()
    try:
        if type(data).__module__.startswith("pandas"):
            columns = {
                str(name): data[name].astype(object).where(data[name].notna(), None).to_list()
                for name in data
            }
            return pl.DataFrame(columns, strict=False, infer_schema_length=None)
        return pl.DataFrame(data, strict=False, infer_schema_length=None)
    except (TypeError, ValueError, pl.exceptions.PolarsError) as error:
        raise InputError(
            Problem(
                code="not-a-table",
                message=f"{type(data).__name__} cannot be read as a table ({error})",
                remedy="Give a Polars, pandas or Arrow table, a dict of columns or a list of dicts.",
            )
        ) from error


def examine(
    table: Table, data: Any, *, source: str | None = None, labels: Labels | None = None, keys: bool = True
) -> tuple[pl.DataFrame, list[Problem]]:
    """Bring `data` into the declared form as far as possible, and list every fault with its row.

    Cells that cannot be read become null in the frame; missing columns are added as null.

    Args:
        source: file or name for the problems; the table's name when absent.
        labels: the corpus's labels, to check label columns against.
        keys: whether repeated keys are looked for; not where they were before.
    """
    source = source or table.name
    problems: list[Problem] = []
    frame = _without_categories(frame_of(data))
    missing = [c.name for c in table.columns if not c.nullable and c.name not in frame.columns]
    if missing:
        problems.append(_missing_columns(frame, missing, source))
    unknown = [] if table.open else [name for name in frame.columns if name not in table.schema]
    if unknown:
        problems.append(_unknown_columns(table, unknown, source))
    columns = []
    for column in table.columns:
        if column.name not in frame.columns:
            filled = pl.Series(column.name, [column.default], dtype=column.dtype)
            columns.append(filled.new_from_index(0, frame.height))
            continue
        cast, faults = _examine_column(column, frame, source, labels)
        columns.append(cast)
        problems.extend(faults)
    further = [frame[name] for name in frame.columns if table.open and name not in table.schema]
    whole = pl.DataFrame([*columns, *further])
    whole = _counted(table, whole, frame.columns)
    if keys:
        problems.extend(_repeated_keys(table, whole, source))
    return whole, problems


def conform(
    table: Table, data: Any, *, source: str | None = None, labels: Labels | None = None, keys: bool = True
) -> pl.DataFrame:
    """`examine`, refusing any fault.

    Raises:
        InputError: all faults at once.
    """
    frame, problems = examine(table, data, source=source, labels=labels, keys=keys)
    if problems:
        raise InputError(problems)
    return frame


def _without_categories(frame: pl.DataFrame) -> pl.DataFrame:
    """No Enum or Categorical crosses a door."""
    enums = [name for name, dtype in frame.schema.items() if dtype in (pl.Categorical, pl.Enum)]
    return frame.with_columns(pl.col(enums).cast(pl.String)) if enums else frame


def _counted(table: Table, whole: pl.DataFrame, came: list[str]) -> pl.DataFrame:
    """Bare anonymous votes (nothing but clip, condition and label) become counts, which loses nothing."""
    facts = {"clip_id", "given", "label"}
    if table.name != "votes" or not facts <= set(came) <= facts | {"occasion"}:
        return whole
    keys = [name for name in whole.columns if name != "count"]
    counted = whole.group_by(keys, maintain_order=True).len(name="count")
    return counted.with_columns(pl.col("count").cast(pl.Int64)).select(whole.columns)


def _examine_column(
    column: Column, frame: pl.DataFrame, source: str, labels: Labels | None
) -> tuple[pl.Series, list[Problem]]:
    came = frame[column.name]
    if column.dtype == pl.String and came.dtype == pl.String:
        came = came.set(came == "", None) if (came == "").any() else came
    cast = _cast(came, column.dtype)
    faults = [(cast.is_null() & came.is_not_null(), "not-a-value", _kind(column))]
    if column.default is not None:
        cast = cast.fill_null(column.default)
    if column.dtype == pl.Float64:
        faults.append((cast.is_nan().fill_null(value=False), "not-finite", "a finite number"))
        faults.append((cast.is_infinite().fill_null(value=False), "not-finite", "a finite number"))
    if not column.nullable:
        faults.append((came.is_null(), "missing-value", "a value in every row"))
    faults.extend(_legal_faults(column, cast, labels))
    problems = [
        p
        for mask, code, legal in faults
        for p in _row_problems(column, frame, came, mask, code, legal, source)
    ]
    if column.dtype == pl.Float64:
        cast = cast.set(~cast.is_finite(), None) if not cast.is_finite().all() else cast
    return cast.alias(column.name), problems


def _cast(came: pl.Series, dtype: pl.DataType) -> pl.Series:
    if came.dtype == dtype:
        return came
    if dtype == pl.String and came.dtype.is_float():
        return pl.Series(came.name, [None], dtype=pl.String).new_from_index(0, len(came))
    if dtype == pl.Int64 and came.dtype == pl.String:
        came = came.str.strip_chars()
        whole = came.cast(pl.Int64, strict=False)
        return (
            whole
            if whole.null_count() == came.null_count()
            else whole.fill_null(_whole(came.cast(pl.Float64, strict=False)))
        )
    if dtype == pl.Int64 and came.dtype.is_float():
        return _whole(came)
    if dtype == pl.Float64 and came.dtype == pl.String:
        came = came.str.strip_chars()
    return came.cast(dtype, strict=False)


def _whole(numbers: pl.Series) -> pl.Series:
    whole = numbers.cast(pl.Int64, strict=False)
    return whole.set((whole.cast(pl.Float64) != numbers).fill_null(value=False), None)


def _kind(column: Column) -> str:
    if column.dtype == pl.String:
        return "text (ids read as floating-point numbers have lost their spelling)"
    return "a whole number" if column.dtype == pl.Int64 else "a number"


def _legal_faults(
    column: Column, cast: pl.Series, labels: Labels | None
) -> Iterable[tuple[pl.Series, str, str]]:
    if column.low is not None:
        high = "" if column.high is None else f" and at most {column.high:g}"
        slack = 1e-9
        outside = (
            cast < column.low - slack
            if column.high is None
            else (cast < column.low - slack) | (cast > column.high + slack)
        )
        yield outside.fill_null(value=False), "out-of-range", f"at least {column.low:g}{high}"
    if column.legal is not None:
        yield _outside(cast, column.legal), "illegal-value", f"one of {', '.join(column.legal)}"
    if column.check is not None:
        legal = [value for value in cast.unique().drop_nulls() if column.check[0](value)]
        yield _outside(cast, legal), f"unknown-{column.name}", column.check[1]
    if column.is_label and labels is not None:
        yield _outside(cast, labels.names), "unknown-label", f"one of {', '.join(labels.names)}"


def _outside(cast: pl.Series, legal: Iterable[str]) -> pl.Series:
    return ~cast.is_in(pl.Series(list(legal), dtype=pl.String).implode()).fill_null(value=True)


def _row_problems(
    column: Column, frame: pl.DataFrame, came: pl.Series, mask: pl.Series, code: str, legal: str, source: str
) -> Iterable[Problem]:
    rows = mask.arg_true().to_list()
    remedy = "Correct the cell." if code != "missing-value" else "Fill the cell, or leave out the row."
    clips = frame["clip_id"].cast(pl.String, strict=False) if "clip_id" in frame.columns else None
    for row in rows[:_NAMED_ROWS]:
        value = came[row]
        message = (
            f"{column.name} is empty; legal is {legal}"
            if value is None
            else f"{column.name} is {value!r}; legal is {legal}"
        )
        yield Problem(
            code, message, remedy, file=source, row=row + 2, clip_id=None if clips is None else clips[row]
        )
    if len(rows) > _NAMED_ROWS:
        yield Problem(
            code,
            f"{column.name}: {len(rows) - _NAMED_ROWS} further rows have this fault",
            remedy,
            file=source,
        )


def _repeated_keys(table: Table, frame: pl.DataFrame, source: str) -> Iterable[Problem]:
    keys = frame.select(table.key)
    if frame.is_empty() or not _may_repeat(keys):
        return
    # Equal keys have equal hashes, so only rows that share one are looked at.
    suspects = keys.with_row_index("_row").filter(pl.Series(hashes_of(keys)).is_duplicated())
    # A row whose key is incomplete has its own fault, and is no repeat of another.
    required = [c.name for c in table.columns if c.name in table.key and not c.nullable]
    first = pl.struct(table.key).is_first_distinct() | pl.any_horizontal(pl.col(required).is_null())
    rows = suspects.filter(~first)["_row"].to_list()
    for row in rows[:_NAMED_ROWS]:
        key = ", ".join(f"{name} {frame[name][row]!r}" for name in table.key)
        clip = frame["clip_id"][row] if "clip_id" in table.key else None
        yield Problem(
            "duplicate-id",
            f"a second row for {key}",
            "Keep one row for each.",
            file=source,
            row=row + 2,
            clip_id=clip,
        )
    if len(rows) > _NAMED_ROWS:
        yield Problem(
            "duplicate-id",
            f"{len(rows) - _NAMED_ROWS} further rows repeat a key",
            "Keep one row for each.",
            file=source,
        )


def _may_repeat(keys: pl.DataFrame) -> bool:
    """Whether two rows have the same hash: sorting hashes takes a fraction of the time of comparing keys."""
    hashes = hashes_of(keys)
    hashes.sort()
    return bool((hashes[1:] == hashes[:-1]).any())


def hashes_of(keys: pl.DataFrame) -> npt.NDArray[np.uint64]:
    """A hash of each row (n,); equal rows have equal hashes, unequal ones very rarely. Columns that always say the
    same are passed over.
    """
    told = [column for column in keys.iter_columns() if column.null_count() or (column != column[0]).any()]
    if not told or keys.is_empty():
        return np.zeros(keys.height, dtype=np.uint64)
    return np.concatenate([part.hash_rows().to_numpy() for part in pl.DataFrame(told).iter_slices(500_000)])


def _missing_columns(frame: pl.DataFrame, missing: list[str], source: str) -> Problem:
    return Problem(
        code="missing-column",
        message=f"no column {', '.join(missing)}; there are {', '.join(frame.columns) or 'none'}",
        remedy=f"Add {'it' if len(missing) == 1 else 'them'}, or map your own names in corpus.toml.",
        file=source,
    )


def _unknown_columns(table: Table, unknown: list[str], source: str) -> Problem:
    return Problem(
        code="unknown-column",
        message=f"columns {', '.join(unknown)} are not part of the table {table.name} ({', '.join(table.schema)})",
        remedy="Remove or rename them.",
        file=source,
    )
