"""What is said to people is words and numbers: no Python in it, no NaN, no double spaces, whatever the evidence."""

from __future__ import annotations

import re
from typing import Any

import polars as pl
import pytest

from mixedsignals.diagnosis import CHECKS, DiagnosisOptions, Evidence, diagnose
from mixedsignals.testing import make_evidence, make_probes

QUICK = DiagnosisOptions(permutations=99)
NOT_WORDS = re.compile(r"[{}]|\b(nan|NaN|None|inf|True|False)\b|  |array\(|\bdtype\b|<class| \.(?!\d)|,,")

SEVERAL_OF_ONE = re.compile(
    r"(?<![\d.,])1 (clips|raters|speakers|votes|seeds|groups|slices|rows|sources|labels|columns|conditions)\b"
    r"|(?<![\d.,])1 (clip|rater|speaker|vote|seed|group) (are|have|agree|guess|look|stand|disagree|part|vary)\b"
)

EVIDENCES: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
    "everything": ({"n_clips": 200, "pairs": True, "conflict": {"audio": 0.1}, "ambiguous": 0.1}, ()),
    "three ordinal labels": ({"n_clips": 150, "labels": ("low", "middle", "high"), "kind": "ordinal"}, ()),
    "no votes": ({"n_clips": 120}, ("votes",)),
    "no targets": ({"n_clips": 120}, ("targets",)),
    "neither": ({"n_clips": 60}, ("votes", "targets")),
    "votes alone": ({"n_clips": 120}, ("predictions",)),
    "anonymous": ({"n_clips": 120, "n_raters": None, "votes_per_clip": (2, 7)}, ()),
    "one seed, no speakers": ({"n_clips": 100, "seeds": (1,), "n_speakers": None}, ()),
    "missing modalities": ({"n_clips": 150, "missing": {"text": 0.3, "video": 0.9}}, ()),
    "one speaker": ({"n_clips": 60, "n_speakers": 1}, ()),
    "few clips": ({"n_clips": 12, "n_speakers": 3}, ()),
    "one vote each": ({"n_clips": 60, "votes_per_clip": 1}, ()),
    "two raters": ({"n_clips": 60, "n_raters": 2, "votes_per_clip": 2, "conditions": ("text",)}, ()),
    "at chance": ({"n_clips": 150, "strength": {"text": 0.0, "audio": 0.0}}, ()),
    "one of everything": ({"n_clips": 1, "n_speakers": 1, "votes_per_clip": 3}, ()),
    "one careless": ({"n_clips": 100, "careless": 0.1, "n_raters": 20, "votes_per_clip": 4}, ()),
    "one speaker under all conditions": ({"n_clips": 80, "n_speakers": 1, "pairs": True}, ()),
    "careless": ({"n_clips": 150, "careless": 0.3, "n_raters": 26}, ()),
}


@pytest.mark.parametrize("name", EVIDENCES)
def test_messages_are_for_people(name: str) -> None:
    plan, drop = EVIDENCES[name]
    tables = make_evidence(**plan).evidence()
    tables |= dict.fromkeys(drop)
    if "targets" in drop:
        tables["clips"] = tables["clips"].drop("label")
    findings = diagnose(Evidence(**tables), options=QUICK).findings
    bad = [f"{code}: {message}" for code, message in findings.select("code", "message").iter_rows()]
    assert [said for said in bad if NOT_WORDS.search(said)] == []
    assert [said for said in bad if SEVERAL_OF_ONE.search(said)] == []
    assert [said for said in bad if said.count("no interval:") > 1] == []
    ended = findings["message"].str.contains(r"[.!?]$")
    assert ended.all(), findings.filter(~ended)["message"].to_list()


@pytest.mark.parametrize(
    "plan", [{}, {"n_speakers": None}, {"n_clips": 6, "n_speakers": 2}, {"n_speakers": 1}], ids=str
)
def test_messages_about_probes_are_for_people(plan: dict[str, Any]) -> None:
    plan = {"n_clips": 60, "n_speakers": 12, "strength": {"text": 0.0, "audio": 1.0, "video": 2.0}} | plan
    probes = make_probes(partners=2, noise=(20,), media=True, **plan)
    checks = [check for check in CHECKS if "MS912" <= check.code <= "MS915"]
    evidence = Evidence(**make_evidence(**plan).evidence(), probes=probes)
    findings = diagnose(evidence, options=QUICK, checks=checks).findings
    assert set(findings["code"]) == {check.code for check in checks}
    bad = [
        message
        for message in findings["message"]
        if NOT_WORDS.search(message) or SEVERAL_OF_ONE.search(message)
    ]
    assert bad == []
    assert findings["message"].str.ends_with(".").all()


def test_kinds_that_need_votes_or_targets_are_said_to_be_unknown_without_them() -> None:
    tables = make_evidence(n_clips=80).evidence() | {"votes": None}
    made = diagnose(Evidence(**tables), options=QUICK)
    (said,) = made.findings.filter(pl.col("code") == "MS701", pl.col("clip_id").is_null())["message"]
    assert "0 ambiguous" not in said
    assert "without votes it is not known which are" in said
    kinds = made.estimates.filter(pl.col("measure").str.starts_with("kind:"))["measure"]
    assert set(kinds) == {"kind:misled", "kind:label_error"}
