"""Copies are what browsers play and show the same as their source; nothing half written is left behind."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest
from media_samples import AUDIO_SUFFIXES, FPS, RATE, SECONDS, VIDEO_SUFFIXES, delay, greys, tone

from mixedsignals.errors import CannotFinish, InputError
from mixedsignals.media import audio, frames, playable, probe, transcode, verify, write_audio, write_video

Recordings = Callable[[str], Path]


def boxes(path: Path) -> list[bytes]:
    """Kinds of the outer parts of an MP4, in order."""
    content, found, position = path.read_bytes(), [], 0
    while position < len(content):
        found.append(content[position + 4 : position + 8])
        position += int.from_bytes(content[position : position + 4], "big")
    return found


@pytest.mark.parametrize("suffix", VIDEO_SUFFIXES)
def test_a_copy_of_a_span_shows_and_says_what_the_span_does(
    recordings: Recordings, tmp_path: Path, suffix: str
) -> None:
    copy = transcode(recordings(suffix), tmp_path / "copy.flv", start=1.5, end=4)
    assert copy == tmp_path / "copy.mp4"
    assert playable(copy)
    assert verify(copy, audio=True, video=True) == []
    info = probe(copy)
    assert (info.video_codec, info.audio_codec) == ("h264", "aac")
    assert info.duration == pytest.approx(2.5, abs=0.06)
    assert boxes(copy).index(b"moov") < boxes(copy).index(b"mdat")
    source, copied = (frames(path, count=5, start=0, end=2.4) for path in (recordings(suffix), copy))
    shift = copied.mean(axis=(1, 2, 3)) - source.mean(axis=(1, 2, 3))
    assert np.abs(shift - 4 * 1.5 * FPS).max() < 6  # a grey rises by 4 with every picture
    expected = audio(recordings(suffix), start=1.5, end=4)
    assert abs(delay(audio(copy), expected, 400)) <= 16


@pytest.mark.parametrize("suffix", AUDIO_SUFFIXES)
def test_sound_alone_becomes_m4a(recordings: Recordings, tmp_path: Path, suffix: str) -> None:
    copy = transcode(recordings(suffix), tmp_path / "copy.mp4")
    assert copy == tmp_path / "copy.m4a"
    assert playable(copy)
    samples = audio(copy)
    assert samples.shape == (SECONDS * RATE,)
    assert delay(samples, tone()) == 0


def test_pictures_without_sound_stay_without(silent_video: Path, tmp_path: Path) -> None:
    info = probe(transcode(silent_video, tmp_path / "copy.mp4"))
    assert (info.has_audio, info.has_video) == (False, True)


@pytest.mark.parametrize(
    ("source", "height", "expected"),
    [
        ((120, 90), 360, (120, 90)),
        ((121, 91), 360, (120, 90)),
        ((200, 100), 50, (100, 50)),
        ((90, 160), 80, (44, 80)),
    ],
)
def test_sizes_are_even_and_never_enlarged(
    tmp_path: Path, source: tuple[int, int], height: int, expected: tuple[int, int]
) -> None:
    path = tmp_path / "source.avi"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mjpeg", rate=5)
        stream.width, stream.height, stream.pix_fmt = *source, "yuvj420p"
        for _ in range(5):
            picture = av.VideoFrame.from_ndarray(np.zeros((source[1], source[0], 3), np.uint8))
            container.mux(stream.encode(picture.reformat(format="yuvj420p")))
        container.mux(stream.encode(None))
    info = probe(transcode(path, tmp_path / "copy.mp4", height=height))
    assert (info.width, info.height) == expected


def test_a_span_outside_is_refused_and_nothing_is_left(recordings: Recordings, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="passes the end"):
        transcode(recordings("mp4"), tmp_path / "copy.mp4", start=3, end=60)
    assert list(tmp_path.iterdir()) == []


def test_a_source_that_breaks_off_leaves_no_copy(recordings: Recordings, tmp_path: Path) -> None:
    content = bytearray(recordings("mp4").read_bytes())
    content[len(content) // 2 :] = bytes(len(content) - len(content) // 2)
    source = tmp_path / "broken.mp4"
    source.write_bytes(content)
    with pytest.raises(InputError):
        transcode(source, tmp_path / "copy.mp4")
    assert list(tmp_path.iterdir()) == [source]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_told_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def on_full_disk(prefix: str, suffix: str, dir: Path) -> tuple[int, str]:  # noqa: A002
        link = Path(dir) / f"{prefix}x{suffix}"
        link.symlink_to("/dev/full")
        return os.open(os.devnull, os.O_WRONLY), str(link)

    monkeypatch.setattr(tempfile, "mkstemp", on_full_disk)
    with pytest.raises(CannotFinish, match="disk is full"):
        write_video(tmp_path / "a.mp4", greys(), fps=FPS, audio=tone())
    assert list(tmp_path.iterdir()) == []


def test_the_same_arrays_give_the_same_bytes(tmp_path: Path) -> None:
    paths = [write_video(tmp_path / name, greys(20), fps=FPS, audio=tone(2)) for name in ("a.mp4", "b.mp4")]
    assert paths[0].read_bytes() == paths[1].read_bytes()


@pytest.mark.parametrize("name", ["a.txt", "a.wav", "a"])
def test_a_suffix_that_cannot_hold_pictures_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="suffix must be one of"):
        write_video(tmp_path / name, greys(2), fps=FPS)
    assert list(tmp_path.iterdir()) == []


def test_nothing_to_write_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="at least one picture"):
        write_video(tmp_path / "a.mp4", [], fps=FPS)
    with pytest.raises(ValueError, match="at least one sample"):
        write_audio(tmp_path / "a.wav", np.zeros(0, np.float32))


def test_sound_that_starts_late_is_silent_until_then(tmp_path: Path) -> None:
    path = tmp_path / "late.mp4"
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=FPS)
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        sound = container.add_stream("aac", rate=RATE, layout="mono")
        for picture in greys(20):
            container.mux(video.encode(av.VideoFrame.from_ndarray(picture)))
        container.mux(video.encode(None))
        frame = av.AudioFrame.from_ndarray(tone(1)[None], format="fltp", layout="mono")
        frame.rate, frame.pts = RATE, RATE  # a second later than the pictures
        container.mux(sound.encode(frame))
        container.mux(sound.encode(None))
    samples = audio(path)
    assert np.abs(samples[: RATE - 1100]).max() == 0
    assert abs(delay(samples[RATE:], tone(1), 200)) <= 1
    assert abs(delay(audio(path, start=0.5)[RATE // 2 :], tone(1), 200)) <= 1
    with pytest.raises(InputError) as caught:
        audio(write_video(tmp_path / "short.mp4", greys(30), fps=FPS, audio=tone(1)), start=2)
    assert caught.value.problems[0].code == "no-audio-in-span"


def test_a_source_whose_times_go_back_is_still_copied(recordings: Recordings, tmp_path: Path) -> None:
    content, position, seen = bytearray(recordings("flv").read_bytes()), 13, 0
    while position + 11 < len(content):
        if content[position] == 9:  # a picture
            seen += 1
            if seen % 7 == 0:
                content[position + 4 : position + 7] = (200).to_bytes(3, "big")
        position += 15 + int.from_bytes(content[position + 1 : position + 4], "big")
    source = tmp_path / "back.flv"
    source.write_bytes(content)
    copy = transcode(source, tmp_path / "copy.mp4")
    assert verify(copy, audio=True, video=True) == []
    assert probe(copy).duration == pytest.approx(SECONDS, abs=0.2)
