"""How good each source is: macro-F1, weighted F1 and accuracy with intervals, beside what chance would give."""

from __future__ import annotations

from typing import Any

from mixedsignals.report.dots import Dots, dot_figure
from mixedsignals.report.names import estimate_rows
from mixedsignals.report.page import Column, DataTable, Figure, Section, number
from mixedsignals.report.views import Views

__all__ = ["performance"]

_MEASURES = {"macro_f1": "macro-F1", "weighted_f1": "weighted F1", "accuracy": "accuracy"}
_DRAWN = {"macro_f1": "Macro-F1", "accuracy": "Accuracy"}


def performance(views: Views) -> Section | None:
    """The table of every source and combination, a figure each for macro-F1 and accuracy; None without
    estimates.
    """
    found = {measure: rows for measure in _MEASURES if (rows := _rows(views, measure))}
    if not found:
        return None
    drawn = [
        dot_figure(
            Dots(f"performance-{m.replace('_', '-')}", title, _MEASURES[m], found.get(m, ()), width="half")
        )
        for m, title in _DRAWN.items()
    ]
    return Section(
        key="performance",
        title="How good each model is",
        lead=[
            "A value is the mean over seeds of predictions for clips that the model never saw; the line is "
            "its interval over groups and seeds, conditional on the fitted models. The grey tick is chance: "
            "the same predictions, with targets permuted within groups."
        ],
        figures=[figure for figure in (*drawn, _gain(views)) if figure is not None],
        tables=[_table(found)],
    )


def _rows(views: Views, measure: str) -> list[dict[str, Any]]:
    """Each source under each input, without people, and without a `given=` that says again what `all` says."""
    rows = estimate_rows(views, measure, slices=("all", "given="))
    models = [row for row in rows if row["source"] != "people"]
    return [row for row in models if row["slice"] != f"given={views.widest.get(row['source'])}"]


def _gain(views: Views) -> Figure | None:
    """What fusion adds over each single source, with zero as the line to beat."""
    rows = [row | {"base": 0.0, "name": f"over {row['name']}"} for row in estimate_rows(views, "fusion_gain")]
    axis = "accuracy of fusion less that of the model"
    return dot_figure(Dots("fusion-gain", "What fusion adds", axis, rows, baseline="no gain", width="half"))


def _table(found: dict[str, list[dict[str, Any]]]) -> DataTable:
    lines: dict[str, dict[str, Any]] = {}
    columns = [Column("name", "model")]
    for measure, rows in found.items():
        columns += [
            Column(measure, _MEASURES[measure], "interval"),
            Column(f"{measure}_base", "chance", "number"),
        ]
        for row in rows:
            line = lines.setdefault(row["name"], {"name": row["name"]})
            line[measure] = f"{number(row['value'])} [{number(row['low'])}, {number(row['high'])}]"
            line |= {f"{measure}_base": row["base"], "n_clips": row["n_clips"], "n_groups": row["n_groups"]}
    known = {key for line in lines.values() for key, value in line.items() if value is not None}
    columns += [Column("n_clips", "clips", "count"), Column("n_groups", "groups", "count")]
    levels = {row["level"] for rows in found.values() for row in rows if row["level"] is not None}
    told = f", with {100 * levels.pop():.0f} % intervals" if len(levels) == 1 else ", with intervals"
    shown = [column for column in columns if column.key in known]
    return DataTable("performance", f"Every model and combination{told}", shown, list(lines.values()))
