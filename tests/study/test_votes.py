"""Answers become votes: what counts, what does not, and that every answer is accounted for."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mixedsignals.api.votes import _write
from mixedsignals.errors import UsageError
from mixedsignals.study.export import KEEPABLE, votes_of
from mixedsignals.study.records import ANSWERS
from mixedsignals.tables import VOTES, conform

BASE = {
    "stimulus_id": "s",
    "clip_id": "c",
    "rater_id": "p",
    "given": "text",
    "occasion": 0,
    "label": "a",
    "confidence": 3.0,
    "seconds": 2.5,
    "position": 4,
    "arm": None,
    "kind": "item",
    "expected": None,
    "excluded": None,
}


def answers(*changes: dict[str, object]) -> pl.DataFrame:
    """Answers that differ from a plain one as said; each to a stimulus of its own."""
    return conform(
        ANSWERS, [{**BASE, "stimulus_id": f"s{at}", **change} for at, change in enumerate(changes)]
    )


MIXED = answers(
    {"clip_id": "c1"},
    {"clip_id": "c2", "given": "audio-lowpass", "arm": "audio-lowpass>audio"},
    {"clip_id": "c2", "given": "audio", "arm": "audio-lowpass>audio", "occasion": 1},
    {"clip_id": "c1", "arm": "repeat", "occasion": 1},
    {"clip_id": "p1", "kind": "practice"},
    {"clip_id": "attention:1", "kind": "attention", "expected": "b", "label": "a"},
    {"clip_id": "c1", "rater_id": "q", "excluded": "answered in his sleep"},
    {"clip_id": "attention:1", "rater_id": "q", "kind": "attention", "expected": "b", "excluded": "asleep"},
)


def test_only_first_exposures_of_people_who_are_not_excluded_are_votes() -> None:
    found = votes_of(MIXED)
    assert found.votes.select("clip_id", "given", "occasion").rows() == [
        ("c1", "text", 0),
        ("c2", "audio-lowpass", 0),
    ]
    assert found.votes.columns == list(VOTES.schema)
    assert found.votes["position"].to_list() == [4, 4]
    assert found.votes["arm"].to_list() == [None, "audio-lowpass>audio"]
    told = {one.reason: (one.answers, one.participants) for one in found.withheld}
    assert told == {
        "excluded": (2, 1),
        "practice": (1, 1),
        "attention": (1, 1),
        "repeats": (1, 1),
        "later": (1, 1),
    }
    assert found.excluded.rows() == [("q", "answered in his sleep", 2)]
    assert found.failed.sort("rater_id").rows() == [("p", 1, 1), ("q", 1, 1)]


def test_repeats_and_later_looks_can_be_kept_and_show_by_their_occasion() -> None:
    found = votes_of(MIXED, keep=KEEPABLE)
    assert found.votes["occasion"].to_list() == [0, 0, 1, 1]
    assert not {"repeats", "later"} & {one.reason for one in found.withheld}
    with pytest.raises(UsageError, match="practice cannot be kept"):
        votes_of(MIXED, keep=["practice"])


def test_no_answers_are_no_votes() -> None:
    found = votes_of(ANSWERS.empty())
    assert found.votes.is_empty()
    assert found.withheld == ()


@given(
    st.lists(
        st.fixed_dictionaries(
            {
                "rater_id": st.sampled_from("pqr"),
                "clip_id": st.sampled_from("abcd"),
                "kind": st.sampled_from(["item", "practice", "attention"]),
                "occasion": st.integers(0, 1),
                "arm": st.sampled_from([None, "repeat", "text>audio"]),
                "excluded": st.sampled_from([None, None, "why"]),
            }
        ),
        max_size=20,
        unique_by=lambda row: (row["rater_id"], row["clip_id"], row["occasion"]),
    )
)
def test_every_answer_is_a_vote_or_withheld_for_one_reason(rows: list[dict[str, object]]) -> None:
    made = answers(*rows) if rows else ANSWERS.empty()
    found = votes_of(made)
    assert found.votes.height + sum(one.answers for one in found.withheld) == made.height


def test_words_of_participants_are_no_formulas(tmp_path: Path) -> None:
    """A spreadsheet would run what begins like a formula; Parquet keeps the words as they are."""
    said = answers(
        *({"clip_id": f"c{at}", "free_text": text} for at, text in enumerate(["=1+1", "@x", "a=b", None]))
    )
    _write(ANSWERS, said, tmp_path / "all.csv")
    _write(ANSWERS, said, tmp_path / "all.parquet")
    assert pl.read_csv(tmp_path / "all.csv")["free_text"].to_list() == ["'=1+1", "'@x", "a=b", None]
    assert pl.read_parquet(tmp_path / "all.parquet")["free_text"].to_list() == ["=1+1", "@x", "a=b", None]
