"""What a person may be given in a study: text, audio, video, combinations of them, and sound without its words.

`audio-lowpass` is the sound behind a low-pass filter: the voice keeps its melody and loudness and loses its words. It
is a perception of its own in `votes.given`, never `audio`, and stands after the others in a combination.
"""

from __future__ import annotations

from collections.abc import Iterable

from mixedsignals.errors import InputError, Problem
from mixedsignals.labels import PERCEIVED, combination

__all__ = ["includes", "is_condition", "parse_condition", "parts", "sound_of"]

LOWPASS = "audio-lowpass"


def parts(condition: str) -> tuple[str, ...]:
    """The perceptions in a condition, in canonical order."""
    return tuple(condition.split("+"))


def parse_condition(text: str) -> str:
    """The one spelling of a condition as typed: order and spaces do not matter.

    Raises:
        InputError: an unknown or repeated perception, or `audio` together with `audio-lowpass`.
    """
    named = [part.strip() for part in text.split("+")]
    legal = ", ".join(PERCEIVED)
    if any(part not in PERCEIVED for part in named) or len(set(named)) != len(named):
        message = f"{text!r} is not a condition; legal are {legal}, joined by '+'"
        raise InputError(
            Problem("unknown-condition", message, "Write audio or text+audio+video, for example.")
        )
    if {"audio", LOWPASS} <= set(named):
        message = f"{text!r} asks for the sound twice, with its words and without"
        raise InputError(Problem("unknown-condition", message, "Name audio or audio-lowpass, not both."))
    return combination(named)


def is_condition(text: object) -> bool:
    """Whether `text` is the one spelling of a condition."""
    try:
        return isinstance(text, str) and parse_condition(text) == text
    except InputError:
        return False


def sound_of(condition: str) -> str | None:
    """`audio`, `audio-lowpass` or None: which sound is heard."""
    return next((part for part in parts(condition) if part.startswith("audio")), None)


def includes(more: str, less: str) -> bool:
    """Whether `more` gives everything that `less` gives and something besides; `audio` includes `audio-lowpass`.

    >>> includes("text+audio", "text"), includes("audio", "audio-lowpass"), includes("audio", "text")
    (True, True, False)
    """
    wide, narrow = _contents(parts(more)), _contents(parts(less))
    return narrow < wide


def _contents(named: Iterable[str]) -> set[str]:
    found = set(named)
    return found | {LOWPASS} if "audio" in found else found
