"""`docs/fusion.md`: the family in words, from `fusion.in.md`, with the tables that `benchmarks/fusion.py` measured."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from making.markdown import GENERATED, table
from mixedsignals.cli._estimates import MARGIN, estimate_cell, no_worse, p_cell, row_of

__all__ = ["fusion_page"]

DOCS = Path(__file__).resolve().parents[1]
RESULTS = DOCS.parent / "benchmarks" / "results" / "family" / "fusion.json"
DESIGNS = RESULTS.with_name("designs.json")
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
    family, designs = _read(RESULTS), _read(DESIGNS)

    def filled(found: re.Match[str]) -> str:
        name = "designs" if found[1] == "designs" else "fusion"
        mine = [row for row in (designs if name == "designs" else family) if row["corpus"] == found[2]]
        return _KINDS[found[1]](mine) if mine else f"Not measured yet: `python -m benchmarks.{name}`."

    page = re.sub(r"^<!-- (\w+) (.+) -->$", filled, text, flags=re.MULTILINE)
    title, rest = page.split("\n", 1)
    return f"{title}\n\n{GENERATED}\n{rest}"


def _read(path: Path) -> Rows:
    rows: Rows = json.loads(path.read_text(encoding="utf-8"))["rows"] if path.is_file() else []
    return rows


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
    return f"{told} {_no_worse(elsewhere)}{_added(rows)}"


def _no_worse(rows: Rows) -> str:
    """Against whom it is no worse where modalities agree: by the margin in macro-F1; and any interval below zero."""
    shown, left = no_worse(rows, "conflict", "conflict=no")
    fine = [f"`{name}`" for name in shown]
    open_ = [f"{_other(row)} ({estimate_cell(row, signed=True)})" for row in left]
    worse = [
        f"{_other(row)} ({_NAMED[row['measure']]} {estimate_cell(row, signed=True)})"
        for row in rows
        if row["high"] is not None and row["high"] < 0
    ]
    told = f"Elsewhere it is no worse, by the margin of {MARGIN:g} macro-F1 fixed beforehand, than "
    told += ", ".join(fine) or "none"
    told += f"; not shown against {', '.join(open_)}" if open_ else ""
    return f"{told}; an interval lies below zero against {', '.join(worse) or 'none'}."


def _added(rows: Rows) -> str:
    """What a modality that tells nothing costs it: the model of all modalities against that of the informative ones."""
    mine = [row for row in rows if row["source"] == "conflict|conflict" and row["measure"] == "macro_f1_gain"]
    if not mine or mine[0]["low"] is None:
        return ""
    kept = "loses nothing" if mine[0]["low"] > -MARGIN else "may lose more than the margin"
    return f" With a modality added that tells nothing it {kept} (macro-F1 {estimate_cell(mine[0], signed=True)})."


def _other(row: dict[str, Any]) -> str:
    return f"`{row['source'].split('|')[1]}`"


def _designs(rows: Rows) -> str:
    """Every design that was tried, beside the product rule."""
    wanted = [
        (role, where, measure)
        for role, where in (("tune", "conflict"), ("test", "conflict"), ("test", "elsewhere"))
        for measure in ("log_loss_gain", "macro_f1_gain")
    ]
    titles = {"tune": "tuning clips", "test": "test clips"}
    head = [f"{titles[role]}, {where}: {_NAMED[measure]}" for role, where, measure in wanted]
    by = {(row["design"], row["role"], row["slice"], row["measure"]): row for row in rows}
    lines = [["design", "what it is", *head]]
    for name, words in dict.fromkeys((row["design"], row["words"]) for row in rows):
        lines.append([name, words, *(estimate_cell(by.get((name, *key)), signed=True) for key in wanted)])
    ahead = [
        name
        for name in dict.fromkeys(row["design"] for row in rows)
        if any(by[name, "test", "conflict", m]["low"] > 0 for m in ("log_loss_gain", "macro_f1_gain"))
    ]
    told = ", ".join(ahead) or "none"
    return (
        f"{table(lines[0], lines[1:])}\n\nWith an interval above zero on the test clips in conflict: {told}."
    )


_NAMED = {"macro_f1_gain": "macro-F1", "log_loss_gain": "log-loss"}


def _members(rows: Rows) -> list[str]:
    return list(dict.fromkeys(row["source"] for row in rows if row["measure"] == "seconds"))


_KINDS = {
    "designs": _designs,
    "performance": _performance,
    "missing": _missing,
    "baseline": lambda rows: _gains(rows, "gated"),
    "champion": lambda rows: _gains(rows, "conflict"),
    "verdict": _verdict,
}
