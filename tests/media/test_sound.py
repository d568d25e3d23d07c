"""Sound comes out as it went in: where it was, as long as it was, at the wanted rate."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from media_samples import AUDIO_SUFFIXES, RATE, SECONDS, VIDEO_SUFFIXES, delay, tone

from mixedsignals.errors import InputError
from mixedsignals.media import audio

Recordings = Callable[[str], Path]


@pytest.mark.parametrize("suffix", ["mp4", "webm", *AUDIO_SUFFIXES])
def test_whole_recording_has_the_length_that_was_recorded(recordings: Recordings, suffix: str) -> None:
    samples = audio(recordings(suffix))
    assert samples.dtype == np.float32
    assert samples.shape == (SECONDS * RATE,)
    assert delay(samples, tone()) == 0
    assert np.abs(samples - tone())[100:-100].max() < (0.05 if suffix != "webm" else 0.2)


def test_flv_tells_nothing_of_padding_so_all_of_it_is_given(recordings: Recordings) -> None:
    samples = audio(recordings("flv"))
    assert abs(len(samples) - SECONDS * RATE) < 0.06 * RATE
    assert 0 <= delay(samples, tone()) < 0.03 * RATE


@pytest.mark.parametrize("suffix", [*VIDEO_SUFFIXES, *AUDIO_SUFFIXES])
def test_a_span_is_where_the_whole_has_it(recordings: Recordings, suffix: str) -> None:
    whole = audio(recordings(suffix))
    part = audio(recordings(suffix), start=2.5, end=3.5)
    assert part.shape == (RATE,)
    # FLV and WebM write times in whole milliseconds.
    assert abs(delay(part, whole[int(2.5 * RATE) :][:RATE], 200)) <= (16 if suffix in ("flv", "webm") else 0)


def test_max_seconds_cuts_the_span(recordings: Recordings) -> None:
    assert audio(recordings("wav"), start=1, max_seconds=0.5).shape == (RATE // 2,)
    assert audio(recordings("wav"), start=5.75, max_seconds=9).shape == (RATE // 4,)


def test_rate_is_changed_without_changing_length_or_level(recordings: Recordings) -> None:
    samples = audio(recordings("wav"), rate=8_000)
    assert samples.shape == (SECONDS * 8_000,)
    assert delay(samples, tone(rate=8_000)) == 0
    assert np.abs(samples - tone(rate=8_000))[500:-500].max() < 0.01


def test_a_video_without_sound_is_refused_with_its_name(silent_video: Path) -> None:
    with pytest.raises(InputError, match="no sound track") as caught:
        audio(silent_video)
    assert caught.value.problems[0].code == "no-audio-track"
    assert caught.value.problems[0].file == str(silent_video)


@pytest.mark.parametrize(
    ("start", "end", "code"),
    [
        (2, 2, "bad-span"),
        (3, 2, "bad-span"),
        (-1, 2, "bad-span"),
        (float("nan"), 2, "bad-span"),
        (0, float("nan"), "bad-span"),
        (0, 6.5, "span-outside-media"),
        (6, None, "span-outside-media"),
        (50, 51, "span-outside-media"),
    ],
)
def test_a_span_that_is_none_or_outside_is_refused(
    recordings: Recordings, start: float, end: float | None, code: str
) -> None:
    with pytest.raises(InputError) as caught:
        audio(recordings("wav"), start=start, end=end)
    assert caught.value.problems[0].code == code


def test_an_end_that_was_rounded_up_is_taken_for_the_end(recordings: Recordings) -> None:
    assert audio(recordings("wav"), start=5, end=6.2).shape == (RATE,)
