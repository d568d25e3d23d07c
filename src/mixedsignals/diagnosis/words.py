"""How numbers and lists are written in sentences for people."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Protocol

from mixedsignals.measures.inference import Estimate

__all__ = [
    "brief",
    "called",
    "count",
    "listed",
    "number",
    "p_value",
    "percent",
    "said_once",
    "sentence",
    "share_of",
    "verb",
    "with_interval",
]


class Named(Protocol):
    """What has a name and was given some modalities."""

    @property
    def name(self) -> str:
        """As in `predictions.source`."""

    @property
    def given(self) -> str:
        """As in `predictions.given`."""


_NO_SPREAD = 1e-9
"""Standard error below which all groups give the same value: an interval without a width would look too sure."""

_NO_INTERVAL = re.compile(r" \(no interval: ((?:[^()]|\([^()]*\))*)\)")


def number(value: float | None, digits: int = 2) -> str:
    """A number as papers write it: `.71`, `1.00`, `-.05`; `not known` for None."""
    if value is None:
        return "not known"
    text = f"{value:.{digits}f}"
    if float(text) == 0:
        text = text.lstrip("-")
    return text.replace("0.", ".", 1) if text.startswith(("0.", "-0.")) else text


def p_value(p: float | None) -> str:
    """A p-value in words: `p = .031`, `p < .001`, `p not known`."""
    if p is None:
        return "p not known"
    return "p < .001" if p < 0.001 else f"p = {number(p, 3)}"


def percent(value: float | None) -> str:
    """A share as a percentage: `12 %`, `.4 %`; `not known` for None."""
    if value is None:
        return "not known"
    scaled = 100 * value
    return f"{scaled:.0f} %" if scaled >= 1 or scaled == 0 else f"{number(scaled, 1)} %"


def with_interval(found: Estimate, *, digits: int = 2) -> str:
    """Value and interval, `.71 [.66, .75]`; without an interval the value and why."""
    if found.value is None:
        return f"not applicable ({found.note})"
    if found.low is None or found.high is None:
        why = found.note.removesuffix(": no interval can be given") or "it cannot be given"
        return f"{number(found.value, digits)} (no interval: {why})"
    if found.se is not None and found.se < _NO_SPREAD:
        return f"{number(found.value, digits)} (no spread among groups)"
    return f"{number(found.value, digits)} [{number(found.low, digits)}, {number(found.high, digits)}]"


def brief(found: Estimate, *, digits: int = 2) -> str:
    """As `with_interval`, but a value without any spread among groups stands alone: for lists of many of them."""
    return with_interval(found, digits=digits).removesuffix(" (no spread among groups)")


def count(amount: int, singular: str, plural: str | None = None) -> str:
    """`1 clip`, `1,440 clips`."""
    return f"{amount:,} {singular if amount == 1 else plural or singular + 's'}"


def verb(amount: int, one: str, several: str) -> str:
    """The verb that goes with that many: `verb(1, "agrees", "agree")` is `agrees`."""
    return one if amount == 1 else several


def said_once(text: str) -> str:
    """The text with a reason for the lack of intervals said once, at its end, if it stands there several times.

    >>> said_once("A is .4 (no interval: one speaker), B .5 (no interval: one speaker).")
    'A is .4, B .5; no interval: one speaker.'
    """
    reasons = _NO_INTERVAL.findall(text)
    if len(reasons) < 2:
        return text
    named = "; ".join(dict.fromkeys(reasons))
    return f"{_NO_INTERVAL.sub('', text).removesuffix('.')}; no interval: {named}."


def share_of(part: int, whole: int, what: str) -> str:
    """`12 of 240 clips (5 %)`; of one, `clips` is `clip`."""
    what = what.replace("clips", "clip", 1) if whole == 1 else what
    return f"{part:,} of {whole:,} {what} ({percent(part / whole if whole else 0.0)})"


def called(source: Named, where: str) -> str:
    """A source in a sentence: its name, and what it was given where that is not its fullest input."""
    return source.name if where == "all" else f"{source.name} given {source.given}"


def listed(names: Iterable[str], *, most: int = 8) -> str:
    """`a, b and c`; beyond `most` names `a, b, … and 7 more`."""
    known: Sequence[str] = list(names)
    if len(known) > most:
        return f"{', '.join(known[:most])} and {len(known) - most} more"
    return " and ".join(filter(None, [", ".join(known[:-1]), known[-1] if known else ""]))


def sentence(text: str) -> str:
    """The text with a capital first letter and a full stop."""
    text = text.strip()
    return f"{text[:1].upper()}{text[1:]}" + ("" if text.endswith((".", "!", "?")) else ".")
