"""What is printed at the end of a run: one short table, the first findings, and where the report lies.

Everything is read from the saved tables; nothing is computed here.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click
import polars as pl

from mixedsignals.cli._columns import print_columns
from mixedsignals.cli._dominance import print_whom
from mixedsignals.cli._state import STATE
from mixedsignals.cli._verb import print_json
from mixedsignals.store import RunFolder

__all__ = ["print_findings", "print_report", "print_run", "print_tables"]

_SHOWN = 6


def print_run(folder: RunFolder, *, report: Path | None = None) -> None:
    """The end of `run`, `demo` and `diagnose`; with `--json` the same as one document."""
    print_tables(folder)
    if not STATE.json:
        print_whom(folder)
    tuning = folder.read_manifest().get("tuning", {})
    if tuning and not STATE.json:
        click.echo(f"\n{tuning['says']}")
    if report is not None:
        print_report(report)


def print_report(path: Path) -> None:
    """Where the report lies; nothing with `--json`, which says it in its document."""
    if not STATE.json:
        click.echo("\nThe report, to open in a browser:")
        click.echo(_near(path))


def print_tables(folder: RunFolder) -> None:
    """Performance, disagreement and the first findings of a diagnosed run."""
    from mixedsignals.api.diagnosing import read_answer

    estimates, findings = (pl.read_parquet(folder.table(name)) for name in ("estimates", "findings"))
    answer = read_answer(folder)
    if STATE.json:
        report = folder.report / "index.html"
        print_json(
            {
                "run": str(folder.path),
                "report": str(report) if report.is_file() else None,
                "answer": answer,
                "estimates": estimates.to_dicts(),
                "findings": findings.to_dicts(),
            }
        )
        return
    rows = _models(estimates)
    if rows:
        _print_table(rows)
    for sentence in answer:
        click.echo(f"- {sentence}")
    print_findings(findings)


def _models(estimates: pl.DataFrame) -> list[tuple[str, ...]]:
    """One row per model and input: macro-F1, accuracy and how often it parts from fusion, with intervals."""
    cells: dict[tuple[str, str], dict[str, str]] = {}
    for row in estimates.iter_rows(named=True):
        if row["measure"] in ("macro_f1", "accuracy", "disagreement_rate") and row["source"] != "people":
            cells.setdefault((row["source"], row["slice"]), {})[row["measure"]] = _cell(row)
    kept = [(key, cell) for key, cell in cells.items() if key[1] == "all" or key[1].startswith("given=")]
    return [
        (
            source if where == "all" else f"{source} on {where.removeprefix('given=')}",
            cell.get("macro_f1", ""),
            cell.get("accuracy", ""),
            cell.get("disagreement_rate", ""),
        )
        for (source, where), cell in kept
        if "macro_f1" in cell or "accuracy" in cell
    ]


def _cell(row: dict[str, Any]) -> str:
    value = f"{row['value']:.3f}"
    return (
        value
        if row["low"] is None or row["high"] is None
        else f"{value} [{row['low']:.3f}, {row['high']:.3f}]"
    )


def _print_table(rows: list[tuple[str, ...]]) -> None:
    head: tuple[str, ...] = ("model", "macro-F1", "accuracy", "parts from fusion")
    used = [column for column in range(len(head)) if any(row[column] for row in rows)]
    print_columns([{head[column]: row[column] for column in used} for row in rows])
    click.echo()


def print_findings(findings: pl.DataFrame) -> None:
    """The issues and tips about the whole corpus, the gravest first; with `-v` all of them."""
    order = {"high": 0, "medium": 1, "low": 2, "none": 3}
    issues = findings.filter(pl.col("clip_id").is_null() & pl.col("status").is_in(["issue", "tip"]))
    ranked = issues.with_columns(pl.col("severity").replace_strict(order).alias("rank")).sort(
        "rank", maintain_order=True
    )
    if ranked.is_empty():
        return
    click.echo("\nFindings:")
    shown = ranked.height if STATE.verbose else _SHOWN
    for row in ranked.head(shown).iter_rows(named=True):
        click.echo(f"- {row['status']} {row['code']} ({row['source']}): {row['message']}")
    if ranked.height > shown:
        click.echo(f"  and {ranked.height - shown} more in the report")


def _near(path: Path) -> str:
    """The path as a person in this folder would write it."""
    near = os.path.relpath(path)
    return str(path) if near.startswith("..") else near
