"""Real recordings: CREMA-D's FLV with VP6 and MP3, RAVDESS's FLAC."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from mixedsignals.media import audio, frames, playable, probe, transcode, verify

pytestmark = pytest.mark.realdata


def test_every_crema_d_clip_is_read(realdata: Path) -> None:
    clips = sorted((realdata / "cremad" / "clips").glob("*.flv"))
    assert len(clips) == 6
    for clip in clips:
        info = probe(clip)
        assert (info.video_codec, info.audio_codec, info.container) == ("vp6f", "mp3", "flv")
        assert (info.width, info.height) == (480, 360)
        assert verify(clip, audio=True, video=True) == []
        assert not playable(clip)
        sound = audio(clip)
        assert info.duration is not None
        assert len(sound) == pytest.approx(16_000 * info.duration, abs=16_000 * 0.06)
        assert sound.std() > 1e-3
        pictures = frames(clip, count=8, size=(90, 120))
        assert pictures.shape == (8, 90, 120, 3)
        assert pictures[0].std() > 10  # a face before a screen, not one colour
        assert np.abs(pictures[0].astype(int) - pictures[-1]).mean() < 40  # the same person throughout


def test_a_crema_d_clip_becomes_what_browsers_play(realdata: Path, tmp_path: Path) -> None:
    clip = realdata / "cremad" / "clips" / "1001_DFA_HAP_XX.flv"
    copy = transcode(clip, tmp_path / "clip.mp4", height=240)
    assert playable(copy)
    assert verify(copy, audio=True, video=True) == []
    assert (probe(copy).width, probe(copy).height) == (320, 240)
    assert probe(copy).duration == pytest.approx(probe(clip).duration, abs=0.1)


def test_a_crema_d_clip_that_broke_off_is_found(realdata: Path, tmp_path: Path) -> None:
    content = (realdata / "cremad" / "clips" / "1001_DFA_SAD_XX.flv").read_bytes()
    path = tmp_path / "cut.flv"
    for kept in (0.05, 0.5, 0.99):
        path.write_bytes(content[: int(len(content) * kept)])
        assert {problem.code for problem in verify(path)} == {"truncated-media"}


def test_ravdess_sound_has_the_length_that_its_manifest_states(realdata: Path) -> None:
    with (realdata / "ravdess" / "manifest.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))[::36]
    for row in rows:
        path = realdata / "ravdess" / row["path"]
        sound = audio(path)
        assert len(sound) == pytest.approx(16_000 * float(row["duration"]), abs=160)
        assert np.array_equal(audio(path, start=0.5, end=1.5), sound[8_000:24_000])
        assert verify(path, audio=True) == []
