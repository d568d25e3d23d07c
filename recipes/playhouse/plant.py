"""What is planted in each clip: its label, how strongly text, voice and face speak for it, and how.

Every clip has a target label. Each modality carries a cue x_m = direction_m * strength_m + sigma_m * noise, positive
for empathetic: the direction is the label's sign, turned round in the one modality of a *conflict* clip; the
strengths are small in every modality of an *ambiguous* clip. The media are drawn and spoken from x_m alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from scipy.optimize import linear_sum_assignment

MODALITIES = ("text", "audio", "video")
LABELS = ("neutral", "empathetic")
SPEAKERS = (
    "ada", "bruno", "carla", "dmitri", "esme", "farid", "greta", "hugo", "ines", "jonas", "keiko", "lars",
    "mona", "nils", "olga", "pablo", "quinn", "rosa", "samir", "tara", "umberto", "vera", "wim", "yusuf",
)  # fmt: skip


@dataclass(frozen=True)
class Plan:
    """How much of what is planted. Strengths are drawn evenly from a range, in the cue's own unit."""

    seed: int = 20
    clips_per_speaker: int = 10
    conflicts_per_label_and_modality: int = 9
    ambiguous_per_label: int = 20
    plain: tuple[float, float] = (0.8, 1.6)
    ambiguous: tuple[float, float] = (0.0, 0.35)
    flipped: tuple[float, float] = (1.1, 1.9)
    sigma: tuple[float, float, float] = (0.45, 0.45, 0.45)


def generator(seed: int, *stream: int) -> np.random.Generator:
    """An independent random stream, so that a change in one part leaves the others as they were."""
    return np.random.default_rng([seed, *stream])


def read_sentences(path: Path) -> pl.DataFrame:
    """The bank of replies: topic, warmth (-4 to 4, never 0), sentence."""
    rows, topic = [], ""
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            topic = line.strip("[]")
        elif line and not line.startswith("#"):
            warmth, sentence = line.split("\t")
            rows.append({"topic": topic, "warmth": int(warmth), "transcript": sentence})
    return pl.DataFrame(rows)


def plant(plan: Plan, sentences: pl.DataFrame) -> pl.DataFrame:
    """One row per clip: ids, sentence and everything that was planted."""
    rng = generator(plan.seed, 1)
    clips = _kinds(plan, rng)
    clips = _cues(clips, plan, rng)
    clips = clips[rng.permutation(len(clips))].sort("speaker_id", maintain_order=True)
    ids = [f"ph{number:03d}" for number in range(1, len(clips) + 1)]
    return _give_sentences(clips.insert_column(0, pl.Series("clip_id", ids)), sentences, rng)


def _kinds(plan: Plan, rng: np.random.Generator) -> pl.DataFrame:
    """Deal conflict, ambiguous and plain clips of both labels evenly over the speakers."""
    per_label = len(SPEAKERS) * plan.clips_per_speaker // len(LABELS)
    rows = []
    for label in LABELS:
        conflicts = list(MODALITIES) * plan.conflicts_per_label_and_modality
        marks = conflicts + ["ambiguous"] * plan.ambiguous_per_label
        marks += ["plain"] * (per_label - len(marks))
        order = rng.permutation(SPEAKERS)
        rows += [
            {
                "speaker_id": str(order[place % len(order)]),
                "label": label,
                "conflict": mark if mark in MODALITIES else None,
                "ambiguous": mark == "ambiguous",
            }
            for place, mark in enumerate(marks)
        ]
    return pl.DataFrame(rows, schema_overrides={"conflict": pl.String})


def _cues(clips: pl.DataFrame, plan: Plan, rng: np.random.Generator) -> pl.DataFrame:
    """Add direction, strength, sigma and the cue x of each modality, and which one is loudest."""
    sign = np.where(clips["label"].to_numpy() == "empathetic", 1, -1)
    conflict, ambiguous = clips["conflict"].to_list(), clips["ambiguous"].to_numpy()
    columns: dict[str, np.ndarray] = {}
    loudness = []
    for modality, sigma in zip(MODALITIES, plan.sigma, strict=True):
        flipped = np.array([mark == modality for mark in conflict])
        ranges = np.where(ambiguous, 1, np.where(flipped, 2, 0))
        low, high = np.array([plan.plain, plan.ambiguous, plan.flipped])[ranges].T
        strength = rng.uniform(low, high)
        direction = np.where(flipped, -sign, sign)
        cue = direction * strength + sigma * rng.standard_normal(len(clips))
        columns |= {
            f"direction_{modality}": direction.astype(np.int64),
            f"strength_{modality}": strength,
            f"sigma_{modality}": np.full(len(clips), sigma),
            f"x_{modality}": cue,
        }
        loudness.append(np.abs(cue) / sigma)
    loudest = [MODALITIES[index] for index in np.argmax(loudness, axis=0)]
    return clips.with_columns(**{n: pl.Series(v) for n, v in columns.items()}, dominant=pl.Series(loudest))


def _give_sentences(clips: pl.DataFrame, sentences: pl.DataFrame, rng: np.random.Generator) -> pl.DataFrame:
    """The warmest thirty cues get the warmest thirty sentences and so on; no speaker hears a problem twice."""
    ranks = clips["x_text"].rank("ordinal", descending=True).to_numpy() - 1
    levels = sorted(sentences["warmth"].unique(), reverse=True)
    size = len(clips) // len(levels)
    seen: set[tuple[str, str]] = set()
    given: dict[int, dict[str, Any]] = {}
    for place, level in enumerate(levels):
        rows = np.flatnonzero(ranks // size == place)
        bank = sentences.filter(pl.col("warmth") == level)
        speakers = clips["speaker_id"].gather(rows).to_list()
        repeats = np.array([[(s, t) in seen for t in bank["topic"]] for s in speakers], dtype=float)
        chosen = linear_sum_assignment(repeats + 0.01 * rng.random(repeats.shape))[1]
        for row, speaker, pick in zip(rows, speakers, chosen, strict=True):
            given[int(row)] = bank.row(int(pick), named=True)
            seen.add((speaker, given[int(row)]["topic"]))
    return clips.hstack(pl.DataFrame([given[row] for row in range(len(clips))]))
