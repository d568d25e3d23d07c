"""Two hours of film are read in little memory, and a span of them without what lies before."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from mixedsignals.media import audio, frames, probe, write_audio, write_video

HOURS = 2
SECONDS = HOURS * 3600

# Printed in a process of its own, as only the peak of a whole process can be had.
MEASURE = """
import json, resource, sys
from mixedsignals import media
film, sound, out = sys.argv[1:]
def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
media.frames(film, count=1, end=1)
media.audio(sound, end=1)
before = peak()
problems = media.verify(film, video=True) + media.verify(sound, audio=True)
copy = media.transcode(film, out, height=16)
shape = media.frames(film, count=64).shape
copied = media.probe(copy).duration
print(json.dumps({"grown": peak() - before, "problems": len(problems), "copied": copied, "shape": shape}))
"""


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two hours at one picture a second, each a little lighter than the last."""
    pictures = (np.full((16, 16, 3), second * 250 // SECONDS, np.uint8) for second in range(SECONDS))
    return write_video(tmp_path_factory.mktemp("long") / "film.mp4", pictures, fps=1)


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two hours of sound that is louder in every half hour."""
    level = np.repeat(np.arange(1, 5, dtype=np.float32) / 10, SECONDS * 8_000 // 4)
    return write_audio(tmp_path_factory.mktemp("long") / "sound.flac", level, rate=8_000)


def test_pictures_of_the_whole_are_sought(film: Path) -> None:
    begun = time.perf_counter()
    found = frames(film, count=16).mean(axis=(1, 2, 3))
    taken = time.perf_counter() - begun
    assert np.abs(found - (np.arange(16) + 0.5) * 250 / 16).max() < 6
    begun = time.perf_counter()
    sum(1 for _ in frames(film, count=SECONDS // 8, size=(2, 2)))  # too near one another to seek
    assert taken < (time.perf_counter() - begun) / 2


def test_a_span_late_in_a_long_film_is_read_at_once(film: Path, sound: Path) -> None:
    begun = time.perf_counter()
    late = frames(film, count=4, start=7_000, end=7_010)
    heard = audio(sound, start=7_000, end=7_010)
    begin = audio(sound, max_seconds=10)
    assert time.perf_counter() - begun < 3
    assert np.abs(late.mean(axis=(1, 2, 3)) - 7_005 * 250 / SECONDS).max() < 6
    assert heard.shape == begin.shape == (160_000,)
    assert heard[1_000:-1_000] == pytest.approx(0.4, abs=0.01)
    assert begin[1_000:-1_000] == pytest.approx(0.1, abs=0.01)


def test_reading_it_to_the_end_takes_little_memory(film: Path, sound: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-c", MEASURE, str(film), str(sound), str(tmp_path / "copy.mp4")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    told = json.loads(done.stdout)
    assert told["problems"] == 0
    assert told["copied"] == pytest.approx(SECONDS, abs=2)
    assert told["shape"] == [64, 16, 16, 3]
    assert told["grown"] < 60  # MiB; two hours of sound alone are 220 MiB at this rate


def test_probe_of_a_long_film_reads_its_head(film: Path) -> None:
    assert probe(film).duration == SECONDS
