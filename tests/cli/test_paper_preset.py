"""`--preset paper` from clips to tables: its six classes, as tiny models, candidates two by two."""

from __future__ import annotations

import tomllib
from pathlib import Path

import polars as pl
import pytest
from encoder_tiny import build

from mixedsignals.testing import make_corpus

from .conftest import tables, typed

PAIRS = {
    "text": ("roberta", "deberta"),
    "audio": ("hubert", "wav2vec2"),
    "video": ("videomae", "timesformer"),
}


def models(folder: Path) -> dict[str, Path]:
    """The six, VideoMAE for the sixteen frames that the preset shows it."""
    from transformers import VideoMAEConfig, VideoMAEModel

    found = {name: build(name, folder / name) for pair in PAIRS.values() for name in pair}
    config = VideoMAEConfig.from_pretrained(found["videomae"], num_frames=16)
    VideoMAEModel(config).save_pretrained(found["videomae"])
    return found


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("paper")
    make_corpus(
        folder / "corpus", n_clips=18, n_speakers=6, votes_per_clip=2, media=True, seconds=0.3, seed=5
    )
    known = models(folder / "models")
    encoders = [
        word
        for modality, pair in PAIRS.items()
        for word in ("--encoders", f"{modality}={','.join(f'paper:{known[name]}' for name in pair)}")
    ]
    patch = pytest.MonkeyPatch()
    patch.setenv("MIXEDSIGNALS_CACHE", str(folder / "cache"))
    try:
        done = typed(
            "fit", folder / "corpus", "--out", folder / "run", "--preset", "paper", *encoders, "--seeds", "42",
            "--folds", "2", "--epochs", "1", "--tune-epochs", "1", "--threads", "1", "--device", "cpu",
        )  # fmt: skip
    finally:
        patch.undo()
    assert done.code == 0, done.err
    assert "in-sample" in done.out
    return folder / "run"


def test_every_class_is_trained_in_every_fold_and_the_tuning_clips_choose(run: Path) -> None:
    manifest = tomllib.loads((run / "run.toml").read_text())
    assert (manifest["options"]["preset"], manifest["options"]["pooling"]) == ("paper", "first")
    chosen = manifest["tuning"]["models"]
    assert {(one["modality"], one["fold"]) for one in chosen} == {(m, f) for m in PAIRS for f in (0, 1)}
    for one in chosen:
        scores = one["tune_accuracy_of_candidates"]
        assert {name.rpartition("/")[2] for name in scores} == set(PAIRS[one["modality"]])
        assert one["tune_accuracy"] == max(scores.values())
    trained = {path.parents[1].name for path in (run / "models" / "tuned").rglob("tuned.safetensors")}
    assert all(any(name in folder for folder in trained) for pair in PAIRS.values() for name in pair)


def test_fusion_and_all_subsets_come_out(run: Path) -> None:
    said = tables(run)["predictions"].filter(pl.col("source").is_in(["text", "audio", "video", "fusion"]))
    assert said["given"].n_unique() == 7
    assert said["clip_id"].n_unique() == 18
    assert tables(run)["gates"]["clip_id"].n_unique() == 18
