"""Every code has one page that says everything it must, and the docs hold the same pages."""

from __future__ import annotations

from pathlib import Path

import pytest

from mixedsignals.diagnosis import CHECKS, explanations
from mixedsignals.diagnosis.explain import pages

DOCS = Path(__file__).parents[2] / "docs" / "findings"
HEADINGS = ("What it means", "How it is computed", "When not to believe it", "What to do")


def test_every_check_has_a_page_and_every_page_a_check() -> None:
    assert set(pages()) == {check.code for check in CHECKS}


def test_codes_and_names_are_unique_and_sorted() -> None:
    codes = [check.code for check in CHECKS]
    assert codes == sorted(set(codes))
    assert len({check.name for check in CHECKS}) == len(CHECKS)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.code)
def test_page_names_the_check_and_has_every_part(check: object) -> None:
    code, name = check.code, check.name  # type: ignore[attr-defined]
    page = pages()[code]
    assert page.startswith(f"# {code} {name}: ")
    parts = page.split("\n## ")
    assert tuple(part.split("\n")[0] for part in parts[1:]) == HEADINGS
    assert all(len(part.split()) > 10 for part in parts[1:]), "every part says something"


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.code)
def test_docs_hold_the_same_page(check: object) -> None:
    code = check.code  # type: ignore[attr-defined]
    assert (DOCS / f"{code}.md").read_text(encoding="utf-8") == pages()[code]
    assert {path.stem for path in DOCS.glob("MS*.md")} == set(pages())


def test_explanations_are_a_title_and_paragraphs_without_markup() -> None:
    for title, text in explanations().values():
        assert title
        assert not title.startswith("MS")
        assert "#" not in text
        assert "*" not in text
        assert len(text.split("\n\n")) >= 4


def test_codes_that_a_page_mentions_exist() -> None:
    import re

    known = {check.code for check in CHECKS}
    for page in pages().values():
        assert set(re.findall(r"MS\d{3}", page)) <= known
