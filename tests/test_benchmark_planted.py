"""The benchmark of planted dominance on made tables: it counts what it says it counts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from mixedsignals.diagnosis import Case, DiagnosisOptions, Evidence
from mixedsignals.diagnosis.dominated import dominated
from mixedsignals.testing import make_evidence

ROOT = Path(__file__).parents[1]


@pytest.fixture
def planted(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.syspath_prepend(str(ROOT))
    if not (ROOT / "benchmarks" / "planted_dominance.py").is_file():
        pytest.skip("benchmarks are not installed with the package")
    from benchmarks import planted_dominance

    return planted_dominance


def test_a_loud_modality_is_named_more_often_than_by_gates_that_say_nothing(planted) -> None:
    made = make_evidence(
        n_clips=240, pairs=True, conflict={"audio": 0.2, "text": 0.1}, weights={"audio": 2.0}, seeds=(1, 2)
    )
    rng = np.random.default_rng(0)
    ids = made.clips["clip_id"]
    gates = pl.concat(
        pl.DataFrame(
            {"clip_id": ids, "weight": rng.random(len(ids)), "gate": rng.random(len(ids))}
        ).with_columns(
            run_id=pl.lit(made.run_id),
            seed=pl.lit(seed, pl.Int64),
            source=pl.lit("fusion"),
            given=pl.lit("text+audio+video"),
            modality=pl.lit(modality),
        )
        for seed in (1, 2)
        for modality in ("text", "audio", "video")
    )
    case = Case(Evidence(**made.evidence(), gates=gates), DiagnosisOptions())
    (found,) = dominated(case).values()
    one = planted.named(case, found)
    place = {"text": 0, "audio": 1, "video": 2}
    turned = (
        made.truth["conflicted"]
        .replace_strict(place, default=-1, return_dtype=pl.Int64)
        .fill_null(-1)
        .to_numpy()
    )
    rows = {row["what"]: row for row in planted.rows_of(case, one, turned, turned)}
    named = rows["the turned modality is named, of planted conflicts on which fusion errs"]
    assert named["chance"] == pytest.approx(1 / 3)
    assert named["finder"] > 0.75
    assert 0.15 < named["gates alone"] < 0.55
    assert named["finder less gates: low"] > 0
    wrong = (
        found.fused != made.targets["label"].replace_strict({"neutral": 0, "empathetic": 1}).to_numpy()
    ) & (turned >= 0)
    assert named["clips, mean of seeds"] == pytest.approx(wrong.sum(), abs=6)
    parts = [
        rows[f"the turned modality is named, of planted conflicts on which fusion errs: {m}"] for m in place
    ]
    assert sum(part["clips, mean of seeds"] for part in parts) == pytest.approx(named["clips, mean of seeds"])
    called = rows["the clip is called a case and the turned modality named"]
    assert called["finder"] <= named["finder"]


def test_without_gates_there_is_no_such_column(planted) -> None:
    made = make_evidence(n_clips=120, pairs=True, conflict={"audio": 0.3}, weights={"audio": 2.0})
    case = Case(Evidence(**made.evidence()), DiagnosisOptions())
    (found,) = dominated(case).values()
    turned = np.where(made.truth["conflicted"].to_numpy() == "audio", 1, -1)
    for row in planted.rows_of(case, planted.named(case, found), turned, turned):
        assert "gates alone" not in row


def test_the_simulation_of_the_null_finds_what_is_planted_and_little_else(planted) -> None:
    from benchmarks import dominated as simulated

    setting = simulated.Setting(20)
    nothing = simulated.judged(setting, range(3), planted=0.0)["excess"]
    something = simulated.judged(setting, range(3), planted=simulated.PLANTED)["excess"]
    assert np.abs(nothing[:, 0]).max() < 0.03
    assert (something[:, 1] > 0).all()
