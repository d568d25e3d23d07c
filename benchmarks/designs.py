"""Designs of the conflict-aware gate that were tried, beside the product rule, on tuning clips and on test clips.

    python -m benchmarks.designs [playhouse] [ravdess] [--work FOLDER]

Folds, embeddings and regressions are those of `mixedsignals compare`, with seeds 42 and 43. Choices were made on tuning
clips; the columns of test clips say by how much each design misses. `docs/fusion.md` shows what is saved here.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.designs_tried import DESIGNS, Witnesses
from benchmarks.fusion import NAMES, ROOT, corpus_of
from benchmarks.results_file import RESULTS, machine, print_table
from mixedsignals import api
from mixedsignals.api.encoding import encode
from mixedsignals.api.fitting import begin, folds_of
from mixedsignals.heads.basis import Bases, out_of_fold
from mixedsignals.heads.conflict import _heard, _repeats
from mixedsignals.heads.data import TrainingSet, prepare, standardise
from mixedsignals.heads.linear import mean_of
from mixedsignals.heads.pooled import Task
from mixedsignals.measures.calibration import log_loss
from mixedsignals.measures.crossed import across_seeds
from mixedsignals.measures.groups import Groups
from mixedsignals.measures.inference import Estimate, difference, ratio
from mixedsignals.measures.performance import performance_statistic
from mixedsignals.progress import SILENT
from mixedsignals.store import RunFolder

SEEDS = (42, 43)
UNITS = 400
FILE = RESULTS / "family" / "designs.json"
Numbers = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Asked:
    """One fold and seed: what every design says of the clips of one role.

    Attributes:
        clips: positions; singles: log-posteriors of the single modalities (m, n, labels); said: by design.
    """

    clips: npt.NDArray[np.int64]
    singles: Numbers
    said: Mapping[str, Numbers]


def read(corpus: Path) -> TrainingSet:
    """Clips, folds and embeddings as `compare` has them."""
    options = api.RunOptions(second="none")
    with tempfile.TemporaryDirectory() as scratch:
        plan, _, _ = begin(api.read(corpus), options, RunFolder(Path(scratch) / "none"))
    embeddings = {name: one.embeddings for name, one in encode(plan.corpus, options=options).items()}
    usable = {clip for one in embeddings.values() for clip in one.clip_ids}
    splits = folds_of(plan, usable, SILENT)
    data = prepare(
        embeddings, plan.targets.table, splits, plan.corpus.labels,
        seeds=SEEDS, soft=False, progress=SILENT, groups=plan.corpus.groups,
    )  # fmt: skip
    for modality in data.inputs:
        for fold in data.roles:
            data.standardisers.setdefault((modality, fold), standardise(data, modality, fold))
    return data


def asked(bases: Bases, fold: int, seed: int) -> Iterator[tuple[str, Asked]]:
    """What all designs say, by role."""
    data, modalities = bases.data, tuple(bases.data.inputs)
    train, *others = (data.part(modalities, fold, role) for role in ("train", "tune", "test"))
    task = Task(bases, modalities, fold, seed, train, others[0])
    cuts = range(_repeats(len(train)))
    clips = np.concatenate(others)
    whole = np.stack(task.said(clips))
    averaged = np.stack([_averaged(task, modality, clips, cuts) for modality in modalities])
    said = np.concatenate([np.stack(task.out_of_fold(cut)) for cut in cuts], axis=1)
    bent_said, bent = _bent(task, clips, cuts)
    more = bases.make(fold, seed, modalities)
    rest = np.tile(more.out_of_fold[train], (len(cuts), 1))[None]
    aside = more.averaged(bases.inputs(modalities, fold, clips))[None]
    forms = {
        "linear": (said, averaged),
        "whole": (said, whole),
        "everything": (np.concatenate([said, rest]), np.concatenate([averaged, aside])),
        "bent": (_mean(said, bent_said), _mean(averaged, bent)),
    }
    given = {name: _witnesses(task, *form, len(cuts)) for name, form in forms.items()}
    answers = {"product": _product(whole, task.prior())}
    answers |= {name: design(given[design.witnesses]) for name, design in DESIGNS.items()}
    cut = len(others[0])
    for role, part in (("tune", slice(0, cut)), ("test", slice(cut, None))):
        yield role, Asked(clips[part], whole[:, part], {name: one[part] for name, one in answers.items()})


def _witnesses(task: Task, said: Numbers, there: Numbers, cuts: int) -> Witnesses:
    wanted = task.targets(task.train)
    groups = np.tile(task.bases.data.groups[task.train], cuts)
    heard = _heard(said, np.concatenate([wanted] * cuts) / cuts, task.prior(), groups)
    return Witnesses(said, there, cuts, wanted, task.prior(), heard)


def _averaged(task: Task, modality: str, clips: npt.NDArray[np.int64], cuts: range) -> Numbers:
    model = mean_of([task.basis(modality, cut).averaged for cut in cuts])
    there = task.bases.data.inputs[modality].rows[clips] >= 0
    return np.where(there[:, None], model(task.bases.inputs((modality,), task.fold, clips)), np.nan)


def _bent(task: Task, clips: npt.NDArray[np.int64], cuts: range) -> tuple[Numbers, Numbers]:
    """Regressions on random rectified units of each modality: out of inner folds, and of the clips asked about."""
    found = []
    for at, modality in enumerate(task.modalities):
        learned = task.bases.inputs((modality,), task.fold, task.train)
        draw = np.random.default_rng([at, UNITS])
        weight = draw.normal(size=(learned.shape[1], UNITS)) / np.sqrt(learned.shape[1])
        bias = draw.normal(size=UNITS) * 0.3
        units = [
            np.maximum(x @ weight + bias, 0.0)
            for x in (learned, task.bases.inputs((modality,), task.fold, clips))
        ]
        centre, spread = units[0].mean(axis=0), units[0].std(axis=0) + 1e-9
        x, other = ((one - centre) / spread for one in units)
        made = [
            out_of_fold(x, task.targets(task.train), task.bases.folds(task.fold, task.seed, cut)[task.train])
            for cut in cuts
        ]
        found.append((np.concatenate([one[0] for one in made]), mean_of([one[2] for one in made])(other)))
    return np.stack([one[0] for one in found]), np.stack([one[1] for one in found])


def _mean(one: Numbers, other: Numbers) -> Numbers:
    together = (one + other) / 2
    found: Numbers = together - np.logaddexp.reduce(together, axis=-1, keepdims=True)
    return found


def _product(said: Numbers, prior: Numbers) -> Numbers:
    together = np.nan_to_num(said - prior).sum(axis=0) + prior
    found: Numbers = together - np.logaddexp.reduce(together, axis=-1, keepdims=True)
    return found


def rows_of(name: str, data: TrainingSet) -> Iterator[dict[str, Any]]:
    """By role, design and slice how much better than the product rule it is."""
    bases = Bases(data)
    parts: dict[str, dict[int, list[Asked]]] = {
        role: {seed: [] for seed in SEEDS} for role in ("tune", "test")
    }
    for seed in SEEDS:
        for fold in sorted(data.roles):
            print(f"{name}: fold {fold}, seed {seed}", file=sys.stderr, flush=True)
            for role, part in asked(bases, fold, seed):
                parts[role][seed].append(part)
    for role, by_seed in parts.items():
        clips = np.concatenate([one.clips for one in by_seed[SEEDS[0]]])
        groups, target = Groups.of(data.groups[clips]), data.targets[clips].argmax(axis=1)
        parting = _parting(
            [np.concatenate([one.singles for one in some], axis=1) for some in by_seed.values()], target
        )
        for design in DESIGNS:
            pair = [
                [np.exp(np.concatenate([one.said[which] for one in some])) for which in (design, "product")]
                for some in by_seed.values()
            ]
            for where, kept in (("conflict", parting), ("elsewhere", ~parting)):
                truth = np.where(kept, target, -1)
                for measure, found in _gains(pair, truth, groups, len(data.labels)).items():
                    yield {
                        "corpus": NAMES[name], "role": role, "design": design, "words": DESIGNS[design].words,
                        "slice": where, "measure": measure, "clips": int(kept.sum()),
                        **{key: round(getattr(found, key), 4) for key in ("value", "low", "high")},
                    }  # fmt: skip


def _parting(singles: list[Numbers], target: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """Clips on which modalities that tell something, averaged over seeds, say different labels."""
    mean = np.mean([np.exp(one) for one in singles], axis=0)
    shares = np.bincount(target, minlength=mean.shape[-1]) / len(target)
    chance = -float((shares * np.log(np.maximum(shares, 1e-12))).sum())
    telling = [one for one in mean if float(log_loss(one, target).mean()) < chance - 0.05]
    said = np.stack([one.argmax(axis=1) for one in telling])
    found: npt.NDArray[np.bool_] = (said != said[0]).any(axis=0)
    return found


def _gains(
    pair: list[list[Numbers]], truth: npt.NDArray[np.int64], groups: Groups, labels: int
) -> dict[str, Estimate]:
    losses, scores = [], []
    for first, second in pair:
        made = [ratio(log_loss(p, truth), np.ones(len(truth)), groups) for p in (second, first)]
        losses.append(difference(made[0], made[1]))
        made_f1 = [performance_statistic(truth, p.argmax(axis=1), groups, labels) for p in (first, second)]
        scores.append(difference(made_f1[0], made_f1[1]))
    return {"log_loss_gain": across_seeds(losses), "macro_f1_gain": across_seeds(scores)}


def main() -> None:
    """Judge all designs, print and save the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("corpora", nargs="*", choices=[*NAMES, []], help="which; both if none is named")
    parser.add_argument(
        "--work", type=Path, default=ROOT / "build" / "fusion", help="where corpora are imported to"
    )
    given = parser.parse_args()
    kept: dict[str, list[dict[str, Any]]] = {}
    for row in json.loads(FILE.read_text(encoding="utf-8"))["rows"] if FILE.is_file() else []:
        kept.setdefault(row["corpus"], []).append(row)
    for name in given.corpora or NAMES:
        corpus = corpus_of(name, given.work)
        if corpus is None:
            print(f"{name}: left out, its data are not there", file=sys.stderr)
            continue
        kept[NAMES[name]] = list(rows_of(name, read(corpus)))
        print_table([{k: v for k, v in row.items() if k != "words"} for row in kept[NAMES[name]]])
    FILE.parent.mkdir(exist_ok=True)
    content = {"machine": machine(), "rows": [row for rows in kept.values() for row in rows]}
    FILE.write_text(json.dumps(content, indent=0, ensure_ascii=False) + "\n", encoding="utf-8")
    print(f"saved {FILE.name}; now `python docs/build.py references` makes docs/fusion.md")


if __name__ == "__main__":
    main()
