"""What a file holds is read from the file; what cannot be read is told in one clear problem."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest
from media_samples import AUDIO_SUFFIXES, SECONDS, VIDEO_SUFFIXES, greys, tone

from mixedsignals.errors import InputError
from mixedsignals.media import MediaInfo, audio, playable, probe, verify

Recordings = Callable[[str], Path]

CODECS = {
    "mp4": ("h264", "aac", 16_000),
    "webm": ("vp9", "opus", 48_000),
    "flv": ("flv", "mp3", 44_100),
    "wav": (None, "pcm_s16le", 16_000),
    "flac": (None, "flac", 16_000),
    "mp3": (None, "mp3", 44_100),
    "m4a": (None, "aac", 16_000),
}


@pytest.mark.parametrize("suffix", [*VIDEO_SUFFIXES, *AUDIO_SUFFIXES])
def test_probe_tells_what_was_written(recordings: Recordings, suffix: str) -> None:
    info = probe(recordings(suffix))
    has_video = suffix in VIDEO_SUFFIXES
    assert info.duration == pytest.approx(SECONDS, abs=0.03)
    assert (info.has_audio, info.has_video) == (True, has_video)
    assert (info.video_codec, info.audio_codec, info.sample_rate) == CODECS[suffix]
    assert (info.width, info.height) == ((64, 48) if has_video else (None, None))
    assert info.container == ("mp4" if suffix == "m4a" else suffix)
    assert info.fps == (pytest.approx(10, abs=0.6) if has_video else None)


@pytest.mark.parametrize("suffix", [*VIDEO_SUFFIXES, *AUDIO_SUFFIXES])
def test_browsers_play_all_but_flv(recordings: Recordings, suffix: str) -> None:
    assert playable(recordings(suffix)) == (suffix != "flv")


def written(path: Path, codec: str, pix_fmt: str) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, pix_fmt
        for picture in greys(5):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture)))
        container.mux(stream.encode(None))
    return path


@pytest.mark.parametrize(
    ("name", "codec", "pix_fmt"),
    [
        ("a.mp4", "mpeg4", "yuv420p"),
        ("b.mp4", "libx264", "yuv444p"),
        ("c.mov", "libx264", "yuv420p"),
        ("d.avi", "mpeg4", "yuv420p"),
    ],
)
def test_what_some_browser_does_not_play_is_not_playable(
    tmp_path: Path, name: str, codec: str, pix_fmt: str
) -> None:
    path = written(tmp_path / name, codec, pix_fmt)
    assert not playable(path)
    assert verify(path, video=True) == []


def code_of(path: Path | str) -> str:
    with pytest.raises(InputError) as caught:
        probe(path)
    (problem,) = caught.value.problems
    assert problem.remedy
    assert problem.file == str(path)
    assert [found.code for found in verify(path)] == [problem.code]
    return problem.code


def test_each_kind_of_unusable_file_has_its_code(tmp_path: Path) -> None:
    empty, words, noise, listing = (tmp_path / name for name in ("a.wav", "b.txt", "c.mp4", "d.m3u8"))
    empty.touch()
    words.write_text("these are words\n" * 100)
    noise.write_bytes(np.random.default_rng(0).bytes(5_000))
    listing.write_text("#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:9/a.ts\n#EXT-X-ENDLIST\n")
    assert code_of(empty) == "empty-media"
    assert code_of(tmp_path / "gone.wav") == "missing-media"
    assert code_of(tmp_path) == "missing-media"
    assert code_of(tmp_path / "nul\0name.wav") in ("missing-media", "unreadable-media")
    assert [code_of(path) for path in (words, noise, listing)] == ["unreadable-media"] * 3


def test_a_playlist_never_leads_to_another_file(recordings: Recordings, tmp_path: Path) -> None:
    listing = tmp_path / "list.ffconcat"
    listing.write_text(f"ffconcat version 1.0\nfile {recordings('wav')}\n")
    assert code_of(listing) == "unreadable-media"


@pytest.mark.parametrize("name", ["http:clip.wav", "pipe:0", "with space é 漢.wav", "%03d.wav", "-i.wav"])
def test_names_are_only_names(
    recordings: Recordings, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / name).write_bytes(recordings("wav").read_bytes())
    monkeypatch.chdir(tmp_path)
    assert probe(name).duration == SECONDS


def test_a_cover_picture_is_no_video(tmp_path: Path) -> None:
    path = tmp_path / "song.mp3"
    with av.open(str(path), "w") as container:
        sound = container.add_stream("libmp3lame", rate=44_100, layout="mono")
        cover = container.add_stream("mjpeg", rate=1)
        cover.width, cover.height, cover.pix_fmt = 64, 48, "yuvj420p"
        cover.disposition = av.stream.Disposition.attached_pic
        container.mux(cover.encode(av.VideoFrame.from_ndarray(greys(40)[30]).reformat(format="yuvj420p")))
        container.mux(cover.encode(None))
        frame = av.AudioFrame.from_ndarray(tone(2, 44_100)[None], format="fltp", layout="mono")
        frame.rate = 44_100
        container.mux(sound.encode(frame))
        container.mux(sound.encode(None))
    info = probe(path)
    assert (info.has_audio, info.has_video, info.width) == (True, False, None)
    assert [problem.code for problem in verify(path, audio=True, video=True)] == ["no-video-track"]
    assert playable(path)


def test_a_live_recording_without_a_length_is_measured(tmp_path: Path) -> None:
    path = tmp_path / "live.webm"
    with av.open(str(path), "w", format="webm", options={"live": "1"}) as container:
        stream = container.add_stream("libopus", rate=48_000, layout="mono")
        frame = av.AudioFrame.from_ndarray(tone(3)[None], format="fltp", layout="mono")
        frame.rate = 16_000
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    with av.open(str(path)) as container:
        assert container.duration is None, "the file must have no length for this test to mean something"
    assert probe(path).duration == pytest.approx(3, abs=0.05)
    assert verify(path, audio=True) == []
    assert audio(path, start=1, end=2).shape == (16_000,)


def test_info_is_a_value(recordings: Recordings) -> None:
    info = probe(recordings("wav"))
    assert info == MediaInfo(6.0, True, False, None, None, None, None, "pcm_s16le", 16_000, "wav")
