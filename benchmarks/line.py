"""The whole line on RAVDESS: from nothing cached, and with the embeddings cached, beside the limits set for it.

    MIXEDSIGNALS_DATA=... python -m benchmarks.line

Limits on two cores: 6 minutes from nothing cached (the offline weights are there), 4 minutes with the embeddings
cached, peak memory under 3 GB. Processor seconds are said too: on a machine that has other work to do they tell
what the clock would say without it, at best half of them.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.results_file import print_table, save
from mixedsignals.store import cache_dir

LIMITS = {"nothing cached": 360.0, "embeddings cached": 240.0}
MEMORY_GB = 3.0


def timed(arguments: list[str], environment: dict[str, str]) -> tuple[float, float, float]:
    """Seconds by the clock, of the processor, and peak resident memory (GB) of one call of the command line."""
    began = time.perf_counter()
    process = subprocess.Popen([sys.executable, "-m", "mixedsignals", *arguments], env=environment)
    _, status, usage = os.wait4(process.pid, 0)
    if status != 0:
        sys.exit(f"mixedsignals {' '.join(arguments)} ended with {os.waitstatus_to_exitcode(status)}")
    worked = usage.ru_utime + usage.ru_stime
    return time.perf_counter() - began, worked, usage.ru_maxrss * 1024 / 1e9


def main() -> None:
    """Import, run twice, print and save the table."""
    named = os.environ.get("MIXEDSIGNALS_DATA")
    if not named:
        sys.exit("Set MIXEDSIGNALS_DATA to the folder of real data.")
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        shutil.copytree(cache_dir() / "weights", folder / "cache" / "weights")
        environment = {**os.environ, "MIXEDSIGNALS_CACHE": str(folder / "cache")}
        imported, _, _ = timed(
            ["import", "ravdess", str(Path(named) / "ravdess"), str(folder / "corpus")], environment
        )
        for name, limit in LIMITS.items():
            out = folder / name.replace(" ", "-")
            seconds, worked, memory = timed(["run", str(folder / "corpus"), "--out", str(out)], environment)
            seconds += imported if name == "nothing cached" else 0.0
            rows.append(
                {
                    "from": name,
                    "seconds": round(seconds, 1),
                    "limit": limit,
                    "share of the limit": seconds / limit,
                    "processor seconds": round(worked, 1),
                    "peak memory, GB": memory,
                    "memory limit, GB": MEMORY_GB,
                }
            )
            shutil.rmtree(out)
    print_table(rows)
    print(f"saved {save('line', rows, corpus='RAVDESS, 1,440 clips').name}")
    if any(row["seconds"] > row["limit"] or row["peak memory, GB"] > MEMORY_GB for row in rows):
        sys.exit("a limit is passed")


if __name__ == "__main__":
    main()
