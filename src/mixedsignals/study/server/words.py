"""The page's own words, from one file per language; a `strings.toml` in the study's folder overrides any of them."""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from string import Formatter
from typing import Any

from mixedsignals.errors import InputError, Problem
from mixedsignals.store import read_toml

__all__ = ["Words", "languages", "read_words"]

_FOLDER = resources.files("mixedsignals.study.server") / "words"
OVERRIDE = "strings.toml"


class Words:
    """Sentences by name: `words("progress", done=3, of=20)`."""

    def __init__(self, language: str, sentences: dict[str, str]) -> None:
        self.language, self._sentences = language, sentences

    def __call__(self, name: str, **values: Any) -> str:
        """The sentence with its values filled in."""
        text = self._sentences[name]
        return text.format(**values) if values else text

    def __contains__(self, name: str) -> bool:
        return name in self._sentences


def languages() -> list[str]:
    """Languages that come with the package."""
    return sorted(
        entry.name.removesuffix(".toml") for entry in _FOLDER.iterdir() if entry.name.endswith(".toml")
    )


def read_words(language: str, study: Path) -> Words:
    """The words of a language, with those of the study's own `strings.toml` in their place.

    A study in a language that does not come with the package translates what it needs there.

    Raises:
        InputError: the study's file has entries that are unknown, are no text, or lack or invent a `{value}`.
    """
    known = languages()
    chosen = language if language in known else "en"
    sentences: dict[str, Any] = read_toml(Path(str(_FOLDER / f"{chosen}.toml")), remedy="Install again.")
    own = study / OVERRIDE
    if own.is_file():
        given = read_toml(own, remedy="Mend the file.")
        if problems := [fault for name, text in given.items() if (fault := _fault(name, text, sentences))]:
            raise InputError(problems)
        sentences |= given
    return Words(language, sentences)


def _fault(name: str, text: object, sentences: dict[str, str]) -> Problem | None:
    if name not in sentences:
        return Problem("unknown-string", f"{name} is not a known entry", "Remove it.", file=OVERRIDE)
    if not isinstance(text, str):
        return Problem("illegal-string", f"{name} is no text", "Put it in quotes.", file=OVERRIDE)
    try:
        came, wanted = _values(text), _values(sentences[name])
    except ValueError as error:
        return Problem("illegal-string", f"{name} has a stray brace ({error})", "Mend it.", file=OVERRIDE)
    if came != wanted:
        legal = ", ".join(sorted(f"{{{value}}}" for value in wanted)) or "no values"
        return Problem("illegal-string", f"{name} must have {legal}", "Put them in.", file=OVERRIDE)
    return None


def _values(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name is not None}
