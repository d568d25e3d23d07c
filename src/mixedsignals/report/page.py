"""What a page is made of: sections of sentences, figures and tables, without any HTML.

Section builders return these values; the template alone knows how they look.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

__all__ = [
    "Column",
    "DataTable",
    "Fact",
    "Figure",
    "Finding",
    "Said",
    "Section",
    "number",
    "percent",
    "plural",
]

Kind = Literal["text", "number", "share", "count", "interval", "clip"]


def number(value: float | None, digits: int = 3) -> str:
    """A number as the page prints it (`.734`, `−.02`, `1.25`), an en dash where it is missing or not finite."""
    if value is None or not math.isfinite(value):
        return "–"
    text = f"{abs(value):.{digits}f}"
    text = text.removeprefix("0") if abs(value) < 1 and digits else text
    negative = value < 0 and float(f"{value:.{digits}f}") != 0
    return f"−{text}" if negative else text


def percent(value: float | None) -> str:
    """A share as a percentage (`12.5 %`), an en dash where it is missing."""
    return "–" if value is None or not math.isfinite(value) else f"{100 * value:.1f} %"


def plural(count: int, one: str, many: str | None = None) -> str:
    """`1 clip`, `1,440 clips`."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


@dataclass(frozen=True)
class Column:
    """One column of a shown table: key in the rows, heading, and how its values are printed."""

    key: str
    title: str
    kind: Kind = "text"

    @property
    def numeric(self) -> bool:
        """Whether values are aligned as numbers."""
        return self.kind in ("number", "share", "count", "interval")

    def show(self, row: Mapping[str, Any]) -> str:
        """The cell's words."""
        value = row.get(self.key)
        if value is None:
            return "–"
        if self.kind == "number":
            return number(float(value))
        if self.kind == "share":
            return percent(float(value))
        return f"{int(value):,}" if self.kind == "count" else str(value)


@dataclass(frozen=True)
class DataTable:
    """Rows behind a figure or on their own; `key` names the CSV that a reader can save."""

    key: str
    caption: str
    columns: Sequence[Column]
    rows: Sequence[Mapping[str, Any]]
    note: str = ""


@dataclass(frozen=True)
class Figure:
    """A Vega-Lite specification with a title, words for those who cannot see it, and the table behind it.

    `clips`: a click on a mark opens its clip. `key_items`: colour, shape and words of each line of the key.
    """

    key: str
    title: str
    alt: str
    spec: Mapping[str, Any]
    table: DataTable
    note: str = ""
    width: Literal["full", "half", "third"] = "full"
    clips: bool = False
    key_items: Sequence[tuple[str, str, str]] = ()


@dataclass(frozen=True)
class Fact:
    """One line of the run facts."""

    name: str
    value: str


@dataclass(frozen=True)
class Said:
    """One sentence of a check: where it holds (empty: everywhere), the words, and the clip it is about, if
    one.
    """

    where: str
    message: str
    clip_id: str | None = None


@dataclass(frozen=True)
class Finding:
    """What one check said with one status and severity, with the page of its code."""

    code: str
    status: str
    severity: str
    title: str
    paragraphs: Sequence[str]
    said: Sequence[Said]


@dataclass(frozen=True)
class Section:
    """One part of the page.

    `key_items` is a key that its figures share. `switch` names a yes-or-no parameter of its figures, with the
    words for no and for yes. `long` puts its table into a region of its own that scrolls.
    """

    key: str
    title: str
    lead: Sequence[str] = ()
    figures: Sequence[Figure] = ()
    tables: Sequence[DataTable] = ()
    notes: Sequence[str] = ()
    findings: Sequence[Finding] = ()
    key_items: Sequence[tuple[str, str, str]] = ()
    switch: tuple[str, str, str] | None = None
    long: bool = False
