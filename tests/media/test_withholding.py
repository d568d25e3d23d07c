"""What is withheld is not in the file: neither a track, nor words hidden in it, nor names or times."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest
from media_samples import RATE, SECONDS, delay, greys, tone

from mixedsignals.errors import InputError
from mixedsignals.media import Part, SoundTreatment, audio, frames, playable, probe, withhold
from mixedsignals.media.loudness import loudness

SECRET = b"these are the words that nobody may read"


def tracks(path: Path) -> list[str]:
    """The kinds of all tracks of a file, of every kind there is."""
    with av.open(str(path)) as container:
        return sorted(stream.type for stream in container.streams)


@pytest.mark.parametrize("suffix", ["mp4", "webm", "flv"])
def test_each_condition_has_its_tracks_and_no_other(
    recordings: Callable[[str], Path], tmp_path: Path, suffix: str
) -> None:
    part = Part(recordings(suffix))
    seen = withhold(tmp_path / "seen", picture=part)
    heard = withhold(tmp_path / "heard", sound=part)
    both = withhold(tmp_path / "both", picture=part, sound=part)
    assert (tracks(seen), tracks(heard), tracks(both)) == (["video"], ["audio"], ["audio", "video"])
    assert (seen.suffix, heard.suffix, both.suffix) == (".mp4", ".m4a", ".mp4")
    assert all(playable(path) for path in (seen, heard, both))
    with pytest.raises(InputError):
        audio(seen)
    with pytest.raises(InputError):
        frames(heard)


def test_sound_stays_with_the_picture(recordings: Callable[[str], Path], tmp_path: Path) -> None:
    part = Part(recordings("mp4"), 2.0, 4.0)
    both = withhold(tmp_path / "both", picture=part, sound=part)
    heard, original = audio(both, rate=RATE), tone()[2 * RATE : 4 * RATE]
    assert abs(delay(heard, original)) <= RATE * 0.01
    levels = frames(both, count=10).mean(axis=(1, 2, 3))
    wanted = np.stack(greys())[20:40].mean(axis=(1, 2, 3))[1::2]
    assert np.abs(levels - wanted).max() < 8
    assert probe(both).duration == pytest.approx(2.0, abs=0.15)


def test_words_hidden_in_the_file_do_not_come_along(
    tmp_path: Path, recordings: Callable[[str], Path]
) -> None:
    """Titles and chapters in the container, and text in the picture's own bit stream (as captions are)."""
    hidden = tmp_path / "hidden.mp4"
    with (
        av.open(str(recordings("mp4"))) as source,
        av.open(str(hidden), "w") as target,
    ):
        target.metadata["title"] = target.metadata["comment"] = SECRET.decode()
        target.metadata["creation_time"] = "2001-02-03T04:05:06Z"
        video, sound = source.streams.video[0], source.streams.audio[0]
        pictures, tones = target.add_stream_from_template(video), target.add_stream_from_template(sound)
        sei = f"sei_user_data=086f3693-b7b3-4f2c-9653-21492feee5b8+{SECRET.decode().replace(' ', '_')}"
        insert = av.bitstream.BitStreamFilterContext(f"h264_metadata={sei}", video, pictures)
        for packet in source.demux(video, sound):
            if packet.dts is None:
                continue
            for ready in insert.filter(packet) if packet.stream == video else [packet]:
                ready.stream = pictures if packet.stream == video else tones
                target.mux(ready)
    bare = SECRET.replace(b" ", b"_")
    assert SECRET in hidden.read_bytes()
    assert bare in hidden.read_bytes()
    for name, shown in (("seen", {"picture": Part(hidden)}), ("heard", {"sound": Part(hidden)})):
        content = withhold(tmp_path / name, **shown).read_bytes()
        assert SECRET not in content
        assert bare not in content
        assert b"2001-02-03" not in content
    with av.open(str(tmp_path / "seen.mp4")) as container:
        assert set(container.metadata) <= {"major_brand", "minor_version", "compatible_brands", "encoder"}
        assert "creation_time" not in container.streams.video[0].metadata


def test_all_sound_at_one_loudness(tmp_path: Path, recordings: Callable[[str], Path]) -> None:
    made = withhold(
        tmp_path / "heard", sound=Part(recordings("wav")), treatment=SoundTreatment(loudness=-26.0)
    )
    found, peak = loudness([audio(made, rate=RATE)], RATE)
    assert found == pytest.approx(-26.0, abs=0.5)
    assert peak < -1.0


def test_the_low_passed_sound_keeps_its_length_and_nothing_above(
    tmp_path: Path, recordings: Callable[[str], Path]
) -> None:
    made = withhold(tmp_path / "low", sound=Part(recordings("wav")), treatment=SoundTreatment(lowpass=400.0))
    samples = audio(made, rate=RATE)
    assert len(samples) == pytest.approx(SECONDS * RATE, rel=0.02)
    power = np.abs(np.fft.rfft(samples)) ** 2
    hertz = np.fft.rfftfreq(len(samples), 1 / RATE)
    assert power[hertz > 800].sum() / power.sum() < 1e-4
    assert power[hertz < 400].sum() / power.sum() > 0.9


def test_sound_and_picture_of_two_files_become_one(tmp_path: Path, recordings: Callable[[str], Path]) -> None:
    made = withhold(tmp_path / "both", picture=Part(recordings("webm")), sound=Part(recordings("flac")))
    assert tracks(made) == ["audio", "video"]
    assert abs(delay(audio(made, rate=RATE), tone())) <= RATE * 0.01


def test_what_is_not_there_is_named(
    tmp_path: Path, silent_video: Path, recordings: Callable[[str], Path]
) -> None:
    for part, code in (
        ({"sound": Part(silent_video)}, "no-audio-track"),
        ({"picture": Part(recordings("wav"))}, "no-video-track"),
        ({"sound": Part(tmp_path / "gone.wav")}, "missing-media"),
        ({"picture": Part(recordings("mp4"), 3.0, 2.0)}, "bad-span"),
    ):
        with pytest.raises(InputError) as caught:
            withhold(tmp_path / "out", **part)
        assert caught.value.problems[0].code == code
    with pytest.raises(ValueError, match="picture or a sound"):
        withhold(tmp_path / "out")
    assert not list(tmp_path.glob("out*"))
