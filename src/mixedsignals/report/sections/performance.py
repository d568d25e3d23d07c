"""How good each source is: macro-F1, weighted F1 and accuracy with intervals, beside what chance would give."""

from __future__ import annotations

from typing import Any

import polars as pl

from mixedsignals.report.dots import Dots, dot_figure
from mixedsignals.report.names import BASELINES, named_rows
from mixedsignals.report.page import Column, DataTable, Section, number
from mixedsignals.report.views import Views, estimate_rows, source_order

__all__ = ["performance"]

_MEASURES = {"macro_f1": "macro-F1", "weighted_f1": "weighted F1", "accuracy": "accuracy"}
_DRAWN = ("macro_f1", "accuracy")


def performance(views: Views) -> Section | None:
    """The table of every source and combination, and a figure each for macro-F1 and accuracy; None without estimates."""
    found = {measure: _rows(views, measure) for measure in _MEASURES}
    found = {measure: rows for measure, rows in found.items() if rows}
    if not found:
        return None
    figures = [
        dot_figure(
            Dots(
                key=f"performance-{measure.replace('_', '-')}",
                title=_MEASURES[measure][0].upper() + _MEASURES[measure][1:],
                alt=_words(measure, rows),
                axis=_MEASURES[measure],
                rows=rows,
                width="half",
            )
        )
        for measure, rows in found.items()
        if measure in _DRAWN
    ]
    return Section(
        key="performance",
        title="How good each model is",
        lead=[
            "Every clip is predicted by models that never saw it or its speaker. A value is the mean over seeds; the bar is its "
            "interval over speakers and seeds, and the grey tick is what chance gives."
        ],
        figures=figures,
        tables=[_table(found)],
    )


def _rows(views: Views, measure: str) -> list[dict[str, Any]]:
    chosen = estimate_rows(views.run.estimates, [measure], slices=None)
    if chosen.is_empty():
        return []
    chosen = chosen.filter((pl.col("slice") == "all") | pl.col("slice").str.starts_with("given="))
    chosen = chosen.filter(pl.col("source") != "people")
    base = estimate_rows(views.run.estimates, BASELINES[measure], slices=None)
    order = {source: place for place, source in enumerate(source_order(chosen["source"].to_list(), views.run.fusion))}
    rows = named_rows(chosen, base)
    rows = [row for row in rows if not _repeats(row, views)]
    return sorted(rows, key=lambda row: (order[row["source"]], row["slice"] == "all", len(row["slice"]), row["slice"]))


def _repeats(row: dict[str, Any], views: Views) -> bool:
    """Whether a `given=` row says again what the `all` row of its source says."""
    widest = dict(views.fullest.select("source", "given").unique().iter_rows())
    return bool(row["slice"] == f"given={widest.get(row['source'])}")


def _words(measure: str, rows: list[dict[str, Any]]) -> str:
    parts = [f"{r['name']} {number(r['value'])} ({number(r['low'])} to {number(r['high'])})" for r in rows]
    return f"{_MEASURES[measure]} with interval per model: {'; '.join(parts)}."


def _table(found: dict[str, list[dict[str, Any]]]) -> DataTable:
    names: dict[str, dict[str, Any]] = {}
    columns = [Column("name", "model")]
    for measure, rows in found.items():
        columns.append(Column(measure, _MEASURES[measure]))
        columns.append(Column(f"{measure}_base", "chance", "number"))
        for row in rows:
            line = names.setdefault(row["name"], {"name": row["name"]})
            line[measure] = f"{number(row['value'])} [{number(row['low'])}, {number(row['high'])}]"
            line[f"{measure}_base"] = row["base"]
            line |= {"n_clips": row["n_clips"], "n_groups": row["n_groups"]}
    columns = [c for c in columns if not c.key.endswith("_base") or any(line.get(c.key) is not None for line in names.values())]
    columns += [Column("n_clips", "clips", "count"), Column("n_groups", "groups", "count")]
    return DataTable("performance", "Every model and combination, with 95 % intervals", columns, list(names.values()))
