"""Whom fusion follows, as one table at the end of `probe`, `run` and `demo`; all of it read from the saved tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import click
import polars as pl

from mixedsignals.cli._columns import print_columns
from mixedsignals.labels import combination
from mixedsignals.probe_options import asked_in
from mixedsignals.store import RunFolder

__all__ = ["dominance_rows", "interval", "print_dominance", "print_whom"]

_COLUMNS = (
    ("Shapley value", "shapley:{0}", "all"),
    ("follow rate", "follow_rate", "swapped={0}"),
    ("misled by it alone", "unsupported_dominance_rate", "modality={0}"),
    ("if modalities were shuffled", "null:unsupported_dominance_rate", "modality={0}"),
)


def print_whom(folder: RunFolder) -> None:
    """The table at the end of a run; of a run that was not probed, how to have it."""
    manifest = folder.read_manifest()
    if asked_in(manifest):
        click.echo("\nWho misleads whom:")
        print_dominance(dominance_rows(pl.read_parquet(folder.table("estimates"))))
    elif manifest.get("fit", {}).get("done") and len(manifest.get("encoders", {})) > 1:
        click.echo(f"\nWho misleads whom: mixedsignals probe {folder.path}")


def print_dominance(rows: Sequence[Mapping[str, Any]]) -> None:
    """One line per fusion and modality, and what the numbers are."""
    if rows:
        print_columns([_cells(row) for row in rows])
        click.echo(
            "Shapley value: share of clips right that it adds to what the shares of labels alone give."
        )


def dominance_rows(estimates: pl.DataFrame) -> list[dict[str, Any]]:
    """One record per fusion and modality; each measure with its interval, or absent."""
    found = {(r["measure"], r["source"], r["slice"]): r for r in estimates.iter_rows(named=True)}
    named = estimates.filter(pl.col("measure").str.contains("^(shapley:|follow_rate$)"))
    sources = [name for name in named["source"].unique(maintain_order=True) if "~" not in name]
    modalities = _modalities(estimates)
    rows = []
    for source in sources:
        for modality in modalities:
            keys = {
                title: (m.format(modality), source, where.format(modality)) for title, m, where in _COLUMNS
            }
            there = {title: found[key] for title, key in keys.items() if key in found}
            if there:
                interval = {t: {end: r[end] for end in ("value", "low", "high")} for t, r in there.items()}
                rows.append({"fusion": source, "modality": modality, **interval})
    return rows


def _modalities(estimates: pl.DataFrame) -> list[str]:
    measures = estimates["measure"].unique()
    values = [name.removeprefix("shapley:") for name in measures if name.startswith("shapley:")]
    slices = estimates.filter(measure="follow_rate")["slice"].unique()
    swapped = [name.removeprefix("swapped=") for name in slices if name.startswith("swapped=")]
    every = {*values, *swapped}
    return combination(every).split("+") if every else []


def _cells(row: Mapping[str, Any]) -> dict[str, str]:
    cells = {"fusion": row["fusion"], "modality": row["modality"]}
    for title, *_ in _COLUMNS:
        found = row.get(title)
        cells[title] = "" if found is None else interval(found)
    return cells


def interval(found: Mapping[str, float | None]) -> str:
    """`value [low, high]`, or the value alone."""
    value, low, high = (
        None if found[end] is None else _rounded(found[end]) for end in ("value", "low", "high")
    )
    return str(value) if low is None or high is None else f"{value} [{low}, {high}]"


def _rounded(number: float | None) -> str:
    return f"{round(number or 0.0, 3) + 0.0:.3f}"  # no zero has a sign
