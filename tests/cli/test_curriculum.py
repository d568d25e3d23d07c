"""`mixedsignals curriculum`: an order of clips from the dynamics that a run kept."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from click.testing import CliRunner

from mixedsignals import api
from mixedsignals.cli._app import program
from mixedsignals.errors import CannotFinish, UsageError
from mixedsignals.store import RunFolder
from mixedsignals.tables import DYNAMICS, write_table
from mixedsignals.testing import make_evidence


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A diagnosed folder whose audio model learns clip 0 best and clip 29 worst, and wavers on clip 15."""
    made = make_evidence(n_clips=30, n_speakers=6)
    out = tmp_path / "run"
    api.diagnose(made.predictions, clips=made.clips, out=out)
    p = np.linspace(0.95, 0.05, 30)[None].repeat(4, axis=0)
    p[:, 15] = [0.9, 0.1, 0.9, 0.1]
    ids = made.clips["clip_id"].to_list()
    frame = pl.DataFrame(
        {
            "run_id": [RunFolder(out).read_manifest()["run_id"]] * 120,
            "seed": [1] * 120,
            "fold": [0] * 120,
            "clip_id": ids * 4,
            "source": ["audio"] * 120,
            "given": ["audio"] * 120,
            "epoch": np.repeat(np.arange(4), 30),
            "p_target": p.reshape(-1),
            "right": (p.reshape(-1) > 0.5).astype(int),
        }
    )
    write_table(DYNAMICS, frame, RunFolder(out).table("dynamics"))
    return out


def test_orders_are_by_confidence_or_by_variability(run: Path) -> None:
    easy, hard = api.curriculum(run), api.curriculum(run, order="hard-first")
    ids = easy["clip_id"].to_list()
    assert ids[0] == "c0000"
    assert ids[-1] == "c0029"
    assert hard["clip_id"].to_list() == ids[::-1]
    assert easy["position"].to_list() == list(range(30))
    wavering = api.curriculum(run, order="ambiguous-first").row(0, named=True)
    assert wavering["clip_id"] == "c0015"
    assert (wavering["region"], wavering["forgotten"]) == ("ambiguous", 2.0)


def test_what_cannot_be_ordered_says_why(run: Path) -> None:
    with pytest.raises(UsageError, match="those of audio"):
        api.curriculum(run, source="video")
    RunFolder(run).table("dynamics").unlink()
    with pytest.raises(CannotFinish, match="no training dynamics"):
        api.curriculum(run)


def test_the_verb_writes_csv_to_stdout_or_a_file(run: Path, tmp_path: Path) -> None:
    shown = CliRunner().invoke(program, ["curriculum", str(run), "--source", "audio"])
    assert shown.exit_code == 0, shown.output
    assert shown.stdout.splitlines()[0].startswith("position,clip_id,label,source,confidence")
    assert len(shown.stdout.splitlines()) == 31
    out = tmp_path / "order.parquet"
    assert CliRunner().invoke(program, ["curriculum", str(run), "--out", str(out)]).exit_code == 0
    assert pl.read_parquet(out).height == 30
    assert CliRunner().invoke(program, ["curriculum", str(run), "--out", "order.xlsx"]).exit_code == 2
