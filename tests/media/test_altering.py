"""What `alter` writes, decoded again: exactly the change that was asked for, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from media_samples import FPS, RATE, SECONDS, delay, greys, tone
from numpy.typing import NDArray

from mixedsignals.errors import InputError
from mixedsignals.media import (
    Change,
    Noise,
    Part,
    alter,
    audio,
    fitted,
    frames,
    playable,
    probe,
    write_audio,
    write_video,
)

Make = Callable[[str], Path]


def bursts(*at: float, seconds: float = 3.0) -> NDArray[np.float32]:
    """Silence with a burst of 0.2 s at each of the moments."""
    sound = np.zeros(round(seconds * RATE), np.float32)
    for moment in at:
        begin = round(moment * RATE)
        sound[begin : begin + RATE // 5] = 0.5 * np.sin(np.arange(RATE // 5) * 0.3)
    return sound


def test_unaltered_is_the_original_anew(recordings: Make, tmp_path: Path) -> None:
    part = Part(recordings("mp4"), 1.0, 3.0)
    made = alter(tmp_path / "plain.mkv", picture=part, sound=part)
    heard, original = audio(made, rate=RATE), audio(part.path, start=1.0, end=3.0, rate=RATE)
    assert np.abs(heard - original).max() <= 1 / 32_000  # 16 bits, no loss beyond
    seen = frames(made, count=8).astype(int)
    assert np.abs(seen - frames(part.path, start=1.0, end=3.0, count=8)).mean() < 1
    assert alter(tmp_path / "again.mkv", picture=part, sound=part).read_bytes() == made.read_bytes()
    assert playable(alter(tmp_path / "plain.mp4", picture=part, sound=part))


@pytest.mark.parametrize("suffix", [".mkv", ".flac", ".mp4"])
@pytest.mark.parametrize("kind", ["white", "speech"])
@pytest.mark.parametrize("snr", [10.0, 0.0])
def test_noise_at_the_ratio_that_was_asked_for(
    recordings: Make, tmp_path: Path, suffix: str, kind: str, snr: float
) -> None:
    part = Part(recordings("wav"))
    shown = None if suffix == ".flac" else Part(recordings("mp4"))
    noise = Noise(snr, kind, seed=3)
    made = alter(tmp_path / f"n{suffix}", picture=shown, sound=part, change=Change(noise=noise))
    clean, heard = tone().astype(float), audio(made, rate=RATE)[: SECONDS * RATE].astype(float)
    clean = clean[: heard.size]
    gain = heard @ clean / (clean @ clean)
    measured = 10 * np.log10(np.mean((gain * clean) ** 2) / np.mean((heard - gain * clean) ** 2))
    assert measured == pytest.approx(snr, abs=0.5)
    assert np.abs(heard).max() < 1  # nothing was clipped: sound and noise were made softer together


def test_speech_shaped_noise_has_the_spectrum_of_the_sound(tmp_path: Path) -> None:
    low = write_audio(tmp_path / "low.wav", (0.3 * np.sin(np.arange(3 * RATE) * 0.1)).astype(np.float32))
    made = alter(tmp_path / "n.wav", sound=Part(low), change=Change(noise=Noise(-20.0, "speech")))
    power = np.abs(np.fft.rfft(audio(made))) ** 2
    hertz = np.fft.rfftfreq(3 * RATE, 1 / RATE)
    assert power[hertz < 600].sum() / power.sum() > 0.95


def test_noise_is_drawn_by_its_seed(recordings: Make, tmp_path: Path) -> None:
    part = Part(recordings("wav"))
    one, same, other = (
        audio(alter(tmp_path / f"{n}.flac", sound=part, change=Change(noise=Noise(10.0, seed=seed))))
        for n, seed in enumerate((1, 1, 2))
    )
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)


@pytest.mark.parametrize("shift", [250.0, -250.0, 500.0])
def test_the_voice_comes_so_much_later(recordings: Make, tmp_path: Path, shift: float) -> None:
    part = Part(recordings("mp4"))
    made = alter(tmp_path / "shifted.mkv", picture=part, sound=part, change=Change(shift=shift))
    plain = audio(alter(tmp_path / "plain.mkv", picture=part, sound=part), rate=RATE)
    heard = audio(made, rate=RATE)
    assert delay(heard, plain, most=RATE) == pytest.approx(shift / 1000 * RATE, abs=RATE / 1000)
    assert heard.size == plain.size
    gap = heard[: int(shift * 15)] if shift > 0 else heard[int(shift * 15) :]
    assert not gap.any()
    assert np.array_equal(frames(made, count=6), frames(tmp_path / "plain.mkv", count=6))


@pytest.mark.parametrize(("which", "level"), [("first", 0), ("middle", 4 * SECONDS * FPS // 2)])
def test_frozen_pictures_are_all_the_same(recordings: Make, tmp_path: Path, which: str, level: int) -> None:
    part = Part(recordings("mp4"))
    made = alter(tmp_path / "still.mkv", picture=part, sound=part, change=Change(freeze=which))
    seen = frames(made, count=20).astype(int)
    assert np.abs(seen - seen[0]).max() <= 1
    assert seen.mean() == pytest.approx(level, abs=3)
    assert probe(made).duration == pytest.approx(SECONDS, abs=0.15)


def test_muted_is_silent_and_black_is_black(recordings: Make, tmp_path: Path) -> None:
    part = Part(recordings("mp4"))
    muted = alter(tmp_path / "muted.mp4", picture=part, sound=part, change=Change(mute=True))
    heard = audio(muted, rate=RATE)
    assert not heard.any()
    assert heard.size == pytest.approx(SECONDS * RATE, rel=0.02)
    assert frames(muted).std() > 10
    black = alter(tmp_path / "black.mkv", picture=part, sound=part, change=Change(black=True))
    assert frames(black).max() <= 1
    assert audio(black).std() > 0.1


def test_the_shorter_stays_whole_and_the_longer_is_cut_where_the_loudness_agrees(tmp_path: Path) -> None:
    face = write_video(
        tmp_path / "face.mp4", greys(20), fps=FPS, audio=bursts(0.6, 1.2, seconds=2), rate=RATE
    )
    voice = write_audio(tmp_path / "voice.wav", bursts(1.3, 1.9, seconds=3), rate=RATE)
    found = fitted(Part(face), Part(voice), beside=Part(face))
    assert found.picture == Part(face)
    assert found.sound.start == pytest.approx(0.7, abs=0.05)
    assert found.cut == pytest.approx(1.0, abs=0.1)
    assert found.share == pytest.approx(1 / 3, abs=0.04)
    middle = fitted(Part(face), Part(voice))
    assert middle.sound.start == pytest.approx(0.5, abs=0.05)
    made = alter(tmp_path / "splice.mkv", picture=found.picture, sound=found.sound)
    own, lent = audio(face, rate=RATE), audio(made, rate=RATE)
    assert abs(delay(np.abs(lent), np.abs(own))) < 0.03 * RATE
    assert probe(made).duration == pytest.approx(2.0, abs=0.15)


def test_two_of_one_length_are_both_cut_where_the_voice_would_come_too_late(tmp_path: Path) -> None:
    face = write_video(
        tmp_path / "face.mp4", greys(30), fps=FPS, audio=bursts(0.6, 1.2, 2.0, seconds=3), rate=RATE
    )
    voice = write_audio(tmp_path / "voice.wav", bursts(0.9, 1.5, 2.3, seconds=3), rate=RATE)
    found = fitted(Part(face), Part(voice), beside=Part(face))
    assert found.sound.start == pytest.approx(0.3, abs=0.03)
    assert (found.picture.start, found.picture.end) == pytest.approx((0.0, 2.7), abs=0.05)
    assert fitted(Part(voice), Part(voice), beside=Part(voice)).cut == 0
    other = fitted(Part(face), Part(face), beside=Part(voice))
    assert other.picture.start == pytest.approx(0.3, abs=0.03)


def test_a_longer_picture_is_cut_and_silence_goes_about_the_middle(tmp_path: Path) -> None:
    face = write_video(tmp_path / "face.mp4", greys(40), fps=FPS, audio=bursts(seconds=4), rate=RATE)
    voice = write_audio(tmp_path / "voice.wav", bursts(0.5, seconds=2), rate=RATE)
    found = fitted(Part(face, 1.0, None), Part(voice), beside=Part(face, 1.0, None))
    assert found.sound == Part(voice)
    assert (found.picture.start, found.picture.end) == pytest.approx((1.5, 3.5), abs=0.1)
    assert fitted(Part(voice), Part(voice)).cut == 0


def test_what_cannot_be_altered_is_named(recordings: Make, tmp_path: Path, silent_video: Path) -> None:
    quiet = write_audio(tmp_path / "quiet.wav", np.zeros(RATE, np.float32), rate=RATE)
    for options, code in (
        ({"sound": Part(quiet), "change": Change(noise=Noise(10.0))}, "silent-audio"),
        ({"sound": Part(quiet), "change": Change(shift=1_000.0)}, "shift-outside-media"),
        ({"sound": Part(silent_video)}, "no-audio-track"),
        ({"picture": Part(quiet)}, "no-video-track"),
        ({"picture": Part(tmp_path / "gone.mp4")}, "missing-media"),
        ({"sound": Part(quiet, 3.0, 4.0)}, "span-outside-media"),
    ):
        name = "out.mkv" if "picture" in options else "out.flac"
        with pytest.raises(InputError) as caught:
            alter(tmp_path / name, **options)
        assert caught.value.problems[0].code == code
    with pytest.raises(ValueError, match="picture or a sound"):
        alter(tmp_path / "out.mkv")
    with pytest.raises(ValueError, match="suffix"):
        alter(tmp_path / "out.txt", sound=Part(quiet))
    assert not list(tmp_path.glob("out*"))


@pytest.mark.realdata
def test_real_recordings_are_altered_as_told(realdata: Path, tmp_path: Path) -> None:
    """A film of an actor and two voices: the ratio, the shift and the silence that were asked for, and a plain copy."""
    voices = sorted((realdata / "ravdess" / "audio").glob("*.flac"))[:1441:700][:2]
    for file in (next((realdata / "cremad" / "clips").glob("*.flv")), *voices):
        part, suffix = Part(file), ".mkv" if file.suffix == ".flv" else ".flac"
        shown = part if suffix == ".mkv" else None
        own = probe(file).sample_rate or RATE

        def made(name: str, change: Change, shown=shown, part=part, suffix=suffix) -> Path:  # type: ignore[no-untyped-def]
            return alter(
                tmp_path / f"{name}{part.path.stem}{suffix}", picture=shown, sound=part, change=change
            )

        clean = audio(made("plain", Change()), rate=own).astype(float)
        assert np.abs(clean - np.clip(audio(file, rate=own), -1, 1)[: clean.size]).max() <= 1 / 32_000
        heard = audio(made("noisy", Change(noise=Noise(10.0, "speech"))), rate=own).astype(float)
        gain = heard @ clean / (clean @ clean)
        ratio = 10 * np.log10(np.mean((gain * clean) ** 2) / np.mean((heard - gain * clean) ** 2))
        assert ratio == pytest.approx(10, abs=0.5)
        late = audio(made("late", Change(shift=250.0)), rate=own)
        assert delay(late, clean.astype(np.float32), most=own) == pytest.approx(0.25 * own, abs=own / 1000)
        assert not audio(made("mute", Change(mute=True)), rate=own).any()
        if shown is not None:
            still = frames(made("still", Change(freeze="middle")), count=8).astype(int)
            assert np.abs(still - still[0]).max() <= 8
