"""Every check can stay silent and can say why it is not applicable; the tests of each code show that it fires."""

from __future__ import annotations

from collections import defaultdict

import pytest
from test_ms5_informative import three_sources

from mixedsignals.diagnosis import CHECKS, DiagnosisOptions, Evidence, diagnose
from mixedsignals.testing import make_evidence

ALWAYS = {"MS103": "how many speakers there are can always be counted"}
"""Checks that are always applicable, and why."""

ELSEWHERE = {"MS206": "it needs two fused sources, which its own tests make"}

NEVER_SILENT = {"MS701": "there are always clips that are worth looking at"}


@pytest.fixture(scope="module")
def said() -> dict[str, dict[str, set[str]]]:
    """Code to status to messages, over evidence of everything, votes alone, predictions alone and very little."""
    strong = {"text": 2.0, "audio": 2.0, "video": 2.0}
    whole = make_evidence(
        n_clips=400, n_speakers=25, seeds=(1, 2), strength=strong, votes_per_clip=6, pairs=True
    )
    conflicting = make_evidence(
        n_clips=500, n_speakers=25, seeds=(1, 2, 3), votes_per_clip=6, conflict={"audio": 0.3}, n_raters=60
    )
    tables = whole.evidence()
    nothing = dict.fromkeys(("clips", "targets", "splits"))
    evidences = [
        Evidence(**tables),
        Evidence(**conflicting.evidence()),
        three_sources(2, tells=True),
        Evidence(**{**tables, **nothing, "predictions": None}),
        Evidence(**{**tables, **nothing, "votes": None}),
        Evidence(**{**tables, **nothing, "votes": None, "predictions": tables["predictions"].head(2)}),
    ]
    found: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for evidence in evidences:
        rows = diagnose(evidence, options=DiagnosisOptions(permutations=99)).findings
        for code, status, message in rows.select("code", "status", "message").iter_rows():
            found[code][status].add(message)
    return found


@pytest.mark.parametrize("code", [check.code for check in CHECKS if check.code < "MS9"])
def test_it_says_why_it_is_not_applicable(code: str, said: dict[str, dict[str, set[str]]]) -> None:
    reasons = said[code]["not_applicable"]
    if code in ALWAYS:
        assert not reasons
        return
    assert reasons
    assert all(reason.endswith(".") and len(reason.split()) > 3 for reason in reasons)


@pytest.mark.parametrize("code", [check.code for check in CHECKS if check.code < "MS9"])
def test_it_can_be_silent(code: str, said: dict[str, dict[str, set[str]]]) -> None:
    if code in ELSEWHERE:
        return
    if code in NEVER_SILENT:
        assert not said[code]["passed"]
        return
    assert said[code]["passed"], said[code]
