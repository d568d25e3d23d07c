"""How numbers and lists are written in sentences for people."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from mixedsignals.measures.inference import Estimate

__all__ = ["count", "listed", "number", "p_value", "percent", "sentence", "share_of", "with_interval"]


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
        return f"{number(found.value, digits)} (no interval: {found.note or 'it cannot be given'})"
    return f"{number(found.value, digits)} [{number(found.low, digits)}, {number(found.high, digits)}]"


def count(amount: int, singular: str, plural: str | None = None) -> str:
    """`1 clip`, `1,440 clips`."""
    return f"{amount:,} {singular if amount == 1 else plural or singular + 's'}"


def share_of(part: int, whole: int, what: str) -> str:
    """`12 of 240 clips (5 %)`."""
    return f"{part:,} of {whole:,} {what} ({percent(part / whole if whole else 0.0)})"


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
