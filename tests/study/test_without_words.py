"""Whether `audio-lowpass` takes the words away from a machine that hears them in the same sound without it."""

from __future__ import annotations

import re
from pathlib import Path

import polars as pl
import pytest

from mixedsignals.media import Part, SoundTreatment, withhold


def words(text: str) -> set[str]:
    """The words of a text, as they sound."""
    return set(re.findall(r"[a-z']+", text.lower()))


def heard(rows: pl.DataFrame, root: Path, out: Path, treatment: SoundTreatment) -> float:
    """The share of the spoken words that Whisper hears, mean over clips."""
    pytest.importorskip("torch")
    from mixedsignals.encoders.transcribing import transcribe
    from mixedsignals.tables import CLIPS, conform

    made = []
    for row in rows.iter_rows(named=True):
        file = withhold(out / row["clip"], sound=Part(root / row["path"]), treatment=treatment)
        made.append({"clip_id": row["clip"], "audio": str(file)})
    texts = transcribe(conform(CLIPS, made), out)
    shares = [
        len(words(row["transcript"]) & words(texts.get(row["clip"], ""))) / len(words(row["transcript"]))
        for row in rows.iter_rows(named=True)
    ]
    return sum(shares) / len(shares)


@pytest.mark.realdata
@pytest.mark.weights
def test_a_machine_hears_most_words_and_hardly_any_behind_the_filter(realdata: Path, tmp_path: Path) -> None:
    """One clip of each of eight actors of RAVDESS, both through the same coder and at the same loudness."""
    rows = pl.read_csv(realdata / "ravdess" / "manifest.csv", infer_schema=False)
    rows = rows.unique("actor", keep="first", maintain_order=True).head(8)
    whole = heard(rows, realdata / "ravdess", tmp_path / "whole", SoundTreatment(loudness=-23.0))
    behind = heard(
        rows, realdata / "ravdess", tmp_path / "behind", SoundTreatment(lowpass=400.0, loudness=-23.0)
    )
    print(f"words heard by Whisper: {whole:.2f} of the sound as it is, {behind:.2f} behind the filter")
    assert whole > 0.7
    assert behind < 0.25
