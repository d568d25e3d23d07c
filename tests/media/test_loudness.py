"""Loudness against FFmpeg's own meter, and the low-pass filter by what it lets through."""

from __future__ import annotations

import math

import av
import numpy as np
import pytest
from av.filter import Graph
from hypothesis import given, settings
from hypothesis import strategies as st

from mixedsignals.media.loudness import gain_to, loudness, lowpassed

RATE = 48_000


def noise(seconds: float, *, level: float = 0.1, rate: int = RATE, seed: int = 0) -> np.ndarray:
    return (level * np.random.default_rng(seed).normal(size=round(seconds * rate))).astype(np.float32)


def ffmpeg_meter(samples: np.ndarray, rate: int) -> tuple[float, float]:
    """Integrated loudness and true peak by the filter ebur128."""
    graph = Graph()
    source = graph.add(
        "abuffer", sample_rate=str(rate), sample_fmt="flt", channel_layout="mono", time_base=f"1/{rate}"
    )
    meter, sink = graph.add("ebur128", "metadata=1:peak=true"), graph.add("abuffersink")
    source.link_to(meter)
    meter.link_to(sink)
    graph.configure()
    for begin in range(0, len(samples), rate // 10):
        frame = av.AudioFrame.from_ndarray(
            samples[None, begin : begin + rate // 10], format="flt", layout="mono"
        )
        frame.rate, frame.pts = rate, begin
        graph.push(frame)
    graph.push(None)
    last: dict[str, str] = {}
    while True:
        try:
            last = dict(graph.pull().metadata)
        except (av.BlockingIOError, av.EOFError):
            return float(last["lavfi.r128.I"]), 20 * math.log10(float(last["lavfi.r128.true_peak"]))


@pytest.mark.skipif(
    not hasattr(av.AudioFrame, "metadata"), reason="this PyAV does not show a filter's results"
)
@pytest.mark.parametrize("rate", [16_000, 44_100, 48_000])
def test_as_ffmpeg_measures(rate: int) -> None:
    quiet, loud = noise(3, level=0.003, rate=rate), noise(4, level=0.2, rate=rate, seed=1)
    tone = (0.3 * np.sin(2 * np.pi * 300 * np.arange(3 * rate) / rate)).astype(np.float32)
    samples = np.concatenate([quiet, loud, tone])
    found, peak = loudness([samples], rate)
    theirs, their_peak = ffmpeg_meter(samples, rate)
    assert found == pytest.approx(theirs, abs=0.1)
    assert peak == pytest.approx(their_peak, abs=0.5)


def test_997_hz_at_full_scale_is_minus_3_lufs() -> None:
    """The calibration of the recommendation itself."""
    tone = np.sin(2 * np.pi * 997 * np.arange(5 * RATE) / RATE).astype(np.float32)
    assert loudness([tone], RATE)[0] == pytest.approx(-3.01, abs=0.05)


@settings(deadline=None, max_examples=25)
@given(st.integers(1, 40_000), st.floats(0.01, 3.0))
def test_pieces_do_not_matter(cut: int, seconds: float) -> None:
    samples = noise(seconds)
    whole, parted = loudness([samples], RATE), loudness([samples[:cut], samples[cut:]], RATE)
    assert whole[0] == pytest.approx(parted[0], abs=1e-6)
    assert whole[1] == pytest.approx(parted[1], abs=1e-6)


@settings(deadline=None, max_examples=25)
@given(st.floats(-20, 6))
def test_a_gain_moves_loudness_by_as_much(decibels: float) -> None:
    samples = noise(1.5, level=0.05)
    before = loudness([samples], RATE)[0]
    after = loudness([samples * np.float32(10 ** (decibels / 20))], RATE)[0]
    assert after - before == pytest.approx(decibels, abs=0.01)


def test_silence_has_no_loudness_and_is_left_alone() -> None:
    found, peak = loudness([np.zeros(RATE, np.float32)], RATE)
    assert found is None
    assert peak == -math.inf
    assert gain_to(-23.0, found, peak) == 1.0


def test_pauses_do_not_count() -> None:
    """Both gates: adding silence to speech leaves its loudness."""
    speech, pause = noise(3), np.zeros(5 * RATE, np.float32)
    alone, spaced = loudness([speech], RATE)[0], loudness([speech, pause, speech], RATE)[0]
    assert spaced == pytest.approx(alone, abs=0.3)


def test_a_gain_never_leads_past_the_peak() -> None:
    click = np.zeros(RATE, np.float32)
    click[::4_800] = 0.9
    factor = gain_to(-10.0, *loudness([click], RATE))
    assert 20 * math.log10(factor) + loudness([click], RATE)[1] <= -1.0 + 1e-6


@pytest.mark.parametrize(("hertz", "least", "most"), [(150, -0.5, 0.1), (400, -3.2, -2.8), (800, -90, -55)])
def test_the_filter_passes_the_melody_and_stops_the_words(hertz: float, least: float, most: float) -> None:
    tone = np.sin(2 * np.pi * hertz * np.arange(2 * RATE) / RATE).astype(np.float32)
    passed = np.concatenate(list(lowpassed([tone[:7_777], tone[7_777:]], RATE, 400)))
    assert len(passed) == len(tone)
    settled = slice(RATE, None)
    change = 20 * math.log10(float(np.std(passed[settled]) / np.std(tone[settled])))
    assert least <= change <= most
