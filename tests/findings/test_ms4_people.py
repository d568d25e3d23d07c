"""MS401 to MS406: how sure people were, whether less so where the models part, agreement, and single raters."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import Any

import polars as pl
import pytest
from finding_helpers import Ask, only, value

from mixedsignals.diagnosis import Diagnosis, DiagnosisOptions, Evidence
from mixedsignals.errors import UsageError
from mixedsignals.measures.raters import MOST_VOTES
from mixedsignals.testing import Made, make_evidence


def test_uncertainty_is_given_per_condition_and_for_all() -> None:
    made = make_evidence(n_clips=200)
    diagnosis = only(Evidence(**made.evidence()), "MS401")
    slices = set(diagnosis.estimates.filter(pl.col("measure") == "rater_disagreement")["slice"])
    assert slices == {"all", "given=text", "given=audio", "given=video", "given=text+audio+video"}
    full = value(diagnosis, "rater_disagreement", "people", "given=text+audio+video")
    assert value(diagnosis, "rater_disagreement", "people") == full
    assert full < value(diagnosis, "rater_disagreement", "people", "given=text")


def test_unanimous_people_have_no_uncertainty() -> None:
    made = make_evidence(n_clips=50)
    same = made.votes.with_columns(pl.lit("neutral").alias("label"))
    diagnosis = only(Evidence(labels=made.labels, votes=same), "MS401")
    assert value(diagnosis, "rater_disagreement", "people") == 0.0
    assert value(diagnosis, "vote_entropy", "people") == 0.0


def test_anonymous_counts_give_the_same_numbers_as_the_single_votes() -> None:
    named = make_evidence(n_clips=80)
    counted = named.votes.group_by("clip_id", "given", "label").agg(pl.len().cast(pl.Int64).alias("count"))
    first = only(Evidence(labels=named.labels, votes=named.votes, clips=named.clips), "MS401")
    second = only(Evidence(labels=named.labels, votes=counted, clips=named.clips), "MS401")
    for measure in ("rater_disagreement", "vote_entropy"):
        assert value(first, measure, "people") == pytest.approx(value(second, measure, "people"))


def test_one_vote_each_is_not_applicable(ask: Ask) -> None:
    found = ask("MS401", n_clips=40, votes_per_clip=1)
    assert {row["status"] for row in found} == {"not_applicable"}


def test_no_votes_is_not_applicable(ask: Ask) -> None:
    (row,) = ask("MS401", n_clips=40, drop=("votes",))
    assert row["status"] == "not_applicable"


def test_ragged_votes_are_rarefied_and_say_so(ask: Ask) -> None:
    found = ask("MS401", n_clips=100, votes_per_clip=(3, 7))
    assert all("rarefied to 3 votes" in row["message"] for row in found)


def test_people_are_less_sure_where_models_part_when_both_see_the_same_weak_cues(ask: Ask) -> None:
    (row,) = ask("MS402", n_clips=800, ambiguous=0.4, strength={"text": 2.0, "audio": 2.0, "video": 2.0})
    assert row["status"] == "tip"
    assert row["message"].startswith("People are less sure where the models part")


def test_people_who_see_cues_of_their_own_are_no_less_sure(ask: Ask) -> None:
    (row,) = ask("MS402", n_clips=800, shared_cues=False)
    assert row["status"] == "passed", row["message"]


def test_agreement_and_people_need_both_kinds_of_clips_and_votes(ask: Ask) -> None:
    assert ask("MS402", n_clips=40, drop=("votes",))[0]["status"] == "not_applicable"
    assert ask("MS402", n_clips=40, drop=("predictions",))[0]["status"] == "not_applicable"


def test_agreement_is_that_of_the_krippendorff_package() -> None:
    import krippendorff

    made = make_evidence(n_clips=120, conditions=("text",), votes_per_clip=(2, 6), labels=("a", "b", "c"))
    table = made.votes.pivot("label", index="clip_id", values="count", aggregate_function="sum").fill_null(0)
    counts = table.select("a", "b", "c").to_numpy()
    diagnosis = only(Evidence(**made.evidence()), "MS403")
    expected = krippendorff.alpha(value_counts=counts, level_of_measurement="nominal")
    assert value(diagnosis, "krippendorff_alpha", "people") == pytest.approx(expected)


def test_agreement_names_conditions_where_people_agree_little(ask: Ask) -> None:
    found = {row["slice"]: row for row in ask("MS403", n_clips=300, strength={"text": 0.0, "audio": 3.0})}
    assert found["given=text"]["status"] == "tip"
    assert found["given=audio"]["status"] == "passed"


def test_agreement_without_ids_says_that_raters_are_fixed_and_all_equal_is_not_applicable(ask: Ask) -> None:
    found = ask("MS403", n_clips=60, n_raters=None)
    assert all("raters taken as fixed" in row["message"] for row in found)
    made = make_evidence(n_clips=30)
    same = made.votes.with_columns(pl.lit("neutral").alias("label"))
    diagnosis = only(Evidence(labels=made.labels, votes=same), "MS403")
    assert set(diagnosis.findings["status"]) == {"not_applicable"}


def test_accuracy_of_people_needs_a_target_that_is_not_their_own() -> None:
    made = make_evidence(n_clips=200)
    own = only(Evidence(**made.evidence(), target_source="votes"), "MS403")
    other = only(Evidence(**made.evidence(), target_source="label"), "MS403")
    assert "vote_accuracy" not in own.estimates["measure"].to_list()
    votes = made.votes.filter(pl.col("given") == "text").join(
        made.targets.select("clip_id", truth="label"), on="clip_id"
    )
    expected = (votes["label"] == votes["truth"]).mean()
    assert value(other, "vote_accuracy", "people", "given=text") == pytest.approx(expected)


def test_ceiling_needs_four_votes_and_rises_with_more(ask: Ask) -> None:
    (row,) = ask("MS404", n_clips=60, votes_per_clip=3)
    assert row["status"] == "not_applicable"
    assert "four votes" in row["message"]
    plan = {"n_clips": 600, "ambiguous": 0.3, "conditions": ("text",), "strength": {"text": 4.0}}
    few = only(Evidence(**make_evidence(**plan, votes_per_clip=4).evidence()), "MS404")
    many = only(Evidence(**make_evidence(**plan, votes_per_clip=20).evidence()), "MS404")
    assert value(few, "noise_ceiling", "people") < value(many, "noise_ceiling", "people") <= 1


def test_careless_raters_are_found_and_named() -> None:
    made = make_evidence(n_clips=400, strength={"text": 4.0}, conditions=("text",), careless=0.0, n_raters=16)
    lazy = made.votes["rater_id"] == "r0003"
    random = pl.Series(["neutral", "empathetic"]).sample(len(made.votes), with_replacement=True, seed=0)
    votes = made.votes.with_columns(pl.when(lazy).then(random).otherwise("label").alias("label"))
    (row,) = only(Evidence(**{**made.evidence(), "votes": votes}), "MS405").findings.iter_rows(named=True)
    assert row["status"] == "issue"
    assert "'r0003'" in row["message"]
    assert row["message"].startswith("1 rater")


def test_careful_raters_pass_and_anonymous_ones_are_not_applicable(ask: Ask) -> None:
    plan = {"n_clips": 400, "strength": {"text": 4.0}, "conditions": ("text",)}
    assert ask("MS405", **plan)[0]["status"] == "passed"
    assert "no rater ids" in ask("MS405", **plan, n_raters=None)[0]["message"]
    two = make_evidence(n_clips=20, n_raters=2, votes_per_clip=2, conditions=("text",))
    (row,) = only(Evidence(**two.evidence()), "MS405").findings.iter_rows(named=True)
    assert "2 raters" in row["message"]


def guessing(made: Made, raters: set[str]) -> Evidence:
    """The evidence with all votes of the named raters drawn at random."""
    labels = pl.Series(list(made.labels))
    random = labels.sample(len(made.votes), with_replacement=True, seed=0)
    theirs = pl.col("rater_id").is_in(list(raters))
    votes = made.votes.with_columns(pl.when(theirs).then(random).otherwise("label").alias("label"))
    return Evidence(**{**made.evidence(), "votes": votes})


def competence(diagnosis: Diagnosis) -> dict[str, dict[str, Any]]:
    """The row of each rater."""
    one = pl.col("slice").str.starts_with("rater=")
    found = diagnosis.estimates.filter(pl.col("measure") == "rater_competence", one)
    return {row["slice"].removeprefix("rater="): row for row in found.iter_rows(named=True)}


def test_raters_who_guess_are_found_by_a_model_of_raters_and_nobody_else() -> None:
    made = make_evidence(n_clips=200, strength={"text": 3.0, "audio": 3.0}, n_raters=20)
    lazy = {"r0003", "r0007", "r0011"}
    diagnosis = only(guessing(made, lazy), "MS406")
    (row,) = diagnosis.findings.iter_rows(named=True)
    assert (row["status"], row["message"][:15]) == ("issue", "3 of 20 raters ")
    each = competence(diagnosis)
    assert len(each) == 20
    assert {name for name, one in each.items() if one["high"] < 0.5} == lazy
    assert all(repr(name) in row["message"] for name in lazy)
    assert value(diagnosis, "careless_raters", "people") == pytest.approx(3 / 20)


def test_no_careful_rater_is_called_careless() -> None:
    made = make_evidence(n_clips=200, strength={"text": 3.0, "audio": 3.0}, n_raters=20)
    (row,) = only(Evidence(**made.evidence()), "MS406").findings.iter_rows(named=True)
    assert row["status"] == "passed"


@pytest.mark.parametrize("model", ["dawid-skene", "mace", "glad"])
def test_every_model_of_raters_tells_the_careful_from_the_careless(model: Any) -> None:
    made = make_evidence(n_clips=120, strength={"text": 4.0}, conditions=("text",), n_raters=12)
    lazy = {"r0002", "r0005"}
    each = competence(only(guessing(made, lazy), "MS406", options=DiagnosisOptions(raters=model)))
    assert max(each[name]["value"] for name in lazy) < 0.4
    assert min(one["value"] for name, one in each.items() if name not in lazy) > 0.6


def test_a_consensus_that_trusts_the_competent_beats_the_majority_where_many_guess() -> None:
    made = make_evidence(
        n_clips=300, strength={"text": 5.0}, conditions=("text",), n_raters=20, votes_per_clip=5
    )
    evidence = replace(guessing(made, {f"r{at:04}" for at in range(12)}), target_source="label")
    diagnosis = only(evidence, "MS403", "MS406")
    assert value(diagnosis, "consensus_accuracy", "people") > value(diagnosis, "majority_accuracy", "people")
    changed = diagnosis.scores.filter(pl.col("measure") == "consensus_against_majority")
    assert changed["value"].mean() == pytest.approx(value(diagnosis, "consensus_against_majority", "people"))


def test_a_model_of_raters_needs_ids_three_raters_and_its_library(
    ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    (row,) = ask("MS406", n_clips=40, n_raters=None)
    assert (row["status"], "no rater ids" in row["message"]) == ("not_applicable", True)
    for raters in (1, 2):
        plan = {"n_raters": raters, "votes_per_clip": raters, "conditions": ("text",)}
        (row,) = ask("MS406", n_clips=40, **plan)
        assert row["status"] == "not_applicable"
        assert f"Only {raters} rater" in row["message"]
    monkeypatch.setitem(sys.modules, "crowdkit.aggregation", None)
    (row,) = ask("MS406", n_clips=40)
    assert row["status"] == "not_applicable"
    assert "mixedsignals[raters]" in row["message"]


def test_very_many_votes_are_sampled_and_the_finding_says_so(
    ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(MOST_VOTES, "dawid-skene", 900)
    (row,) = ask("MS406", n_clips=100)
    assert "drawn at random" in row["message"]


def test_an_unknown_model_of_raters_is_refused() -> None:
    with pytest.raises(UsageError, match="dawid-skene, mace, glad"):
        DiagnosisOptions(raters="majority")  # type: ignore[arg-type]
