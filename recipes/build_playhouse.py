"""Build `playhouse`, the corpus that comes with the package, from nothing but a seed.

    python recipes/build_playhouse.py --out build/playhouse               # tables and media; needs espeak-ng
    python recipes/build_playhouse.py --out build/playhouse --tables-only
    python recipes/build_playhouse.py --evaluate build/playhouse          # figures; needs the offline weights

The same seed gives the same tables; the media also depend on the version of espeak-ng and of the encoders of the
machine. `plant` decides what is planted, `voices` and `faces` make it heard and seen, `raters` judge it.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import polars as pl
import tomli_w
from playhouse.acting import FPS, poses
from playhouse.faces import draw, looks, scene
from playhouse.plant import LABELS, Plan, generator, plant, read_sentences
from playhouse.raters import Panel, draw_raters, vote
from playhouse.voices import RATE, speak, voices

from mixedsignals.media import write_video
from mixedsignals.tables import CLIPS, VOTES, conform, write_table

HERE = Path(__file__).parent / "playhouse"


@dataclass(frozen=True)
class Scene:
    """What one worker needs to make one clip."""

    out: Path
    seed: int
    number: int
    speaker: str
    sentence: str
    audio: float
    video: float


def film(task: Scene) -> Path:
    """Speak, draw and write one clip."""
    rng = generator(task.seed, 6, task.number)
    samples = speak(task.sentence, voices(task.seed)[task.speaker], task.audio, rng)
    look = looks(task.seed)[task.speaker]
    wall = scene(look)
    acted = poses(task.video, samples, look.side, look.rest, rng)
    frames: Iterator[np.ndarray] = (draw(look, pose, wall) for pose in acted)
    return write_video(task.out, frames, fps=FPS, audio=samples, rate=RATE, crf=28, audio_bitrate=40_000)


def write_tables(out: Path, plan: Plan, panel: Panel) -> pl.DataFrame:
    """Write clips, votes, the truth of both and `corpus.toml`; give the truth of the clips."""
    out.mkdir(parents=True, exist_ok=True)
    planted = plant(plan, read_sentences(HERE / "sentences.txt"))
    clips = planted.select(
        "clip_id",
        "speaker_id",
        pl.format("media/{}.mp4", "clip_id").alias("media"),
        "transcript",
        "label",
        "topic",
    )
    conform(CLIPS, clips, source="clips.csv")
    clips.write_csv(out / "clips.csv")
    raters = draw_raters(panel)
    write_table(VOTES, vote(planted, raters, panel), out / "votes.parquet")
    planted.drop("topic", "transcript").write_parquet(out / "truth.parquet")
    raters.write_parquet(out / "truth_raters.parquet")
    settings = {"name": "playhouse", "labels": list(LABELS), "kind": "nominal", "licence": "CC0-1.0"}
    (out / "corpus.toml").write_text(tomli_w.dumps(settings), encoding="utf-8")
    return planted


def build(out: Path, plan: Plan, panel: Panel, *, jobs: int, tables_only: bool) -> None:
    """Write the whole corpus folder, but for the datasheet and the licence, which are written by hand."""
    planted = write_tables(out, plan, panel)
    print(f"{len(planted)} clips planned with {asdict(plan)} and {asdict(panel)}")
    if tables_only:
        return
    (out / "media").mkdir(exist_ok=True)
    tasks = [
        Scene(
            out=out / "media" / f"{row['clip_id']}.mp4",
            seed=plan.seed,
            number=number,
            speaker=row["speaker_id"],
            sentence=row["transcript"],
            audio=row["x_audio"],
            video=row["x_video"],
        )
        for number, row in enumerate(planted.iter_rows(named=True))
    ]
    with ProcessPoolExecutor(jobs) as pool:
        paths = list(pool.map(film, tasks, chunksize=4))
    print(f"{len(paths)} clips, {sum(path.stat().st_size for path in paths) / 1e6:.1f} MB")


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, help="folder to build in")
    parser.add_argument("--seed", type=int, default=20)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--tables-only", action="store_true", help="leave the media as they are")
    parser.add_argument("--evaluate", type=Path, help="print what encoders and raters make of a built folder")
    options = parser.parse_args()
    if options.out:
        plan, panel = Plan(seed=options.seed), Panel(seed=options.seed)
        build(options.out, plan, panel, jobs=options.jobs, tables_only=options.tables_only)
    if options.evaluate:
        from playhouse.evaluate import evaluate

        print(evaluate(options.evaluate))
    if not (options.out or options.evaluate):
        parser.error("name a folder: --out or --evaluate")


if __name__ == "__main__":
    main()
