"""Whom fusion follows, as `probe` and `demo` print it; everything is read from the saved tables."""

from __future__ import annotations

from typing import Any

import click
import polars as pl

from mixedsignals.cli._columns import print_columns
from mixedsignals.cli._state import STATE
from mixedsignals.cli._summary import print_findings
from mixedsignals.cli._verb import print_json
from mixedsignals.labels import combination
from mixedsignals.store import RunFolder

__all__ = ["print_dominance"]

CODES = ("MS904", "MS905", "MS906", "MS907", "MS910", "MS911", "MS912", "MS913", "MS914", "MS915")
"""Checks that read what probes wrote."""

_COLUMNS = (
    ("Shapley value", "shapley:{0}", "all"),
    ("follow rate", "follow_rate", "swapped={0}"),
    ("misled by it alone", "unsupported_dominance_rate", "modality={0}"),
    ("if modalities were shuffled", "null:unsupported_dominance_rate", "modality={0}"),
)


def print_dominance(folder: RunFolder) -> None:
    """Per fusion and modality its Shapley value, follow rate and what the finder found; then the findings.

    With `--json` all estimates and findings that rest on probes, as one document.
    """
    estimates, findings = (pl.read_parquet(folder.table(name)) for name in ("estimates", "findings"))
    findings = findings.filter(pl.col("code").is_in(CODES))
    rows = _rows(estimates)
    if STATE.json:
        asked = folder.read_manifest().get("probe", [])
        page = folder.report / "index.html"
        where = {"run": str(folder.path), "report": str(page) if page.is_file() else None}
        print_json({**where, "asked": asked, "dominance": rows, "findings": findings.to_dicts()})
        return
    if rows:
        print_columns([_cells(row) for row in rows])
        click.echo("\nShapley values in share of clips right, over what the labels' shares alone would give.")
    print_findings(findings)


def _rows(estimates: pl.DataFrame) -> list[dict[str, Any]]:
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


def _cells(row: dict[str, Any]) -> dict[str, str]:
    cells = {"fusion": row["fusion"], "modality": row["modality"]}
    for title, *_ in _COLUMNS:
        found = row.get(title)
        cells[title] = "" if found is None else _number(found)
    return cells


def _number(found: dict[str, float | None]) -> str:
    value, low, high = (
        None if found[end] is None else _rounded(found[end]) for end in ("value", "low", "high")
    )
    return str(value) if low is None or high is None else f"{value} [{low}, {high}]"


def _rounded(number: float | None) -> str:
    return f"{round(number or 0.0, 3) + 0.0:.3f}"  # no zero has a sign
