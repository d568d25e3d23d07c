"""MS401 and MS402: how sure people were, and whether less so where the models part."""

from __future__ import annotations

import polars as pl
import pytest
from finding_helpers import Ask, only, value

from mixedsignals.diagnosis import Evidence
from mixedsignals.testing import make_evidence


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
