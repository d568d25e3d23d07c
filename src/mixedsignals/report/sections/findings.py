"""What the checks found, in their own words, put together by code, with the page of each code folded in
below.
"""

from __future__ import annotations

from itertools import groupby
from typing import Any

from mixedsignals.report.page import Finding, Said, Section, plural
from mixedsignals.report.views import Views

__all__ = ["findings"]

_STATUS = {
    "issue": ("issue", "issues"),
    "tip": ("tip", "tips"),
    "passed": ("answer without concern", "answers without concern"),
    "not_applicable": ("question that could not be asked", "questions that could not be asked"),
}
_SEVERITY = ("high", "medium", "low", "none")


def findings(views: Views) -> Section | None:
    """Findings by code, issues first and the severest of them first; None where no check was made."""
    table = views.run.findings
    if table is None or table.is_empty():
        return None
    rows = sorted(table.to_dicts(), key=_group)
    counts = [(words, sum(row["status"] == status for row in rows)) for status, words in _STATUS.items()]
    told = ", ".join(plural(count, *words) for words, count in counts if count)
    return Section(
        key="findings",
        title="What the checks found",
        lead=[f"{told}."],
        findings=[_finding(views, list(group)) for _, group in groupby(rows, key=_group)],
    )


def _group(row: dict[str, Any]) -> tuple[int, int, str]:
    severity = _SEVERITY.index(row["severity"]) if row["severity"] in _SEVERITY else len(_SEVERITY)
    return (list(_STATUS).index(row["status"]), severity, row["code"])


def _finding(views: Views, rows: list[dict[str, Any]]) -> Finding:
    first = rows[0]
    page = views.run.explanations.get(first["code"])
    return Finding(
        code=first["code"],
        status=first["status"],
        severity=first["severity"],
        title=page.title if page else "",
        paragraphs=[p.strip() for p in page.text.split("\n\n") if p.strip()] if page else (),
        said=[Said(_where(row), row["message"], row["clip_id"]) for row in rows],
    )


def _where(row: dict[str, Any]) -> str:
    """Source and slice as far as the sentence does not name them itself; empty where it holds for everything."""
    message = row["message"].lower()
    places = [place.replace("|", " and ") for place in (row["source"], row["slice"])]
    named = [
        place
        for place in places
        if place not in ("all", "models", "people", "") and not place.startswith("target=")
    ]
    return ", ".join(place for place in named if place.rpartition("=")[2].lower() not in message)
