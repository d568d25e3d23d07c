"""The cues of the 1,440 RAVDESS recordings from nothing cached, on two cores, beside the limit of three minutes.

    MIXEDSIGNALS_DATA=... python -m benchmarks.cues

Measured are prosody and words; action units are joined from OpenFace's table. The second call takes all from the cache.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.line import timed
from benchmarks.results_file import print_table, save

LIMITS = {"nothing cached": 180.0, "cached": 30.0}


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
            seconds, memory = timed([*command, *units], environment)
            rows.append(
                {
                    "from": name,
                    "seconds": round(seconds, 1),
                    "limit": limit,
                    "share of the limit": seconds / limit,
                    "peak memory, GB": memory,
                }
            )
    print_table(rows)
    print(f"saved {save('cues', rows, corpus='RAVDESS, 1,440 recordings').name}")
    if any(row["seconds"] > row["limit"] for row in rows):
        sys.exit("a limit is passed")


if __name__ == "__main__":
    main()
