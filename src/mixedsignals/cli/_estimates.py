"""Rows of estimates as cells of a printed table."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

__all__ = ["MARGIN", "estimate_cell", "no_worse", "p_cell", "row_of"]

Row = dict[str, Any]


def row_of(rows: Iterable[Row], measure: str, source: str, where: str) -> Row | None:
    """The row of an estimate on a slice, or None."""
    wanted = (measure, source, where)
    return next((row for row in rows if (row["measure"], row["source"], row["slice"]) == wanted), None)


def estimate_cell(row: Row | None, *, signed: bool = False) -> str:
    """`0.512 [0.480, 0.544]`, the value alone where it has no interval, and nothing where there is no row."""
    if row is None:
        return ""
    sign = "+" if signed else ""
    value = format(row["value"], f"{sign}.3f")
    if row["low"] is None or row["high"] is None:
        return value
    return f"{value} [{format(row['low'], f'{sign}.3f')}, {format(row['high'], f'{sign}.3f')}]"


def p_cell(row: Row | None) -> str:
    """`0.012`, and nothing where there is none."""
    return "" if row is None or row["p"] is None else f"{row['p']:.3f}"


MARGIN = 0.01
"""Macro-F1 by which a member may be worse and still be called no worse; fixed before anything was measured."""


def no_worse(rows: list[Row], first: str, where: str) -> tuple[list[str], list[Row]]:
    """Members than which `first` is shown to be no worse in a slice, and the paired differences that leave it open.

    Shown is what has the lower end of its interval above −MARGIN.
    """
    mine = [
        row
        for row in rows
        if row["measure"] == "macro_f1_gain"
        and row["slice"] == where
        and row["source"].startswith(f"{first}|")
        and row["low"] is not None
    ]
    shown = [row["source"].split("|")[1] for row in mine if row["low"] > -MARGIN]
    return shown, [row for row in mine if row["low"] <= -MARGIN]
