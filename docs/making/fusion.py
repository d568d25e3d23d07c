"""`docs/fusion.md`: the family in words, from `fusion.in.md`, with the tables that `benchmarks/fusion.py` measured."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from making.markdown import GENERATED, table
from mixedsignals.cli._estimates import estimate_cell, p_cell, row_of

__all__ = ["fusion_page"]

DOCS = Path(__file__).resolve().parents[1]
RESULTS = DOCS.parent / "benchmarks" / "results" / "family" / "fusion.json"
Rows = list[dict[str, Any]]
_TITLES = {
    "macro_f1": "macro-F1",
    "log_loss": "log-loss",
    "calibration_error": "calibration error",
    "aurc": "AURC",
}


def fusion_page() -> str:
    """The page; a line `<!-- KIND CORPUS -->` stands for a table of a corpus."""
    text = (DOCS / "fusion.in.md").read_text(encoding="utf-8")
    rows = json.loads(RESULTS.read_text(encoding="utf-8"))["rows"] if RESULTS.is_file() else []

    def filled(found: re.Match[str]) -> str:
        mine = [row for row in rows if row["corpus"] == found[2]]
        return _KINDS[found[1]](mine) if mine else "Not measured yet: `python -m benchmarks.fusion`."

    page = re.sub(r"^<!-- (\w+) (.+) -->$", filled, text, flags=re.MULTILINE)
    title, rest = page.split("\n", 1)
    return f"{title}\n\n{GENERATED}\n{rest}"


def _about(rows: Rows) -> str:
    first = rows[0]
    singles = first["informative"].replace("+", ", ") or "no modality"
    return (
        f"{first['corpus']}: {first['clips']:,} clips, of which {first['conflict']:,} are those on which {singles} "
        "predict different labels. Intervals are of speakers and seeds."
    )


def _performance(rows: Rows) -> str:
    lines = [
        [
            "member",
            *(f"{t}, {w}" for w in ("all", "conflict") for t in _TITLES.values()),
            "seconds",
            "parameters",
        ]
    ]
    for member in _members(rows):
        cells = [estimate_cell(row_of(rows, m, member, w)) for w in ("all", "conflict=yes") for m in _TITLES]
        cost = [row_of(rows, name, member, "all") for name in ("seconds", "parameters")]
        numbers = [f"{cost[0]['value']:.1f}" if cost[0] else "", f"{cost[1]['value']:,}" if cost[1] else ""]
        lines.append([f"`{member}`", *cells, *numbers])
    return f"{_about(rows)}\n\n{table(lines[0], lines[1:])}"


def _missing(rows: Rows) -> str:
    wheres = [w for w in dict.fromkeys(row["slice"] for row in rows) if "given=" in w]
    wheres = [w for w in wheres if any(row["measure"] == "macro_f1" for row in rows if row["slice"] == w)]
    titles = [w.replace("masked given=", "shown ").replace("given=", "trained on ") for w in wheres]
    lines = [["member", *(f"{t}: {m}" for t in titles for m in ("macro-F1", "log-loss"))]]
    for member in _members(rows):
        cells = [estimate_cell(row_of(rows, m, member, w)) for w in wheres for m in ("macro_f1", "log_loss")]
        lines.append([f"`{member}`", *cells])
    return table(lines[0], lines[1:])


def _gains(rows: Rows, first: str) -> str:
    mine = [row for row in rows if row["source"].startswith(f"{first}|")]
    lines = [["better than", "on", "macro-F1", "p", "log-loss", "p"]]
    for source in dict.fromkeys(row["source"] for row in mine):
        for where in dict.fromkeys(row["slice"] for row in mine if row["source"] == source):
            pair = [row_of(mine, f"{m}_gain", source, where) for m in ("macro_f1", "log_loss")]
            cells = [text for row in pair for text in (estimate_cell(row, signed=True), p_cell(row))]
            other = source.split("|")[1]
            said = f"itself, {where}" if other == first else f"`{other}`"
            lines.append([said, where, *cells])
    return table(lines[0], lines[1:])


def _verdict(rows: Rows) -> str:
    """Which members `conflict` beats on the conflict slice, and by how much it missed the others."""
    beaten, missed = [], []
    for member in _members(rows):
        if member == "conflict":
            continue
        pair = [
            row_of(rows, f"{m}_gain", f"conflict|{member}", "conflict=yes") for m in ("macro_f1", "log_loss")
        ]
        known = [row for row in pair if row and row["low"] is not None]
        if any(row["low"] > 0 for row in known):
            beaten.append(f"`{member}`")
        else:
            by = ", ".join(f"{_NAMED[row['measure']]} {estimate_cell(row, signed=True)}" for row in known)
            missed.append(f"`{member}` ({by})")
    told = (
        "On the conflict slice the interval of the paired difference is above zero, in macro-F1 or log-loss, against "
        f"{', '.join(beaten) or 'no member'}"
    )
    told += f"; not against {', '.join(missed)}." if missed else ", which is every other member."
    elsewhere = [
        row for row in rows if row["source"].startswith("conflict|") and row["slice"] == "conflict=no"
    ]
    worse = [
        f"`{row['source'].split('|')[1]}` ({_NAMED[row['measure']]} {estimate_cell(row, signed=True)})"
        for row in elsewhere
        if row["high"] is not None and row["high"] < 0
    ]
    return f"{told} Elsewhere an interval lies below zero against {', '.join(worse) or 'none'}."


_NAMED = {"macro_f1_gain": "macro-F1", "log_loss_gain": "log-loss"}


def _members(rows: Rows) -> list[str]:
    return list(dict.fromkeys(row["source"] for row in rows if row["measure"] == "seconds"))


_KINDS = {
    "performance": _performance,
    "missing": _missing,
    "baseline": lambda rows: _gains(rows, "gated"),
    "champion": lambda rows: _gains(rows, "conflict"),
    "verdict": _verdict,
}
