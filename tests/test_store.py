"""Atomic writes, digests and run folders: an interrupted or refused write leaves what was there before."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from mixedsignals.errors import CannotFinish, InputError
from mixedsignals.store import RunFolder, atomic, cache_dir, digest_file, digest_frame
from mixedsignals.tables import TARGETS, write_table

FRAME = pl.DataFrame({"clip_id": ["a"], "label": ["x"], "share": [1.0]})


def test_a_failed_write_leaves_the_old_file_and_no_other(tmp_path: Path) -> None:
    path = tmp_path / "file.txt"
    path.write_text("old")
    with pytest.raises(RuntimeError), atomic(path) as partial:
        partial.write_text("half")
        raise RuntimeError
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_full_disk_is_one_sentence_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(CannotFinish, match="disk is full"), atomic(tmp_path / "t.parquet") as partial:
        partial.write_bytes(b"half")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert list(tmp_path.iterdir()) == []


def test_a_really_full_disk(tmp_path: Path) -> None:
    """A process whose files may not grow past 4 KiB stands for a full disk: the kernel itself refuses the write."""
    code = (
        "import resource, signal, sys, polars as pl\n"
        "from mixedsignals.errors import MixedSignalsError\n"
        "from mixedsignals.tables import TARGETS, write_table\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))\n"
        "ids = [str(i * 7919 % 100_003) for i in range(100_000)]\n"
        "frame = pl.DataFrame({'clip_id': ids, 'label': ['x'] * len(ids), 'share': [1.0] * len(ids)})\n"
        "try: write_table(TARGETS, frame, sys.argv[1])\n"
        "except MixedSignalsError as error: sys.exit(str(error))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "targets.parquet")], capture_output=True, text=True
    )
    assert done.returncode == 1
    assert "disk is full" in done.stderr or "too large" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_killed_write_leaves_no_half_table(tmp_path: Path) -> None:
    path = tmp_path / "targets.parquet"
    write_table(TARGETS, FRAME, path)
    code = (
        "import sys, time\nfrom mixedsignals.store import atomic\n"
        "with atomic(sys.argv[1]) as partial:\n"
        "    partial.write_bytes(b'half'); print('writing', flush=True); time.sleep(60)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline().strip() == "writing"
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert pl.read_parquet(path).equals(FRAME)


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises((CannotFinish, OSError)), atomic(tmp_path / "file" / "table.parquet"):
        pass


def test_digests_see_values_types_and_order(tmp_path: Path) -> None:
    assert digest_frame(FRAME) == digest_frame(FRAME.clone())
    others = [
        FRAME.rename({"share": "part"}),
        FRAME.with_columns(pl.lit(0.5).alias("share")),
        pl.concat([FRAME, FRAME]),
    ]
    assert len({digest_frame(frame) for frame in (FRAME, *others)}) == 4
    (tmp_path / "f").write_bytes(b"abc")
    assert digest_file(tmp_path / "f") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_digests_see_content_and_not_how_it_lies_in_memory() -> None:
    words = ["ab", "c", None, "", "abc"]
    parts = [
        pl.DataFrame({"word": words[:2], "n": [1, 2]}),
        pl.DataFrame({"word": words[2:], "n": [3, 4, 5]}),
    ]
    whole = pl.DataFrame({"word": words, "n": [1, 2, 3, 4, 5]})
    assert digest_frame(pl.concat(parts, rechunk=False)) == digest_frame(whole)
    assert digest_frame(pl.concat([whole, whole])[5:]) == digest_frame(whole)
    moved = [["a", "bc", None, "", "abc"], ["ab", "c", "", None, "abc"], ["ab"] * 5, [None] * 5]
    others = [whole.with_columns(pl.Series("word", other, dtype=pl.String)) for other in moved]
    others += [whole.with_columns(pl.Series("n", [1, 2, 3, 4, None])), whole.head(0), whole.head(4)]
    assert len({digest_frame(frame) for frame in (whole, *others)}) == 1 + len(others)


def test_manifest_round_trip_and_log(tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "run")
    assert not run.exists()
    run.write_manifest({"options": {"seeds": (1, 2), "fusion": None, "out": Path("x")}})
    assert run.read_manifest() == {"options": {"seeds": [1, 2], "out": "x"}}
    run.log("fitted", heads=3)
    run.log("done")
    lines = [json.loads(line) for line in (run.path / "log.jsonl").read_text().splitlines()]
    assert [line["event"] for line in lines] == ["fitted", "done"]


def test_what_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is not there"):
        RunFolder(tmp_path).read_manifest()
    (tmp_path / "run.toml").write_text("= nothing")
    with pytest.raises(InputError, match="TOML"):
        RunFolder(tmp_path).read_manifest()


def test_the_cache_can_be_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MIXEDSIGNALS_CACHE", str(tmp_path))
    assert cache_dir() == tmp_path
