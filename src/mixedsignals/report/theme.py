"""How figures look: colours as CSS variables of the page, so that light, dark and print need no second
drawing.

Each source has a colour and a shape; neither alone carries meaning. The colours themselves are in
`static/report.css` and are tested for readers with colour vision deficiencies.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

from altair.utils.schemapi import debug_mode

__all__ = ["FONT", "OUTCOMES", "colour", "drawn", "finish", "shape", "source_scale", "unchecked"]

FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"
_NAMED = ("text", "audio", "video", "fusion", "people")
_SHAPES = {
    "text": "circle",
    "audio": "square",
    "video": "triangle-up",
    "fusion": "diamond",
    "people": "cross",
}
_SIGNALS = {
    "disagreement": ("var(--c-misled)", "circle"),
    "confidence": ("var(--c-rescued)", "square"),
    "seeds": ("var(--c-other)", "triangle-up"),
}

OUTCOMES: Mapping[str, tuple[str, str, str]] = {
    "both right": ("var(--c-quiet)", "circle", "both right"),
    "misled": ("var(--c-misled)", "triangle-down", "misled: this one right, fusion wrong"),
    "rescued": ("var(--c-rescued)", "triangle-up", "rescued: fusion right, this one wrong"),
    "both wrong": ("var(--c-wrong)", "cross", "both wrong"),
}
"""Outcome of one source beside fusion: colour, shape and the words of the key."""


def colour(source: str) -> str:
    """The CSS colour of a source or a family of signals; those without a colour of their own share a neutral
    one.
    """
    if source in _SIGNALS:
        return _SIGNALS[source][0]
    return f"var(--c-{source})" if source in _NAMED else "var(--c-other)"


def shape(source: str) -> str:
    """The Vega symbol of a source or a family of signals."""
    if source in _SIGNALS:
        return _SIGNALS[source][1]
    return _SHAPES.get(source, "circle")


def source_scale(sources: Sequence[str]) -> tuple[list[str], list[str], list[str]]:
    """Domain, colours and shapes of a scale over sources."""
    return list(sources), [colour(s) for s in sources], [shape(s) for s in sources]


def drawn(chart: Any) -> dict[str, Any]:
    """The specification of an Altair chart."""
    spec: dict[str, Any] = chart.to_dict(validate=False)
    return spec


def unchecked() -> AbstractContextManager[None]:
    """Charts made in here are not checked against their schema, piece by piece as Altair does it.

    That takes longer than all else of a report. The charts are our own, and tests check them whole.
    """
    return debug_mode(False)


def finish(spec: dict[str, Any], *, alt: str, height: int | dict[str, int]) -> dict[str, Any]:
    """Add what every figure shares: its words, width that follows the page, fonts and quiet axes."""
    ink, faint, line = "var(--ink)", "var(--ink-2)", "var(--line)"
    config = {
        "background": "transparent",
        "font": FONT,
        "view": {"stroke": None},
        "axis": {
            "labelColor": ink,
            "titleColor": faint,
            "titleFontWeight": "normal",
            "labelFontSize": 12,
            "titleFontSize": 12,
            "gridColor": line,
            "domainColor": line,
            "tickColor": line,
            "titlePadding": 8,
            "labelPadding": 6,
        },
        "axisX": {"labelOverlap": "greedy"},
        "axisY": {"domain": False, "ticks": False},
        "legend": {"labelColor": ink, "titleColor": faint, "titleFontWeight": "normal", "labelFontSize": 12},
        "text": {"fill": ink, "font": FONT},
        "title": {"color": ink, "font": FONT},
    }
    spec.pop("$schema", None)
    return spec | {
        "description": alt,
        "width": "container",
        "height": height,
        "autosize": {"type": "fit-x" if isinstance(height, dict) else "fit", "contains": "padding"},
        "config": config,
    }
