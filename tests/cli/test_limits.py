"""At the limits of a machine: a disk without space leaves nothing half written, a long film takes little memory."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from mixedsignals.media import write_audio, write_video
from mixedsignals.store import digest_file
from mixedsignals.testing import make_corpus

from .conftest import FAST, Call, Done, edit, one_error

CLIP = pl.col("clip_id")


def limited(limit: int, *args: object) -> Done:
    """A call in a process whose files may not grow past `limit` bytes: the kernel itself refuses the write."""
    code = (
        "import resource, signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); "
        f"resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit})); "
        "from mixedsignals.cli import main; main()"
    )
    done = subprocess.run([sys.executable, "-c", code, *map(str, args)], capture_output=True, text=True)
    return Done(done.returncode, done.stdout, done.stderr)


def test_a_full_disk_stops_a_run_which_then_goes_on(copy: Path, tmp_path: Path, call: Call) -> None:
    args = ["run", copy, "--out", tmp_path / "run", *FAST]
    assert "the disk is full" in one_error(limited(20_000, *args), 3)
    assert not (tmp_path / "run" / "tables").exists()
    assert not [path for path in tmp_path.rglob("*partial*") if path.is_file()]
    assert call(*args).code == 0


def test_a_full_disk_leaves_the_tables_of_a_run_as_they_were(finished: Path) -> None:
    before = {path.name: digest_file(path) for path in (finished / "tables").iterdir()}
    assert "the disk is full" in one_error(
        limited(2_000, "diagnose", finished, "--media", "none", "--quiet"), 3
    )
    assert {path.name: digest_file(path) for path in (finished / "tables").iterdir()} == before


def test_a_full_disk_leaves_nothing_of_an_import(sound_corpus: Path, tmp_path: Path) -> None:
    assert "the disk is full" in one_error(
        limited(2_000, "import", "csv", sound_corpus, tmp_path / "corpus"), 3
    )
    assert list(tmp_path.iterdir()) == []


def test_a_file_system_without_space(sound_corpus: Path, tmp_path: Path) -> None:
    script = f"mount -t tmpfs -o size=64k none {tmp_path} && cd {tmp_path} && "
    unshared = ["unshare", "--map-root-user", "--mount", "sh", "-c"]
    if subprocess.run([*unshared, script + "true"], capture_output=True).returncode:
        pytest.skip("a kernel that lets this user mount a small file system")
    told = script + f"{sys.executable} -m mixedsignals import csv {sound_corpus} corpus; echo $? $(ls -A)"
    done = subprocess.run([*unshared, told], capture_output=True, text=True)
    assert "the disk is full" in done.stderr
    assert done.stdout.split() == ["3"]


MEASURE = """
import resource, sys
from mixedsignals.cli._app import _run
def peak(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
short, long = sys.argv[1:3], sys.argv[1:2] + sys.argv[3:]
assert _run(short) == 0
before = peak()
assert _run(long) == 0
print(peak() - before)
"""


@pytest.fixture(scope="session")
def two_hours(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A corpus with a film of two hours, one picture a second, and its sound in a file of its own."""
    corpus = tmp_path_factory.mktemp("long") / "corpus"
    make_corpus(corpus, n_clips=6, n_speakers=6, votes_per_clip=1, media=True, features=False, seconds=0.4)
    seconds = 7_200
    pictures = (np.full((16, 16, 3), second * 250 // seconds, np.uint8) for second in range(seconds))
    write_video(corpus / "media" / "film.mp4", pictures, fps=1)
    write_audio(corpus / "media" / "film.flac", np.zeros(seconds * 8_000, np.float32), rate=8_000)
    long = CLIP == "c0003"
    edit(
        corpus / "clips.csv",
        lambda clips: clips.with_columns(
            media=pl.when(~long).then("media"),
            audio=pl.when(long).then(pl.lit("media/film.flac")),
            video=pl.when(long).then(pl.lit("media/film.mp4")),
        ),
    )
    return corpus


def grown(verb: str, short: Path, long: Path, **environment: str) -> float:
    """MiB by which the peak of a process grows from a corpus of short clips to one with a long clip."""
    command = [sys.executable, "-c", MEASURE, verb, str(short), str(long)]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **environment})
    assert done.returncode == 0, done.stderr
    return float(done.stdout.splitlines()[-1])


def test_a_clip_of_two_hours_is_checked_in_little_memory(two_hours: Path, sound_corpus: Path) -> None:
    assert grown("check", sound_corpus, two_hours) < 60


@pytest.mark.weights
def test_a_clip_of_two_hours_is_encoded_in_little_memory(
    two_hours: Path, weights_dir: Path, tmp_path: Path
) -> None:
    short = tmp_path / "short"
    make_corpus(short, n_clips=4, media=True, features=False, seconds=0.4)
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "weights").symlink_to(weights_dir)
    assert grown("encode", short, two_hours, MIXEDSIGNALS_CACHE=str(tmp_path / "cache")) < 250
