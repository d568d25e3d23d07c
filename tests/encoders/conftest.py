"""Clips, tiny models and a counting encoder for the tests of the encoders."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from encoder_fakes import CountingEncoder
from encoder_tiny import BUILDERS, build

from mixedsignals import media
from mixedsignals.encoders import registry


@pytest.fixture(scope="session")
def tiny_models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Folders of tiny models, by name."""
    folder = tmp_path_factory.mktemp("models")
    return {name: build(name, folder / name) for name in BUILDERS}


@pytest.fixture(scope="session")
def clip_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five audio-visual clips of 0.5 to 2.5 s, with noise that gets louder and brighter."""
    folder = tmp_path_factory.mktemp("clips")
    random = np.random.default_rng(0)
    for at in range(5):
        frames = (random.integers(0, 60 + 40 * at, (48, 64, 3), dtype=np.uint8) for _ in range(5 * (at + 1)))
        sound = (random.normal(size=8000 * (at + 1)) * 0.05 * (at + 1)).astype(np.float32)
        media.write_video(folder / f"c{at}.mp4", frames, fps=10, audio=sound)
    return folder


@pytest.fixture(scope="session")
def clips() -> pl.DataFrame:
    """The `clips` table for `clip_folder`; the transcripts grow longer."""
    words = ["i", "am", "so", "sorry", "to", "hear", "that", "you", "lost", "your", "job"]
    rows = [
        {"clip_id": f"00{at}", "media": f"c{at}.mp4", "transcript": " ".join(words[: 2 * at + 2])}
        for at in range(5)
    ]
    return pl.DataFrame(rows)


@pytest.fixture
def counting(monkeypatch: pytest.MonkeyPatch) -> CountingEncoder:
    """A text encoder by the name of `counting` that remembers what it was given."""
    encoder = CountingEncoder()
    monkeypatch.setitem(registry.BUILT_IN, "counting", ("text", lambda request, cache: encoder))
    return encoder
