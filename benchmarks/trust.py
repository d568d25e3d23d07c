"""Are the intervals and tests themselves to be trusted: coverage, false claims and power on simulated corpora.

`python -m benchmarks.trust` draws 4,000 corpora of each setting for the headline measures and tests, those that carry
the verdicts and main estimates, and 1,000 for the others; it writes `results/trust.json`. What has finished is kept in
`build/trust`, so that a run goes on where it was stopped; `--finished` prints and writes what there is. All of it takes
about 80 minutes of one core. `--short` draws few and writes nothing, in seconds. `--only WORD` (again for more words)
judges what has that word in its name, and leaves all other rows of `results/trust.json` as they are.

An interval is right when 93 to 97 % of corpora have the truth inside it; a test, when at most 6.5 % of corpora without
an effect show one (below 3.5 %: conservative). Figures are judged with two Monte-Carlo errors of allowance.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import argparse
import json
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.results_file import RESULTS, print_table, save
from benchmarks.simulated.chunks import Chunks, Task
from benchmarks.simulated.corpora import Setting, draw_corpus
from benchmarks.simulated.measured import AT_SIZE, HEADLINE, MEASURED, groups_of_measures, left_out
from benchmarks.simulated.tested import JUDGED

SETTINGS = (
    Setting(10, labels=2),
    Setting(20, labels=3, most_votes=6),
    Setting(20, labels=3, ease=2.0),
    Setting(20, labels=6, clips=30, speaker_effect=1.0),
    Setting(40, labels=5, clips=10),
    Setting(100, labels=8, clips=10, fewest_votes=4),
)
SHORT = (Setting(20, labels=3, most_votes=6),)
SPEAKERS = (10, 20, 40, 100)
CACHE = Path(__file__).parents[1] / "build" / "trust"
CHUNK = 100


@dataclass(frozen=True)
class Amount:
    """Corpora drawn for headline measures and tests, for the others, and for power; speakers of the endless corpus."""

    headline: int = 4000
    others: int = 1000
    power: int = 500
    endless: int = 40_000
    only: tuple[str, ...] = ()

    def wanted(self, names: Iterable[str]) -> list[str]:
        """Those of the names that have one of the words, in their order; all if no word is given."""
        return [name for name in names if not self.only or any(word in name for word in self.only)]

    def of(self, headline: bool) -> int:
        """Corpora without an effect."""
        return self.headline if headline else min(self.others, self.headline)


def _rng(*parts: object) -> np.random.Generator:
    return np.random.default_rng([zlib.crc32(str(part).encode()) for part in parts])


def truths(setting: Setting, speakers: int, names: Iterable[str] = tuple(MEASURED)) -> dict[str, np.ndarray]:
    """The value of these measures on an endless corpus: that of a very large one."""
    endless = replace(setting, speakers=speakers, raters=4000, seeds=25, endless=True)
    made = draw_corpus(_rng("truth", setting), endless)
    # Values do not depend on groups, and intervals are not used.
    made = replace(made, groups=made.groups.blocks(5))
    found = {}
    for name in sorted(set(names) - AT_SIZE):
        if not name.endswith("bootstrap") and not name.startswith("kendall"):
            value = MEASURED[name](made).value
            found[name] = np.asarray(np.nan if value is None else value)
    return found


def cover(setting: Setting, names: Sequence[str], corpora: Sequence[int]) -> dict[str, np.ndarray]:
    """Per measure value, low and high (corpora, 3), NaN where there is none."""
    found: dict[str, list[list[float]]] = {name: [] for name in names if not left_out(name, setting)}
    for at in corpora:
        made = draw_corpus(_rng("cover", setting, at), setting)
        for name, rows in found.items():
            one = MEASURED[name](made)
            rows.append([np.nan if end is None else end for end in (one.value, one.low, one.high)])
    return {name: np.asarray(rows) for name, rows in found.items()}


def claim(name: str, speakers: int, effect: float, corpora: Sequence[int]) -> int:
    """How many corpora the test claims an effect on."""
    test = JUDGED[name].claims
    return sum(test(_rng("claim", name, speakers, effect, at), speakers, effect) for at in corpora)


def _claimed(name: str, speakers: int, effect: float, corpora: Sequence[int]) -> dict[str, np.ndarray]:
    return {"claims": np.asarray(claim(name, speakers, effect, corpora))}


def _error(share: float, number: int) -> float:
    """Standard error of a share; two hits and two misses are added, so that none of few is not taken for never."""
    held = (share * number + 2.0) / (number + 4.0)
    return float(np.sqrt(held * (1.0 - held) / (number + 4.0)))


def judge_interval(coverage: float, number: int) -> str:
    """`right` within .93 to .97, give or take two Monte-Carlo errors; else `conservative` or `misses`."""
    slack = 2 * _error(coverage, number)
    if coverage + slack < 0.93:
        return "misses"
    return "conservative" if coverage - slack > 0.97 else "right"


def judge_test(claimed: float, number: int, *, upper_only: bool) -> str:
    """`right` up to .065, give or take two Monte-Carlo errors; `conservative` below .035 where that matters."""
    slack = 2 * _error(claimed, number)
    if claimed - slack > 0.065:
        return "misses"
    return "conservative" if not upper_only and claimed + slack < 0.035 else "right"


def _chunks(corpora: int) -> Iterator[range]:
    return (range(start, min(start + CHUNK, corpora)) for start in range(0, corpora, CHUNK))


def _digits(*parts: object) -> str:
    return "-".join(f"{zlib.crc32(str(part).encode()):08x}" for part in parts)


def _covers(setting: Setting, amount: Amount) -> Iterator[Task]:
    for group, names in groups_of_measures().items():
        for rows in _chunks(amount.of(names <= HEADLINE)):
            wanted = amount.wanted(sorted(names))
            which = f"{group}_{_digits(*wanted)}" if amount.only else group
            name = f"cover-{_digits(setting)}-{which}-{rows.start}-{rows.stop}"
            if wanted:
                yield Task(name, partial(cover, setting, wanted, rows))


def _truth_task(setting: Setting, amount: Amount) -> Task:
    wanted = amount.wanted(MEASURED)
    which = _digits(setting, amount.endless, *(wanted if amount.only else ()))
    return Task(f"truth-{which}", partial(truths, setting, amount.endless, tuple(wanted)))


def _claim_tasks(name: str, speakers: int, effect: float, corpora: int) -> list[Task]:
    return [
        Task(
            f"claim-{_digits(name, speakers, effect)}-{rows.start}-{rows.stop}",
            partial(_claimed, name, speakers, effect, rows),
        )
        for rows in _chunks(corpora)
    ]


def tasks(settings: Iterable[Setting], speakers: Iterable[int], amount: Amount) -> list[Task]:
    """All work, the first corpora of everything before the later ones of anything."""
    found = [_truth_task(setting, amount) for setting in settings if amount.wanted(MEASURED)]
    found += [task for setting in settings for task in _covers(setting, amount)]
    for count in speakers:
        for name in amount.wanted(JUDGED):
            test = JUDGED[name]
            corpora = amount.of(test.headline)
            found += _claim_tasks(name, count, 0.0, corpora)
            found += _claim_tasks(name, count, test.effect, amount.power)
    return sorted(
        found, key=lambda task: 0 if task.name.startswith("truth") else int(task.name.split("-")[-1])
    )


def intervals(settings: Iterable[Setting], amount: Amount, chunks: Chunks) -> list[dict[str, Any]]:
    """One row per measure and setting, of what has finished."""
    rows = []
    for setting in settings:
        truth = chunks.get(_truth_task(setting, amount).name)
        done = [part for task in _covers(setting, amount) if (part := chunks.get(task.name)) is not None]
        for name in amount.wanted(MEASURED):
            parts = [part[name] for part in done if name in part]
            if truth is None or not parts:
                continue
            ends = np.concatenate(parts)
            ends = ends[np.isfinite(ends).all(axis=1)]
            true = _true(name, truth, ends)
            if len(ends) and true is not None:
                rows.append(_interval_row(name, setting, true, ends))
    return rows


def _true(name: str, truth: dict[str, np.ndarray], ends: np.ndarray) -> float | None:
    if name in AT_SIZE or name.startswith("kendall"):
        return float(ends[:, 0].mean()) if len(ends) else None
    return float(truth[name.removesuffix(", bootstrap")])


def _interval_row(name: str, setting: Setting, true: float, ends: np.ndarray) -> dict[str, Any]:
    above, below = float((ends[:, 1] > true).mean()), float((ends[:, 2] < true).mean())
    share, number = 1.0 - above - below, len(ends)
    return {
        "interval": name,
        "corpora like": setting.name,
        "truth": true,
        "coverage": share,
        "Monte-Carlo error": _error(share, number),
        "all above the truth": above,
        "all below": below,
        "mean width": float((ends[:, 2] - ends[:, 1]).mean()),
        "corpora": number,
        "verdict": judge_interval(share, number),
    }


def tests(speakers: Iterable[int], amount: Amount, chunks: Chunks) -> list[dict[str, Any]]:
    """One row per test and number of speakers, of what has finished."""
    rows = []
    for name in amount.wanted(JUDGED):
        test = JUDGED[name]
        for count in speakers:
            corpora = amount.of(test.headline)
            false, drawn = _share(_claim_tasks(name, count, 0.0, corpora), chunks)
            power, planted = _share(_claim_tasks(name, count, test.effect, amount.power), chunks)
            if false is None or power is None:
                continue
            rows.append(
                {
                    "test": name,
                    "speakers": count,
                    "false claims": false,
                    "Monte-Carlo error": _error(false, drawn),
                    "corpora": drawn,
                    "planted effect": test.effect,
                    "power": power,
                    "its Monte-Carlo error": _error(power, planted),
                    "verdict": judge_test(false, drawn, upper_only=test.upper_only),
                }
            )
    return rows


def _share(work: Sequence[Task], chunks: Chunks) -> tuple[float | None, int]:
    """Share of claims over the tasks that have finished, and the corpora they drew."""
    claims, drawn = 0, 0
    for task in work:
        start, stop = map(int, task.name.split("-")[-2:])
        found = chunks.get(task.name)
        if found is not None:
            claims, drawn = claims + int(found["claims"]), drawn + stop - start
    return (claims / drawn if drawn else None), drawn


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--short", action="store_true", help="60 corpora of one setting, nothing written")
    parser.add_argument("--corpora", type=int, default=4000, help="corpora per setting, headline ones")
    parser.add_argument("--others", type=int, default=1000, help="corpora per setting for the others")
    parser.add_argument(
        "--endless", type=int, default=40_000, help="speakers of the corpora that give the truth"
    )
    parser.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)), help="processes")
    parser.add_argument("--cache", type=Path, default=CACHE, help="where finished chunks are kept")
    parser.add_argument(
        "--only", action="append", default=[], metavar="WORD", help="only what has it in its name"
    )
    parser.add_argument("--finished", action="store_true", help="draw nothing: only what is kept")
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> None:
    """Print both tables and write them."""
    given = _arguments(argv)
    amount = Amount(60, 60, 60, 3000) if given.short else Amount(given.corpora, given.others)
    amount = replace(amount, only=tuple(given.only), endless=amount.endless if given.short else given.endless)
    settings, speakers = (SHORT, (20,)) if given.short else (SETTINGS, SPEAKERS)
    chunks = Chunks(given.cache)
    if not given.finished:
        chunks.do(tasks(settings, speakers, amount), jobs=given.jobs)
    covered, claimed = intervals(settings, amount, chunks), tests(speakers, amount, chunks)
    for table in (covered, claimed):
        if table:
            print_table(table)
            print(flush=True)
    if not given.short:
        wanted = f"{amount.headline} for headline figures, {amount.others} for others"
        rows, told = [*covered, *claimed], {"corpora wanted": wanted}
        if amount.only:
            rows, told = _beside_others(rows, told)
        save("trust", rows, **told)


def _beside_others(
    rows: list[dict[str, Any]], told: dict[str, str]
) -> tuple[list[dict[str, Any]], dict[str, str]]:
    """All rows in the results, those judged again replaced, intervals before tests; and what is said of them."""
    path = RESULTS / "trust.json"
    if not path.is_file():
        return rows, told
    held = json.loads(path.read_text(encoding="utf-8"))
    again = {row.get("interval", row.get("test")) for row in rows}
    kept = [row for row in held["rows"] if row.get("interval", row.get("test")) not in again]
    every = sorted([*kept, *rows], key=lambda row: "test" in row)
    return every, {"corpora wanted": held["corpora wanted"]}


if __name__ == "__main__":
    main()
