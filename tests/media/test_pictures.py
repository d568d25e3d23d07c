"""Pictures come at even steps, from the right moments, upright, in the wanted size."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from media_samples import FPS, SECONDS, VIDEO_SUFFIXES, greys

from mixedsignals.errors import InputError
from mixedsignals.media import frames, write_video

Recordings = Callable[[str], Path]


def numbers(pictures: np.ndarray) -> np.ndarray:
    """Which of the numbered greys each picture is."""
    return pictures.mean(axis=(1, 2, 3)) / 4


def centres(start: float, end: float, count: int) -> np.ndarray:
    """Number of the picture on the screen at the centre of each part."""
    moments = start + (np.arange(count) + 0.5) * (end - start) / count
    return np.floor((moments + 1e-3) * FPS)


@pytest.mark.parametrize("suffix", ["mp4", "webm"])
@pytest.mark.parametrize("count", [1, 3, 16, 60])
def test_pictures_are_those_on_screen_at_the_centres_of_equal_parts(
    recordings: Recordings, suffix: str, count: int
) -> None:
    pictures = frames(recordings(suffix), count=count)
    assert pictures.shape == (count, 48, 64, 3)
    assert pictures.dtype == np.uint8
    assert np.abs(numbers(pictures) - centres(0, SECONDS, count)).max() < 1


def test_flv_starts_a_little_late_and_is_read_by_its_own_times(recordings: Recordings) -> None:
    assert np.abs(numbers(frames(recordings("flv"), count=12)) - centres(0, SECONDS, 12)).max() <= 1.5


@pytest.mark.parametrize("suffix", VIDEO_SUFFIXES)
def test_more_pictures_than_the_clip_has_repeat_in_order(recordings: Recordings, suffix: str) -> None:
    found = numbers(frames(recordings(suffix), count=40, start=1, end=2))
    assert len(found) == 40
    assert (np.diff(np.round(found)) >= 0).all()
    assert len(set(np.round(found))) in (10, 11)


@settings(deadline=None, max_examples=30)
@given(
    start=st.floats(0, 5.5),
    length=st.floats(0.05, 6),
    count=st.integers(1, 9),
    suffix=st.sampled_from(["mp4", "webm"]),
)
def test_any_span_gives_the_pictures_of_that_span(
    recordings: Recordings, start: float, length: float, count: int, suffix: str
) -> None:
    end = min(start + length, float(SECONDS))
    found = numbers(frames(recordings(suffix), count=count, start=start, end=end))
    assert np.abs(found - centres(start, end, count)).max() < 1.2


def test_max_seconds_takes_the_beginning_of_the_span(recordings: Recordings) -> None:
    found = numbers(frames(recordings("mp4"), count=4, start=2, max_seconds=1))
    assert np.abs(found - centres(2, 3, 4)).max() < 1


def test_size_is_height_and_width(recordings: Recordings) -> None:
    assert frames(recordings("mp4"), count=2, size=(20, 30)).shape == (2, 20, 30, 3)


def test_only_the_wanted_part_of_the_picture_is_scaled_not_cut(tmp_path: Path) -> None:
    half = np.zeros((64, 64, 3), np.uint8)
    half[:, 32:] = 255
    small = frames(write_video(tmp_path / "half.mp4", [half] * 5, fps=5), count=1, size=(8, 8))[0]
    assert small[:, :3].max() < 30
    assert small[:, 5:].min() > 225


def test_a_turned_picture_comes_upright(tmp_path: Path) -> None:
    picture = np.zeros((48, 64, 3), np.uint8)
    picture[:, :32] = 255  # bright on the left of the stored picture
    path = write_video(tmp_path / "phone.mp4", [picture] * 5, fps=5)
    content = path.read_bytes()
    straight = bytes.fromhex("00010000000000000000000000000000000100000000000000000000000000004000 0000")
    turned = bytes.fromhex("0000000000010000 00000000 ffff0000 00000000 00000000 00000000 00000000 40000000")
    track = content.index(b"tkhd")
    assert content.index(straight, track) - track < 80
    at = content.index(straight, track)
    path.write_bytes(content[:at] + turned + content[at + len(straight) :])
    upright = frames(path, count=1)[0]
    assert upright.shape == (64, 48, 3)
    assert upright[:28].min() > 200  # turned by a quarter with the clock, left becomes top
    assert upright[36:].max() < 50
    assert frames(path, count=1, size=(32, 24)).shape == (1, 32, 24, 3)


def test_sound_alone_has_no_pictures(recordings: Recordings) -> None:
    with pytest.raises(InputError, match="no video track"):
        frames(recordings("wav"))


def test_a_span_after_the_end_is_refused(recordings: Recordings) -> None:
    with pytest.raises(InputError) as caught:
        frames(recordings("mp4"), start=6.5, end=7)
    assert caught.value.problems[0].code == "span-outside-media"


@pytest.mark.parametrize("wrong", [{"count": 0}, {"size": (0, 5)}])
def test_wrong_use_is_an_error(recordings: Recordings, wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="1 or more"):
        frames(recordings("mp4"), **wrong)  # type: ignore[arg-type]


def test_a_clip_of_one_picture(tmp_path: Path) -> None:
    path = write_video(tmp_path / "one.mp4", greys(1), fps=10)
    assert frames(path, count=5).shape == (5, 48, 64, 3)
