"""Every estimate of the run in one table, so that no number is only in a picture."""

from __future__ import annotations

from mixedsignals.report.page import Column, DataTable, Section
from mixedsignals.report.views import Views

__all__ = ["everything"]

_LIMIT = 1_000


def everything(views: Views) -> Section | None:
    """The `estimates` table as it is saved, up to a stated number of rows; None where it is empty."""
    table = views.run.estimates
    if table is None or table.is_empty():
        return None
    columns = [Column(name, name) for name in ("measure", "source", "slice")]
    columns += [Column(name, name, "number") for name in ("value", "low", "high")]
    columns += [
        Column("n_clips", "clips", "count"),
        Column("n_groups", "groups", "count"),
        Column("method", "method"),
    ]
    columns += [
        Column(name, title, "number")
        for name, title in (("p", "p"), ("p_adjusted", "p adjusted"))
        if table[name].count()
    ]
    rows = table.sort("measure", "source", "slice").head(_LIMIT).to_dicts()
    note = (
        ""
        if table.height <= _LIMIT
        else f"The first {_LIMIT:,} of {table.height:,} rows; all are in the run’s `estimates` table."
    )
    shown = DataTable("estimates", "All estimates", columns, rows, note)
    return Section(key="estimates", title="All estimates", tables=[shown], long=True)
