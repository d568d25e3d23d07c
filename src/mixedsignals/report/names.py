"""Rows of `estimates` as figures take them: what a row is called, and the chance level that stands beside it.

The chance level of a measure is the estimate `chance:MEASURE` of the same source and slice. Measures that no
section knows by name still reach the page, in the table of all estimates.
"""

from __future__ import annotations

from typing import Any

import polars as pl

from mixedsignals.report.views import Views, given_order, source_order

__all__ = ["estimate_rows", "row_name"]


def row_name(source: str, piece: str) -> str:
    """What one row of a figure is called: the source, or the source with what it was given."""
    named = " and ".join(source.split("|"))
    if piece == "all":
        return named
    key, _, value = piece.partition("=")
    if key == "given":
        said = value.replace("+", " + ")
        return said if source == "people" else f"{named} of {said}"
    if key == "models":
        return "where all agree" if value == "agree" else "where they part"
    return f"{named}, {key} {value}"


def estimate_rows(views: Views, measure: str, *, slices: tuple[str, ...] = ("all",)) -> list[dict[str, Any]]:
    """Estimates of a measure with their chance level, in reading order; rows without a value are left out.

    Args:
        views: of the run.
        measure: as in `estimates.measure`.
        slices: which slices, each whole (`all`) or the beginning of several (`given=`).

    Returns:
        The rows of the table, each with name, base, base_low and base_high.
    """
    table = views.run.estimates
    if table is None or table.is_empty():
        return []
    wanted = pl.any_horizontal(
        [pl.col("slice").str.starts_with(s) if s.endswith("=") else pl.col("slice") == s for s in slices]
    )
    rows = table.filter((pl.col("measure") == measure) & wanted & pl.col("value").is_not_null()).to_dicts()
    chance = table.filter(pl.col("measure") == f"chance:{measure}").to_dicts()
    bases = {(row["source"], row["slice"]): row for row in chance}
    order = source_order([row["source"] for row in rows], views.run.fusion)
    slices_order = given_order([row["slice"].removeprefix("given=") for row in rows])
    rows.sort(
        key=lambda row: (
            order.index(row["source"]),
            row["slice"] == "all",
            slices_order.index(row["slice"].removeprefix("given=")),
        )
    )
    none: dict[str, Any] = {}
    return [
        row
        | {"name": row_name(row["source"], row["slice"])}
        | {key: bases.get((row["source"], row["slice"]), none).get(of) for key, of in _BASE.items()}
        for row in rows
    ]


_BASE = {"base": "value", "base_low": "low", "base_high": "high"}
