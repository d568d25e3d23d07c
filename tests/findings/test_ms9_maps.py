"""MS921 to MS923: data maps from training dynamics whose places are known."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest
from finding_helpers import only, rows, value

from mixedsignals.diagnosis import Evidence
from mixedsignals.tables import DYNAMICS, conform
from mixedsignals.testing import Made, make_evidence

EPOCHS = 6


def dynamics(made: Made, source: str, p_target: np.ndarray, right: np.ndarray | None) -> pl.DataFrame:
    """The table of one source, the same in two seeds, from arrays (epochs, clips)."""
    ids, (epochs, n) = made.clips["clip_id"], p_target.shape
    parts = []
    for seed in (1, 2):
        columns: dict[str, Any] = {
            "run_id": [made.run_id] * (epochs * n),
            "seed": [seed] * (epochs * n),
            "fold": [0] * (epochs * n),
            "clip_id": ids.to_list() * epochs,
            "source": [source] * (epochs * n),
            "given": [source if source != "fusion" else "text+audio+video"] * (epochs * n),
            "epoch": np.repeat(np.arange(epochs), n),
            "p_target": p_target.reshape(-1),
        }
        if right is not None:
            columns["right"] = right.reshape(-1)
        parts.append(pl.DataFrame(columns))
    return conform(DYNAMICS, pl.concat(parts))


@pytest.fixture(scope="module")
def learned() -> tuple[Made, pl.DataFrame]:
    """Audio learns all but the first ten clips; video learns only the last 30; clip 50 is forgotten twice by audio."""
    made = make_evidence(n_clips=100, n_speakers=10, seed=1)
    audio, video = np.full((EPOCHS, 100), 0.9), np.full((EPOCHS, 100), 0.1)
    audio[:, :10] = 0.05
    video[:, 70:] = 0.8
    heard, seen = (audio > 0.5).astype(int), (video > 0.5).astype(int)
    heard[:, 50] = [1, 0, 1, 0, 1, 1]
    return made, pl.concat([dynamics(made, "audio", audio, heard), dynamics(made, "video", video, seen)])


def test_maps_hold_what_was_planted(learned: tuple[Made, pl.DataFrame]) -> None:
    made, table = learned
    found = only(Evidence(**made.evidence(), dynamics=table), "MS921")
    scores = found.scores.pivot(on="measure", index=["clip_id", "source"], values="value")
    audio = scores.filter(source="audio").sort("clip_id")
    assert audio["training_confidence"].round(3).to_list() == [0.05] * 10 + [0.9] * 90
    assert audio["training_correctness"][50] == pytest.approx(4 / 6)
    assert audio["forgotten"][50] == 2
    assert audio["forgotten"][:10].is_null().all(), "what was never learned cannot be forgotten"
    assert value(found, "training_correctness", "video") == pytest.approx(0.3)
    assert {row["source"] for row in rows(found, code="MS921")} == {"audio", "video"}


def test_what_is_easy_in_one_and_hard_in_another_is_counted_beside_chance(
    learned: tuple[Made, pl.DataFrame],
) -> None:
    made, table = learned
    found = only(Evidence(**made.evidence(), dynamics=table), "MS922")
    where = "hard_in=video"
    # Clip 50 is right in four of six epochs: neither easy nor hard for audio.
    assert value(found, "easy_and_hard", "audio", where) == pytest.approx(0.59)
    assert value(found, "chance:easy_and_hard", "audio", where) == pytest.approx(0.89 * 0.7, abs=0.03)
    assert value(found, "easy_and_hard", "video", "hard_in=audio") == 0
    said = {row["source"]: row["status"] for row in rows(found, code="MS922")}
    assert said == {"audio": "tip", "video": "passed"}


def test_clips_that_no_source_learned_are_named(learned: tuple[Made, pl.DataFrame]) -> None:
    made, table = learned
    found = only(Evidence(**made.evidence(), dynamics=table), "MS923")
    assert value(found, "never_learned", "models") == pytest.approx(0.10)
    named = {row["clip_id"] for row in rows(found, code="MS923") if row["clip_id"]}
    assert named == set(made.clips["clip_id"][:10])
    right = only(Evidence(**made.evidence(), dynamics=table.filter(~pl.col("clip_id").is_in(named))), "MS923")
    assert [row["status"] for row in rows(right, code="MS923")] == ["passed"]


def test_a_table_that_does_not_say_what_led_is_read_from_probabilities(
    learned: tuple[Made, pl.DataFrame],
) -> None:
    made, table = learned
    found = only(
        Evidence(**made.evidence(), dynamics=table.with_columns(pl.lit(None, pl.Int64).alias("right"))),
        "MS921",
    )
    assert value(found, "training_correctness", "audio") == pytest.approx(0.9)
    assert "above one half" in rows(found, code="MS921", source="audio")[0]["message"]


@pytest.mark.parametrize("code", ["MS921", "MS922", "MS923"])
def test_it_says_why_there_is_no_map(learned: tuple[Made, pl.DataFrame], code: str) -> None:
    made, table = learned

    def said(dynamics: pl.DataFrame | None) -> str:
        return str(rows(only(Evidence(**made.evidence(), dynamics=dynamics), code), code=code)[0]["message"])

    assert "no training dynamics" in said(None)
    assert "another run" in said(table.with_columns(pl.lit("elsewhere").alias("run_id")))
    assert "fewer than 2 epochs" in said(table.filter(epoch=0))


def test_one_source_has_nothing_to_be_compared_with(learned: tuple[Made, pl.DataFrame]) -> None:
    made, table = learned
    said = rows(
        only(Evidence(**made.evidence(), dynamics=table.filter(source="audio")), "MS922"), code="MS922"
    )
    assert said[0]["status"] == "not_applicable"
    assert "Only one source" in said[0]["message"]
