"""How numbers, counts and reasons are written for people."""

from __future__ import annotations

import numpy as np

from mixedsignals.diagnosis.words import (
    count,
    listed,
    number,
    p_value,
    said_once,
    sentence,
    share_of,
    verb,
    with_interval,
)
from mixedsignals.measures.groups import Groups
from mixedsignals.measures.inference import mean


def test_numbers_as_papers_write_them() -> None:
    assert [number(x) for x in (0.714, 1.0, -0.05, -0.001, None)] == [
        ".71",
        "1.00",
        "-.05",
        ".00",
        "not known",
    ]
    assert [p_value(p) for p in (0.031, 0.0004, None)] == ["p = .031", "p < .001", "p not known"]


def test_one_is_singular() -> None:
    assert count(1, "rater") == "1 rater"
    assert count(1440, "clip") == "1,440 clips"
    assert verb(1, "agrees", "agree") == "agrees"
    assert verb(2, "agrees", "agree") == "agree"
    assert share_of(1, 1, "clips") == "1 of 1 clip (100 %)"
    assert share_of(12, 240, "clips") == "12 of 240 clips (5 %)"


def test_a_reason_is_said_once() -> None:
    told = "A .4 (no interval: one speaker) and B .5 (no interval: one speaker)."
    assert said_once(told) == "A .4 and B .5; no interval: one speaker."
    one = "A .4 (no interval: one speaker) and B .5 [.4, .6]."
    assert said_once(one) == one
    both = said_once("A .4 (no interval: one speaker) and B .5 (no interval: all are right).")
    assert both == "A .4 and B .5; no interval: one speaker; all are right."


def test_lists_and_sentences() -> None:
    assert listed(["a"]) == "a"
    assert listed(["a", "b", "c"]) == "a, b and c"
    assert listed(list("abcdefghij"), most=2) == "a, b and 8 more"
    assert sentence("a word") == "A word."


def test_a_value_that_all_groups_share_has_no_interval_of_no_width() -> None:
    groups = Groups(np.arange(40) // 4, 10)
    same = mean(np.tile([1.0, 0.0, 0.0, 0.0], 10), groups)
    assert with_interval(same) == ".25 (no spread among groups)"
    apart = mean(np.arange(40) % 3 / 2, groups)
    assert with_interval(apart).endswith("]")
