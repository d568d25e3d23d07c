"""From clips to the table: the cache, several processes, what is absent and why, and every fault at once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from mixedsignals.cues import CueCache, Measured, extract, find_extractors
from mixedsignals.cues.prosody import Prosody
from mixedsignals.cues.words import Words
from mixedsignals.errors import CannotFinish, InputError, UsageError
from mixedsignals.tables import CUES, conform

Make = Callable[..., tuple[pl.DataFrame, Path]]
RATE = 16_000


def voice(hertz: float, seconds: float = 0.6) -> np.ndarray:
    time = np.arange(round(seconds * RATE)) / RATE
    return np.sum([0.2 * np.sin(2 * np.pi * hertz * k * time) / k for k in range(1, 20)], axis=0).astype(
        np.float32
    )


def test_clips_become_rows_in_their_order_and_what_is_absent_has_a_reason(
    corpus: Make, tmp_path: Path
) -> None:
    sounds = {"b": voice(200), "a": voice(120), "quiet": np.zeros(RATE, np.float32), "none": None}
    clips, root = corpus(sounds, {"b": "Hello there.", "a": "  ", "quiet": None, "none": "Yes."})
    found = extract(clips, root, [Prosody(), Words()], cache=tmp_path / "cache")
    assert conform(CUES, found.table).equals(found.table)
    assert found.table["clip_id"].unique(maintain_order=True).to_list() == ["b", "a", "none"]
    pitch = dict(found.table.filter(cue="pitch_median").select("clip_id", "value").iter_rows())
    assert pitch["a"] < pitch["b"]
    why = {(one.clip_id, one.extractor): one.reason for one in found.absent if one.cue == "*"}
    assert why == {
        ("quiet", "prosody"): "the sound is silent",
        ("none", "prosody"): "no audio file is named",
        ("a", "words"): "the transcript is blank",
        ("quiet", "words"): "no transcript",
    }
    assert not found.table.filter(clip_id="quiet").height, "silence has no zeros"


def test_a_second_call_takes_all_from_the_cache_and_gives_the_same(corpus: Make, tmp_path: Path) -> None:
    clips, root = corpus({"a": voice(150), "b": voice(150), "c": np.zeros(RATE, np.float32)})
    first = extract(clips, root, [Prosody()], cache=tmp_path / "cache")
    again = extract(clips, root, [Prosody()], cache=tmp_path / "cache")
    assert first.measured == {"prosody": 2}, "equal content is measured once"
    assert (again.measured, again.reused) == ({"prosody": 0}, {"prosody": 2})
    assert again.table.equals(first.table)
    assert again.absent == first.absent


def test_other_options_do_not_share_the_cache(corpus: Make, tmp_path: Path) -> None:
    clips, root = corpus({"a": voice(150)})
    extract(clips, root, [Prosody()], cache=tmp_path / "cache")
    other = extract(clips, root, [Prosody(most_seconds=0.3)], cache=tmp_path / "cache")
    assert other.measured == {"prosody": 1}


def test_several_processes_give_the_same_table(corpus: Make, tmp_path: Path) -> None:
    clips, root = corpus({f"{k:03}": voice(100 + k, 0.15) for k in range(70)})
    alone = extract(clips, root, [Prosody()], cache=tmp_path / "one")
    together = extract(clips, root, [Prosody()], cache=tmp_path / "two", jobs=2)
    assert together.table.equals(alone.table)
    assert together.measured == {"prosody": 70}


def test_a_damaged_shard_is_measured_again(corpus: Make, tmp_path: Path) -> None:
    clips, root = corpus({"a": voice(150)})
    first = extract(clips, root, [Prosody()], cache=tmp_path)
    for shard in CueCache(tmp_path, Prosody()).folder.glob("*.parquet"):
        shard.write_bytes(b"PAR1 not really")
    again = extract(clips, root, [Prosody()], cache=tmp_path)
    assert again.measured == {"prosody": 1}
    assert again.table.equals(first.table)


def test_faults_are_all_named_after_the_rest_was_measured(corpus: Make, tmp_path: Path) -> None:
    clips, root = corpus({"a": voice(150), "b": voice(160), "c": voice(170)})
    (root / "b.wav").write_bytes(b"RIFF but no sound")
    (root / "c.wav").write_bytes(b"ID3 neither")
    with pytest.raises(InputError) as caught:
        extract(clips, root, [Prosody()], cache=tmp_path / "cache")
    assert {(one.clip_id, one.file) for one in caught.value.problems} == {("b", "b.wav"), ("c", "c.wav")}
    kept = extract(clips.filter(clip_id="a"), root, [Prosody()], cache=tmp_path / "cache")
    assert kept.reused == {"prosody": 1}


def test_missing_files_are_faults_and_unknown_extractors_are_wrong_usage(
    corpus: Make, tmp_path: Path
) -> None:
    clips, root = corpus({"a": voice(150), "b": voice(160)})
    (root / "a.wav").unlink()
    (root / "b.wav").write_bytes(b"")
    with pytest.raises(InputError) as caught:
        extract(clips, root, [Prosody()], cache=tmp_path)
    assert [one.code for one in caught.value.problems] == ["missing-media", "empty-media"]
    with pytest.raises(UsageError, match="there are prosody, words"):
        find_extractors(["prosody", "smell"])


def test_what_needs_something_that_is_not_there_says_how_to_get_it() -> None:
    with pytest.raises(CannotFinish, match="weights fetch face-landmarker"):
        find_extractors(["face"])
    for name, package in (("egemaps", "opensmile"), ("pyfeat", "feat")):
        try:
            __import__(package)
        except ModuleNotFoundError:
            with pytest.raises(CannotFinish, match="pip install"):
                find_extractors([name])


def test_the_cache_gives_back_what_it_was_given(tmp_path: Path) -> None:
    cache = CueCache(tmp_path, Prosody())
    given = {
        "x": Measured({"loudness": -20.5}, {"pitch_median": "no voice"}),
        "y": Measured(),
        "z": Measured({"a": 0.0}),
    }
    for content, measured in given.items():
        cache.add({content: measured})
    cache.merge()
    assert CueCache(tmp_path, Prosody()).find(["x", "y", "z", "other"]) == given
    assert len(list(cache.folder.glob("*.parquet"))) == 1
