"""The page of measured figures: every file in `benchmarks/results/` as a table, with its command and machine."""

from __future__ import annotations

import ast
import json
from itertools import groupby
from pathlib import Path
from typing import Any

__all__ = ["benchmarks_page"]

PROJECT = Path(__file__).resolve().parents[2]
_KNOWN = {"benchmark", "machine", "rows"}
_HEAD = """# Trust and speed, measured

Generated from `benchmarks/results/`, which the commands below write; `make bench` runs them all. Ratios and limits are
of one run on one machine, side by side; other machines give other seconds.
"""


def benchmarks_page() -> str:
    """Markdown of all saved results, in the order of their names."""
    found = sorted((PROJECT / "benchmarks" / "results").glob("*.json"))
    return "\n".join([_HEAD, *(_section(json.loads(path.read_text(encoding="utf-8"))) for path in found)])


def _section(result: dict[str, Any]) -> str:
    name, machine = result["benchmark"], result["machine"]
    source = (PROJECT / "benchmarks" / f"{name}.py").read_text(encoding="utf-8")
    about = (ast.get_docstring(ast.parse(source)) or "").split("\n\n")[0].replace("\n", " ")
    further = [f"{key}: {_told(value)}" for key, value in result.items() if key not in _KNOWN]
    where = f"{machine['cores']} cores, {machine['memory_gib']} GiB, {machine['processor']}, Python {machine['python']}"
    told = "; ".join([f"`python -m benchmarks.{name}`", where, *further])
    tables = "\n\n".join(_table(rows) for rows in _alike(result["rows"]))
    return f"## {name}\n\n{about}\n\n{told}\n\n{tables}\n"


def _alike(rows: list[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """Rows that begin with the same column belong in one table."""
    return [list(part) for _, part in groupby(rows, key=lambda row: next(iter(row)))]


def _table(rows: list[dict[str, Any]]) -> str:
    names = list(dict.fromkeys(key for row in rows for key in row))
    lines = ["| " + " | ".join(names) + " |", "|" + "---|" * len(names)]
    lines += ["| " + " | ".join(_cell(row.get(name)) for name in names) + " |" for row in rows]
    return "\n".join(lines)


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
    return str(value)


def _told(value: object) -> object:
    """A mapping in words; what lies deeper in it stays in the file of results."""
    if not isinstance(value, dict):
        return value
    kept = {key: inner for key, inner in value.items() if not isinstance(inner, dict)}
    deeper = (
        {key: _told(inner) for key, inner in value.items() if isinstance(inner, dict)} if not kept else {}
    )
    pairs = [f"{key} {inner}" for key, inner in kept.items()] + [
        f"{key} ({inner})" for key, inner in deeper.items()
    ]
    return ", ".join(pairs)
