"""Words: counts that can be counted by hand, sentiment beside VADER itself, and text that is not English."""

from __future__ import annotations

import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mixedsignals.cues import words as module
from mixedsignals.cues.words import WORD_CUES, Words
from mixedsignals.sources import Source


def measure(text: str) -> dict[str, float]:
    return dict(Words().measure(Source(text=text)).values)


def test_counts_are_those_of_a_reader() -> None:
    found = measure("Maybe I'm wrong, you know. I don't think so! Do you?")
    assert found["word_count"] == 11
    assert found["sentence_length"] == pytest.approx(11 / 3)
    assert found["questions"] == found["exclamations"] == pytest.approx(1 / 3)
    assert found["first_person"] == pytest.approx(200 / 11)
    assert found["second_person"] == pytest.approx(200 / 11)
    assert found["negations"] == pytest.approx(100 / 11)
    assert found["hedges"] == pytest.approx(200 / 11), "maybe, you know"


def test_a_contraction_speaks_of_the_same_person_as_its_long_form() -> None:
    for short, long in [("You're late.", "You are late."), ("We'll see it.", "We will see it.")]:
        for name in ("second_person", "first_person_plural"):
            assert (measure(short)[name] > 0) == (measure(long)[name] > 0)


def test_sentiment_is_vaders() -> None:
    vader = pytest.importorskip("vaderSentiment.vaderSentiment").SentimentIntensityAnalyzer()
    text = "I love this. But the end was terrible!"
    found = measure(text)
    assert found["sentiment"] == vader.polarity_scores(text)["compound"]
    assert found["sentiment_swing"] == pytest.approx(
        vader.polarity_scores("I love this.")["compound"]
        - vader.polarity_scores("But the end was terrible!")["compound"]
    )


def test_without_vader_sentiment_is_absent_and_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_vader", lambda: None)
    found = Words().measure(Source(text="I love this."))
    assert "sentiment" not in found.values
    assert "mixedsignals[cues]" in found.absent["sentiment"]
    assert found.values["word_count"] == 3


@pytest.mark.parametrize(
    "text",
    [
        "Ich weiß wirklich nicht, was du von mir willst, mein Freund.",
        "Je ne sais vraiment pas ce que tu veux de moi aujourd'hui.",
        "我不知道你想要什么",
        "Я не знаю, чего ты хочешь от меня",
    ],
)
def test_what_is_not_english_is_absent_with_that_reason(text: str) -> None:
    assert Words().measure(Source(text=text)).absent == {"*": "the transcript does not look English"}


def test_a_transcript_without_words_is_absent() -> None:
    assert Words().measure(Source(text="... 123 !?")).absent == {"*": "the transcript has no words"}


@settings(deadline=None)
@given(st.lists(st.text(string.ascii_lowercase, min_size=1, max_size=8), min_size=1, max_size=3))
def test_repeating_a_text_changes_no_share(said: list[str]) -> None:
    once = measure(" ".join(said) + ".")
    doubled = measure(" ".join(said) + ". " + " ".join(said) + ".")
    for name in ("word_length", "questions", "first_person", "second_person", "third_person"):
        assert doubled[name] == pytest.approx(once[name])
    assert doubled["word_count"] == 2 * once["word_count"]
    assert {cue.name for cue in WORD_CUES} >= set(doubled)
