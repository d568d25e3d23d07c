"""`python -m benchmarks`: every benchmark in turn; those that need real data are left out without MIXEDSIGNALS_DATA."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

NEED_DATA = {"audit", "cues", "line", "maps", "tuning"}
HELPERS = {"__init__", "__main__", "designs_tried", "results_file"}


def main() -> None:
    """Run each in a process of its own, and say at the end which failed."""
    names = sorted(path.stem for path in Path(__file__).parent.glob("*.py") if path.stem not in HELPERS)
    failed = []
    for name in names:
        if name in NEED_DATA and not os.environ.get("MIXEDSIGNALS_DATA"):
            print(f"## {name}: left out, it needs MIXEDSIGNALS_DATA", flush=True)
            continue
        print(f"## {name}", flush=True)
        if subprocess.run([sys.executable, "-m", f"benchmarks.{name}"]).returncode:
            failed.append(name)
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
