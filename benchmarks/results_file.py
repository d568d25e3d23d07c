"""Where a benchmark's figures go: one JSON file per benchmark, with what the machine is."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

__all__ = ["RESULTS", "machine", "print_table", "save"]

RESULTS = Path(__file__).parent / "results"
_PACKAGES = ("mixedsignals", "numpy", "polars", "scikit-learn", "torch")


def machine() -> dict[str, Any]:
    """Cores, memory and versions; no name and no path."""
    pages = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    found = {}
    for name in _PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return {
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(pages / 2**30),
        "processor": platform.machine(),
        "python": platform.python_version(),
        "versions": found,
    }


def save(name: str, rows: Sequence[Mapping[str, Any]], **about: Any) -> Path:
    """Write `benchmarks/results/NAME.json`."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    content = {"benchmark": name, "machine": machine(), **about, "rows": [dict(row) for row in rows]}
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return path


def print_table(rows: Sequence[Mapping[str, Any]]) -> None:
    """A Markdown table of the rows; what a row does not have is left empty."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    cells = [[_cell(row.get(name)) for name in names] for row in rows]
    print("| " + " | ".join(names) + " |")
    print("|" + "---|" * len(names))
    for row in cells:
        print("| " + " | ".join(row) + " |")


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:.3g}" if isinstance(value, float) else str(value)
