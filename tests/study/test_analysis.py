"""What answers say: gain by adding beyond a second look, test-retest, order, the mixed model; with known truth."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from study_people import simulated_answers

from mixedsignals.labels import Labels
from mixedsignals.study.analysis import Judged, Results, align, analyse_answers
from mixedsignals.study.analysis.order import slope
from mixedsignals.study.analysis.second import gain_by_adding, retest
from mixedsignals.study.records import STIMULI
from mixedsignals.study.settings import StudySettings
from mixedsignals.tables import CLIPS, TARGETS, conform

CLIP_IDS = [f"c{at:03}" for at in range(80)]
TRUTH = {clip: "ab"[at % 2] for at, clip in enumerate(CLIP_IDS)}


def stimuli(settings: StudySettings) -> pl.DataFrame:
    rows = [
        {"stimulus_id": f"{clip}{given}", "clip_id": clip, "condition": given, "kind": "item"}
        for clip in CLIP_IDS
        for given in settings.conditions
    ]
    return conform(STIMULI, rows)


def judged(settings: StudySettings, accuracy: dict[str, float], **options: object) -> Judged:
    """Simulated answers, aligned."""
    said = simulated_answers(settings, stimuli(settings), TRUTH, accuracy, **options)  # type: ignore[arg-type]
    clips = conform(
        CLIPS, [{"clip_id": clip, "speaker_id": f"s{at % 20}"} for at, clip in enumerate(CLIP_IDS)]
    )
    targets = conform(
        TARGETS, [{"clip_id": clip, "label": label, "share": 1.0} for clip, label in TRUTH.items()]
    )
    return align(said, clips, targets, settings.answers)


def row(results: Results, measure: str, where: str = "all") -> dict[str, object]:
    """The one estimate of that name."""
    found = results.table("run").filter(measure=measure, slice=where)
    assert found.height == 1, results.table("run")
    return found.row(0, named=True)


CROSSED = StudySettings("s", ("audio", "text+audio+video"), ("a", "b"), repeats=6)
ADDED = StudySettings("s", ("text", "text+audio"), ("a", "b"), design="counterfactual")


def test_the_gain_of_adding_leaves_out_what_a_second_look_alone_does() -> None:
    """Second answers are new ones here; adding lifts accuracy from .6 to .85, a second look from .6 to .6."""
    found = Results()
    gain_by_adding(judged(ADDED, {"text": 0.6, "text+audio": 0.85}, people=150, same=0.5), found)
    gained = row(found, "added_gain", "arm=text>text+audio")
    assert gained["value"] == pytest.approx(0.25, abs=0.06)
    assert gained["low"] < 0.25 < gained["high"]
    assert row(found, "revision_gain", "arm=text>text")["value"] == pytest.approx(0.0, abs=0.05)
    assert row(found, "added_change", "arm=text>text+audio")["value"] > 0.1
    assert "beyond a second look" in found.notes[0].text


def test_adding_nothing_gains_nothing_even_where_people_change_their_mind() -> None:
    covered = 0
    for seed in range(20):
        found = Results()
        gain_by_adding(judged(ADDED, {"text": 0.7, "text+audio": 0.7}, people=60, seed=seed), found)
        gained = row(found, "added_gain", "arm=text>text+audio")
        covered += gained["low"] <= 0 <= gained["high"]
    assert covered >= 17


def test_without_a_control_arm_there_is_no_contrast() -> None:
    some = judged(ADDED, {"text": 0.6, "text+audio": 0.8}, people=30)
    without = Judged(some.frame.filter(pl.col("arm") != "text>text"), some.labels, some.has_target)
    found = Results()
    gain_by_adding(without, found)
    assert "added_gain" not in found.table("run")["measure"].to_list()
    assert "control arm" in found.notes[0].text


@pytest.mark.parametrize(("same", "share", "alpha"), [(1.0, 1.0, 1.0), (0.0, 0.5, 0.0)])
def test_people_who_repeat_themselves_and_people_who_guess(same: float, share: float, alpha: float) -> None:
    found = Results()
    retest(judged(CROSSED, dict.fromkeys(CROSSED.conditions, 0.5), people=100, same=same), found)
    assert row(found, "retest_agreement")["value"] == pytest.approx(share, abs=0.06)
    assert row(found, "retest_alpha")["value"] == pytest.approx(alpha, abs=0.12)


def test_repeats_and_second_looks_never_enter_the_first_exposures() -> None:
    some = judged(CROSSED, dict.fromkeys(CROSSED.conditions, 0.7), people=20)
    assert some.first.height == 20 * CROSSED.items_per_participant
    assert some.frame.height == some.first.height + 20 * CROSSED.repeats
    assert some.first.select("rater_id", "clip_id").is_duplicated().any() is False


def test_getting_better_on_the_way_is_found_and_its_absence_too() -> None:
    some = judged(CROSSED, dict.fromkeys(CROSSED.conditions, 0.7), people=150)
    first = some.first
    rng = np.random.default_rng(0)
    chance = 0.5 + 0.02 * first["position"].to_numpy()
    learned = (rng.random(first.height) < chance).astype(np.float64)
    found = slope(first, learned)
    assert found.low is not None
    assert found.low < 0.2 < found.high
    assert found.low > 0
    flat = slope(first, (rng.random(first.height) < 0.7).astype(np.float64))
    assert flat.low < 0 < flat.high


def test_a_hard_clip_that_came_late_is_no_order_effect() -> None:
    """Within clip and condition only: here accuracy depends on the clip, and clips on the position."""
    rows = pl.DataFrame(
        {
            "clip_id": ["easy"] * 4 + ["hard"] * 4,
            "given": ["text"] * 8,
            "rater_id": list("pqrspqrs"),
            "speaker": ["x"] * 4 + ["y"] * 4,
            "position": [0, 1, 0, 1, 10, 11, 10, 11],
        }
    )
    found = slope(rows, np.array([1.0, 1.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0]))
    assert found.value == 0.0


def test_the_mixed_model_agrees_with_the_truth_and_the_two_way_variance() -> None:
    accuracy = {"audio": 0.6, "text+audio+video": 0.8}
    found = analyse_answers(judged(CROSSED, accuracy, people=120))
    gained = row(found, "mixed_gain", "over=audio")
    assert gained["low"] < 0.2 < gained["high"]
    assert gained["value"] == pytest.approx(0.2, abs=0.05)
    assert {note.part for note in found.notes} == {"test-retest", "order", "mixed model"}


def test_nobody_and_no_target_are_said_and_not_computed() -> None:
    some = judged(CROSSED, dict.fromkeys(CROSSED.conditions, 0.7), people=10)
    nobody = analyse_answers(Judged(some.frame.clear(), some.labels, False))
    assert [note.part for note in nobody.notes] == ["votes"]
    untold = Judged(some.frame.with_columns(target=pl.lit(-1)), Labels(("a", "b")), False)
    found = analyse_answers(untold)
    assert not {"mixed_gain", "added_gain"} & set(found.table("run")["measure"])
    assert "not applicable" in next(note.text for note in found.notes if note.part == "mixed model")
