"""Where trouble gathers: kinds of challenging clips, what the top of their ranking is worth, and slices that
stand out.
"""

from __future__ import annotations

from typing import Any

from mixedsignals.report.dots import Dots, dot_figure
from mixedsignals.report.names import estimate_rows
from mixedsignals.report.page import Figure, Section
from mixedsignals.report.sections.informative import TARGETS
from mixedsignals.report.views import Views

__all__ = ["KINDS", "trouble"]

KINDS = {
    "ambiguous": "ambiguous to people",
    "misled": "misled by one modality",
    "label_error": "probable label error",
    "ignorance": "model ignorance",
}
"""Kinds of challenging clips as the diagnosis names them (`kind:NAME`), in words."""
_SLICES = 12


def trouble(views: Views) -> Section | None:
    """None where clips were not ranked and no slice was compared."""
    figures = [f for f in (_precision(views), _kinds(views), _slices(views)) if f is not None]
    if not figures:
        return None
    return Section(
        key="trouble",
        title="Where trouble gathers",
        lead=[
            "Clips are ranked by a challenge score from predictions that never saw them. What the top of "
            "that ranking is worth is told by what is known: how often something is wrong there, and how "
            "often it is anywhere."
        ],
        figures=figures,
    )


def _dots(key: str, title: str, rows: list[dict[str, Any]], baseline: str, note: str = "") -> Figure | None:
    return dot_figure(
        Dots(key, title, "share of clips", rows, baseline, share=True, zero=True, width="half", note=note)
    )


def _precision(views: Views) -> Figure | None:
    rows = [
        row | {"name": words}
        for target, words in TARGETS.items()
        for row in estimate_rows(views, f"precision:challenge->{target}")[:1]
    ]
    return _dots("precision", "Among the tenth of clips ranked first", rows, "among all clips")


def _kinds(views: Views) -> Figure | None:
    rows = [
        row | {"name": words}
        for kind, words in KINDS.items()
        for row in estimate_rows(views, f"kind:{kind}")[:1]
        if row["value"]
    ]
    return _dots("kinds", "Kinds of challenging clips", rows, "", "A clip may be of several kinds.")


def _slices(views: Views) -> Figure | None:
    """Slices by the lower end of fusion's error rate, the largest first."""
    table = views.run.estimates
    if table is None:
        return None
    names = sorted(
        {s.split("=")[0] for s in table["slice"].to_list() if "=" in s} - {"given", "models", "over"}
    )
    if not names:
        return None
    found = estimate_rows(views, "error_rate", slices=tuple(f"{name}=" for name in names))
    rows = sorted((row for row in found if row["low"] is not None), key=lambda row: -row["low"])
    rate = estimate_rows(views, "base_rate:fused_error")
    base = rate[0]["value"] if rate else None
    top = [row | {"name": row["slice"].replace("=", " "), "base": base} for row in rows[:_SLICES]]
    note = (
        f"{len(top)} of {len(rows)} slices with an interval, by its lower end; all are among the estimates."
    )
    return _dots("slices", "Slices on which fusion errs most", top, "all clips", note)
