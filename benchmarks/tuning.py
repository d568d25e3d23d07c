"""Tuned encoders beside frozen ones: the last two layers of the offline encoders, five folds, one seed, five epochs.

    MIXEDSIGNALS_DATA=... python -m benchmarks.tuning [FOLDER [CORPUS] [--so-far]]

Work is kept in FOLDER, and the same call goes on there; CORPUS alone if one is named; with --so-far nothing is trained,
and what is finished is compared.

MiniLM, Whisper tiny.en's encoder and EfficientNet-lite0 on playhouse; MiniLM and Whisper on RAVDESS, where text carries
nothing about the emotion. Three answers per modality, all on speakers that were never trained on: a head on the frozen
embeddings, a head on the tuned ones, and the tuned classifier itself. Differences are paired over the clips, their
intervals over speakers. Training clips are embedded in-sample here; heads of one modality do not mind.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from benchmarks.results_file import print_table, save
from mixedsignals import api
from mixedsignals.labels import Labels
from mixedsignals.manifest import RunOptions
from mixedsignals.measures.groups import Groups
from mixedsignals.measures.inference import Estimate, difference, estimate
from mixedsignals.measures.performance import performance, performance_statistic
from mixedsignals.progress import Silent, Task
from mixedsignals.store import RunFolder
from mixedsignals.tuning_options import TuningOptions

SEED = 42
TUNING = {"inner_folds": 0, "precision": "bf16", "epochs": 5}
MINUTES = 60  # that it may take on two cores
MODALITIES = {"playhouse": ("text", "audio", "video"), "RAVDESS": ("text", "audio")}

Codes = npt.NDArray[np.int64]


class Lines(Silent):
    """Says what is said, and adds up the processor seconds of every kind of work.

    Attributes:
        spent: by kind, the seconds and how often it was finished; all models of an encoder are one kind.
    """

    def __init__(self, spent: dict[str, list[float]]) -> None:
        self.spent = spent

    def say(self, text: str) -> None:
        """To stderr, with the time."""
        print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)

    @contextmanager
    def task(self, name: str, total: int | None = None) -> Iterator[Task]:
        """A piece of work; where nothing was left to do it is not counted."""
        began = time.process_time()
        kind = self.spent.setdefault(name.split(", fold")[0], [0.0, 0])
        with super().task(name, total) as task:
            try:
                yield task
                kind[1] += total != 0
            finally:
                kind[0] += time.process_time() - began


def corpora(folder: Path) -> dict[str, Path]:
    """The corpora that can be had here."""
    found = {}
    if named := os.environ.get("MIXEDSIGNALS_DATA"):
        found["RAVDESS"] = folder / "ravdess"
        if not (folder / "ravdess" / "corpus.toml").is_file():
            api.import_corpus("ravdess", Path(named) / "ravdess", folder / "ravdess")
    return {**found, "playhouse": api.playhouse()}


def clock_of(out: Path) -> Path:
    """Where the seconds of a fit are kept, over all calls."""
    return out.with_name(f"{out.name}.seconds.json")


def fitted(corpus: Path, out: Path, options: RunOptions) -> RunFolder:
    """A fit, which goes on where an earlier call was stopped; its seconds are added up.

    Seconds of the wall clock, and of the processor: those do not depend on what else a machine has to do.
    """
    clock, spent = clock_of(out), spent_on(out)
    began, worked = time.perf_counter(), time.process_time()
    try:
        return api.fit(api.read(corpus), out, options=options, progress=Lines(spent["kinds"]))
    finally:
        spent["wall"] += time.perf_counter() - began
        spent["processor"] += time.process_time() - worked
        clock.parent.mkdir(parents=True, exist_ok=True)
        clock.write_text(json.dumps(spent, indent=1))


def spent_on(out: Path) -> dict[str, Any]:
    """Seconds by the wall clock and of the processor, over all calls so far; the latter by kind of work too."""
    clock = clock_of(out)
    known = json.loads(clock.read_text()) if clock.is_file() else {}
    return {"wall": 0.0, "processor": 0.0, "kinds": {}, **known}


def from_nothing(spent: dict[str, Any], folds: int) -> float | None:
    """Processor seconds of the whole tuning: each kind as often as it is needed; None where a kind was not finished."""
    found = 0.0
    for name, (seconds, finished) in spent["kinds"].items():
        if not finished:
            return None
        found += seconds / finished * (folds if name.startswith("Tuning ") else 1)
    return found if found else None


def said(run: RunFolder, modality: str, labels: Labels) -> dict[str, int]:
    """What the heads of one modality say of each clip, out of fold."""
    table = pl.read_parquet(run.table("predictions")).filter(source=modality)
    best = table.sort("probability", descending=True).unique("clip_id", keep="first", maintain_order=True)
    return dict(zip(best["clip_id"], labels.codes(best["label"]).tolist(), strict=True))


def classified(run: Path, modality: str, folds: int) -> dict[str, int] | None:
    """What the tuned classifiers say, out of fold; None until every fold has one."""
    found: dict[str, int] = {}
    models = sorted((run / "models" / "tuned" / modality).glob("*/fold*/tuned.json"))
    for model in models:
        with np.load(model.parent / "out_of_fold.npz", allow_pickle=False) as file:
            found |= dict(zip(file["clip_ids"].tolist(), file["logits"].argmax(axis=1).tolist(), strict=True))
    return found if len(models) == folds else None


def compared(name: str, corpus: Path, frozen: RunFolder, tuned: RunFolder) -> list[dict[str, Any]]:
    """One row per modality and answer, of those that are finished."""
    about = frozen.read_manifest()["corpus"]
    done = tuned.exists() and tuned.read_manifest().get("fit", {}).get("done")
    labels = Labels(tuple(about["labels"]), about["kind"])
    targets = (
        pl.read_parquet(frozen.table("targets"))
        .sort("share", descending=True)
        .unique("clip_id", keep="first")
    )
    truth = dict(zip(targets["clip_id"], labels.codes(targets["label"]).tolist(), strict=True))
    groups_of = api.read(corpus).groups
    rows = []
    for modality in MODALITIES[name]:
        answers = {
            "head on frozen": said(frozen, modality, labels),
            **({"head on tuned": said(tuned, modality, labels)} if done else {}),
        }
        if (found := classified(tuned.path, modality, frozen.read_manifest()["fit"]["folds"])) is None:
            continue
        answers["tuned classifier"] = found
        clips = sorted(set(truth).intersection(*answers.values()))
        groups = Groups.of([groups_of.get(clip) or clip for clip in clips])
        target = np.array([truth[clip] for clip in clips])
        codes = {what: np.array([found[clip] for clip in clips]) for what, found in answers.items()}
        for what in answers:
            rows.append(
                {
                    "corpus": name,
                    "modality": modality,
                    "answer": what,
                    "macro-F1": shown(performance(target, codes[what], groups, len(labels))),
                    "more than frozen": gain(target, codes, what, groups, len(labels)),
                    "clips": len(clips),
                    "speakers": groups.distinct,
                }
            )
    return rows


def gain(target: Codes, codes: dict[str, Codes], what: str, groups: Groups, n_labels: int) -> str:
    """Paired difference to the head on frozen embeddings."""
    if what == "head on frozen":
        return ""
    first, second = (
        performance_statistic(target, codes[name], groups, n_labels) for name in (what, "head on frozen")
    )
    return shown(estimate(difference(first, second)), sign="+")


def shown(found: Estimate, *, sign: str = "") -> str:
    """`0.712 [0.680, 0.744]`."""
    if found.value is None or found.low is None or found.high is None:
        return "none"
    return f"{found.value:{sign}.3f} [{found.low:{sign}.3f}, {found.high:{sign}.3f}]"


def main() -> None:
    """Fit frozen and tuned, print and save the table."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped; the same call goes on"))
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(tempfile.mkdtemp())
    folder.mkdir(parents=True, exist_ok=True)
    rows: list[dict[str, Any]] = []
    seconds: dict[str, dict[str, Any]] = {}
    so_far = "--so-far" in sys.argv[2:]
    named = [name for name in sys.argv[2:] if name in MODALITIES] or list(MODALITIES)
    for name, corpus in corpora(folder).items():
        if name not in named:
            continue
        common = {"encoders": dict.fromkeys(MODALITIES[name], "lite"), "seeds": (SEED,), "second": "none"}
        frozen, tuned = RunFolder(folder / f"{name}-frozen"), RunFolder(folder / f"{name}-tuned")
        if not so_far:
            fitted(corpus, frozen.path, RunOptions(**common))
            fitted(corpus, tuned.path, RunOptions(**common, tune="last2", tuning=TuningOptions(**TUNING)))
        seconds[name] = shown_seconds(spent_on(tuned.path), frozen.read_manifest()["fit"]["folds"])
        rows += compared(name, corpus, frozen, tuned)
    if named == list(MODALITIES):
        save("tuning", rows, seconds=seconds, tuning={"tune": "last2", "seed": SEED, **TUNING})
        print("saved tuning.json")
    print_table(rows)
    for name, spent in seconds.items():
        print(f"{name}: {json.dumps(spent)}")
    whole = [spent["processor seconds from nothing"] for spent in seconds.values()]
    if all(whole):
        print(
            f"in all {sum(whole):.0f} processor seconds; {MINUTES} minutes on two cores are {MINUTES * 120}"
        )


def shown_seconds(spent: dict[str, Any], folds: int) -> dict[str, Any]:
    """What the tuning took: of one piece of each kind, and in all."""
    whole = from_nothing(spent, folds)
    return {
        "processor seconds of one": {
            name: round(seconds / finished, 1)
            for name, (seconds, finished) in spent["kinds"].items()
            if finished
        },
        "finished": {name: finished for name, (_, finished) in spent["kinds"].items()},
        "processor seconds from nothing": whole and round(whole),
        "clock": round(spent["wall"]),
    }


if __name__ == "__main__":
    main()
