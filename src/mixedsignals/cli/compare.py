"""`mixedsignals compare`: the fusion family on one corpus, in one table."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mixedsignals.cli._estimates import MARGIN, estimate_cell, no_worse, p_cell, row_of
from mixedsignals.cli._options import FOLDER, comparing_options, run_options
from mixedsignals.cli._state import STATE
from mixedsignals.cli._verb import print_json, progress, verb

if TYPE_CHECKING:
    from mixedsignals.api.comparing import Compared

__all__ = ["command", "comparison_tables"]


@verb("compare", example="mixedsignals compare CORPUS --fusion gated,product,conflict --out COMPARED")
@click.argument("corpus", type=FOLDER)
@click.option(
    "--fusion",
    metavar="A,B,…",
    help="Members to compare, by commas; the whole family if none is named. The paper's gate is always among them.",
)
@click.option(
    "--out", "-o", type=FOLDER, metavar="FOLDER", help="Where tables go, and where the same command goes on."
)
@comparing_options
def command(corpus: Path, fusion: str | None, out: Path | None, **options: Any) -> None:
    """Fit members of the fusion family on CORPUS out of fold, and compare them in one table.

    For each: macro-F1, log-loss, calibration error and area under the risk-coverage curve on all clips, on those where
    the single modalities conflict, and with each modality missing; how much better than the paper's gate it is, paired
    by clip, with intervals over speakers and seeds and p by flipping the sign of speakers; and what one head costs.
    """
    from mixedsignals import api

    names = [name.strip() for name in fusion.split(",") if name.strip()] if fusion is not None else None
    chosen = run_options(options)
    with tempfile.TemporaryDirectory() as scratch:
        made = api.compare(
            corpus, out or Path(scratch) / "compared", fusions=names, options=chosen, progress=progress()
        )
    if STATE.json:
        print_json(_document(made))
    else:
        click.echo("\n\n".join(comparison_tables(made)))


def _document(made: Compared) -> dict[str, Any]:
    return {
        "informative": list(made.comparison.informative),
        "conflict": {"clips": len(made.comparison.conflict), "of": made.clips},
        "estimates": made.comparison.estimates.to_dicts(),
        "costs": {
            name: {"seconds": cost.seconds, "parameters": cost.parameters}
            for name, cost in made.costs.items()
        },
    }


def comparison_tables(made: Compared) -> list[str]:
    """The blocks that are printed: how good, what is left when a modality is missing, and paired differences."""
    rows = made.comparison.estimates.to_dicts()
    members = list(made.costs)
    named = ", ".join(made.comparison.informative) or "no modality"
    many = f"{len(made.comparison.conflict)} of {made.clips} clips"
    blocks = [
        f"All clips, and the {many} on which {named} predict different labels",
        _performance(rows, members, made),
    ]
    fewer = list(dict.fromkeys(row["slice"] for row in rows if "given=" in row["slice"]))
    fewer = [where for where in fewer if row_of(rows, "macro_f1", members[0], where)]
    if fewer:
        blocks += ["Macro-F1 and log-loss with fewer modalities", _missing(rows, members, fewer)]
    for first in dict.fromkeys(row["source"].split("|")[0] for row in rows if "|" in row["source"]):
        blocks += [
            f"How much better {first} is (above 0), paired; p by sign flips of speakers",
            _gains(rows, first),
            _no_worse(rows, first),
        ]
    return blocks


def _performance(rows: list[dict[str, Any]], members: list[str], made: Compared) -> str:
    measures = ("macro_f1", "log_loss", "calibration_error", "aurc")
    head = ["member", *(f"{name} {where}" for where in ("all", "conflict") for name in _SHORT.values())]
    lines = [[*head, "seconds", "parameters"]]
    for member in members:
        cells = [
            estimate_cell(row_of(rows, measure, member, where))
            for where in ("all", "conflict=yes")
            for measure in measures
        ]
        cost = made.costs[member]
        lines.append([member, *cells, f"{cost.seconds:.1f}", f"{cost.parameters:,}"])
    return _aligned(lines)


_SHORT = {"macro_f1": "F1", "log_loss": "loss", "calibration_error": "calibration", "aurc": "AURC"}


def _missing(rows: list[dict[str, Any]], members: list[str], fewer: list[str]) -> str:
    titles = [where.replace("masked given=", "shown ").replace("given=", "trained on ") for where in fewer]
    lines = [["member", *(f"{title} {name}" for title in titles for name in ("F1", "loss"))]]
    for member in members:
        cells = [
            estimate_cell(row_of(rows, measure, member, where))
            for where in fewer
            for measure in ("macro_f1", "log_loss")
        ]
        lines.append([member, *cells])
    return _aligned(lines)


def _gains(rows: list[dict[str, Any]], first: str) -> str:
    mine = [row for row in rows if row["source"].startswith(f"{first}|")]
    wheres = list(dict.fromkeys(row["slice"] for row in mine))
    lines = [["than", "on", "macro-F1", "p", "log-loss", "p"]]
    for source in dict.fromkeys(row["source"] for row in mine):
        for where in wheres:
            pair = [row_of(mine, measure, source, where) for measure in ("macro_f1_gain", "log_loss_gain")]
            if pair[0] is None:
                continue
            cells = [text for row in pair for text in (estimate_cell(row, signed=True), p_cell(row))]
            other = source.split("|")[1]
            lines.append([f"itself, {where}" if other == first else other, where, *cells])
    return _aligned(lines)


def _no_worse(rows: list[dict[str, Any]], first: str) -> str:
    """Whom it may stand in for: by a margin in macro-F1, on all clips and where modalities agree."""
    said = []
    for where, words in (("all", "On all clips"), ("conflict=no", "Where modalities agree")):
        shown, left = no_worse(rows, first, where)
        names = ", ".join(shown) or "none of them"
        unsure = ", ".join(row["source"].split("|")[1] for row in left)
        rest = f"; not shown for {unsure}" if unsure else ""
        said.append(f"{words} {first} is no worse, by a margin of {MARGIN:g} macro-F1, than {names}{rest}.")
    return "\n".join(said)


def _aligned(lines: list[list[str]]) -> str:
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )
