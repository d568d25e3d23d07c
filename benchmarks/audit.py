"""How long the whole audit takes, and how much memory: from files of predictions and votes to tables and report.

    MIXEDSIGNALS_DATA=... python -m benchmarks.audit
    python -m benchmarks.audit --quick

Every case is a process of its own, measured as the system counts it: seconds on the wall, seconds of processors, and
the most memory that it held. CREMA-D is imported and diagnosed. The simulated corpora have four sources, three labels,
ten votes a clip, a hundred clips a speaker; their files are made before, by another process. Limits: CREMA-D 20 s;
a million clips 3 minutes and 6 GB, growing no more than linearly from 100,000. `--quick` makes small ones and saves
nothing.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.results_file import print_table, save

FULL, QUICK = (500, 100_000, 1_000_000), (500, 1_000)
SECONDS = {1_000_000: 180.0}
MEMORY_GB = {1_000_000: 6.0}
CREMAD_SECONDS = 20.0


@dataclass(frozen=True)
class Cost:
    """What one or more processes took; peaks of processes that run one after another do not add up."""

    wall: float = 0.0
    processors: float = 0.0
    memory: float = 0.0

    def __add__(self, other: Cost) -> Cost:
        return Cost(
            self.wall + other.wall, self.processors + other.processors, max(self.memory, other.memory)
        )


def measured(*arguments: str) -> Cost:
    """The cost of one call of the command line, with the processes that it waits for."""
    began = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "mixedsignals", *arguments, "--quiet"], stdout=subprocess.DEVNULL
    )
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - began
    if status != 0:
        sys.exit(f"mixedsignals {' '.join(arguments)} ended with {os.waitstatus_to_exitcode(status)}")
    return Cost(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024 / 1e9)


def make(clips: int, folder: Path) -> None:
    """Write predictions, votes and clips of a simulated corpus as Parquet."""
    from mixedsignals.testing import make_evidence

    made = make_evidence(
        n_clips=clips,
        n_speakers=max(10, clips // 100),
        labels=("sad", "neutral", "happy"),
        seeds=(0,),
        conditions=("audio", "text+audio+video"),
        votes_per_clip=5,
        n_raters=max(50, clips // 200),
        conflict={"text": 0.1},
        ambiguous=0.1,
    )
    made.predictions.drop("calibrated", "run_id").write_parquet(folder / "predictions.parquet")
    made.votes.write_parquet(folder / "votes.parquet")
    made.clips.write_parquet(folder / "clips.parquet")


def simulated(clips: int, folder: Path) -> dict[str, Any]:
    """The row of a simulated corpus. Another process makes it, as a child's peak counts its parent's memory too."""
    subprocess.run(
        [sys.executable, "-m", "benchmarks.audit", "--make", str(clips), "--in", str(folder)], check=True
    )
    tables = [
        f for name in ("predictions", "votes", "clips") for f in (f"--{name}", f"{folder / name}.parquet")
    ]
    cost = measured("diagnose", *tables, "--out", str(folder / "run"))
    limits = SECONDS.get(clips), MEMORY_GB.get(clips)
    return _row(f"simulated, {clips:,} clips", clips, 10 * clips, cost, *limits)


def cremad(data: Path, folder: Path) -> dict[str, Any]:
    """The row of CREMA-D: its table of votes imported, without media, and the corpus diagnosed."""
    corpus = str(folder / "corpus")
    cost = measured("import", "cremad", str(data / "cremad"), corpus, "--media", "none")
    cost += measured("diagnose", corpus, "--out", str(folder / "run"))
    import polars as pl

    votes = pl.read_parquet(folder / "run" / "tables" / "votes.parquet", columns=["clip_id", "count"])
    counts = votes["clip_id"].n_unique(), int(votes["count"].sum())
    return _row("CREMA-D, import and diagnosis", *counts, cost, CREMAD_SECONDS, None)


def _row(
    name: str, clips: int, votes: int, cost: Cost, seconds: float | None, memory: float | None
) -> dict[str, Any]:
    return {
        "audit": name,
        "clips": clips,
        "votes": votes,
        "seconds": round(cost.wall, 1),
        "limit, seconds": seconds,
        "processor seconds": round(cost.processors, 1),
        "peak memory, GB": round(cost.memory, 2),
        "limit, GB": memory,
    }


def add_growth(rows: list[dict[str, Any]]) -> None:
    """To the last row, its cost per clip beside that of the row before: 1 is linear growth, less is slower growth."""
    before, last = rows[-2:]
    times = last["clips"] / before["clips"]
    for name in ("seconds", "processor seconds", "peak memory, GB"):
        last[f"{name} per clip, ratio"] = last[name] / before[name] / times


def beyond(row: dict[str, Any]) -> list[str]:
    """Which limits a row passes."""
    pairs = (("seconds", "limit, seconds"), ("peak memory, GB", "limit, GB"))
    found = [name for name, limit in pairs if row[limit] is not None and row[name] > row[limit]]
    return found + [name for name, value in row.items() if name.endswith("ratio") and value > 1]


def main(argv: Sequence[str] | None = None) -> None:
    """Measure every case; print and save the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--quick", action="store_true", help="small corpora only; nothing is saved")
    parser.add_argument(
        "--make", type=int, metavar="CLIPS", help="write a simulated corpus, and measure nothing"
    )
    parser.add_argument("--in", dest="folder", type=Path, metavar="FOLDER", help="where --make writes it")
    given = parser.parse_args(argv)
    if given.make:
        return make(given.make, given.folder)
    data = os.environ.get("MIXEDSIGNALS_DATA")
    if not (data or given.quick):
        sys.exit("Set MIXEDSIGNALS_DATA to the folder of real data, or give --quick.")
    rows: list[dict[str, Any]] = []
    for clips in QUICK if given.quick else FULL:
        with tempfile.TemporaryDirectory() as scratch:
            rows.append(simulated(clips, Path(scratch)))
    add_growth(rows)
    if data and not given.quick:
        with tempfile.TemporaryDirectory() as scratch:
            rows.append(cremad(Path(data), Path(scratch)))
    print_table(rows)
    if not given.quick:
        print(f"saved {save('audit', rows).name}")
    if passed := {row["audit"]: beyond(row) for row in rows if beyond(row)}:
        sys.exit(f"limits are passed: {passed}")
    return None


if __name__ == "__main__":
    main()
