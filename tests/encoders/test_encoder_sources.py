"""Media of clips: which file and span, which clips have none, and which files are at fault."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from encoder_fakes import CountingEncoder

from mixedsignals import media
from mixedsignals.embeddings import Card
from mixedsignals.encoders import Absent, Prepared, Source, encode, registry
from mixedsignals.errors import CannotFinish, InputError
from mixedsignals.sources import find_sources


class Loudness(CountingEncoder):
    """Length and loudness of the sound."""

    card = Card("audio", "loudness", "1", "none", "none")

    def prepare(self, source: Source) -> Prepared:
        samples = media.audio(source.path, start=source.start, end=source.end)
        return Prepared((len(samples) / 16_000, float(np.sqrt((samples**2).mean()))))

    def encode(self, batch):
        self.batches.append([item.payload for item in batch])
        return np.array([item.payload for item in batch], dtype=np.float32)


class Looks(CountingEncoder):
    """Brightness of the picture."""

    card = Card("video", "looks", "1", "none", "none")

    def prepare(self, source: Source) -> Prepared:
        return Prepared(float(media.frames(source.path, count=2, start=source.start, end=source.end).mean()))

    def encode(self, batch):
        self.batches.append([item.payload for item in batch])
        return np.array([[item.payload] for item in batch], dtype=np.float32)


@pytest.fixture
def loudness(monkeypatch: pytest.MonkeyPatch) -> Loudness:
    encoder = Loudness()
    monkeypatch.setitem(registry.BUILT_IN, "loudness", ("audio", lambda request, cache: encoder))
    return encoder


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> Looks:
    encoder = Looks()
    monkeypatch.setitem(registry.BUILT_IN, "looks", ("video", lambda request, cache: encoder))
    return encoder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Sound alone, picture alone, and both."""
    random = np.random.default_rng(0)
    sound = (random.normal(size=16_000) * 0.1).astype(np.float32)
    media.write_audio(tmp_path / "sound.wav", sound)
    frames = [np.full((48, 64, 3), 100, dtype=np.uint8)] * 10
    media.write_video(tmp_path / "silent.mp4", frames, fps=10)
    media.write_video(tmp_path / "both.mp4", frames, fps=10, audio=sound)
    return tmp_path


def clips(*rows: dict[str, object]) -> pl.DataFrame:
    columns = {"clip_id": pl.String, "media": pl.String, "audio": pl.String, "video": pl.String}
    return pl.DataFrame(rows, schema={**columns, "start": pl.Float64, "end": pl.Float64})


def test_a_clip_without_the_file_or_the_track_is_absent(
    folder: Path, loudness: Loudness, looks: Looks
) -> None:
    table = clips(
        {"clip_id": "both", "media": "both.mp4"},
        {"clip_id": "sound", "audio": "sound.wav"},
        {"clip_id": "silent", "media": "silent.mp4"},
        {"clip_id": "wav", "media": "sound.wav"},
        {"clip_id": "none"},
    )
    for _ in range(2):  # the second time from the cache
        heard = encode(table, folder, "audio", "loudness", cache=folder / "cache", device="cpu")
        assert heard.embeddings.clip_ids == ("both", "sound", "wav")
        assert set(heard.absent) == {
            Absent("none", "no audio file is named"),
            Absent("silent", "the file has no sound track"),
        }
        seen = encode(table, folder, "video", "looks", cache=folder / "cache", device="cpu")
        assert seen.embeddings.clip_ids == ("both", "silent")
        assert set(seen.absent) == {
            Absent("none", "no video file is named"),
            Absent("sound", "no video file is named"),
            Absent("wav", "the file has no moving picture"),
        }
    assert loudness.loads == looks.loads == 1


def test_separate_files_come_before_the_common_one(folder: Path) -> None:
    table = clips({"clip_id": "a", "media": "both.mp4", "audio": "sound.wav", "video": "silent.mp4"})
    assert find_sources(table, folder, "audio")[0]["a"].path == folder / "sound.wav"
    assert find_sources(table, folder, "video")[0]["a"].path == folder / "silent.mp4"


def test_spans_of_one_file_are_different_clips(folder: Path, loudness: Loudness) -> None:
    table = clips(
        {"clip_id": "whole", "media": "sound.wav"},
        {"clip_id": "begin", "media": "sound.wav", "end": 0.25},
        {"clip_id": "end", "media": "sound.wav", "start": 0.5},
        {"clip_id": "again", "media": "sound.wav", "end": 0.25},
    )
    found = encode(table, folder, "audio", "loudness", cache=folder / "cache", device="cpu")
    assert found.embeddings.values[:, 0].tolist() == pytest.approx([1.0, 0.25, 0.5, 0.25], abs=0.01)
    assert found.encoded == 3


def test_identical_bytes_under_two_names_are_encoded_once(folder: Path, loudness: Loudness) -> None:
    (folder / "copy.wav").write_bytes((folder / "sound.wav").read_bytes())
    table = clips({"clip_id": "a", "media": "sound.wav"}, {"clip_id": "b", "media": "copy.wav"})
    found = encode(table, folder, "audio", "loudness", cache=folder / "cache", device="cpu")
    assert found.encoded == 1
    assert np.array_equal(found.embeddings.values[0], found.embeddings.values[1])


def test_a_renamed_file_is_known_and_a_changed_one_is_not(folder: Path, loudness: Loudness) -> None:
    encode(
        clips({"clip_id": "a", "media": "sound.wav"}), folder, "audio", "loudness", cache=folder, device="cpu"
    )
    (folder / "sound.wav").rename(folder / "renamed.wav")
    table = clips({"clip_id": "z", "media": "renamed.wav"})
    assert encode(table, folder, "audio", "loudness", cache=folder, device="cpu").encoded == 0
    media.write_audio(folder / "renamed.wav", np.zeros(16_000, dtype=np.float32))
    changed = encode(table, folder, "audio", "loudness", cache=folder, device="cpu")
    assert changed.encoded == 1
    assert changed.embeddings.values[0, 1] == 0


def test_a_change_of_the_same_size_within_the_clock_s_tick_is_noticed(folder: Path) -> None:
    path = folder / "raw.bin"
    digests = set()
    for value in range(20):
        path.unlink(missing_ok=True)
        path.write_bytes(bytes([value]) * 100)
        digests.add(Source(path=path).digest())
    assert len(digests) == 20


def test_files_that_are_named_but_not_there_are_all_named(folder: Path, loudness: Loudness) -> None:
    (folder / "nothing.wav").touch()
    table = clips(
        {"clip_id": "a", "media": "sound.wav"},
        {"clip_id": "b", "media": "gone.wav"},
        {"clip_id": "c", "audio": "nothing.wav"},
    )
    with pytest.raises(InputError) as error:
        encode(table, folder, "audio", "loudness", cache=folder, device="cpu")
    assert [(p.code, p.clip_id, p.file) for p in error.value.problems] == [
        ("missing-media", "b", "gone.wav"),
        ("empty-media", "c", "nothing.wav"),
    ]
    assert loudness.loads == 0


def test_unreadable_files_are_all_named_and_the_others_are_kept(folder: Path, loudness: Loudness) -> None:
    for name in ("x.wav", "y.wav"):
        (folder / name).write_bytes(f"this is not sound {name}".encode())
    table = clips(*({"clip_id": name[0], "media": name} for name in ("x.wav", "sound.wav", "y.wav")))
    with pytest.raises(InputError) as error:
        encode(table, folder, "audio", "loudness", cache=folder, device="cpu")
    assert [(p.clip_id, p.file) for p in error.value.problems] == [("x", "x.wav"), ("y", "y.wav")]
    healthy = table.filter(pl.col("clip_id") == "s")
    assert encode(healthy, folder, "audio", "loudness", cache=folder, device="cpu").encoded == 0


def test_no_file_has_the_track(folder: Path, loudness: Loudness) -> None:
    with pytest.raises(
        CannotFinish, match=r"None of the 1 clips has audio: the file has no sound track \(1\)"
    ):
        encode(
            clips({"clip_id": "a", "media": "silent.mp4"}),
            folder,
            "audio",
            "loudness",
            cache=folder,
            device="cpu",
        )
