"""Where trouble gathers: kinds of challenging clips, what the top of their ranking is worth, and slices that
stand out.
"""

from __future__ import annotations

from typing import Any

from mixedsignals.report.dots import Dots, dot_figure
from mixedsignals.report.names import estimate_rows
from mixedsignals.report.page import Figure, Section, plural
from mixedsignals.report.sections.informative import TARGETS
from mixedsignals.report.views import Views

__all__ = ["KINDS", "trouble"]

KINDS = {
    "ambiguous": "ambiguous to people",
    "misled": "misled by one modality",
    "label_error": "probably labelled wrongly",
    "ignorance": "model ignorance",
}
"""Kinds of challenging clips as the diagnosis names them (`kind:NAME`), in words."""
_SLICES, _ALPHA = 12, 0.05
_PER_SLICE = {
    "error_rate": ("slices", "Slices on which fusion errs most", "base_rate:fused_error"),
    "any_disagreement": ("slices-part", "Slices on which models part most", ""),
}


def trouble(views: Views) -> Section | None:
    """None where clips were not ranked and no slice was compared."""
    slices = (_slices(views, measure, *words) for measure, words in _PER_SLICE.items())
    figures = [f for f in (_precision(views), _kinds(views), *slices) if f is not None]
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
    note = "Being misled is a share of the clips on which fusion parts from a source."
    some = note if any(row["name"] == TARGETS["misled"] for row in rows) else ""
    return _dots("precision", "Among the tenth of clips ranked first", rows, "among all clips", some)


def _kinds(views: Views) -> Figure | None:
    rows = [
        row | {"name": words}
        for kind, words in KINDS.items()
        for row in estimate_rows(views, f"kind:{kind}")[:1]
        if row["value"]
    ]
    return _dots("kinds", "Kinds of challenging clips", rows, "", "A clip may be of several kinds.")


def _slices(views: Views, measure: str, key: str, title: str, everywhere: str) -> Figure | None:
    """Slices by the lower end of their interval, the largest first; those that stand out after adjustment are named."""
    table = views.run.estimates
    if table is None:
        return None
    names = sorted(
        {s.split("=")[0] for s in table["slice"].to_list() if "=" in s}
        - {"given", "models", "over", "fault", "bin", "rater"}
    )
    if not names:
        return None
    found = estimate_rows(views, measure, slices=tuple(f"{name}=" for name in names))
    clear = [row["slice"] for row in found if row["p_adjusted"] is not None and row["p_adjusted"] < _ALPHA]
    some = (row for row in found if row["low"] is not None or row["slice"] in clear)
    rows = sorted(some, key=lambda row: -(row["value"] if row["low"] is None else row["low"]))
    rate = estimate_rows(views, everywhere) if everywhere else []
    base = rate[0]["value"] if rate else None
    top = [row | {"name": row["slice"].replace("=", " "), "base": base} for row in rows[:_SLICES]]
    told = f"{len(clear)} of {plural(len(found), 'slice')} differ" if len(clear) != 1 else "1 slice differs"
    named = f": {', '.join(clear[:6])}{' and more' if len(clear) > 6 else ''}" if clear else ""
    note = (
        f"{len(top)} of {plural(len(found), 'slice')}, by the lower end of their interval; a slice of one speaker has "
        f"none. All are among the estimates. After Benjamini-Hochberg over all of them, {told} from the rest{named}."
    )
    return _dots(key, title, top, "all clips", note)
