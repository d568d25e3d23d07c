"""The section of whom fusion follows: what it shows is in the table of estimates; without probes there is none."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from mixedsignals.diagnosis import CHECKS, DiagnosisOptions, Evidence, diagnose
from mixedsignals.report import ReportInput, write_report
from mixedsignals.report.page import Section
from mixedsignals.report.sections.followed import followed
from mixedsignals.report.views import Views
from mixedsignals.testing import make_evidence, make_probes

PLAN: dict[str, Any] = {"n_clips": 120, "n_speakers": 15, "labels": ("angry", "calm", "sad")}


@pytest.fixture(scope="module")
def views() -> Views:
    made = make_evidence(**PLAN)
    probes = make_probes(partners=3, media=True, **PLAN)
    second = probes.filter(pl.col("probe").is_in(["plain", "swap"])).with_columns(source=pl.lit("conflict"))
    evidence = Evidence(**made.evidence(), probes=pl.concat([probes, second]))
    checks = [check for check in CHECKS if "MS912" <= check.code <= "MS915"]
    found = diagnose(evidence, options=DiagnosisOptions(permutations=99), checks=checks)
    return Views(
        ReportInput(
            labels=made.labels,
            clips=made.clips,
            targets=made.targets,
            predictions=found.predictions,
            estimates=found.estimates,
            findings=found.findings,
        )
    )


@pytest.fixture(scope="module")
def section(views: Views) -> Section:
    found = followed(views)
    assert found is not None
    return found


def rows(section: Section, key: str) -> list[Any]:
    (figure,) = [figure for figure in section.figures if figure.key == key]
    return list(figure.table.rows)


def saved(views: Views, measure: str, piece: str) -> dict[str, Any]:
    found = views.run.estimates.filter(measure=measure, source="fusion", slice=piece)
    return found.row(0, named=True)


def test_every_source_has_its_figures_fusion_first(section: Section) -> None:
    keys = [figure.key for figure in section.figures]
    first = [f"followed-{name}" for name in ("rates", "labels", "entropy", "noise", "changes", "lost")]
    assert keys == [*first, *(f"followed-{name}-1" for name in ("rates", "labels", "entropy"))]
    assert [f.title for f in section.figures if "whom it follows" in f.title] == [
        "fusion: whom it follows",
        "conflict: whom it follows",
    ]


def test_rates_are_those_of_the_table_beside_decisions(views: Views, section: Section) -> None:
    shown = rows(section, "followed-rates")
    assert [row["name"] for row in shown[:3]] == ["text", "audio", "video"]
    assert "video, spliced recording" in {row["name"] for row in shown}
    for row in shown[:3]:
        held = saved(views, "follow_rate", f"swapped={row['name']}")
        assert (row["value"], row["low"], row["high"]) == (held["value"], held["low"], held["high"])
        assert row["base"] == saved(views, "follow_decisions", f"swapped={row['name']}")["value"]


def test_labels_keep_their_order_and_the_curve_goes_along_relative_entropy(
    views: Views, section: Section
) -> None:
    labels = rows(section, "followed-labels")
    assert [row["place"] for row in labels if row["series"] == "audio"] == ["angry", "calm", "sad"]
    curve = [row for row in rows(section, "followed-entropy") if row["series"] == "video"]
    places = [row["place"] for row in curve]
    assert places == sorted(places)
    assert curve[0]["value"] == saved(views, "follow_at_entropy:video", "bin=01")["value"]
    (figure,) = [figure for figure in section.figures if figure.key == "followed-entropy"]
    assert "Slopes per unit of relative entropy: text" in figure.note


def test_noise_goes_from_faint_to_loud_and_recordings_stand_beside_encoding_again(section: Section) -> None:
    noise = [row["place"] for row in rows(section, "followed-noise") if row["series"] == "text"]
    assert noise == ["20 dB", "10 dB", "0 dB"]
    (figure,) = [figure for figure in section.figures if figure.key == "followed-noise"]
    assert "20 dB" in figure.alt
    changes = {row["name"]: row for row in rows(section, "followed-changes")}
    assert set(changes) >= {
        "text withheld",
        "video of the same label",
        "audio muted recording",
        "video frozen",
    }
    assert changes["text withheld"]["base"] is None
    assert changes["video frozen"]["base"] is not None
    assert all(row["base"] == 0 for row in rows(section, "followed-lost"))


def test_without_probes_there_is_no_section_and_with_few_only_some_figures(views: Views) -> None:
    assert followed(Views(ReportInput(labels=views.run.labels))) is None
    other = views.run.estimates.filter(measure="relative_entropy:text")
    assert followed(Views(ReportInput(labels=views.run.labels, estimates=other))) is None
    swaps = views.run.estimates.filter(pl.col("measure").is_in(["follow_rate", "follow_decisions"]))
    some = followed(Views(ReportInput(labels=views.run.labels, estimates=swaps)))
    assert some is not None
    assert [figure.key for figure in some.figures] == ["followed-rates", "followed-rates-1"]


def test_it_is_on_the_page(views: Views, tmp_path: Any) -> None:
    page = write_report(views.run, tmp_path / "report").read_text(encoding="utf-8")
    assert 'id="title-followed-entropy"' in page
    assert "Whom fusion follows" in page
