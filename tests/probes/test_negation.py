"""Negated transcripts read as English, always say something else, and other languages are left alone."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mixedsignals import api
from mixedsignals.probes import negate, negate_all


@pytest.mark.parametrize(
    ("text", "negated"),
    [
        ("Kids are talking by the door.", "Kids are not talking by the door."),
        ("It's eleven o'clock.", "It's not eleven o'clock."),
        ("It’s late", "It’s not late"),
        ("I think I have an appointment.", "I do not think I have an appointment."),
        ("Don't forget a jacket.", "Do forget a jacket."),
        ("I can't come.", "I can come."),
        ("We will not come. You're right.", "We will come. You're not right."),
        ("Are you well?", "Aren't you well?"),
        ("What are you doing?", "What are you not doing?"),
        ("They have gone.", "They have not gone."),
        ("Sundays can drag.", "Sundays cannot drag."),
        ("Send it by Wednesday!", "Do not send it by Wednesday!"),
        ("Please wait.", "Please do not wait."),
        ("Work is hard", "Work is not hard"),
        ("The drive took hours.", "It is not true that the drive took hours."),
        ("Nobody came back.", "It is not true that nobody came back."),
        ("I walked", "Not I walked"),
        ("Great!", "Not great!"),
        ("not bad at all", "bad at all"),
        ("NOT", "Not NOT"),
    ],
)
def test_sentences(text: str, negated: str) -> None:
    assert negate(text).text == negated


def test_what_was_done_is_said_sentence_by_sentence() -> None:
    made = negate("I am here. You are not. The drive took hours.")
    assert made.how == ("inserted", "removed", "wrapped")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (None, "no transcript"),
        ("  ", "no transcript"),
        ("…!", "no words"),
        ("Ich weiß nicht, ob das so ist.", "German"),
        ("Je ne sais pas ce que c'est", "French"),
        ("我不知道这是什么", "another script"),
    ],
)
def test_what_cannot_be_negated_says_why(text: str | None, reason: str) -> None:
    made = negate(text)
    assert made.text is None
    assert reason in made.reason


def test_in_a_corpus_that_is_not_english_nothing_is_taken_for_english() -> None:
    german = ["Ich bin hier.", "Das ist nicht gut.", "Super!", None, "You are right, it is late."]
    made = negate_all(german)
    assert [one.text for one in made] == [None, None, None, None, "You are not right, it is late."]
    assert "of this corpus" in made[2].reason
    assert negate_all(["It is late.", "Super!"])[1].text == "Not super!"


@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=60))
@settings(deadline=None, max_examples=150)
def test_any_text_is_changed_or_left_out_with_a_reason(text: str) -> None:
    made = negate(text)
    if made.text is None:
        assert made.reason
    else:
        assert made.text.strip()
        assert made.text != text


def test_every_transcript_of_playhouse_is_negated() -> None:
    words = pl.read_csv(api.playhouse() / "clips.csv")["transcript"].drop_nulls().to_list()
    made = negate_all(words)
    assert all(one.text and one.text != text for one, text in zip(made, words, strict=True))
    plain = sum(set(one.how) <= {"inserted", "removed"} for one in made)
    assert plain > len(words) / 2  # most need no "It is not true that"
