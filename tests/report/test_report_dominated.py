"""The section of unsupported dominance: its numbers are those of the tables, and its cases can be opened and played."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from mixedsignals.diagnosis import CHECKS, Evidence, diagnose
from mixedsignals.report import ReportInput, ReportOptions, write_report
from mixedsignals.report.sections.dominated import case_clips, dominated
from mixedsignals.report.views import Views
from mixedsignals.testing import make_evidence, make_shuffled

from .conftest import made_gates, without

PLAN = {
    "n_clips": 200,
    "n_speakers": 12,
    "pairs": True,
    "conflict": {"audio": 0.3},
    "weights": {"audio": 2.0},
    "votes_per_clip": 4,
}
RATE = "unsupported_dominance_rate"


@pytest.fixture(scope="module")
def run() -> ReportInput:
    made = make_evidence(**PLAN)
    gates = made_gates(made.clips["clip_id"].to_list())
    evidence = Evidence(**made.evidence(), probes=make_shuffled(**PLAN, repeats=5), gates=gates)
    found = diagnose(evidence, checks=[c for c in CHECKS if c.code in ("MS910", "MS911")])
    return ReportInput(
        labels=made.labels,
        clips=made.clips,
        targets=made.targets,
        votes=made.votes,
        predictions=found.predictions,
        scores=found.scores,
        estimates=found.estimates,
        findings=found.findings,
        gates=gates,
    )


def test_rate_null_and_yardstick_are_those_of_the_tables(run: ReportInput) -> None:
    section = dominated(Views(run))
    assert section is not None
    figure = section.figures[0]
    rows = {row["name"]: row for row in figure.table.rows}
    assert set(rows) == {
        "fusion",
        *(f"fusion, led by {m}" for m in ("text", "audio", "video")),
        "best single beside fusion",
    }
    assert run.estimates is not None
    for row, measure, end in (("fusion", RATE, "value"), ("fusion", f"null:{RATE}", "base")):
        saved = run.estimates.filter(pl.col("measure") == measure, pl.col("slice") == "all")["value"][0]
        assert rows[row][end] == saved
    best = run.estimates.filter(pl.col("measure") == f"best_unimodal:{RATE}")["value"][0]
    assert rows["best single beside fusion"]["value"] == best
    flips = run.estimates.filter(pl.col("measure") == "flips_back_rate")
    keys = {"dominated", "dominated-kinds"} | (
        {"dominated-flips"} if flips["n_groups"].max() >= 10 else set()
    )
    assert {f.key for f in section.figures} == keys


def test_every_case_is_in_the_table_with_what_others_and_people_said(run: ReportInput) -> None:
    section = dominated(Views(run))
    assert section is not None
    (table,) = section.tables
    assert run.scores is not None
    cases = run.scores.filter(pl.col("measure") == "unsupported_dominance", pl.col("value") == 1)["clip_id"]
    assert {row["clip"] for row in table.rows} == set(cases)
    first = table.rows[0]
    assert first["target"] != first["says"].partition(" ")[0]
    assert first["carried"].startswith("audio ")
    assert "text" in first["alone"]
    assert "given audio alone" in first["people"]
    assert "video .60" in first["gates"]
    steady = [row["steady"] for row in table.rows]
    assert steady == sorted(steady, reverse=True)


def test_without_the_null_the_section_says_so_and_without_cases_there_is_none(run: ReportInput) -> None:
    assert run.estimates is not None
    bare = replace(run, estimates=run.estimates.filter(~pl.col("measure").str.starts_with("null:")))
    section = dominated(Views(bare))
    assert section is not None
    assert any("mixedsignals probe RUN" in note for note in section.notes)
    assert all(row.get("base") is None for row in section.figures[0].table.rows)
    assert dominated(Views(without(run, "estimates", "scores"))) is None
    assert case_clips(Views(without(run, "scores"))) == []


def test_cases_are_on_the_page_although_fewer_clips_are_listed(run: ReportInput, tmp_path: Path) -> None:
    page = write_report(run, tmp_path / "report", options=ReportOptions(listed=60)).read_text(
        encoding="utf-8"
    )
    assert "Misled by a dominant signal" in page
    data = json.loads(re.search(r'id="data-clips"[^>]*>(.*?)</script>', page, re.DOTALL)[1])  # type: ignore[index]
    cases = set(case_clips(Views(run)))
    assert len(data["clips"]) == 60
    assert {clip["id"] for clip in data["clips"] if "dominant signal misleads" in clip["why"]} == cases
    assert re.search(r"the last \d+ are cases in which a dominant signal misleads", page)
    assert cases <= set(re.findall(r'data-clip="([^"]+)"', page))
