"""Pitch within a cent, loudness by the standard's own calibration, pauses and syllables of sounds that are known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mixedsignals.cues.loudness import block_loudness, gated_loudness
from mixedsignals.cues.pitch import PitchOptions, track_pitch
from mixedsignals.cues.prosody import PROSODY_CUES, Prosody
from mixedsignals.cues.rhythm import rhythm_of
from mixedsignals.cues.voice import cepstral_prominence, harmonicity, irregularity, spectral_balance

RATE = 16_000


def tone(hertz: float, seconds: float = 1.0, level: float = 0.3, rate: int = RATE) -> np.ndarray:
    return (level * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)).astype(np.float32)


def buzz(hertz: float | np.ndarray, seconds: float = 1.0, level: float = 0.2) -> np.ndarray:
    """Harmonics that fall by 6 dB an octave; `hertz` may be a track of one value per sample."""
    track = np.broadcast_to(np.asarray(hertz, float), round(seconds * RATE))
    phase = 2 * np.pi * np.cumsum(track) / RATE
    parts = [np.sin(k * phase) / k for k in range(1, int(7000 / track.max()))]
    return (level * np.sum(parts, axis=0)).astype(np.float32)


def cents(found: np.ndarray, true: float | np.ndarray) -> np.ndarray:
    return np.abs(1200 * np.log2(found / true))


@settings(deadline=None, max_examples=25)
@given(st.floats(78, 590), st.floats(0.01, 0.9))
def test_the_pitch_of_a_tone_is_within_a_cent(hertz: float, level: float) -> None:
    track = track_pitch(tone(hertz, level=level), RATE)
    assert track.voiced.all()
    assert cents(track.frequency, hertz).max() < 1.0


@settings(deadline=None, max_examples=15)
@given(st.floats(80, 400))
def test_the_pitch_of_a_voice_like_sound_is_its_fundamental(hertz: float) -> None:
    track = track_pitch(buzz(hertz), RATE)
    assert track.voiced.mean() > 0.95
    assert cents(track.frequency[track.voiced], hertz).max() < 1.0


def test_a_glide_is_followed_and_noise_does_not_move_it_far() -> None:
    hertz = np.geomspace(120, 240, 2 * RATE)
    noise = np.random.default_rng(0).normal(scale=0.02, size=2 * RATE)
    track = track_pitch((buzz(hertz, 2.0) + noise).astype(np.float32), RATE)
    true = hertz[(track.times * RATE).astype(int)]
    assert np.median(cents(track.frequency[track.voiced], true[track.voiced])) < 5
    assert (cents(track.frequency[track.voiced], true[track.voiced]) < 100).mean() > 0.99


def test_silence_noise_and_short_sounds_have_no_pitch() -> None:
    noise = np.random.default_rng(1).normal(scale=0.1, size=RATE).astype(np.float32)
    assert track_pitch(noise, RATE).voiced.mean() < 0.05
    assert not track_pitch(np.zeros(RATE, np.float32), RATE).voiced.any()
    assert len(track_pitch(tone(200, 0.02), RATE).times) == 0


def test_pitch_outside_its_bounds_is_not_reported() -> None:
    track = track_pitch(tone(700), RATE, PitchOptions(ceiling=600))
    assert not (track.frequency[track.voiced] > 600).any()


@pytest.mark.parametrize("rate", [16_000, 22_050, 44_100, 48_000])
def test_a_full_scale_997_hz_tone_is_minus_3_lufs(rate: int) -> None:
    found = gated_loudness(block_loudness(tone(997, 3.0, level=1.0, rate=rate), rate))
    assert found == pytest.approx(-3.01, abs=0.06)


@settings(deadline=None, max_examples=20)
@given(st.floats(-40, 0))
def test_loudness_follows_gain_decibel_by_decibel(gain: float) -> None:
    sound = tone(440, 1.0, level=0.5)
    before = gated_loudness(block_loudness(sound, RATE))
    after = gated_loudness(block_loudness((sound * 10 ** (gain / 20)).astype(np.float32), RATE))
    assert after is not None
    assert before is not None
    assert after - before == pytest.approx(gain, abs=0.01)


def test_silence_does_not_count_towards_loudness_and_has_none_of_its_own() -> None:
    loud = tone(440, 2.0)
    padded = np.concatenate([np.zeros(5 * RATE, np.float32), loud, np.zeros(5 * RATE, np.float32)])
    alone, among = (gated_loudness(block_loudness(one, RATE)) for one in (loud, padded))
    assert among == pytest.approx(alone, abs=1.0), "blocks at the edges are part silence"
    assert gated_loudness(block_loudness(np.zeros(RATE, np.float32), RATE)) is None


def syllables(count: int, seconds: float = 0.2) -> np.ndarray:
    """Voiced bursts that swell and fade."""
    one = buzz(150, seconds) * np.hanning(round(seconds * RATE)).astype(np.float32)
    return np.tile(one, count)


def test_syllables_and_pauses_are_counted() -> None:
    sound = np.concatenate(
        [np.zeros(RATE // 2), syllables(5), np.zeros(RATE), syllables(3), np.zeros(RATE // 2)]
    )
    sound = sound.astype(np.float32)
    found = rhythm_of(sound, RATE, track_pitch(sound, RATE))
    assert found is not None
    assert found.syllables == 8
    assert len(found.pauses) == 1, "silence before and after speech is no pause"
    assert found.pauses[0] == pytest.approx(1.0, abs=0.1)
    assert found.seconds == pytest.approx(2.6, abs=0.15)


def test_a_regular_voice_has_no_jitter_or_shimmer_and_an_irregular_one_has_what_was_planted() -> None:
    sound = buzz(120.0)
    jitter, shimmer = irregularity(sound, RATE, track_pitch(sound, RATE))
    assert jitter is not None
    assert shimmer is not None
    assert jitter < 0.05
    assert shimmer < 0.05
    rng, pulses, at = np.random.default_rng(0), np.zeros(2 * RATE), 100.0
    steps = []
    while at < 2 * RATE - 200:
        pulses[int(at)] += 1 - (at % 1)
        pulses[int(at) + 1] += at % 1
        steps.append(RATE / 120 * (1 + rng.normal(scale=0.015)))
        at += steps[-1]
    shape = np.exp(-np.arange(60) / 12) * np.sin(2 * np.pi * 900 * np.arange(60) / RATE)
    rough = np.convolve(pulses, shape)[: 2 * RATE].astype(np.float32)
    true = 100 * np.abs(np.diff(steps)).mean() / np.mean(steps)
    found, _ = irregularity(rough, RATE, track_pitch(rough, RATE))
    assert found == pytest.approx(true, rel=0.25)


def test_noise_lowers_harmonicity_and_the_cepstral_peak_by_what_was_added() -> None:
    rng = np.random.default_rng(2)
    clear = buzz(150.0)
    power = float(np.mean(clear**2))
    found = []
    for ratio in (20.0, 10.0):
        noise = rng.normal(scale=np.sqrt(power / 10 ** (ratio / 10)), size=len(clear))
        noisy = (clear + noise).astype(np.float32)
        track = track_pitch(noisy, RATE)
        found.append((harmonicity(track), cepstral_prominence(noisy, RATE, track)))
        assert found[-1][0] == pytest.approx(ratio, abs=1.5), "harmonics to noise is the ratio that was mixed"
    assert found[0][1] > found[1][1]


def test_a_flat_spectrum_is_told_from_a_steep_one() -> None:
    time = np.arange(RATE) / RATE
    for steep, flat in [(2.0, 0.5)]:
        made = [
            np.sum([np.sin(2 * np.pi * 150 * k * time) / k**fall for k in range(1, 45)], axis=0).astype(
                np.float32
            )
            for fall in (steep, flat)
        ]
        (alpha, hammarberg), (other, second) = (
            spectral_balance(one, RATE, track_pitch(one, RATE)) for one in made
        )
        assert alpha > other + 10
        assert hammarberg > second + 5


def test_every_declared_cue_is_measured_in_a_voice_and_the_rest_is_absent_with_the_reason() -> None:
    voice = np.concatenate([syllables(6), np.zeros(RATE), syllables(4)]).astype(np.float32)
    found = Prosody().of_sound(voice)
    assert set(found.values) | set(found.absent) == {cue.name for cue in PROSODY_CUES}
    assert found.values["pause_share"] > 0.2
    assert found.values["pitch_median"] == pytest.approx(12 * np.log2(150 / 27.5), abs=0.05)
    noise = np.random.default_rng(3).normal(scale=0.1, size=2 * RATE).astype(np.float32)
    hissed = Prosody().of_sound(noise)
    assert "pitch_median" not in hissed.values
    assert hissed.absent["pitch_median"] == "nothing in the sound has a pitch"
    assert "loudness" in hissed.values
    assert Prosody().of_sound(np.zeros(RATE, np.float32)).absent == {"*": "the sound is silent"}
    assert Prosody().of_sound(np.zeros(0, np.float32)).absent == {"*": "the sound is silent"}


@settings(deadline=None, max_examples=20)
@given(st.integers(1, 6000), st.integers(0, 5))
def test_no_sound_however_short_gives_a_number_that_is_none(length: int, seed: int) -> None:
    sound = np.random.default_rng(seed).normal(scale=0.1, size=length).astype(np.float32)
    assert all(np.isfinite(value) for value in Prosody().of_sound(sound).values.values())
