"""The answer in a few sentences: from the two tables alone, and honest about what is not there."""

from __future__ import annotations

from typing import Any

import polars as pl

from mixedsignals.diagnosis import CHECKS, DiagnosisOptions, Evidence, diagnose
from mixedsignals.diagnosis.summary import answer
from mixedsignals.tables import ESTIMATES, FINDINGS
from mixedsignals.testing import make_cues, make_dynamics, make_evidence


def answered(drop: tuple[str, ...] = (), **plan: Any) -> list[str]:
    tables = make_evidence(**plan).evidence() | dict.fromkeys(drop)
    found = diagnose(Evidence(**tables), options=DiagnosisOptions(permutations=99))
    return answer(found.estimates, found.findings)


def test_a_full_run_is_answered_in_five_sentences() -> None:
    said = answered(n_clips=200, n_speakers=20)
    assert len(said) == 5
    assert all(text.endswith(".") and text[0].isupper() for text in said)
    assert said[0].startswith("Fusion reaches macro-F1")


def test_a_source_at_chance_is_in_the_answer() -> None:
    said = answered(n_clips=500, strength={"text": 0.0, "audio": 2.0, "video": 2.0}, seeds=(1, 2, 3, 4))
    assert any(text.startswith("No better than chance at the label: text") for text in said)


def test_votes_alone_are_answered_with_the_human_side() -> None:
    said = answered(drop=("predictions",), n_clips=100)
    assert said[0].startswith("People gain")
    assert any("Krippendorff" in text for text in said)
    assert not any("fusion" in text.lower() for text in said)


def test_predictions_alone_are_answered_without_people_and_targets() -> None:
    said = answered(drop=("votes", "clips", "targets", "splits"), n_clips=60)
    assert any("part" in text for text in said)
    assert not any("people" in text.lower() for text in said)


def test_nothing_at_all_is_one_honest_sentence() -> None:
    assert answer(ESTIMATES.empty(), FINDINGS.empty()) == [
        "Nothing could be said about this corpus: no check was applicable."
    ]


def test_the_answer_needs_the_tables_only() -> None:
    found = diagnose(
        Evidence(**make_evidence(n_clips=80).evidence()), options=DiagnosisOptions(permutations=99)
    )
    shuffled = found.estimates.filter(pl.col("measure") != "none")
    assert answer(shuffled, found.findings) == answer(found.estimates, found.findings)


def test_what_was_asked_beyond_follows_where_it_found_something() -> None:
    led = {"n_clips": 240, "pairs": True, "strength": {"text": 0.0, "audio": 2.5, "video": 1.0}}
    said = answered(**led)
    assert len(said) == 6
    assert said[5].startswith("Audio carries the decisions of fusion, which owe ")
    assert " to video" in said[5]
    even = answered(n_clips=80, n_speakers=8, strength={"audio": 1.0, "video": 1.0}, seed=3)
    assert even[-1].startswith("Which modality carries the decisions of fusion cannot be told: they owe ")
    plan = {"n_clips": 400, "conflict": {"text": 0.3, "audio": 0.2}}
    evidence = Evidence(
        **make_evidence(**plan).evidence(), cues=make_cues(**plan), dynamics=make_dynamics(**plan)
    )
    found = diagnose(evidence, checks=[c for c in CHECKS if c.code in ("MS901", "MS923")])
    told = answer(found.estimates, found.findings)
    assert any("planted is " in text for text in told)
    assert any("no source ever learned the label" in text for text in told) is bool(
        found.findings.filter(code="MS923", status="tip").height
    )
