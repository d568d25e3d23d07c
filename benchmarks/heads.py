"""How fast heads are trained: in groups, one after another, and as plain torch modules would be.

    python benchmarks/heads.py            one seed of the grid below, all three ways, and the ratios
    python benchmarks/heads.py --full     and the whole grid of 140 heads: seconds, processor seconds, peak memory

The grid has the shape of RAVDESS: 1,440 clips, eight labels, three modalities (384, 384 and 35 wide), five folds.
"""

from __future__ import annotations

import argparse
import os
import platform
import resource
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import torch
from torch import nn

from mixedsignals.embeddings import Card, Embeddings
from mixedsignals.heads import HeadOptions, fit_heads
from mixedsignals.heads.data import TrainingSet, prepare
from mixedsignals.heads.grid import HeadId
from mixedsignals.heads.pace import CANDIDATES
from mixedsignals.heads.training import Group, time_steps
from mixedsignals.labels import Labels, all_combinations
from mixedsignals.progress import SILENT

WIDTHS = {"text": 384, "audio": 384, "video": 35}
CLIPS, LABELS, FOLDS, SPEAKERS = 1440, 8, 5, 24
Arguments = tuple[dict[str, Embeddings], pl.DataFrame, pl.DataFrame, Labels]


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--full", action="store_true", help="train the whole grid of 140 heads too")
    parser.add_argument("--rounds", type=int, default=5, help="rounds of the step timing")
    options = parser.parse_args()
    arguments = made()
    load = os.getloadavg()[0]
    print(f"{platform.machine()}, {os.cpu_count()} cores, torch {torch.__version__}, load before: {load:.1f}")
    steps(arguments, options.rounds)
    whole(arguments, seeds=(42, 43, 44, 45) if options.full else (42,))


def made() -> Arguments:
    """Embeddings with a signal in audio and video and none in text, targets and speaker-disjoint folds."""
    rng = np.random.default_rng(0)
    ids = tuple(f"{clip:04d}" for clip in range(CLIPS))
    truth = rng.integers(LABELS, size=CLIPS)
    labels = Labels(tuple(f"label{code}" for code in range(LABELS)))
    embeddings = {}
    for name, width in WIDTHS.items():
        centres = rng.normal(size=(LABELS, width)) * (0.0 if name == "text" else 0.1)
        values = (centres[truth] + rng.normal(size=(CLIPS, width))).astype(np.float32)
        embeddings[name] = Embeddings(ids, values, Card(name, "made", "1", "last", "mean"))
    targets = pl.DataFrame({"clip_id": ids, "label": [labels.names[code] for code in truth], "share": 1.0})
    rows = []
    for fold in range(FOLDS):
        tune = rng.random(CLIPS) < 0.15
        for clip, name in enumerate(ids):
            test = clip % SPEAKERS % FOLDS == fold
            rows.append((name, fold, "test" if test else "tune" if tune[clip] else "train"))
    splits = pl.DataFrame(rows, schema=["clip_id", "fold", "role"], orient="row")
    return embeddings, targets, splits, labels


def steps(arguments: Arguments, rounds: int) -> None:
    """Milliseconds of processor that one training step of one head takes, the best of all rounds."""
    data = prepare(*arguments, seeds=(42,), soft=False, progress=SILENT)
    ways: dict[str, Callable[[], float]] = {"plain torch modules": plain_steps(data)}
    for size in CANDIDATES:
        heads = [HeadId("text+audio+video", 0, seed) for seed in range(size)]
        name = "one after another" if size == 1 else f"groups of {size}"
        ways[name] = lambda heads=heads, size=size: time_steps(data, heads, HeadOptions()) / size  # type: ignore[misc]
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    found = {name: min(way() for _ in range(rounds)) for name, way in ways.items()}
    torch.set_num_threads(before)
    alone = found["one after another"]
    print("\nOne training step of one head (64 clips, three modalities), processor time of one core")
    for name, seconds in found.items():
        print(f"  {name:<22}{1e3 * seconds:8.2f} ms   {alone / seconds:5.2f} x one after another")


def plain_steps(data: TrainingSet) -> Callable[[], float]:
    """The same network of `torch.nn` layers with `Adam(fused=True)`: the seconds of its best of three steps."""
    network = Plain()
    adam = torch.optim.Adam(network.parameters(), lr=1e-4, weight_decay=1e-3, fused=True)
    group = Group(data, [HeadId("text+audio+video", 0, 0)], HeadOptions(), threading.Event())
    batch = group.gatherer.batch(torch.from_numpy(group.parts["train"][0][None, :64]))
    inputs = {name: x[0] for name, x in batch.inputs.items()}
    truth = torch.tensor(data.targets.argmax(axis=1)[group.parts["train"][0][:64]])

    def once() -> float:
        start = time.thread_time()
        adam.zero_grad()
        nn.functional.cross_entropy(network(inputs), truth).backward()
        adam.step()
        return time.thread_time() - start

    return lambda: min(once() for _ in range(4))


class Plain(nn.Module):  # type: ignore[misc]
    """The paper's fusion as its scripts write it: one head, every modality present."""

    def __init__(self) -> None:
        super().__init__()
        self.project = nn.ModuleDict(
            {
                name: nn.Sequential(nn.Linear(width, 256), nn.BatchNorm1d(256))
                for name, width in WIDTHS.items()
            }
        )
        self.gate = nn.ModuleDict({name: nn.Linear(256, 1) for name in WIDTHS})
        self.attend = nn.Sequential(nn.Linear(256, 128), nn.Tanh(), nn.Linear(128, 1, bias=False))
        blocks = [
            nn.Sequential(nn.Linear(width, 512), nn.BatchNorm1d(512), nn.ReLU(), nn.Dropout(0.3))
            for width in (256, 512, 512)
        ]
        self.classify = nn.Sequential(*blocks, nn.Linear(512, LABELS))

    def forward(self, inputs: dict[str, torch.Tensor]) -> torch.Tensor:
        """Logits (clips, labels)."""
        vectors = []
        for name, x in inputs.items():
            z = self.project[name](x)
            vectors.append(torch.sigmoid(self.gate[name](z)) * z)
        stacked = torch.stack(vectors, dim=1)
        dropped = torch.rand(stacked.shape[:2]) < 0.2
        dropped[dropped.all(dim=1)] = False
        scores = self.attend(stacked).squeeze(-1).masked_fill(dropped, -torch.inf)
        return self.classify((torch.softmax(scores, dim=1).unsqueeze(-1) * stacked).sum(dim=1))


def whole(arguments: Arguments, seeds: tuple[int, ...]) -> None:
    """Seconds of the grid, in groups and one after another; heads are saved as `run` saves them."""
    n_heads = len(all_combinations(WIDTHS)) * FOLDS * len(seeds)
    ways = {"groups, size measured": HeadOptions()}
    if len(seeds) == 1:
        ways["one after another"] = replace(HeadOptions(), group_size=1)
    print(f"\nThe grid: {n_heads} heads, {HeadOptions().epochs} epochs, {torch.get_num_threads()} threads")
    taken = {}
    for name, options in ways.items():
        with tempfile.TemporaryDirectory() as folder:
            start, used = time.perf_counter(), time.process_time()
            results = fit_heads(
                *arguments, run_id="bench", seeds=seeds, options=options, checkpoint=Path(folder)
            )
            taken[name] = time.perf_counter() - start
            processor = time.process_time() - used
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        size = results.models.environment["group_size"]
        print(
            f"  {name:<22}{taken[name]:7.1f} s   {processor:7.1f} s of processor   "
            f"groups of {size}   peak {peak:.0f} MB so far"
        )
    if len(taken) > 1:
        grouped, alone = taken.values()
        print(f"  ratio: groups are {alone / grouped:.2f} x as fast as one after another")


if __name__ == "__main__":
    main()
