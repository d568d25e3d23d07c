"""The benchmark of speed on a GPU runs where there is none, on tiny models; and says so where it is asked for more."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).parents[3]


def called(*arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.gpu_throughput", *arguments],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-1000:]
    return done.stdout


def test_every_backbone_and_loop_is_measured_on_tiny_models() -> None:
    out = called("--tiny")
    rows = [line for line in out.splitlines() if line.startswith("| ") and "---" not in line][1:]
    assert len(rows) == 9
    for name in ("VideoMAE-base", "HuBERT-base", "RoBERTa-base"):
        mine = [row for row in rows if name in row]
        assert len(mine) == 3
        speeds = [float(row.split("|")[3]) for row in mine]
        assert all(speed > 0 for speed in speeds)
        assert float(mine[0].split("|")[4]) == 1.0
    assert "saved" not in out


def test_without_a_gpu_it_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.syspath_prepend(ROOT)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(sys, "argv", ["gpu_throughput"])
    importlib.import_module("benchmarks.gpu_throughput").main()
    assert capsys.readouterr().out == "left out: no GPU here\n"
