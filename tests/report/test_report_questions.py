"""Each of the nine questions has checks, pages, and figures that are really drawn."""

from __future__ import annotations

import re

import pytest

from mixedsignals.diagnosis import CHECKS
from mixedsignals.diagnosis.explain import pages
from mixedsignals.diagnosis.questions import GROUND, QUESTIONS
from mixedsignals.report import write_report

from .conftest import made_run


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The report of a run in which every question can be asked."""
    run = made_run(
        n_clips=300, n_speakers=20, seeds=(1, 2), pairs=True, votes_per_clip=5, ambiguous=0.2, seed=2
    )
    return write_report(run, tmp_path_factory.mktemp("asked") / "report").read_text(encoding="utf-8")


def test_every_check_answers_exactly_one_question() -> None:
    answering = [code for question in QUESTIONS for code in question.checks] + list(GROUND)
    ours = [check.code for check in CHECKS if check.code < "MS9"]
    assert sorted(answering) == ours
    assert len(QUESTIONS) == 9


@pytest.mark.parametrize("place", range(9), ids=lambda place: str(place + 1))
def test_a_question_has_pages_and_figures_with_their_numbers(place: int, page: str) -> None:
    question = QUESTIONS[place]
    assert set(question.checks) <= set(pages())
    drawn = set(re.findall(r'id="title-([a-z0-9-]+)"', page))
    assert set(question.figures) <= drawn, f"not drawn: {set(question.figures) - drawn}"
