"""One made run, diagnosed, as the report takes it; every test may change a copy."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from mixedsignals.diagnosis import DiagnosisOptions, Evidence, diagnose
from mixedsignals.report import Explanation, ReportInput
from mixedsignals.testing import make_evidence


def made_run(**plan: object) -> ReportInput:
    """A run of made predictions and votes with everything that a diagnosis gives."""
    made = make_evidence(**plan)
    found = diagnose(Evidence(**made.evidence()), options=DiagnosisOptions(permutations=99))
    words = pl.format("these are the words of {}", "clip_id").alias("transcript")
    return ReportInput(
        labels=made.labels,
        answer=["Fusion reaches .81.", "Text parts from it on 30 % of 150 clips."],
        clips=made.clips.with_columns(words),
        predictions=found.predictions,
        scores=found.scores,
        estimates=found.estimates,
        findings=found.findings,
        targets=made.targets,
        votes=made.votes,
        splits=made.splits,
        gates=made_gates(made.clips["clip_id"].to_list()),
        title="a made corpus",
        explanations={"MS101": Explanation("How well", "It means `this`.\n\nNot when there is little.")},
    )


def made_gates(clip_ids: list[str]) -> pl.DataFrame:
    """Gates of fusion for every clip: text shut, audio half, video open on even clips."""
    rows = [
        {"run_id": "made", "seed": 42, "clip_id": clip, "source": "fusion", "given": "text+audio+video"}
        | {"modality": modality, "gate": gate, "weight": weight}
        for place, clip in enumerate(clip_ids)
        for modality, gate, weight in (
            ("text", 0.0, 0.1),
            ("audio", 0.5, 0.3),
            ("video", 1.0 - place % 2, 0.6),
        )
    ]
    return pl.DataFrame(rows)


@pytest.fixture(scope="session")
def run() -> ReportInput:
    """150 clips, 12 speakers, two labels, three modalities and fusion with its pairs, four conditions of votes."""
    return made_run(
        n_clips=150, n_speakers=12, pairs=True, strength={"text": 0.4, "audio": 1.2, "video": 1.4}
    )


@pytest.fixture(scope="session")
def voted() -> ReportInput:
    """Votes and targets alone, as when nobody has trained a model."""
    made = make_evidence(n_clips=80, n_speakers=12)
    tables = {name: getattr(made, name) for name in ("labels", "clips", "votes", "targets")}
    found = diagnose(Evidence(**tables), options=DiagnosisOptions(permutations=99))
    return ReportInput(**tables, scores=found.scores, estimates=found.estimates, findings=found.findings)


@pytest.fixture(scope="session")
def empty(run: ReportInput) -> ReportInput:
    """A run of which nothing is known but the labels."""
    return ReportInput(labels=run.labels)


def without(run: ReportInput, *names: str) -> ReportInput:
    """The run with these tables absent."""
    return replace(run, **dict.fromkeys(names))


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """Where a report goes."""
    return tmp_path / "report"
