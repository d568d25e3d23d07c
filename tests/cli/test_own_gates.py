"""Somebody's own predictions given every subset, and own gates: decisions are taken apart without any model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl

from mixedsignals.testing import make_evidence

from .conftest import Call, one_error


def test_own_predictions_are_taken_apart_and_own_gates_held_against_them(call: Call, tmp_path: Path) -> None:
    made = make_evidence(
        n_clips=80, n_speakers=10, pairs=True, strength={"text": 0.0, "audio": 2.5, "video": 1.0}, seeds=(1,)
    )
    made.predictions.drop("run_id", "seed", "calibrated").write_csv(tmp_path / "predictions.csv")
    made.clips.write_csv(tmp_path / "clips.csv")
    rng = np.random.default_rng([3, 3])
    gates = pl.concat(
        made.clips.select(
            "clip_id",
            pl.lit("fusion").alias("source"),
            pl.lit(modality).alias("modality"),
            pl.Series("gate", rng.random(80)),
            pl.Series("weight", rng.random(80)),
        )
        for modality in ("text", "audio", "video")
    )
    gates.write_csv(tmp_path / "gates.csv")
    own = ["--predictions", tmp_path / "predictions.csv", "--clips", tmp_path / "clips.csv"]
    rest = ["--out", tmp_path / "run", "--media", "none", "--quiet"]
    done = call("diagnose", *own, "--gates", tmp_path / "gates.csv", *rest)
    assert done.code == 0, done.err
    found = pl.read_parquet(tmp_path / "run" / "tables" / "findings.parquet")
    assert found.filter(code="MS904", source="fusion", slice="all")["message"][0].startswith("Audio carries")
    assert set(found.filter(code="MS906")["slice"]) == {"weights=gate", "weights=weight"}
    assert "Who carries the decision" in (tmp_path / "run" / "report" / "index.html").read_text(
        encoding="utf-8"
    )
    gates.drop("weight").write_csv(tmp_path / "gates.csv")
    failed = call("diagnose", *own, "--gates", tmp_path / "gates.csv", *rest)
    assert "no column weight" in one_error(failed, 1)
