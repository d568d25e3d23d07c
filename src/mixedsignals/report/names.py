"""The measure names that the page knows, what they are called in words, and which estimate is whose baseline.

Names that are not listed here still reach the page, in the table of all estimates.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

__all__ = ["BASELINES", "named_rows", "row_name"]

BASELINES: Mapping[str, Sequence[str]] = {
    "macro_f1": ("macro_f1_chance", "chance_macro_f1"),
    "weighted_f1": ("weighted_f1_chance", "chance_weighted_f1"),
    "accuracy": ("accuracy_chance", "chance_accuracy"),
    "disagreement_rate": ("disagreement_rate_chance", "disagreement_chance", "chance_disagreement"),
    "misled_rate": ("misled_rate_chance", "misled_chance", "chance_misled"),
    "rescued_rate": ("rescued_rate_chance", "rescued_chance", "chance_rescued"),
}
"""Measure to the estimate of its baseline, the first that a run has."""


def row_name(source: str, piece: str) -> str:
    """What one row of a figure is called: the source, or the source with what it was given."""
    if piece == "all":
        return source
    key, _, value = piece.partition("=")
    if key == "given":
        return f"{source} of {value.replace('+', ' + ')}" if source != "people" else value.replace("+", " + ")
    return f"{source}, {key} {value}"


def named_rows(rows: pl.DataFrame, baseline: pl.DataFrame) -> list[dict[str, Any]]:
    """Rows of `estimates` as the dot figure takes them, with their baseline joined by source and slice."""
    bases: dict[tuple[str, str], dict[str, Any]] = {}
    if not baseline.is_empty():
        bases = {(row["source"], row["slice"]): row for row in baseline.to_dicts()}
    result = []
    for row in rows.to_dicts():
        if row["value"] is None:
            continue
        base = bases.get((row["source"], row["slice"]), {})
        result.append(
            row
            | {"name": row_name(row["source"], row["slice"])}
            | {"base": base.get("value"), "base_low": base.get("low"), "base_high": base.get("high")}
        )
    return result
