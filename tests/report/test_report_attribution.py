"""The section on who carries the decision: its figures are the saved estimates, and clips carry their own values."""

from __future__ import annotations

from dataclasses import replace

import polars as pl
import pytest

from mixedsignals.diagnosis import CHECKS, Evidence, diagnose
from mixedsignals.report import ReportInput
from mixedsignals.report.clips import choose
from mixedsignals.report.needed import SCORES
from mixedsignals.report.records import describe
from mixedsignals.report.sections.attribution import attribution
from mixedsignals.report.views import Views
from mixedsignals.testing import make_evidence

from .conftest import made_gates


@pytest.fixture(scope="module")
def run() -> ReportInput:
    """Fusion handled in two ways, and a second fusion, with gates of the first."""
    made = make_evidence(n_clips=120, n_speakers=12, pairs=True)
    p = made.predictions
    second = p.filter(source="fusion").with_columns(pl.lit("product").alias("source"))
    token = p.with_columns(pl.lit("fusion~token").alias("source"))
    predictions = pl.concat([p, second, token])
    gates = made_gates(made.clips["clip_id"].to_list())
    evidence = Evidence(**{**made.evidence(), "predictions": predictions}, gates=gates)
    found = diagnose(evidence, checks=[c for c in CHECKS if "MS904" <= c.code <= "MS907"])
    return ReportInput(
        labels=made.labels,
        clips=made.clips,
        targets=made.targets,
        predictions=found.predictions,
        scores=found.scores.filter(pl.col("measure").is_in(SCORES)),
        estimates=found.estimates,
        findings=found.findings,
        gates=gates,
    )


def test_every_figure_shows_the_saved_estimates(run: ReportInput) -> None:
    section = attribution(Views(run), points=50)
    assert section is not None
    figures = {figure.key: figure for figure in section.figures}
    assert list(figures) == [
        "attribution-predicted",
        "attribution-predicted-1",
        "attribution-right",
        "attribution-right-1",
        "attribution-labels",
        "attribution-labels-1",
        "attribution-pairs",
        "attribution-pairs-1",
        "attribution-handlings",
        "gate-ranks-fusion",
        "gate-text",
        "gate-audio",
        "gate-video",
    ]
    rows = figures["attribution-predicted"].table.rows
    assert [row["name"] for row in rows[:2]] == ["text, given the subset", "text, learned token"]
    assert run.estimates is not None
    saved = run.estimates.filter(measure="shapley_predicted:text", source="fusion~token", slice="all")
    assert rows[1]["value"] == saved["value"][0]
    (agreed,) = figures["attribution-handlings"].table.rows
    assert agreed["value"] == 1.0, "both say the same here"
    assert 0 < agreed["base"] < 1
    assert {row["modality"] for row in figures["attribution-labels"].table.rows} == {"text", "audio", "video"}
    assert [row["name"] for row in figures["gate-ranks-fusion"].table.rows] == ["gate of video"], (
        "others are constant"
    )
    assert "120 clips" in figures["gate-video"].alt
    assert "50 of 120 clips are drawn" in figures["gate-video"].note
    assert "does not vary" in figures["gate-text"].note


def test_clips_tell_what_each_modality_added(run: ReportInput) -> None:
    views = Views(run)
    told = describe(views, choose(views, 5), {})
    assert [name for name, _ in told["beside"]] == ["gate", "weight", "adds"]
    clip = told["clips"][0]
    assert run.scores is not None
    saved = run.scores.filter(clip_id=clip["id"], measure="shapley_predicted:audio", source="fusion")
    assert clip["beside"]["audio"] == [0.5, 0.3, pytest.approx(saved["value"][0], abs=1e-3)]


def test_without_values_there_is_no_section_and_clips_show_gates_alone(run: ReportInput) -> None:
    assert run.estimates is not None
    bare = Views(replace(run, estimates=run.estimates.clear(), scores=None))
    assert attribution(bare, points=5) is None
    told = describe(bare, choose(bare, 5), {})
    assert [name for name, _ in told["beside"]] == ["gate", "weight"]
