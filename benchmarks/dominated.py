"""Is the finder's comparison with chance to be trusted? Made corpora in which modalities know nothing of each other.

    python -m benchmarks.dominated [--corpora 1000] [--jobs 2]      finished corpora are kept in build/dominated
    python -m benchmarks.dominated --only rate                      one table; the other stays as it was saved

Given label and speaker, every modality of a clip is drawn by itself, so dealing modalities out again changes nothing
and the excess of `MS910` is zero: how often does it claim one, and does its interval hold zero? Power is seen where, on
one clip in eight, one modality points elsewhere so loudly that fusion follows while the others know better, which
dealing out undoes. The interval of the rate itself is held against the rate of a corpus of 2,000 speakers drawn like
the latter. The whole check runs on every corpus, as `diagnose` does it, with two seeds and 20 dealings.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import argparse
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from benchmarks.results_file import RESULTS, print_table, save
from benchmarks.simulated.chunks import Chunks, Task
from benchmarks.trust import judge_interval, judge_test
from mixedsignals.diagnosis import CHECKS, Evidence, diagnose
from mixedsignals.testing import Plan, World, build_world
from mixedsignals.testing.shuffled import shuffled_of
from mixedsignals.testing.tables import clips_of, predictions_of, targets_of

CACHE = Path(__file__).parents[1] / "build" / "dominated"
CHUNK, PLANTED, ENDLESS = 50, 0.125, 2000
LABELS = {2: ("neutral", "empathetic"), 4: ("angry", "happy", "neutral", "sad")}
RATE = "unsupported_dominance_rate"


@dataclass(frozen=True)
class Setting:
    """How a corpus is drawn: speakers, clips of each on average, labels, and how unlike speakers are."""

    speakers: int
    clips: int = 15
    labels: int = 2
    speaker_effect: float = 0.4

    @property
    def name(self) -> str:
        """What a table calls it."""
        return f"{self.speakers} speakers of {self.clips} clips, {self.labels} labels"


SETTINGS = (Setting(10), Setting(20), Setting(40), Setting(20, labels=4, clips=24))


def drawn(setting: Setting, at: int, *, planted: float) -> World:
    """One corpus; with `planted`, that share of its clips has a loud modality that points elsewhere."""
    plan = Plan(
        n_clips=setting.speakers * setting.clips,
        n_speakers=setting.speakers,
        labels=LABELS[setting.labels],
        strength={"text": 1.0, "audio": 1.2, "video": 1.4},
        speaker_effect=setting.speaker_effect,
        pairs=True,
        seeds=(1, 2),
        seed=1_000_000 * setting.labels + 10_000 * setting.speakers + at,
    )
    world = build_world(plan)
    return _loud(world, planted) if planted else world


def _loud(world: World, share: float) -> World:
    """One modality of some clips says another label twice as loudly as the others, together, say the target."""
    rng = np.random.default_rng([world.plan.seed, 9])
    n, labels = len(world.target), len(world.plan.labels)
    chosen = rng.random(n) < share
    turned = rng.integers(0, len(world.logits), n)
    wrong = (world.target + rng.integers(1, labels, n)) % labels
    logits = {}
    for at, (name, held) in enumerate(world.logits.items()):
        loud = np.where(
            (turned == at)[:, None], 6.0 * np.eye(labels)[wrong], 1.5 * np.eye(labels)[world.target]
        )
        logits[name] = np.where(chosen[:, None], loud + rng.normal(0, 0.3, held.shape), held)
    return replace(world, logits=logits)


def _found(world: World, measure: str, *, dealt: bool) -> np.ndarray:
    """Value, low, high and p of an estimate of a corpus, (4,); NaN where there is none."""
    evidence = Evidence(
        labels=world.plan.label_list,
        clips=clips_of(world),
        targets=targets_of(world),
        predictions=predictions_of(world),
        probes=shuffled_of(world) if dealt else None,
        run_id=world.plan.run_id,
    )
    found = diagnose(evidence, checks=[one for one in CHECKS if one.code == "MS910"]).estimates
    one = found.filter(pl.col("measure") == measure, pl.col("slice") == "all", pl.col("source") == "fusion")
    held = one.select("value", "low", "high", "p").to_numpy().astype(np.float64)
    return np.asarray(held[0] if len(held) else np.full(4, np.nan))


def judged(setting: Setting, corpora: range, *, planted: float) -> dict[str, np.ndarray]:
    """Excess, its interval and p, of each corpus, (corpora, 4); NaN where there is none."""
    worlds = (drawn(setting, at, planted=planted) for at in corpora)
    return {"excess": np.array([_found(world, f"excess:{RATE}", dealt=True) for world in worlds])}


def rated(setting: Setting, corpora: range) -> dict[str, np.ndarray]:
    """The rate and its interval, of each corpus, (corpora, 4)."""
    worlds = (drawn(setting, at, planted=PLANTED) for at in corpora)
    return {"rate": np.array([_found(world, RATE, dealt=False) for world in worlds])}


def truth(setting: Setting) -> dict[str, np.ndarray]:
    """The rate of one corpus of very many speakers."""
    world = drawn(replace(setting, speakers=ENDLESS), 0, planted=PLANTED)
    return {"truth": _found(world, RATE, dealt=False)[:1]}


def tasks(setting: Setting, corpora: int, *, planted: float) -> Iterator[Task]:
    """Chunks of corpora."""
    for start in range(0, corpora, CHUNK):
        rows = range(start, min(start + CHUNK, corpora))
        name = f"{setting.name.replace(' ', '-').replace(',', '')}-{planted}-{rows.start}-{rows.stop}"
        yield Task(name, partial(judged, setting, rows, planted=planted))


def rate_tasks(setting: Setting, corpora: int) -> Iterator[Task]:
    """The truth, and chunks of corpora."""
    short = setting.name.replace(" ", "-").replace(",", "")
    yield Task(f"truth-{short}-0-1", partial(truth, setting))
    for start in range(0, corpora, CHUNK):
        rows = range(start, min(start + CHUNK, corpora))
        yield Task(f"rate-{short}-{rows.start}-{rows.stop}", partial(rated, setting, rows))


def rate_row(setting: Setting, corpora: int, chunks: Chunks) -> dict[str, Any] | None:
    """One row of the table of the rate, of what has finished."""
    first, *others = (chunks.get(task.name) for task in rate_tasks(setting, corpora))
    parts = [part["rate"] for part in others if part is not None]
    if first is None or not parts:
        return None
    true, ends = float(first["truth"][0]), np.concatenate(parts)
    ends = ends[np.isfinite(ends[:, :3]).all(axis=1)]
    covered = float(((ends[:, 1] <= true) & (ends[:, 2] >= true)).mean())
    return {
        "rate, corpora like": setting.name,
        "truth": true,
        "coverage": covered,
        "Monte-Carlo error": float(np.sqrt(covered * (1 - covered) / len(ends))),
        "all above the truth": float((ends[:, 1] > true).mean()),
        "all below": float((ends[:, 2] < true).mean()),
        "mean width": float((ends[:, 2] - ends[:, 1]).mean()),
        "corpora": len(ends),
        "verdict": judge_interval(covered, len(ends)),
    }


def summary(setting: Setting, corpora: int, power: int, chunks: Chunks) -> dict[str, Any] | None:
    """One row of the table, of what has finished."""
    nothing, something = (
        [
            part["excess"]
            for task in tasks(setting, n, planted=p)
            if (part := chunks.get(task.name)) is not None
        ]
        for n, p in ((corpora, 0.0), (power, PLANTED))
    )
    if not nothing or not something:
        return None
    null, planted = np.concatenate(nothing), np.concatenate(something)
    null = null[np.isfinite(null).all(axis=1)]
    claims = float((null[:, 3] < 0.05).mean())
    covered = float(((null[:, 1] <= 0) & (null[:, 2] >= 0)).mean())
    more = (planted[:, 3] < 0.05) & (planted[:, 1] > 0)
    return {
        "corpora like": setting.name,
        "false claims": claims,
        "of them more than chance": float(((null[:, 3] < 0.05) & (null[:, 1] > 0)).mean()),
        "Monte-Carlo error": float(np.sqrt(claims * (1 - claims) / len(null))),
        "verdict": judge_test(claims, len(null), upper_only=False),
        "interval holds zero": covered,
        "its verdict": judge_interval(covered, len(null)),
        "mean excess": float(null[:, 0].mean()),
        "corpora": len(null),
        "planted: mean excess": float(np.nanmean(planted[:, 0])),
        "power": float(more.mean()),
        "corpora planted": len(planted),
    }


def _saved(kind: str) -> list[dict[str, Any]]:
    """The rows of one table as they were saved."""
    path = RESULTS / "dominated.json"
    rows = json.loads(path.read_text(encoding="utf-8"))["rows"] if path.is_file() else []
    return [row for row in rows if next(iter(row)).startswith("rate") == (kind == "rate")]


def main() -> None:
    """Print and save the tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--corpora", type=int, default=1000, help="corpora per setting")
    parser.add_argument("--power", type=int, default=200, help="corpora per setting with an effect")
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    parser.add_argument("--only", choices=("null", "rate"), help="one table; the other stays as it was saved")
    parser.add_argument("--finished", action="store_true", help="draw nothing: only what is kept")
    given = parser.parse_args()
    chunks, rows = Chunks(CACHE), []
    for kind in ("null", "rate"):
        if given.only not in (None, kind):
            rows += _saved(kind)
            continue
        made = [_work(kind, setting, given) for setting in SETTINGS]
        work = sorted((t for one in made for t in one), key=lambda task: int(task.name.split("-")[-2]))
        if not given.finished:
            chunks.do(work, jobs=given.jobs)
        table = [_row(kind, setting, given, chunks) for setting in SETTINGS]
        rows += [row for row in table if row is not None]
    print_table(rows)
    print(f"saved {save('dominated', rows).name}")


def _work(kind: str, setting: Setting, given: argparse.Namespace) -> list[Task]:
    if kind == "rate":
        return list(rate_tasks(setting, given.corpora))
    return [
        *tasks(setting, given.corpora, planted=0.0),
        *tasks(setting, given.power, planted=PLANTED),
    ]


def _row(kind: str, setting: Setting, given: argparse.Namespace, chunks: Chunks) -> dict[str, Any] | None:
    if kind == "rate":
        return rate_row(setting, given.corpora, chunks)
    return summary(setting, given.corpora, given.power, chunks)


if __name__ == "__main__":
    main()
