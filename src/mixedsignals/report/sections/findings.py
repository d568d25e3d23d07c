"""What the checks found, in their own words, with the page of each code folded in below it."""

from __future__ import annotations

from itertools import groupby
from typing import Any

from mixedsignals.report.page import Finding, Section, plural
from mixedsignals.report.views import Views

__all__ = ["findings"]

_STATUS = ("issue", "tip", "passed", "not_applicable")
_SEVERITY = ("high", "medium", "low", "none")


def findings(views: Views) -> Section | None:
    """Findings, issues first; rows about single clips of one code are put together. None where no check was
    made.
    """
    table = views.run.findings
    if table is None or table.is_empty():
        return None
    rows = sorted(table.to_dicts(), key=_order)
    grouped = [_finding(views, list(group)) for _, group in groupby(rows, key=_group)]
    counts = [(status, sum(f.status == status for f in grouped)) for status in _STATUS]
    words = {
        "issue": ("issue", "issues"),
        "tip": ("tip", "tips"),
        "passed": ("check passed", "checks passed"),
        "not_applicable": ("not applicable", "not applicable"),
    }
    lead = ", ".join(plural(count, *words[status]) for status, count in counts if count) + "."
    return Section(key="findings", title="What the checks found", lead=[lead], findings=grouped)


def _order(row: dict[str, Any]) -> tuple[Any, ...]:
    severity = _SEVERITY.index(row["severity"]) if row["severity"] in _SEVERITY else len(_SEVERITY)
    return (
        _STATUS.index(row["status"]),
        severity,
        row["code"],
        row["clip_id"] is not None,
        row["source"],
        row["slice"],
    )


def _group(row: dict[str, Any]) -> tuple[Any, ...]:
    alone = (row["source"], row["slice"], row["message"]) if row["clip_id"] is None else ()
    return (row["status"], row["severity"], row["code"], row["clip_id"] is None, alone)


def _finding(views: Views, rows: list[dict[str, Any]]) -> Finding:
    first = rows[0]
    page = views.run.explanations.get(first["code"])
    clips = [row["clip_id"] for row in rows if row["clip_id"] is not None]
    return Finding(
        code=first["code"],
        status=first["status"],
        severity=first["severity"],
        message=first["message"]
        if len(rows) == 1
        else f"{plural(len(rows), 'clip')}; the first: {first['message']}",
        source=first["source"],
        slice=first["slice"],
        measure=first["measure"] or "",
        clips=clips,
        title=page.title if page else "",
        paragraphs=[p.strip() for p in page.text.split("\n\n") if p.strip()] if page else (),
    )
