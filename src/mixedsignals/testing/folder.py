"""A made corpus on disk: `corpus.toml`, tables as CSV, ready-made features, and small real media when asked.

The media carry the planted cues: the pitch of the tone follows the audio cue, the brightness and place of a
moving square the video cue, and the words of the transcript the text cue.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import tomli_w

from mixedsignals.store import atomic
from mixedsignals.testing.plan import Floats, Plan, World, build_world, planned
from mixedsignals.testing.tables import clips_of, softmax, targets_of, truth_of, votes_of

_RATE = 16_000
_FPS = 8


def make_corpus(
    folder: Path | str,
    plan: Plan | None = None,
    /,
    *,
    media: bool = False,
    features: bool = True,
    seconds: float = 1.0,
    width: int = 8,
    **changes: Any,
) -> World:
    """Write a corpus folder of a plan and return what was drawn.

    The folder gets `corpus.toml`, `clips.csv`, `votes.csv`, `targets.csv`, `features/<modality>.parquet` (clip_id and
    `width` columns, when `features`), `media/<clip_id>.mp4` of `seconds` (H.264 and AAC, 64x48, when `media`), and
    `truth.csv`, which only tests read. A clip that lacks a modality has no features row, no words (text), a silent
    file (audio: no sound track) or no media at all (video).

    Raises:
        UsageError: for fields that a `Plan` does not have or numbers that cannot be.
        CannotFinish: when the disk is full.
    """
    world = build_world(planned(plan, changes))
    root = Path(folder)
    _write_csv(_clips_with_words(world, media=media), root / "clips.csv")
    _write_csv(votes_of(world), root / "votes.csv")
    _write_csv(targets_of(world), root / "targets.csv")
    _write_csv(truth_of(world), root / "truth.csv")
    settings: dict[str, Any] = {
        "name": world.plan.run_id,
        "labels": list(world.plan.labels),
        "kind": world.plan.kind,
        "licence": "CC0-1.0",
    }
    if features:
        settings["features"] = {m: f"features/{m}.parquet" for m in world.plan.modalities}
        for modality in world.plan.modalities:
            with atomic(root / "features" / f"{modality}.parquet") as partial:
                _features(world, modality, width).write_parquet(partial)
    with atomic(root / "corpus.toml") as partial:
        partial.write_text(tomli_w.dumps(settings), encoding="utf-8")
    if media:
        for row in range(world.plan.n_clips):
            _write_media(world, row, root / "media", seconds)
    return world


def _write_csv(frame: pl.DataFrame, path: Path) -> None:
    with atomic(path) as partial:
        frame.write_csv(partial)


def _clips_with_words(world: World, *, media: bool) -> pl.DataFrame:
    clips = clips_of(world)
    if "text" in world.logits:
        clips = clips.with_columns(pl.Series("transcript", _words(world), dtype=pl.String))
    if media:
        shown = pl.Series(_has_media(world))
        path = pl.when(shown).then(pl.lit("media/") + pl.col("clip_id") + ".mp4")
        clips = clips.with_columns(path.alias("media"))
    return clips


def _words(world: World, count: int = 8) -> list[str | None]:
    """Sentences whose words lean towards the label that the text cue supports, as strongly as the cue does."""
    rng = np.random.default_rng([world.plan.seed, 3])
    edges = softmax(world.logits["text"]).cumsum(1)
    drawn = (rng.random((len(edges), count, 1)) > edges[:, None, :]).sum(2)
    which = rng.integers(0, 10, drawn.shape)
    names = list(world.plan.labels)
    sentences = [
        " ".join(f"{names[min(label, len(names) - 1)]}ly{word}" for label, word in zip(*row, strict=True))
        for row in zip(drawn, which, strict=True)
    ]
    there = world.present["text"]
    return [sentence if there[i] else None for i, sentence in enumerate(sentences)]


def _features(world: World, modality: str, width: int) -> pl.DataFrame:
    """Cues mixed into `width` columns by a random rotation, with a little noise; clips without are absent."""
    rng = np.random.default_rng([world.plan.seed, 4, world.plan.modalities.index(modality)])
    cues = world.logits[modality]
    values = cues @ rng.normal(size=(cues.shape[1], width)) + 0.1 * rng.normal(size=(len(cues), width))
    frame = pl.DataFrame({"clip_id": world.clip_ids}).with_columns(
        *(pl.Series(f"{modality}_{column}", values[:, column]) for column in range(width))
    )
    return frame.filter(pl.Series(world.present[modality]))


def _has_media(world: World) -> list[bool]:
    seen = world.present.get("video")
    return [True] * world.plan.n_clips if seen is None else seen.tolist()


def _write_media(world: World, row: int, folder: Path, seconds: float) -> None:
    if not _has_media(world)[row]:
        return
    from mixedsignals.media import write_video  # only media need PyAV

    pictures = _frames(_lean(world, "video", row), seconds)
    heard = "audio" not in world.present or bool(world.present["audio"][row])
    sound = _tone(_lean(world, "audio", row), seconds) if heard else None
    name = f"{world.clip_ids[row]}.mp4"
    write_video(folder / name, pictures, fps=_FPS, audio=sound, rate=_RATE)


def _lean(world: World, modality: str, row: int) -> float:
    """Where the cue points on a line from 0 (surely the first label) to 1 (surely the last)."""
    if modality not in world.logits:
        return 0.5
    share: Floats = softmax(world.logits[modality][row])
    return float(share @ np.linspace(0, 1, len(share)))


def _frames(lean: float, seconds: float) -> Iterator[np.ndarray[Any, np.dtype[np.uint8]]]:
    for step in range(max(2, round(seconds * _FPS))):
        picture = np.full((48, 64, 3), 40 + int(60 * lean), dtype=np.uint8)
        left, top = (7 * step) % 48, 4 + int(24 * lean)
        picture[top : top + 16, left : left + 16] = (255 - int(200 * lean), 60 + int(180 * lean), 90)
        yield picture


def _tone(lean: float, seconds: float) -> np.ndarray[Any, np.dtype[np.float32]]:
    time = np.arange(int(seconds * _RATE)) / _RATE
    return (0.3 * np.sin(2 * np.pi * (160 + 240 * lean) * time)).astype(np.float32)
