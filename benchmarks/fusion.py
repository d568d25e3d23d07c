"""The fusion family side by side: `mixedsignals compare` on the built-in corpus and, where its data are, on RAVDESS.

    python -m benchmarks.fusion [playhouse] [ravdess] [--work FOLDER]

The comparison goes on where an earlier call stopped; `docs/fusion.md` shows what is saved here.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any

from benchmarks.results_file import RESULTS, machine, print_table
from mixedsignals import api
from mixedsignals.api.comparing import Compared
from mixedsignals.cli._verb import progress

FAMILY = RESULTS / "family" / "fusion.json"  # a page of its own shows it, not that of all benchmarks
ROOT = Path(__file__).resolve().parents[1]
NAMES = {"playhouse": "playhouse", "ravdess": "RAVDESS speech"}
_MEASURES = ("macro_f1", "log_loss", "calibration_error", "aurc", "macro_f1_gain", "log_loss_gain")


def corpus_of(name: str, work: Path) -> Path | None:
    """The folder of a corpus; None where its data are not there."""
    if name == "playhouse":
        return api.playhouse()
    data = os.environ.get("MIXEDSIGNALS_DATA")
    if not data or not (Path(data) / "ravdess").is_dir():
        return None
    folder = work / "corpus-ravdess"
    if not (folder / "corpus.toml").is_file():
        api.import_corpus("ravdess", Path(data) / "ravdess", folder)
    return folder


def rows_of(name: str, made: Compared) -> list[dict[str, Any]]:
    """Every estimate and every cost as a row."""
    about = {
        "corpus": NAMES[name],
        "clips": made.clips,
        "conflict": len(made.comparison.conflict),
        "informative": "+".join(made.comparison.informative),
    }
    rows: list[dict[str, Any]] = []
    for row in made.comparison.estimates.iter_rows(named=True):
        if row["measure"] in _MEASURES:
            kept = {key: row[key] for key in ("measure", "source", "slice", "value", "low", "high", "p")}
            numbers = {k: round(v, 4) if isinstance(v, float) else v for k, v in kept.items()}
            rows.append({**about, **numbers})
    for member, cost in made.costs.items():
        for measure, value in (("seconds", cost.seconds), ("parameters", cost.parameters)):
            rows.append({**about, "measure": measure, "source": member, "slice": "all", "value": value})
    return rows


def main() -> None:
    """Compare, print the paired differences on the conflict slice, save."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("corpora", nargs="*", choices=[*NAMES, []], help="which; both if none is named")
    parser.add_argument("--members", help="members by commas; the whole family if not given")
    parser.add_argument("--threads", type=int, help="threads for training; all if not given")
    parser.add_argument("--work", type=Path, default=ROOT / "build" / "fusion", help="where comparisons lie")
    asked = parser.parse_args()
    kept = _saved()
    for name in asked.corpora or NAMES:
        corpus = corpus_of(name, asked.work)
        if corpus is None:
            print(f"{name}: left out, its data are not there", file=sys.stderr)
            continue
        made = api.compare(
            corpus,
            asked.work / name,
            fusions=asked.members.split(",") if asked.members else None,
            options=api.RunOptions(threads=asked.threads, second="none"),
            progress=progress(),
        )
        kept[NAMES[name]] = rows_of(name, made)
        gains = [row for row in kept[NAMES[name]] if row["source"].startswith("conflict|")]
        print_table(
            [
                {k: row[k] for k in ("source", "slice", "measure", "value", "low", "high", "p")}
                for row in gains
            ]
        )
    content = {"machine": machine(), "rows": [row for rows in kept.values() for row in rows]}
    FAMILY.parent.mkdir(exist_ok=True)
    FAMILY.write_text(json.dumps(content, indent=0, ensure_ascii=False) + "\n", encoding="utf-8")
    print(f"saved {FAMILY.name}; now `python docs/build.py references` makes docs/fusion.md")


def _saved() -> dict[str, list[dict[str, Any]]]:
    """What was saved before, by corpus."""
    found: dict[str, list[dict[str, Any]]] = {}
    for row in json.loads(FAMILY.read_text(encoding="utf-8"))["rows"] if FAMILY.is_file() else []:
        found.setdefault(row["corpus"], []).append(row)
    return found


if __name__ == "__main__":
    main()
