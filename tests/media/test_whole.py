"""A recording that broke off or was damaged is found, a sound one is not suspected."""

from __future__ import annotations

import struct
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from media_samples import AUDIO_SUFFIXES, VIDEO_SUFFIXES, tone

from mixedsignals.errors import InputError
from mixedsignals.media import audio, frames, verify

Recordings = Callable[[str], Path]
SUFFIXES = [*VIDEO_SUFFIXES, *AUDIO_SUFFIXES]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_whole_recording_has_no_problem(recordings: Recordings, suffix: str) -> None:
    assert verify(recordings(suffix), audio=True, video=suffix in VIDEO_SUFFIXES) == []


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("lost", [5, 100, 1_000, 0.1, 0.5, 0.9, 0.995])
def test_a_recording_that_broke_off_is_found(
    recordings: Recordings, tmp_path: Path, suffix: str, lost: float
) -> None:
    content = recordings(suffix).read_bytes()
    path = tmp_path / f"cut.{suffix}"
    path.write_bytes(content[: len(content) - (lost if lost >= 1 else round(lost * len(content)))])
    codes = {problem.code for problem in verify(path)}
    assert codes <= {"truncated-media", "damaged-media", "unreadable-media"}
    assert len(codes) == 1
    if suffix != "flac":
        assert codes == {"truncated-media"} or lost == 0.995


@pytest.mark.parametrize("suffix", ["mp4", "webm", "flv", "wav", "mp3", "m4a"])
def test_the_outer_layout_tells_it_without_decoding(
    recordings: Recordings, tmp_path: Path, suffix: str
) -> None:
    path = tmp_path / f"cut.{suffix}"
    path.write_bytes(recordings(suffix).read_bytes()[:-500])
    (problem,) = verify(path, decode=False)
    assert problem.code == "truncated-media"
    assert verify(recordings(suffix), decode=False) == []


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_cut_recording_is_never_read_as_if_it_were_all(
    recordings: Recordings, tmp_path: Path, suffix: str
) -> None:
    content = recordings(suffix).read_bytes()
    path = tmp_path / f"cut.{suffix}"
    path.write_bytes(content[: len(content) // 2 + 50])  # not between two parts of the FLV
    for read in [audio, frames] if suffix in VIDEO_SUFFIXES else [audio]:
        with pytest.raises(InputError) as caught:
            read(path)
        (problem,) = caught.value.problems
        assert problem.code == ("truncated-media" if suffix != "flac" else "unreadable-media")


def test_a_cut_film_says_how_much_is_there(recordings: Recordings, tmp_path: Path) -> None:
    content = recordings("mp4").read_bytes()
    path = tmp_path / "cut.mp4"
    path.write_bytes(content[: len(content) // 2])
    (problem,) = verify(path)
    assert f"should have {len(content):,} bytes and has {len(content) // 2:,}" in problem.message


def test_damage_inside_is_found_where_the_format_can_tell(recordings: Recordings, tmp_path: Path) -> None:
    for suffix in ("flac", "mp4"):
        content = bytearray(recordings(suffix).read_bytes())
        middle = len(content) // 2
        content[middle : middle + 400] = np.random.default_rng(0).bytes(400)
        path = tmp_path / f"damaged.{suffix}"
        path.write_bytes(content)
        codes = {problem.code for problem in verify(path)}
        assert codes, suffix
        assert codes <= {"damaged-media", "gap-in-media"}


def test_tracks_that_should_be_there(recordings: Recordings, silent_video: Path) -> None:
    assert [problem.code for problem in verify(silent_video, audio=True, video=True)] == ["no-audio-track"]
    assert [problem.code for problem in verify(recordings("wav"), audio=True, video=True)] == [
        "no-video-track"
    ]


def test_samples_that_are_not_numbers_are_found_and_not_given(tmp_path: Path) -> None:
    samples = tone(1)
    samples[500] = np.nan
    body = samples.tobytes()
    head = struct.pack(
        "<4sI4s4sIHHIIHH4sI",
        b"RIFF",
        36 + len(body),
        b"WAVE",
        b"fmt ",
        16,
        3,
        1,
        16_000,
        64_000,
        4,
        32,
        b"data",
        len(body),
    )
    path = tmp_path / "nan.wav"
    path.write_bytes(head + body)
    assert [problem.code for problem in verify(path)] == ["bad-samples"]
    with pytest.raises(InputError, match="not numbers"):
        audio(path)


@pytest.mark.parametrize("left_open", [0, 0xFFFFFFFF])
def test_a_live_wav_whose_length_was_never_written_is_no_fault(
    recordings: Recordings, tmp_path: Path, left_open: int
) -> None:
    content = bytearray(recordings("wav").read_bytes())
    at = content.index(b"data") + 4
    content[at : at + 4] = struct.pack("<I", left_open)
    path = tmp_path / "live.wav"
    path.write_bytes(content)
    assert [problem.code for problem in verify(path) if problem.code == "truncated-media"] == []


@settings(deadline=None, max_examples=60)
@given(data=st.data(), suffix=st.sampled_from(SUFFIXES))
def test_no_bytes_bring_anything_but_problems(
    recordings: Recordings, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject, suffix: str
) -> None:
    content = bytearray(recordings(suffix).read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(content) - 1) | st.integers(0, 400))
        content[at : at + 8] = data.draw(st.binary(min_size=0, max_size=12))
    path = tmp_path_factory.mktemp("fuzz") / f"fuzz.{suffix}"
    path.write_bytes(content)
    for problem in verify(path, audio=True):
        assert problem.code.endswith(("-media", "-track", "-samples"))
        assert problem.message
    for read in (audio, frames):
        with suppress(InputError):  # the only way in which reading may fail
            assert np.isfinite(read(path)).all()
