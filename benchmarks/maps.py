"""Data maps of RAVDESS: how every source learned its clips, and what is easy in one modality and hard in another.

    MIXEDSIGNALS_DATA=... python -m benchmarks.maps [RUN]      a run of RAVDESS; without one it is made, in minutes

Means over clips with intervals over actors; shares of clips that are easy, ambiguous or hard to learn; for every other
source the clips that are easy here and hard there, beside what two that learn independently given the label would show.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import polars as pl

from benchmarks.results_file import print_table, save
from mixedsignals import api
from mixedsignals.store import RunFolder

_MEANS = {
    "training_confidence": "confidence",
    "training_variability": "variability",
    "training_correctness": "correctness",
    "forgotten": "forgotten, times a training",
}
_REGIONS = {"easy": 1.0, "ambiguous": 0.0, "hard": -1.0}


def rows_of(run: RunFolder) -> list[dict[str, Any]]:
    """A row per source in the order of the run, then one per ordered pair, then how many clips nobody learned."""
    estimates, scores = (pl.read_parquet(run.table(name)) for name in ("estimates", "scores"))
    found = {(r["measure"], r["source"], r["slice"]): r for r in estimates.iter_rows(named=True)}
    sources = [source for measure, source, _ in found if measure == "training_confidence"]
    rows: list[dict[str, Any]] = []
    for source in sources:
        row: dict[str, Any] = {"source": source}
        for measure, name in _MEANS.items():
            row[name] = _told(found.get((measure, source, "all")))
        region = scores.filter(pl.col("measure") == "training_region", pl.col("source") == source)["value"]
        rows.append(row | {name: float((region == code).mean() or 0.0) for name, code in _REGIONS.items()})
    for easy in sources:
        for hard in sources:
            where = f"hard_in={hard}"
            if one := found.get(("easy_and_hard", easy, where)):
                chance = found["chance:easy_and_hard", easy, where]["value"]
                rows.append(
                    {"easy in": easy, "hard in": hard, "share of clips": _told(one), "by chance": chance}
                )
    never = found.get(("never_learned", "models", "all"))
    return [*rows, {"learned by none, share of clips": _told(never)}]


def _told(row: dict[str, Any] | None) -> str | None:
    """`.82 [.81, .82]`, or None."""
    if row is None:
        return None
    ends = "" if row["low"] is None else f" [{row['low']:.3f}, {row['high']:.3f}]"
    return f"{row['value']:.3f}{ends}"


def main() -> None:
    """Read or make a run, print and save the table."""
    data = os.environ.get("MIXEDSIGNALS_DATA")
    with tempfile.TemporaryDirectory() as scratch:
        if len(sys.argv) > 1:
            run = RunFolder(Path(sys.argv[1]))
        elif data:
            corpus = Path(scratch) / "ravdess"
            api.import_corpus("ravdess", Path(data) / "ravdess", corpus)
            run = api.run(corpus, Path(scratch) / "run", media="none")
        else:
            sys.exit("Set MIXEDSIGNALS_DATA to the folder of real data, or name a run of RAVDESS.")
        rows = rows_of(run)
        clips = pl.read_parquet(run.table("clips")).height
    print_table(rows)
    print(f"saved {save('maps', rows, corpus=f'RAVDESS, {clips:,} clips').name}")


if __name__ == "__main__":
    main()
