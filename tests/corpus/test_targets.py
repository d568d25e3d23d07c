"""Where targets come from, and what ties do."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mixedsignals.corpus import TIE_RULES, make_targets
from mixedsignals.errors import InputError, UsageError
from mixedsignals.labels import Labels
from mixedsignals.tables import CLIPS, TARGETS, VOTES, conform

LABELS = Labels(("low", "mid", "high"), "ordinal")


def clips(**labels: str | None) -> pl.DataFrame:
    return conform(CLIPS, {"clip_id": list(labels), "label": pl.Series(labels.values(), dtype=pl.String)})


def votes(*rows: tuple[str, str, str, int]) -> pl.DataFrame:
    names = ("clip_id", "given", "label", "count")
    return conform(VOTES, pl.DataFrame(list(rows), schema=names, orient="row"))


def test_a_table_wins_over_labels_and_labels_over_votes() -> None:
    some, said = clips(a="low", b=None), votes(("a", "audio", "high", 3), ("b", "audio", "mid", 1))
    own = conform(TARGETS, {"clip_id": ["a"], "label": ["mid"], "share": [1.0]})
    assert make_targets(some, said, own, LABELS).labels_by_clip == {"a": "mid"}
    by_label = make_targets(some, said, None, LABELS)
    assert (by_label.source, by_label.labels_by_clip, by_label.missing) == ("label", {"a": "low"}, ("b",))
    by_vote = make_targets(clips(a=None, b=None), said, None, LABELS)
    assert (by_vote.source, by_vote.given, by_vote.labels_by_clip) == (
        "votes",
        "audio",
        {"a": "high", "b": "mid"},
    )
    assert by_vote.table["share"].to_list() == [1.0, 1.0]


def test_only_the_fullest_condition_votes() -> None:
    said = votes(("a", "audio", "low", 9), ("a", "audio+video", "high", 1), ("b", "audio", "low", 9))
    made = make_targets(clips(a=None, b=None), said, None, LABELS)
    assert (made.given, made.labels_by_clip, made.missing) == ("audio+video", {"a": "high"}, ("b",))


def test_of_equally_full_conditions_the_one_with_most_votes() -> None:
    said = votes(("a", "audio", "low", 2), ("a", "video", "high", 3))
    assert make_targets(clips(a=None), said, None, LABELS).given == "video"


@pytest.mark.parametrize(("rule", "label"), [("exclude", None), ("first", "mid"), ("last", "high")])
def test_ties_are_decided_by_name(rule: str, label: str | None) -> None:
    said = votes(
        ("a", "text", "high", 2), ("a", "text", "mid", 2), ("a", "text", "low", 1), ("b", "text", "low", 1)
    )
    made = make_targets(clips(a=None, b=None), said, None, LABELS, tie_rule=rule)
    assert made.labels_by_clip.get("a") == label
    assert made.excluded == (("a",) if label is None else ())
    assert made.tie_rule == rule
    assert made.missing == ()
    assert rule in TIE_RULES
    assert ("1 are left out" in made.sentence) == (label is None)


def test_soft_targets_stay_soft_and_ties_are_broken_by_the_rule() -> None:
    names, shares = ["low", "high", "low", "mid"], [0.3, 0.7, 0.5, 0.5]
    own = conform(TARGETS, {"clip_id": ["a", "a", "b", "b"], "label": names, "share": shares})
    made = make_targets(clips(a=None, b=None), None, own, LABELS)
    assert made.table.rows() == [("a", "high", 0.7), ("a", "low", 0.3)]
    assert made.excluded == ("b",)
    broken = make_targets(clips(a=None, b=None), None, own, LABELS, tie_rule="last")
    assert broken.table.rows() == [("a", "high", 0.7), ("a", "low", 0.3), ("b", "mid", 1.0)]


def test_no_labels_and_no_votes_give_no_targets() -> None:
    made = make_targets(clips(a=None), None, None, LABELS)
    assert (made.table.height, made.missing, made.source) == (0, ("a",), "label")


def test_named_raters_count_one_each_and_zero_counts_nothing() -> None:
    said = conform(
        VOTES,
        {
            "clip_id": ["a", "a", "a", "a"],
            "rater_id": ["r1", "r2", None, None],
            "given": ["text"] * 4,
            "label": ["low", "low", "mid", "high"],
            "count": [None, None, 1, 0],
        },
    )
    assert make_targets(clips(a=None), said, None, LABELS).labels_by_clip == {"a": "low"}


def test_unknown_rule_and_unknown_label() -> None:
    with pytest.raises(UsageError, match="exclude, first, last"):
        make_targets(clips(a="low"), None, None, LABELS, tie_rule="random")
    with pytest.raises(InputError, match="furious"):
        make_targets(clips(a="furious"), None, None, LABELS)


ROWS = st.lists(
    st.tuples(st.sampled_from("abcd"), st.sampled_from(LABELS.names), st.integers(0, 30)), max_size=40
)


@settings(deadline=None, max_examples=60)
@given(ROWS, st.sampled_from(sorted(TIE_RULES)), st.randoms(use_true_random=False))
def test_the_order_of_votes_does_not_matter_and_nobody_is_lost(
    rows: list[tuple[str, str, int]], rule: str, random: object
) -> None:
    said = pl.DataFrame(
        [(clip, f"r{rater}", "audio", label) for clip, label, rater in rows],
        schema=dict.fromkeys(("clip_id", "rater_id", "given", "label"), pl.String),
        orient="row",
    ).unique(maintain_order=True)
    shuffled = said.rows()
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    other = pl.DataFrame(shuffled, schema=said.schema, orient="row")
    there = clips(a=None, b=None, c=None, d=None, e=None)
    made, again = (make_targets(there, conform(VOTES, v), None, LABELS, tie_rule=rule) for v in (said, other))
    assert made.table.equals(again.table)
    assert (made.excluded, made.missing) == (again.excluded, again.missing)
    assert sorted([*made.labels_by_clip, *made.excluded, *made.missing]) == list("abcde")
    counts = {(clip, label): n for clip, label, n in said.group_by("clip_id", "label").len().iter_rows()}
    for clip, label in made.labels_by_clip.items():
        assert counts[clip, label] == max(n for (c, _), n in counts.items() if c == clip)
