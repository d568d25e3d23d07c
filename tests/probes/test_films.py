"""Which versions are planned, and the tracks that are made for them, decoded again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mixedsignals.errors import InputError
from mixedsignals.media import Part, audio, frames, write_audio, write_video
from mixedsignals.probes import (
    FilmOptions,
    Source,
    Version,
    make_films,
    parse_probe,
    plan_versions,
    stratified,
)

RATE, FPS = 16_000, 8


def film(path: Path, level: int, hertz: float, seconds: float = 1.0, *, sound: bool = True) -> Path:
    pictures: Iterator[np.ndarray] = (
        np.full((32, 48, 3), min(255, level + 4 * step), np.uint8) for step in range(round(seconds * FPS))
    )
    time = np.arange(round(seconds * RATE)) / RATE
    tone = (0.3 * np.sin(2 * np.pi * hertz * time)).astype(np.float32)
    return write_video(path, pictures, fps=FPS, audio=tone if sound else None, rate=RATE)


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Source]:
    """Low and dark, high and bright, a silent film, a voice alone, words alone, and two files cut to a span."""
    folder = tmp_path_factory.mktemp("sources")
    low, high = film(folder / "low.mp4", 20, 200), film(folder / "high.mp4", 180, 800, 1.5)
    mute = film(folder / "mute.mp4", 100, 0, sound=False)
    voice = write_audio(folder / "voice.wav", np.zeros(RATE, np.float32), rate=RATE)
    return {
        "low": Source(Part(low), Part(low), "It is late."),
        "high": Source(Part(high), Part(high), "You are right."),
        "mute": Source(Part(mute), None, "C'est la vie, je ne sais pas"),
        "silent": Source(None, Part(voice), None),
        "words": Source(None, None, "Wait."),
        "cut": Source(Part(high, 0.5, 1.0), Part(high, 0.5, 1.0), None),
    }


def pitch(path: Path) -> float:
    heard = audio(path, rate=RATE)
    return float(np.fft.rfftfreq(heard.size, 1 / RATE)[np.abs(np.fft.rfft(heard)).argmax()])


def test_every_version_changes_what_it_says_and_nothing_else(
    sources: dict[str, Source], tmp_path: Path
) -> None:
    probes = [parse_probe(name) for name in ("swap", "mute", "freeze", "noise:10", "shift:250", "negate")]
    pairs = {("swap", one): [("low", "high")] for one in ("text", "audio", "video")}
    modalities = ("text", "audio", "video")
    versions, left_out = plan_versions(
        ["low"], sources, probes, pairs, modalities=modalities, whole=modalities
    )
    assert not left_out
    made = make_films(versions, sources, tmp_path)
    by_name = {(one.version.probe, one.version.modality): one for one in made.films}
    plain = by_name["media:plain", "text+audio+video"]
    assert plain.sound is not None and plain.picture is not None  # noqa: PT018
    for (probe, modality), one in by_name.items():
        assert one.sound is not None and one.picture is not None  # noqa: PT018
        if modality not in ("audio", "text+audio+video"):
            assert one.sound == plain.sound  # the donor's face is longer, so the own voice stays whole
        if modality not in ("video", "text+audio+video"):
            assert (one.picture == plain.picture) == (
                probe != "media:swap" or modality == "text" or one.cut > 0
            )
        assert (one.version.words != "It is late.") == (modality == "text")
    assert by_name["media:swap", "text"].version.words == "You are right."
    assert by_name["media:negate", "text"].version.words == "It is not late."
    assert pitch(by_name["media:swap", "audio"].sound) == pytest.approx(800, abs=5)
    assert audio(by_name["media:swap", "audio"].sound).size == pytest.approx(RATE, rel=0.03)
    assert by_name["media:swap", "audio"].cut == pytest.approx(1 / 3, abs=0.05)
    assert frames(by_name["media:swap", "video"].picture).mean() > 150
    assert not audio(by_name["media:mute", "audio"].sound).any()
    assert frames(by_name["media:mute", "video"].picture).max() <= 1
    assert frames(by_name["media:freeze", "video"].picture).std() < 1
    assert not audio(by_name["media:shift:250", "audio"].sound)[: RATE // 5].any()
    again = make_films(versions, sources, tmp_path)
    assert (again.made, again.reused) == (0, made.made)
    assert again.films == made.films


def test_what_cannot_be_altered_is_left_out_with_its_reason(
    sources: dict[str, Source], tmp_path: Path
) -> None:
    probes = [parse_probe(name) for name in ("swap", "mute", "freeze", "noise:10", "shift:2000", "negate")]
    modalities = ("text", "audio", "video")
    versions, planned = plan_versions(
        ["mute", "silent", "words"], sources, probes, {}, modalities=modalities, whole=modalities
    )
    made = make_films(versions, sources, tmp_path)
    reasons = {(one.clip_id, one.probe, one.modality): one.reason for one in (*planned, *made.left_out)}
    assert reasons["mute", "media:mute", "audio"] == "no sound"
    assert reasons["silent", "media:freeze", "video"] == "no picture"
    assert reasons["words", "media:swap", "text"] == "no partner with another label was tested in its fold"
    assert "French" in reasons["mute", "media:negate", "text"]
    assert reasons["silent", "media:negate", "text"] == "no transcript"
    assert "silent" in reasons["silent", "media:noise:10", "audio"]
    assert reasons["silent", "media:shift:2000", "audio"] == "shorter than the shift"
    kept = {(one.version.clip_id, one.version.probe) for one in made.films}
    assert kept == {
        *((clip, "media:plain") for clip in ("mute", "silent", "words")),
        *(("mute", f"media:{kind}") for kind in ("mute", "freeze")),
        ("silent", "media:mute"),
        ("words", "media:negate"),
    }


def test_spans_are_kept_to(sources: dict[str, Source], tmp_path: Path) -> None:
    version = Version("cut", "media:plain", "audio+video")
    (made,) = make_films([version], sources, tmp_path).films
    assert made.sound is not None
    assert audio(made.sound).size == pytest.approx(RATE / 2, rel=0.03)
    assert frames(made.picture, count=1).mean() == pytest.approx(180 + 4 * 6, abs=4)


def test_all_media_that_are_gone_are_named(tmp_path: Path) -> None:
    gone = {name: Source(None, Part(tmp_path / f"{name}.wav")) for name in "ab"}
    versions = [Version(name, "media:plain", "audio") for name in gone]
    with pytest.raises(InputError) as caught:
        make_films(versions, gone, tmp_path, options=FilmOptions(noise="speech"))
    assert [(one.code, one.clip_id) for one in caught.value.problems] == [
        ("missing-media", "a"),
        ("missing-media", "b"),
    ]


@given(
    cells=st.lists(
        st.tuples(st.sampled_from("xyz"), st.sampled_from([None, "s", "t", "u"])), min_size=1, max_size=40
    ),
    limit=st.integers(1, 45),
    seed=st.integers(0, 5),
)
@settings(deadline=None, max_examples=60)
def test_a_draw_takes_labels_in_turns(cells: list[tuple[str, str | None]], limit: int, seed: int) -> None:
    labels, speakers = zip(*cells, strict=True)
    table = pl.DataFrame(
        {"clip_id": [str(k) for k in range(len(cells))], "label": labels, "speaker_id": speakers},
        schema={"clip_id": pl.String, "label": pl.String, "speaker_id": pl.String},
    )
    taken = stratified(table, limit, seed=seed)
    assert taken == stratified(table, limit, seed=seed)
    assert len(taken) == len(set(taken)) == min(limit, len(cells))
    counts = Counter(labels[int(one)] for one in taken)
    there = Counter(labels)
    full = [label for label in there if counts[label] < there[label]]
    assert all(counts[label] >= max(counts.values()) - 1 for label in full)
