"""A small task that a tiny text model learns: clips whose words tell the label, six speakers, two folds."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import polars as pl
from encoder_tiny import build

from mixedsignals.encoders.tuning import TuningPlan
from mixedsignals.labels import Labels
from mixedsignals.tuning_options import TuningOptions

LABELS = Labels(("neutral", "empathetic"))
_WORDS = {"neutral": "dogs kids talking door", "empathetic": "sorry hear lost job"}
_FAST = {"learning_rate": 3e-3, "head_learning_rate": 1e-2, "epochs": 3, "inner_folds": 0}


def roberta(folder: Path, *, dropout: float = 0.1) -> Path:
    """A tiny RoBERTa, with this much dropout."""
    build("roberta", folder)
    path = folder / "config.json"
    config = json.loads(path.read_text())
    config |= {"hidden_dropout_prob": dropout, "attention_probs_dropout_prob": dropout}
    path.write_text(json.dumps(config))
    return folder


def clips_table(n_speakers: int = 6, each: int = 8) -> pl.DataFrame:
    """`n_speakers` times `each` clips; every other one is empathetic."""
    rows = []
    for at in range(n_speakers * each):
        label = LABELS.names[at % 2]
        words = _WORDS[label].split()
        text = " ".join(["i am so", *(words[(at + step) % 4] for step in range(1 + at % 3))])
        rows.append(
            {"clip_id": f"c{at:02d}", "speaker_id": f"s{at // each}", "transcript": text, "label": label}
        )
    return pl.DataFrame(rows)


def splits_of(clips: pl.DataFrame, folds: int = 2) -> pl.DataFrame:
    """Fold f tests speaker f, is tuned by speaker f + 1 and learns from the others."""
    rows = []
    for fold in range(folds):
        for clip, speaker in clips.select("clip_id", "speaker_id").iter_rows():
            number = int(speaker[1:])
            role = "test" if number == fold else "tune" if number == fold + 1 else "train"
            rows.append({"clip_id": clip, "fold": fold, "role": role})
    return pl.DataFrame(rows)


def plan(
    folder: Path,
    *,
    tune: str = "last2",
    seeds: tuple[int, ...] = (7,),
    folds: int = 1,
    device: str = "cpu",
    inner: int = 0,
    **options: Any,
) -> TuningPlan:
    """A plan over the small task, with models in `folder`."""
    clips = clips_table()
    targets = clips.select("clip_id", "label", pl.lit(1.0).alias("share"))
    splits = splits_of(clips, folds)
    parts = [
        {"fold": fold, "inner": int(speaker[1:]) % inner, "clip_id": clip}
        for fold in range(folds if inner else 0)
        for clip, speaker in clips.select("clip_id", "speaker_id").iter_rows()
        if int(speaker[1:]) not in (fold, fold + 1)
    ]
    return TuningPlan(
        clips=clips,
        root=folder,
        targets=targets,
        splits=splits,
        inner=pl.DataFrame(parts, schema={"fold": pl.Int64, "inner": pl.Int64, "clip_id": pl.String}),
        labels=LABELS,
        groups=dict(clips.select("clip_id", "speaker_id").iter_rows()),
        seeds=seeds,
        tune=tune,
        options=TuningOptions(**{**_FAST, **options}),
        pooling=None,
        device=device,
        folder=folder / "tuned",
        work=folder / "work",
        cache=folder / "cache",
        corpus={"name": "small", "licence": "CC0-1.0"},
    )


@contextmanager
def broken_forward(network_class: type, change: Any) -> Iterator[None]:
    """Within the block the network's logits go through `change(network, inputs, logits)`."""
    forward = network_class.forward

    def changed(self: Any, *args: Any, **inputs: Any) -> Any:
        return change(self, inputs, forward(self, *args, **inputs))

    network_class.forward = changed  # type: ignore[method-assign]
    try:
        yield
    finally:
        network_class.forward = forward  # type: ignore[method-assign]
