"""The sections of cues and of data maps: what they show is in the tables, and without tables they are not there."""

from __future__ import annotations

import polars as pl
import pytest

from mixedsignals.diagnosis import CHECKS, Evidence, diagnose
from mixedsignals.report import ReportInput
from mixedsignals.report.sections.cues import cues
from mixedsignals.report.sections.maps import maps
from mixedsignals.report.views import Views
from mixedsignals.testing import make_cues, make_dynamics, make_evidence

PLAN = {"n_clips": 400, "conflict": {"text": 0.3, "audio": 0.2}}


@pytest.fixture(scope="module")
def views() -> Views:
    made = make_evidence(**PLAN)
    table = make_cues(**PLAN)
    evidence = Evidence(**made.evidence(), cues=table, dynamics=make_dynamics(**PLAN))
    found = diagnose(evidence, checks=[c for c in CHECKS if c.code >= "MS9"])
    return Views(
        ReportInput(
            labels=made.labels,
            clips=made.clips,
            targets=made.targets,
            predictions=found.predictions,
            scores=found.scores,
            estimates=found.estimates,
            findings=found.findings,
            cues=table.select("cue", "modality"),
        )
    )


def test_cues_are_drawn_strongest_first_in_the_colour_of_their_modality(views: Views) -> None:
    section = cues(views)
    assert section is not None
    rows = section.figures[0].table.rows
    assert rows[0]["name"] == "planted *"
    assert {row["source"] for row in rows} == {"audio"}
    sizes = [abs(row["value"]) for row in rows]
    assert sizes == sorted(sizes, reverse=True)
    saved = views.run.estimates.filter(measure="cue_difference:disagreement", slice="cue=planted")
    assert rows[0]["value"] == saved["value"][0]
    assert rows[0]["base"] is not None, "the difference within labels stands behind it"


def test_there_is_a_map_for_every_source_with_every_clip(views: Views) -> None:
    section = maps(views, points=100)
    assert section is not None
    assert [figure.title for figure in section.figures] == ["text", "audio", "video", "fusion"]
    for figure in section.figures:
        assert "400 clips" in figure.alt
        assert "100 of 400 clips are drawn" in figure.note
        assert figure.clips
    hardest = section.figures[0].table.rows
    assert hardest[0]["training_confidence"] == pytest.approx(
        views.run.scores.filter(measure="training_confidence", source="text")["value"].min()
    )


def test_without_cues_or_dynamics_there_is_no_section(views: Views) -> None:
    empty = Views(ReportInput(labels=views.run.labels, estimates=views.run.estimates.clear(), scores=None))
    assert cues(empty) is None
    assert maps(empty, points=10) is None
    other = views.run.scores.filter(pl.col("measure") == "jsd")
    assert maps(Views(ReportInput(labels=views.run.labels, scores=other)), points=10) is None
