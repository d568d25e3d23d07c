"""Made cues and dynamics: conform to their tables, agree with their plan, and find what they plant."""

from __future__ import annotations

import polars as pl

from mixedsignals.diagnosis import CHECKS, Evidence, diagnose
from mixedsignals.tables import CUES, DYNAMICS, conform
from mixedsignals.testing import make_cues, make_dynamics, make_evidence

PLAN = {"n_clips": 500, "conflict": {"text": 0.3, "audio": 0.2}, "ambiguous": 0.2}


def test_made_cues_are_found_by_the_checks_they_are_made_for() -> None:
    cues = make_cues(**PLAN)
    assert conform(CUES, cues).equals(cues)
    evidence = Evidence(**make_evidence(**PLAN).evidence(), cues=cues)
    found = diagnose(evidence, checks=[c for c in CHECKS if c.code == "MS901"]).findings
    assert "planted is higher" in found["message"][0]
    assert "noise" not in found["message"][0]


def test_made_dynamics_conform_and_are_of_every_modality_and_fusion() -> None:
    table = make_dynamics(n_clips=40)
    assert conform(DYNAMICS, table).equals(table)
    assert set(table["source"]) == {"text", "audio", "video", "fusion"}
    assert table.filter(source="fusion")["given"].unique().to_list() == ["text+audio+video"]
    first, last = (table.filter(pl.col("epoch") == epoch)["p_target"].std() for epoch in (0, 4))
    assert last > first, "clips part while they are learned"
