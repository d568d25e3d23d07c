"""The little Markdown that the generated pages need."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

__all__ = ["GENERATED", "cell", "one_line", "table"]

GENERATED = "<!-- Made by `make docs`; change the declaration it comes from, not this page. -->"


def one_line(text: str | None) -> str:
    """A paragraph without its line breaks."""
    return " ".join((text or "").split())


def cell(text: str) -> str:
    """Text that does not break out of a table cell."""
    return one_line(text).replace("|", "\\|")


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    lines += [f"| {' | '.join(cell(value) for value in row)} |" for row in rows]
    return "\n".join(lines)
