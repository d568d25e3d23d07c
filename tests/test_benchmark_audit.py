"""The benchmark of the whole audit, on small corpora: it measures what it says, and fails where a limit is passed."""

from __future__ import annotations

import resource
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture
def audit(monkeypatch):
    if not (ROOT / "benchmarks" / "audit.py").is_file():
        pytest.skip("benchmarks are not installed with the package")
    monkeypatch.syspath_prepend(str(ROOT))
    monkeypatch.chdir(ROOT)
    from benchmarks import audit

    return audit


def row(clips: int, seconds: float, memory: float, **limits: float | None) -> dict[str, object]:
    bare = {"audit": f"{clips} clips", "clips": clips, "votes": 10 * clips, "seconds": seconds}
    bare |= {"processor seconds": seconds, "peak memory, GB": memory}
    return bare | {"limit, seconds": None, "limit, GB": None} | limits


def test_the_quick_form_measures_and_saves_nothing(audit, capsys):
    saved = ROOT / "benchmarks" / "results" / "audit.json"
    before = saved.read_bytes()
    held = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    audit.main(["--quick"])
    head, _, *lines = capsys.readouterr().out.splitlines()
    names = [name.strip() for name in head.strip("|").split("|")]
    assert len(lines) == len(audit.QUICK)
    for line, clips in zip(lines, audit.QUICK, strict=True):
        cells = dict(zip(names, (cell.strip() for cell in line.strip("|").split("|")), strict=True))
        assert (int(cells["clips"]), int(cells["votes"])) == (clips, 10 * clips)
        assert 0 < float(cells["processor seconds"]) < 60
        # a new process counts, until it becomes another program, what this one holds
        assert 0.05 < float(cells["peak memory, GB"]) < 2 + held
    assert float(cells["processor seconds per clip, ratio"]) < 1
    assert saved.read_bytes() == before


def test_growth_is_a_ratio_of_costs_per_clip(audit):
    rows = [row(100, 10.0, 1.0), row(1000, 50.0, 5.0)]
    audit.add_growth(rows)
    assert rows[1]["seconds per clip, ratio"] == 0.5
    assert rows[1]["peak memory, GB per clip, ratio"] == 0.5
    assert audit.beyond(rows[1]) == []


def test_every_limit_that_is_passed_is_named(audit):
    rows = [row(100, 1.0, 1.0), row(1000, 50.0, 5.0, **{"limit, seconds": 40.0, "limit, GB": 4.0})]
    audit.add_growth(rows)
    assert audit.beyond(rows[0]) == []
    assert audit.beyond(rows[1]) == [
        "seconds",
        "peak memory, GB",
        "seconds per clip, ratio",
        "processor seconds per clip, ratio",
    ]


def test_a_command_that_fails_ends_the_benchmark(audit, tmp_path):
    with pytest.raises(SystemExit, match="ended with 1"):
        audit.measured(
            "diagnose", "--predictions", str(tmp_path / "none.csv"), "--out", str(tmp_path / "out")
        )
