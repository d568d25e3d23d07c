"""`docs/tables.md` from the declarations in `mixedsignals.tables`."""

from __future__ import annotations

import polars as pl

from making.markdown import GENERATED, table
from mixedsignals.tables import TABLES, Column, Table

__all__ = ["tables_page"]

_KINDS = {pl.String(): "text", pl.Int64(): "whole number", pl.Float64(): "number"}
_INTRO = """# Tables

Every table is long (one row per fact) and has no index. The key is in bold, and `?` marks what may be null or absent.
On disk tables are Parquet, with the schema version in the metadata; at the door CSV (UTF-8), Polars, pandas and Arrow
are taken too. Keys and labels are text: `0012` stays `0012`, and only an empty cell is missing.
"""


def tables_page() -> str:
    """The whole page."""
    return "\n".join([GENERATED, "", _INTRO, *(_section(declared) for declared in TABLES.values())])


def _section(declared: Table) -> str:
    rows = [_row(declared, column) for column in declared.columns]
    key = ", ".join(f"`{name}`" for name in declared.key)
    head = ("column", "type", "legal", "meaning")
    return "\n".join(
        [
            f"## {declared.name}",
            "",
            declared.meaning,
            "",
            table(head, rows),
            "",
            f"Key: {key}. Schema version {declared.schema_version}.",
            "",
        ]
    )


def _row(declared: Table, column: Column) -> tuple[str, str, str, str]:
    name = f"**{column.name}**" if column.name in declared.key else column.name
    kind = _KINDS[column.dtype] + (f" ({column.unit})" if column.unit else "")
    return f"{name}{'?' if column.nullable else ''}", kind, _legal(column), column.meaning


def _legal(column: Column) -> str:
    said = []
    if column.legal is not None:
        said.append(", ".join(f"`{value}`" for value in column.legal))
    if column.check is not None:
        said.append(column.check[1])
    if column.low is not None:
        said.append(
            f"at least {column.low:g}" if column.high is None else f"{column.low:g} to {column.high:g}"
        )
    if column.is_label:
        said.append("one of the labels")
    if column.default is not None:
        said.append(f"{column.default} if absent")
    return "; ".join(said)
