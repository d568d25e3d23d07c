"""Rows as aligned columns on stdout: never cut, never coloured, so that they can be piped and pasted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import click

__all__ = ["print_columns"]


def print_columns(rows: Sequence[Mapping[str, str]]) -> None:
    """One line per row under a line of headings; the columns are those of all rows, in order of appearance."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    lines = [names, *([row.get(name, "") for name in names] for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(names))]
    for line in lines:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())
