"""The cues of the 1,440 RAVDESS recordings from nothing cached, on two cores, beside the limit of three minutes.

    MIXEDSIGNALS_DATA=... python -m benchmarks.cues

Measured are prosody and words; action units are joined from OpenFace's table. The second call takes all from the cache.
Where other work shares the machine, the processor seconds (of both cores together) say what an idle one would take.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.results_file import print_table, save

LIMITS = {"nothing cached": 180.0, "cached": 30.0}


def timed(arguments: list[str], environment: dict[str, str]) -> tuple[float, float, float]:
    """Seconds, processor seconds of all processes, and peak memory (GB) of one call of the command line."""
    began = time.perf_counter()
    process = subprocess.Popen([sys.executable, "-m", "mixedsignals", *arguments], env=environment)
    _, status, usage = os.wait4(process.pid, 0)
    if status != 0:
        sys.exit(f"mixedsignals {' '.join(arguments)} ended with {os.waitstatus_to_exitcode(status)}")
    return time.perf_counter() - began, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024 / 1e9


def main() -> None:
    """Import, measure twice, print and save the table."""
    named = os.environ.get("MIXEDSIGNALS_DATA")
    if not named:
        sys.exit("Set MIXEDSIGNALS_DATA to the folder of real data.")
    source = Path(named).resolve() / "ravdess"
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        one = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
        environment = {**os.environ, **one, "MIXEDSIGNALS_CACHE": str(folder / "cache")}
        timed(["import", "ravdess", str(source), str(folder / "corpus")], environment)
        command = ["cues", str(folder / "corpus"), "--jobs", "2", "--out", str(folder / "cues.parquet")]
        for name, limit in LIMITS.items():
            units = ["--measured", f"video={source / 'openface_au.csv'}"]
            seconds, processor, memory = timed([*command, *units], environment)
            rows.append(
                {
                    "from": name,
                    "seconds": round(seconds, 1),
                    "limit": limit,
                    "share of the limit": seconds / limit,
                    "processor seconds": processor,
                    "peak memory, GB": memory,
                }
            )
    print_table(rows)
    print(f"saved {save('cues', rows, corpus='RAVDESS, 1,440 recordings').name}")
    if any(row["seconds"] > row["limit"] for row in rows):
        sys.exit("a limit is passed")


if __name__ == "__main__":
    main()
