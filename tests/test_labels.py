"""Labels and the one spelling of a combination."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mixedsignals.errors import InputError
from mixedsignals.labels import (
    MODALITIES,
    Labels,
    all_combinations,
    combination,
    is_combination,
    parse_combination,
)


def test_codes_count_missing_as_minus_one() -> None:
    assert Labels(("neutral", "empathetic")).codes(["empathetic", None, "neutral"]).tolist() == [1, -1, 0]


def test_an_unknown_label_is_named_with_what_is_legal() -> None:
    with pytest.raises(InputError, match=r"Sad, bad; legal are neutral, empathetic"):
        Labels(("neutral", "empathetic")).codes(["Sad", "neutral", "bad"])


@pytest.mark.parametrize(
    ("names", "kind", "code"),
    [
        ((), "nominal", "too-few-labels"),
        (("a",), "nominal", "too-few-labels"),
        (("a", "a"), "nominal", "repeated-label"),
        (("a", " "), "nominal", "empty-label"),
        (("a", "b"), "interval", "label-kind"),
    ],
)
def test_bad_lists_are_refused(names: tuple[str, ...], kind: str, code: str) -> None:
    with pytest.raises(InputError) as caught:
        Labels(names, kind)  # type: ignore[arg-type]
    assert code in {problem.code for problem in caught.value.problems}


def test_all_faults_of_a_list_at_once() -> None:
    with pytest.raises(InputError) as caught:
        Labels(("a", "a", ""), "odd")  # type: ignore[arg-type]
    assert [problem.code for problem in caught.value.problems] == [
        "repeated-label",
        "empty-label",
        "label-kind",
    ]


@settings(deadline=None)
@given(st.sets(st.sampled_from(MODALITIES), min_size=1))
def test_a_combination_has_one_spelling(chosen: set[str]) -> None:
    spelled = combination(chosen)
    assert is_combination(spelled)
    assert set(parse_combination("+".join(reversed(spelled.split("+"))))) == chosen
    assert combination(parse_combination(spelled)) == spelled


def test_order_of_combinations() -> None:
    assert all_combinations(["video", "text", "audio"]) == [
        "text",
        "audio",
        "video",
        "text+audio",
        "text+video",
        "audio+video",
        "text+audio+video",
    ]
    assert combination(["gaze", "video", "body"]) == "video+body+gaze"


@pytest.mark.parametrize("given_", ["smell", "audio+audio", "", "audio+"])
def test_what_is_not_a_combination(given_: str) -> None:
    with pytest.raises(InputError):
        parse_combination(given_)
    assert not is_combination(given_)


def test_labels_as_typed() -> None:
    assert Labels.parse("low, mid ,high", kind="ordinal") == Labels(("low", "mid", "high"), "ordinal")
