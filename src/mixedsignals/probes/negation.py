"""English transcripts negated by rules: a "not" is taken out or put in, sentence by sentence.

The rules are few and careful. Where none fits, "It is not true that" stands before the sentence; another language is
left alone and named. The result reads as English nearly always, and always says something else than the original.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

from mixedsignals.probes.english import (
    AUXILIARIES,
    BASE_VERBS,
    CAPITALISED,
    CONTRACTIONS,
    FRONTED,
    HAVE,
    NEGATIVES,
    PARTICIPLES,
    PLURAL_SUBJECTS,
    REMOVED,
    looks_english,
    other_language,
)

__all__ = ["Negated", "negate", "negate_all"]

How = Literal["removed", "inserted", "wrapped"]

_SENTENCE = re.compile(r"[^.!?…]+[.!?…]*[\"'”’)]*\s*|[.!?…]+\s*")
_TOKEN = re.compile(r"[^\W_]+(?:['’][^\W\d_]+)?")
_WRAP, _NOT = "It is not true that ", "Not "
_FRAGMENT = 2  # words that are seldom a sentence
_SUBJECTS = PLURAL_SUBJECTS | {"he", "she", "it", "this", "that", "there", "these", "those"}


@dataclass(frozen=True)
class Negated:
    """A transcript negated.

    Attributes:
        text: the new words; None where there are none.
        how: per sentence `removed` (a "not" taken out), `inserted` (one put in) or `wrapped` (denied as a whole).
        reason: why there is no text; empty where there is one.
    """

    text: str | None
    how: tuple[How, ...] = ()
    reason: str = ""


@dataclass(frozen=True)
class _Word:
    """A word in its sentence: in small letters with a plain apostrophe, and where it stands."""

    word: str
    begin: int
    end: int


def negate(text: str | None) -> Negated:
    """An English transcript with every sentence negated.

    A text that bears no sign of any language counts as English. Of a sentence with several verbs the first that a rule
    knows is negated.

    Args:
        text: the words; None or blank has none.

    >>> negate("Kids are talking by the door.").text
    'Kids are not talking by the door.'
    >>> negate("I don't know. The drive took hours.").text
    'I do know. It is not true that the drive took hours.'
    >>> negate("Ich bin nicht dort.").reason
    'the transcript seems to be German, and only English can be negated'
    """
    if text is None or not text.strip():
        return Negated(None, reason="no transcript")
    if (language := other_language(text)) is not None:
        return Negated(None, reason=f"the transcript seems to be {language}, and only English can be negated")
    if _TOKEN.search(text) is None:
        return Negated(None, reason="the transcript has no words")
    made = [_sentence(part) for part in _SENTENCE.findall(text)]
    return Negated("".join(words for words, _ in made), tuple(how for _, how in made if how is not None))


def negate_all(texts: Iterable[str | None], *, among: Iterable[str | None] | None = None) -> list[Negated]:
    """`negate` on transcripts of one corpus: in one that is not English nothing is taken for English by default.

    Args:
        texts: those to negate.
        among: transcripts by which the language of the corpus is judged; None takes `texts`.
    """
    given = list(texts)
    told = [text for text in (given if among is None else among) if text and text.strip()]
    foreign = sum(other_language(text) is not None for text in told)
    english = sum(looks_english(text) for text in told)
    if foreign <= english:
        return [negate(text) for text in given]
    reason = "the transcripts of this corpus do not seem to be English, and only English can be negated"
    return [
        negate(text)
        if text and looks_english(text)
        else Negated(None, reason=reason if text else "no transcript")
        for text in given
    ]


def _sentence(text: str) -> tuple[str, How | None]:
    words = [
        _Word(found[0].lower().replace("’", "'"), found.start(), found.end())
        for found in _TOKEN.finditer(text)
    ]
    if not words:
        return text, None
    for rule, how in _RULES:
        changed = rule(text, words)
        if changed is not None and changed != text:
            return changed, how
    return _denied(text, words), "wrapped"


def _without_not(text: str, words: list[_Word]) -> str | None:
    """A plain or contracted "not" taken out."""
    for place, one in enumerate(words):
        if one.word in REMOVED:
            kept = REMOVED[one.word]
            kept = kept.capitalize() if text[one.begin].isupper() else kept
            return text[: one.begin] + kept + text[one.end :]
        if one.word == "not" and len(words) > 1:
            before = text[: one.begin] if place == 0 else text[: one.begin].rstrip() + " "
            kept = before + text[one.end :].lstrip()
            return kept[0].upper() + kept[1:] if text[one.begin].isupper() else kept
    return None


def _negative_otherwise(text: str, words: list[_Word]) -> str | None:
    """ "never", "nobody" and their like cannot be taken out: the whole is denied."""
    return _denied(text, words) if any(one.word in NEGATIVES for one in words) else None


def _question(text: str, words: list[_Word]) -> str | None:
    """An auxiliary that comes first asks: "Are you well?" becomes "Aren't you well?"."""
    first = words[0]
    if first.word not in FRONTED or len(words) < 2 or (first.word == "do" and words[1].word not in _SUBJECTS):
        return None
    negative = FRONTED[first.word]
    negative = negative.capitalize() if text[first.begin].isupper() else negative
    return text[: first.begin] + negative + text[first.end :]


def _after_auxiliary(text: str, words: list[_Word]) -> str | None:
    """ "not" after the first auxiliary, or after a pronoun that follows it ("what are you not doing")."""
    for one, following in zip(words, [*words[1:], None], strict=True):
        auxiliary = one.word in AUXILIARIES or one.word in CONTRACTIONS
        if one.word in HAVE:
            auxiliary = _is_participle(following)
        if not auxiliary:
            continue
        inverted = one is not words[0] and following is not None and following.word in PLURAL_SUBJECTS
        after = following if inverted and following is not None else one
        space = "" if after.word == "can" else " "
        return text[: after.end] + space + "not" + text[after.end :]
    return None


def _is_participle(one: _Word | None) -> bool:
    """Whether "have" before this word is an auxiliary."""
    return one is not None and (one.word in PARTICIPLES or one.word.endswith("ed"))


def _with_do(text: str, words: list[_Word]) -> str | None:
    """ "do not" before a plain verb: of I, you, we and they at the beginning, or first in an order."""
    place = 1 if words[0].word == "please" and len(words) > 1 else 0
    first, following = words[place], next(iter(words[place + 1 :]), None)
    if following is None:
        return _ordered(text, first) if first.word in BASE_VERBS else None
    perfect = following.word == "have" and _is_participle(next(iter(words[place + 2 :]), None))
    if first.word in PLURAL_SUBJECTS and following.word in BASE_VERBS and not perfect:
        return text[: following.begin] + "do not " + text[following.begin :]
    noun = following.word in AUXILIARIES | HAVE or following.word == "does"  # "Work is hard"
    return _ordered(text, first) if first.word in BASE_VERBS and not noun else None


def _ordered(text: str, verb: _Word) -> str:
    shown = text[verb.begin : verb.end]
    if not shown[0].isupper():
        return text[: verb.begin] + "do not " + text[verb.begin :]
    return text[: verb.begin] + "Do not " + shown[0].lower() + shown[1:] + text[verb.end :]


def _denied(text: str, words: list[_Word]) -> str:
    """ "Not" before one or two words, "It is not true that" before more."""
    first = words[0]
    shown, lead = text[first.begin : first.end], _NOT if len(words) <= _FRAGMENT else _WRAP
    # A name keeps its capital, and so does I; what is all capitals stays so.
    if not shown.isupper() and (lead is _NOT or first.word.split("'")[0] in CAPITALISED):
        shown = shown[0].lower() + shown[1:]
    return text[: first.begin] + lead + shown + text[first.end :]


_RULES: tuple[tuple[Callable[[str, list[_Word]], str | None], How], ...] = (
    (_without_not, "removed"),
    (_negative_otherwise, "wrapped"),
    (_question, "inserted"),
    (_with_do, "inserted"),
    (_after_auxiliary, "inserted"),
)
