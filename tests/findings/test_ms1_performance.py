"""MS101 to MS104: how well sources do, chance, groups and the gain of fusion."""

from __future__ import annotations

import polars as pl
from finding_helpers import Ask, only, rows

from mixedsignals.diagnosis import Evidence
from mixedsignals.testing import make_evidence

STRONG = {"text": 0.0, "audio": 2.0, "video": 2.0}


def by_source(found: list[dict[str, str]]) -> dict[str, dict[str, str]]:
    return {row["source"]: row for row in found}


def test_performance_says_value_interval_chance_and_what_is_behind(ask: Ask) -> None:
    found = by_source(ask("MS101", n_clips=200, n_speakers=20))
    assert set(found) == {"text", "audio", "video", "fusion"}
    message = found["fusion"]["message"]
    for part in ("macro-F1 .", "[.", "chance .", "200 clips", "20 speakers", "2 seeds"):
        assert part in message


def test_performance_without_targets_or_predictions_says_why(ask: Ask) -> None:
    (row,) = ask("MS101", n_clips=60, drop=("targets",))
    assert row["status"] == "not_applicable"
    assert "target" in row["message"]
    (row,) = ask("MS101", n_clips=60, drop=("predictions",))
    assert (row["status"], "no predictions" in row["message"]) == ("not_applicable", True)


def test_at_chance_fires_for_a_source_that_knows_nothing_and_only_for_it(ask: Ask) -> None:
    found = by_source(ask("MS102", strength=STRONG, seeds=(1, 2, 3, 4), n_clips=800))
    assert found["text"]["status"] == "issue"
    assert found["text"]["severity"] == "high"
    assert "chance" in found["text"]["message"]
    assert {found[s]["status"] for s in ("audio", "video", "fusion")} == {"passed"}


def test_at_chance_sees_through_a_source_that_only_knows_the_speaker(ask: Ask) -> None:
    """Predicting each speaker's usual label beats 1/C by far, and is chance once the speaker is known."""
    import numpy as np
    import polars as pl
    from finding_helpers import only, rows

    from mixedsignals.diagnosis import Evidence
    from mixedsignals.testing import make_evidence

    rng = np.random.default_rng(0)
    made = make_evidence(n_clips=600, n_speakers=20, seeds=(1,))
    usual = {f"s{speaker:04}": speaker % 2 for speaker in range(20)}
    habit = np.array([usual[s] for s in made.clips["speaker_id"]])
    labels = np.where(rng.random(600) < 0.85, habit, 1 - habit)
    names = np.array(["neutral", "empathetic"])
    targets = made.targets.with_columns(pl.Series("label", names[labels]))
    guess = np.eye(2)[habit].ravel()
    text = made.predictions.filter(pl.col("source") == "text").with_columns(pl.Series("probability", guess))
    evidence = Evidence(
        labels=made.labels, clips=made.clips, targets=targets, predictions=text, run_id=made.run_id
    )
    diagnosis = only(evidence, "MS101", "MS102")
    (row,) = rows(diagnosis, code="MS102")
    assert row["status"] == "issue", row["message"]
    accuracy = diagnosis.estimates.filter(pl.col("measure") == "accuracy")["value"][0]
    assert accuracy > 0.8


def test_at_chance_also_judges_pairs_under_their_own_slice(ask: Ask) -> None:
    found = ask("MS102", pairs=True, n_clips=300)
    assert {row["slice"] for row in found if row["source"] == "fusion"} == {
        "all",
        "given=text+audio",
        "given=text+video",
        "given=audio+video",
    }


def test_few_groups_fires_below_ten_effective(ask: Ask) -> None:
    (row,) = ask("MS103", n_clips=200, n_speakers=6)
    assert (row["status"], row["severity"]) == ("issue", "high")
    assert "6 speakers" in row["message"]


def test_few_groups_passes_with_many_and_warns_where_no_speaker_is_known(ask: Ask) -> None:
    assert ask("MS103", n_clips=200, n_speakers=20)[0]["status"] == "passed"
    (row,) = ask("MS103", n_clips=200, n_speakers=None)
    assert row["status"] == "tip"
    assert "No speaker is known" in row["message"]


def test_few_groups_counts_only_those_with_predictions() -> None:
    tables = make_evidence(n_clips=200, n_speakers=20).evidence()
    heard = tables["clips"]["speaker_id"].unique().sort().head(3)
    tested = tables["clips"].filter(pl.col("speaker_id").is_in(heard.implode()))["clip_id"]
    tables["predictions"] = tables["predictions"].filter(pl.col("clip_id").is_in(tested.implode()))
    (row,) = rows(only(Evidence(**tables), "MS103"), code="MS103")
    assert row["message"].startswith("Only 3 speakers")


def test_fusion_gain_passes_when_parts_complement_each_other(ask: Ask) -> None:
    (row,) = ask("MS104", n_clips=1500, strength={"text": 1.5, "audio": 1.5, "video": 1.5})
    assert row["status"] == "passed", row["message"]


def test_fusion_gain_fires_when_fusion_listens_to_one_part_only(ask: Ask) -> None:
    (row,) = ask("MS104", n_clips=600, weights={"text": 0.0, "audio": 0.0, "video": 1.0})
    assert row["status"] == "issue"
    assert "video" in row["message"]


def test_fusion_gain_says_which_sources_there_are_when_none_is_fused(ask: Ask) -> None:
    (row,) = ask("MS104", n_clips=60, fusion="ensemble")
    assert row["status"] == "not_applicable"
    assert "--fusion" in row["message"]
    assert "video" in row["message"]
