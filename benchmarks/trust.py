"""Are the intervals and tests themselves to be trusted: coverage, false claims and power on simulated corpora.

`python -m benchmarks.trust` draws 4,000 corpora for each setting and writes `results/trust.json`; `--short` draws
few, in seconds. An interval is right when 93 to 97 % of corpora have the truth inside it; a test, when at most 6.5 %
of corpora without an effect show one (below 3.5 %: conservative). Figures are judged with their Monte-Carlo error.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import argparse
import zlib
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from benchmarks.results_file import print_table, save
from benchmarks.simulated.corpora import Setting, draw_corpus
from benchmarks.simulated.measured import MEASURED
from benchmarks.simulated.tested import JUDGED

SETTINGS = (
    Setting(10, labels=2),
    Setting(20, labels=3, most_votes=6),
    Setting(40, labels=5, clips=10),
    Setting(100, labels=8, clips=10, fewest_votes=4),
)
SHORT = (Setting(20, labels=3, most_votes=6),)
SPEAKERS = (10, 20, 40, 100)


def _rng(*parts: object) -> np.random.Generator:
    return np.random.default_rng([zlib.crc32(str(part).encode()) for part in parts])


def truths(setting: Setting, *, speakers: int = 40_000) -> dict[str, float]:
    """The value of every measure on an endless corpus: that of a very large one."""
    endless = replace(setting, speakers=speakers, raters=4000, seeds=25, endless=True)
    made = draw_corpus(_rng("truth", setting), endless)
    made = replace(
        made, groups=made.groups.blocks(5)
    )  # values do not depend on groups, and intervals are not used
    found = {}
    for name, measure in MEASURED.items():
        if name.endswith("bootstrap"):
            found[name] = found[name.removesuffix(", bootstrap")]
            continue
        value = measure(made).value
        found[name] = float("nan") if value is None else value
    return found


def cover(setting: Setting, truth: dict[str, float], corpora: Sequence[int]) -> dict[str, np.ndarray]:
    """Per measure: intervals given, intervals that hold the truth, sum of widths."""
    counted = {name: np.zeros(3) for name in MEASURED}
    for at in corpora:
        made = draw_corpus(_rng("cover", setting, at), setting)
        for name, measure in MEASURED.items():
            if name.endswith("bootstrap") and setting.speakers < 40:
                continue
            found = measure(made)
            if found.low is None or found.high is None:
                continue
            counted[name] += [1, found.low <= truth[name] <= found.high, found.high - found.low]
    return counted


def claim(name: str, speakers: int, effect: float, corpora: Sequence[int]) -> int:
    """How many corpora the test claims an effect on."""
    test = JUDGED[name].claims
    return sum(test(_rng("claim", name, speakers, effect, at), speakers, effect) for at in corpora)


def _error(share: float, number: int) -> float:
    return float(np.sqrt(max(share * (1 - share), 1e-4) / max(number, 1)))


def judge_interval(coverage: float, number: int) -> str:
    """`holds` within .93 to .97, give or take two Monte-Carlo errors."""
    slack = 2 * _error(coverage, number)
    if coverage + slack < 0.93:
        return "too narrow"
    return "cautious" if coverage - slack > 0.97 else "holds"


def judge_test(claimed: float, number: int, *, upper_only: bool) -> str:
    """`holds` up to .065, give or take two Monte-Carlo errors; `conservative` below .035 where that matters."""
    slack = 2 * _error(claimed, number)
    if claimed - slack > 0.065:
        return "too many"
    return "conservative" if not upper_only and claimed + slack < 0.035 else "holds"


def _chunks(corpora: int, size: int = 50) -> list[range]:
    return [range(start, min(start + size, corpora)) for start in range(0, corpora, size)]


def intervals(settings: Iterable[Setting], corpora: int, jobs: int, *, endless: int) -> list[dict[str, Any]]:
    """One row per measure and setting."""
    rows = []
    for setting in settings:
        truth = truths(setting, speakers=endless)
        parts = _spread(partial(cover, setting, truth), _chunks(corpora), jobs)
        for name in MEASURED:
            given, held, width = np.sum([part[name] for part in parts], axis=0)
            if not given:
                continue
            rows.append(
                {
                    "interval": name,
                    "speakers": setting.speakers,
                    "labels": setting.labels,
                    "truth": truth[name],
                    "coverage": held / given,
                    "monte_carlo_error": _error(held / given, int(given)),
                    "mean_width": width / given,
                    "corpora": int(given),
                    "judged": judge_interval(held / given, int(given)),
                }
            )
    return rows


def tests(speakers: Iterable[int], corpora: int, jobs: int) -> list[dict[str, Any]]:
    """One row per test and number of speakers."""
    rows = []
    for count in speakers:
        for name, test in JUDGED.items():
            null_corpora = corpora if not test.expensive else max(corpora // 4, min(corpora, 40))
            power_corpora = max(corpora // 8, min(corpora, 40))
            false = sum(_spread(partial(claim, name, count, 0.0), _chunks(null_corpora), jobs))
            true = sum(_spread(partial(claim, name, count, test.effect), _chunks(power_corpora), jobs))
            share = false / null_corpora
            rows.append(
                {
                    "test": name,
                    "speakers": count,
                    "false_claims": share,
                    "monte_carlo_error": _error(share, null_corpora),
                    "corpora": null_corpora,
                    "planted": test.effect,
                    "power": true / power_corpora,
                    "judged": judge_test(share, null_corpora, upper_only=test.upper_only),
                }
            )
    return rows


def _spread(work: Any, parts: Sequence[Any], jobs: int) -> list[Any]:
    if jobs < 2:
        return [work(part) for part in parts]
    with ProcessPoolExecutor(jobs) as pool:
        return list(pool.map(work, parts))


def main(argv: Sequence[str] | None = None) -> None:
    """Print both tables and write them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--short", action="store_true", help="few corpora, one setting, nothing written")
    parser.add_argument("--corpora", type=int, default=4000, help="corpora per setting")
    parser.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument(
        "--only", choices=("intervals", "tests"), help="one of the two tables, nothing written"
    )
    given = parser.parse_args(argv)
    corpora = 60 if given.short else given.corpora
    settings, speakers = (SHORT, (20,)) if given.short else (SETTINGS, SPEAKERS)
    endless = 3000 if given.short else 40_000
    covered = [] if given.only == "tests" else intervals(settings, corpora, given.jobs, endless=endless)
    if covered:
        print_table(covered)
        print(flush=True)
    claimed = [] if given.only == "intervals" else tests(speakers, corpora, given.jobs)
    if claimed:
        print_table(claimed)
    if not given.short and not given.only:
        save("trust", [*covered, *claimed], corpora=corpora)


if __name__ == "__main__":
    main()
