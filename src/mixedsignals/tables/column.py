"""What a table and a column are: the form in which every table is declared."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import polars as pl

__all__ = ["Column", "Table"]


@dataclass(frozen=True)
class Column:
    """One column of a table.

    Attributes:
        name: the name on disk.
        dtype: String, Int64 or Float64.
        meaning: one phrase for the documentation.
        nullable: may be null or absent; an absent one is filled with `default`.
        default: the value of an absent column or an empty cell, where one is declared.
        low, high: closed range of legal numbers; None is unbounded.
        legal: the legal values, where there is a list of them.
        unit: `s`, `bits`, …
        check: a further test of single values, with the words of what is legal.
        is_label: whether values must be in the corpus's list of labels.
    """

    name: str
    dtype: pl.DataType
    meaning: str
    nullable: bool = False
    default: str | int | None = None
    low: float | None = None
    high: float | None = None
    legal: tuple[str, ...] | None = None
    unit: str | None = None
    check: tuple[Callable[[str], bool], str] | None = None
    is_label: bool = False


@dataclass(frozen=True)
class Table:
    """One table: its name, key, columns and schema version.

    Attributes:
        open: whether further columns are kept (only `clips`).
    """

    name: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    meaning: str
    open: bool = False
    schema_version: int = 1

    @property
    def schema(self) -> dict[str, pl.DataType]:
        """Column names and Polars types, in order."""
        return {column.name: column.dtype for column in self.columns}

    def empty(self) -> pl.DataFrame:
        """The table without rows."""
        return pl.DataFrame(schema=self.schema)
