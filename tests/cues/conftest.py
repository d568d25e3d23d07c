"""A corpus of sounds that a test makes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl
import pytest

from mixedsignals import media
from mixedsignals.tables import CLIPS, conform

RATE = 16_000
Sound = npt.NDArray[np.float32]


@pytest.fixture
def corpus(tmp_path: Path) -> Callable[..., tuple[pl.DataFrame, Path]]:
    """`corpus({"a": sound or None}, {"a": "words"})`: a clips table and the folder of its media."""

    def make(
        sounds: dict[str, Sound | None], words: dict[str, str | None] | None = None
    ) -> tuple[pl.DataFrame, Path]:
        rows = []
        for clip, sound in sounds.items():
            name = None if sound is None else f"{clip}.wav"
            if sound is not None:
                media.write_audio(tmp_path / f"{clip}.wav", sound, rate=RATE)
            rows.append({"clip_id": clip, "audio": name, "transcript": (words or {}).get(clip)})
        return conform(
            CLIPS, pl.DataFrame(rows, schema_overrides={"audio": pl.String, "transcript": pl.String})
        ), tmp_path

    return make
