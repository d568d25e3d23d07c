"""Recordings that every test of this room reads, made once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from media_samples import FPS, RATE, VIDEO_SUFFIXES, greys, tone

from mixedsignals.media import write_audio, write_video


@pytest.fixture(scope="session")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """One recording of six seconds per suffix, made once."""
    folder = tmp_path_factory.mktemp("recordings")

    def make(suffix: str) -> Path:
        path = folder / f"clip.{suffix}"
        if not path.exists() and suffix in VIDEO_SUFFIXES:
            write_video(path, greys(), fps=FPS, audio=tone(), rate=RATE)
        elif not path.exists():
            write_audio(path, tone(), rate=RATE)
        return path

    return make


@pytest.fixture(scope="session")
def silent_video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures without sound."""
    return write_video(tmp_path_factory.mktemp("silent") / "silent.mp4", greys(), fps=FPS)
