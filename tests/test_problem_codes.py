"""The list of problem codes in the documentation is that of the code, and holds what the tests of bad input plant."""

from __future__ import annotations

import re
import sys
from pathlib import Path

PROJECT = Path(__file__).parents[1]
sys.path.insert(0, str(PROJECT / "docs"))

from making.problems import problem_codes  # noqa: E402

PLANTED = re.compile(r'"([a-z]+(?:-[a-z0-9]+)+)"')


def test_every_planted_fault_has_its_code_in_the_list() -> None:
    text = (PROJECT / "tests" / "cli" / "test_bad_input.py").read_text(encoding="utf-8")
    faults = text[text.index("FAULTS = {") : text.index("@pytest.mark.parametrize")]
    planted = set(PLANTED.findall(faults))
    assert len(planted) > 10
    assert planted <= {one.code for one in problem_codes()}


def test_codes_are_told_with_words_and_a_level() -> None:
    found = {one.code: one for one in problem_codes()}
    assert len(found) > 40
    assert all(one.says or one.remedy for one in found.values())
    assert found["truncated-media"].stops
    assert found["missing-media"].stops
    assert not found["repeated-transcript"].stops
    assert not found["no-speakers"].stops
    assert found["path-outside"].remedy.startswith("Put the file")


def test_the_page_of_corpora_lists_them() -> None:
    page = (PROJECT / "docs" / "corpus.md").read_text(encoding="utf-8")
    for one in problem_codes():
        assert f"| `{one.code}` | {'fault' if one.stops else 'warning'} |" in page
