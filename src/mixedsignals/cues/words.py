"""What is said: length, sentiment, hedges, and who is spoken of, from an English transcript.

Sentiment is VADER's (Hutto & Gilbert 2014, MIT licence); the rest counts words of short lists that stand below. A
transcript that does not look English is absent, with that reason, for its counts would mean nothing.
"""

from __future__ import annotations

import functools
import re
from collections import Counter
from collections.abc import Callable, Mapping
from importlib import metadata
from typing import Any

from mixedsignals.cues.catalogue import Cue
from mixedsignals.cues.protocol import Measured
from mixedsignals.sources import Source

__all__ = ["HEDGES", "WORD_CUES", "Words"]

_VERSION = 1

WORD_CUES = tuple(
    Cue(name, "text", unit, meaning)
    for name, unit, meaning in (
        ("word_count", "words", "words of the transcript"),
        ("word_length", "letters", "mean length of a word"),
        ("sentence_length", "words", "mean length of a sentence"),
        ("word_variety", "share", "different words among the first fifty"),
        ("sentiment", "-1 to 1", "VADER's compound sentiment"),
        ("sentiment_positive", "share", "VADER's positive share"),
        ("sentiment_negative", "share", "VADER's negative share"),
        ("sentiment_swing", "0 to 2", "from the most negative sentence to the most positive"),
        ("hedges", "per 100 words", "words that soften: maybe, I think, sort of"),
        ("intensifiers", "per 100 words", "words that strengthen: very, really, so"),
        ("negations", "per 100 words", "not, never, no, n't"),
        ("first_person", "per 100 words", "I, me, my"),
        ("first_person_plural", "per 100 words", "we, us, our"),
        ("second_person", "per 100 words", "you, your"),
        ("third_person", "per 100 words", "he, she, they"),
        ("questions", "share", "sentences that end in a question mark"),
        ("exclamations", "share", "sentences that end in an exclamation mark"),
    )
)

HEDGES = (
    *("maybe", "perhaps", "possibly", "probably", "apparently", "somewhat", "somehow", "roughly", "almost"),
    *(
        "i think",
        "i guess",
        "i suppose",
        "i believe",
        "i feel like",
        "i mean",
        "i'm not sure",
        "i don't know",
    ),
    *("sort of", "kind of", "a bit", "a little", "might", "could be", "may be", "seems", "seem", "seemed"),
    *("likely", "unlikely", "in a way", "more or less", "as it were", "you know", "presumably", "supposedly"),
)
"""Words and phrases that take something back from what is said (after Hyland 2005, *Metadiscourse*, shortened)."""

_INTENSIFIERS = (
    *("very", "really", "so", "too", "extremely", "totally", "completely", "absolutely", "utterly", "quite"),
    *("incredibly", "terribly", "awfully", "deeply", "highly", "truly", "such"),
)
_NEGATIONS = (
    "not",
    "no",
    "never",
    "none",
    "nothing",
    "nobody",
    "neither",
    "nor",
    "nowhere",
    "without",
    "cannot",
)
_PERSONS = {
    "first_person": ("i", "me", "my", "mine", "myself"),
    "first_person_plural": ("we", "us", "our", "ours", "ourselves"),
    "second_person": ("you", "your", "yours", "yourself", "yourselves"),
    "third_person": (
        *("he", "him", "his", "himself", "she", "her", "hers", "herself"),
        *("they", "them", "their", "theirs", "themselves"),
    ),
}
_COMMON_WORDS = (
    "the be to of and a in that have i it for not on with he as you do at this but his by from they we say her she or "
    "an will my one all would there their what so up out if about who get which go me when make can like time no just "
    "him know take into your good some could them see other than then now look only come its over think also back is "
    "are was were been has had did does am don't i'm it's that's very how why where really yes oh well because"
)
_COMMON = frozenset(_COMMON_WORDS.split())
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*", re.UNICODE)
_SENTENCE = re.compile(r"[^.!?…]+[.!?…]*")
_FEWEST_FOR_LANGUAGE, _FEWEST_COMMON = 8, 0.1


class Words:
    """The built-in measures of words."""

    name = "words"
    modality = "text"
    cues = WORD_CUES

    @property
    def card(self) -> Mapping[str, str | int | float]:
        """See `Extractor`."""
        return {"version": _VERSION, "vader": _vader_version() or "none"}

    def measure(self, source: Source) -> Measured:
        """See `Extractor`."""
        text = (source.text or "").replace("’", "'")
        words = [word.lower() for word in _WORD.findall(text)]
        if not words:
            return Measured(absent={"*": "the transcript has no words"})
        if not _is_english(words):
            return Measured(absent={"*": "the transcript does not look English"})
        sentences = [part.strip() for part in _SENTENCE.findall(text) if _WORD.search(part)]
        joined = f" {' '.join(words)} "
        values = {
            "word_count": float(len(words)),
            "word_length": sum(map(len, words)) / len(words),
            "sentence_length": len(words) / len(sentences),
            "word_variety": len(set(words[:50])) / len(words[:50]),
            "hedges": _per_hundred(joined, HEDGES, len(words)),
            "intensifiers": _per_hundred(joined, _INTENSIFIERS, len(words)),
            "negations": _per_hundred(joined, _NEGATIONS, len(words))
            + 100 * sum(word.endswith("n't") for word in words) / len(words),
            "questions": sum(part.endswith("?") for part in sentences) / len(sentences),
            "exclamations": sum(part.endswith("!") for part in sentences) / len(sentences),
        }
        values |= {name: _per_hundred(_apart(joined), those, len(words)) for name, those in _PERSONS.items()}
        feeling, absent = _sentiment(text, sentences)
        return Measured(values | feeling, absent)


def _apart(joined: str) -> str:
    """Contractions as two words: `I'm` speaks of the first person as `I am` does."""
    return re.sub(r"'(?:m|re|ve|ll|d|s) ", " ", joined)


def _per_hundred(joined: str, phrases: tuple[str, ...], count: int) -> float:
    single = Counter(joined.split())
    found = sum(joined.count(f" {phrase} ") if " " in phrase else single[phrase] for phrase in phrases)
    return 100 * found / count


def _is_english(words: list[str]) -> bool:
    """Latin letters; and in eight words or more, one in ten that English cannot do without."""
    latin = sum(word.isascii() for word in words)
    if latin < 0.5 * len(words):
        return False
    return len(words) < _FEWEST_FOR_LANGUAGE or sum(
        word in _COMMON for word in words
    ) >= _FEWEST_COMMON * len(words)


def _sentiment(text: str, sentences: list[str]) -> tuple[dict[str, float], dict[str, str]]:
    scores = _vader()
    names = ("sentiment", "sentiment_positive", "sentiment_negative", "sentiment_swing")
    if scores is None:
        why = "vaderSentiment is not installed (pip install 'mixedsignals[cues]')"
        return {}, dict.fromkeys(names, why)
    whole = scores(text)
    each = [scores(sentence)["compound"] for sentence in sentences]
    numbers = (whole["compound"], whole["pos"], whole["neg"], max(each) - min(each))
    return dict(zip(names, map(float, numbers), strict=True)), {}


@functools.lru_cache(maxsize=1)
def _vader() -> Callable[[str], Mapping[str, Any]] | None:
    try:
        from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer
    except ModuleNotFoundError:
        return None
    scores: Callable[[str], Mapping[str, Any]] = SentimentIntensityAnalyzer().polarity_scores
    return scores


def _vader_version() -> str | None:
    try:
        return metadata.version("vaderSentiment")
    except metadata.PackageNotFoundError:
        return None
