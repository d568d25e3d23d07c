"""The offline set with its real weights, on real words, sound and pictures; and on real recordings where they are."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from mixedsignals import media
from mixedsignals.encoders import encode
from mixedsignals.store import cache_dir

pytestmark = pytest.mark.weights


@pytest.fixture
def cache(tmp_path: Path, weights_dir: Path) -> Path:
    """A fresh cache that has the weights."""
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "weights").symlink_to(weights_dir)
    return tmp_path / "cache"


def cosine(a: np.ndarray, b: np.ndarray) -> float:
    return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))


def test_sentences_of_one_meaning_lie_together(cache: Path) -> None:
    words = [
        "I am so sorry that you lost your job.",
        "It is sad that you were fired.",
        "The train leaves at noon.",
    ]
    table = pl.DataFrame({"clip_id": list("abc"), "transcript": words})
    found = encode(table, cache, "text", "lite", cache=cache, device="cpu").embeddings
    assert found.width == 384
    assert found.card.licence == "Apache-2.0"
    alike, other = cosine(*found.values[:2]), cosine(found.values[0], found.values[2])
    assert alike > 0.5 > 0.3 > other


def test_the_offline_text_encoder_is_the_model_s_own_masked_mean(cache: Path) -> None:
    import torch
    from transformers import AutoModel, AutoTokenizer

    folder = next((cache_dir() / "weights" / "minilm-l6").iterdir())
    tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModel.from_pretrained(folder).eval()
    words = ["Short.", "A sentence that is a good deal longer than the other one."]
    found = encode(
        pl.DataFrame({"clip_id": ["a", "b"], "transcript": words}), cache, "text", cache=cache, device="cpu"
    )
    for row, text in enumerate(words):
        with torch.no_grad():
            states = model(**tokenizer(text, return_tensors="pt")).last_hidden_state[0]
        assert np.allclose(found.embeddings.values[row], states.mean(dim=0), atol=1e-5)


def test_video_shows_what_is_in_the_picture(cache: Path, tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    still = random.integers(0, 255, (96, 128, 3), dtype=np.uint8)
    media.write_video(tmp_path / "a.mp4", [still] * 12, fps=6)
    media.write_video(tmp_path / "b.mp4", [still] * 24, fps=6)
    media.write_video(tmp_path / "c.mp4", [np.full((96, 128, 3), 200, dtype=np.uint8)] * 12, fps=6)
    table = pl.DataFrame({"clip_id": list("abc"), "media": ["a.mp4", "b.mp4", "c.mp4"]})
    found = encode(table, tmp_path, "video", "lite", cache=cache, device="cpu").embeddings
    assert found.width == 1280
    assert cosine(*found.values[:2]) > 0.95 > cosine(found.values[0], found.values[2])


def test_an_hour_of_sound_is_cut_and_said_to_be(cache: Path, tmp_path: Path) -> None:
    tone = np.sin(np.arange(16_000 * 40) * 0.1).astype(np.float32) * 0.3
    media.write_audio(tmp_path / "long.flac", tone)
    found = encode(
        pl.DataFrame({"clip_id": ["a"], "media": ["long.flac"]}),
        tmp_path,
        "audio",
        "lite",
        cache=cache,
        device="cpu",
    )
    assert found.cut == ("a",)
    assert found.embeddings.card.preprocessing["max_seconds"] == 30.0


def test_the_offline_set_opens_no_connection(cache: Path, tmp_path: Path) -> None:
    """In a process in which every attempt at one is an error; from the cache not even torch is loaded."""
    media.write_video(
        tmp_path / "a.mp4",
        [np.zeros((48, 64, 3), dtype=np.uint8)] * 8,
        fps=8,
        audio=np.zeros(16_000, dtype=np.float32),
    )
    code = """
import sys
from pathlib import Path
def refuse(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto"):
        raise AssertionError(f"{event} {arguments}")
sys.addaudithook(refuse)
import polars as pl
from mixedsignals.encoders import encode
clips = pl.DataFrame({"clip_id": ["a"], "transcript": ["hello"], "media": ["a.mp4"]})
for modality in ("text", "audio", "video"):
    print(len(encode(clips, Path(sys.argv[1]), modality, "lite", cache=Path(sys.argv[2]), device="cpu").embeddings))
assert "torch" in sys.modules
"""
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path), str(cache)], capture_output=True, text=True
    )
    assert done.stdout.split() == ["1", "1", "1"], done.stderr
    again = code.replace('assert "torch" in sys.modules', 'assert "torch" not in sys.modules')
    done = subprocess.run(
        [sys.executable, "-c", again, str(tmp_path), str(cache)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.realdata
def test_ravdess_s_two_sentences_are_encoded_once(cache: Path, realdata: Path) -> None:
    clips = pl.read_csv(realdata / "ravdess" / "manifest.csv", infer_schema=False).rename({"clip": "clip_id"})
    found = encode(clips, realdata, "text", "lite", cache=cache, device="cpu")
    assert len(found.embeddings) == 1440
    assert found.encoded == 2
    assert len(np.unique(found.embeddings.values, axis=0)) == 2


@pytest.mark.realdata
def test_sound_tells_angry_from_calm_speakers(cache: Path, realdata: Path) -> None:
    """Two emotions, eight actors; a nearest-mean rule from half of the actors, tried on the other half."""
    manifest = pl.read_csv(realdata / "ravdess" / "manifest.csv", infer_schema=False).rename(
        {"clip": "clip_id"}
    )
    clips = manifest.filter(
        pl.col("actor").cast(pl.Int64) <= 8,
        pl.col("emotion").is_in(["angry", "calm"]),
        pl.col("intensity") == "strong",
    ).with_columns(audio="path")
    values = encode(clips, realdata / "ravdess", "audio", "lite", cache=cache, device="cpu").embeddings.values
    angry = (clips["emotion"] == "angry").to_numpy()
    known = (clips["actor"].cast(pl.Int64) <= 4).to_numpy()
    direction = values[known & angry].mean(axis=0) - values[known & ~angry].mean(axis=0)
    scores = values[~known] @ direction
    middle = (values[known] @ direction).mean()
    assert ((scores > middle) == angry[~known]).mean() > 0.85


@pytest.mark.realdata
def test_real_audio_visual_clips(cache: Path, realdata: Path, tmp_path: Path) -> None:
    """Flash video of crowd workers' time: VP6 pictures and MP3 sound."""
    names = sorted(path.name for path in (realdata / "cremad" / "clips").glob("*.flv"))
    table = pl.DataFrame({"clip_id": names, "media": names})
    for modality, width in (("audio", 384), ("video", 1280)):
        found = encode(
            table, realdata / "cremad" / "clips", modality, "lite", cache=cache, device="cpu"
        ).embeddings
        assert found.values.shape == (6, width)
        assert np.linalg.norm(found.values - found.values.mean(axis=0), axis=1).min() > 0
    shutil.copy(realdata / "cremad" / "clips" / names[0], tmp_path / "renamed.flv")
    renamed = pl.DataFrame({"clip_id": ["x"], "media": ["renamed.flv"]})
    assert encode(renamed, tmp_path, "audio", "lite", cache=cache, device="cpu").encoded == 0
