"""Which extractors there are, by name: the built-in ones, and those that other packages bring."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from importlib.metadata import entry_points

from mixedsignals.cues.egemaps import EGeMAPS
from mixedsignals.cues.prosody import Prosody
from mixedsignals.cues.protocol import Extractor
from mixedsignals.cues.words import Words
from mixedsignals.errors import UsageError

__all__ = ["DEFAULT", "EXTRACTORS", "find_extractors"]

GROUP = "mixedsignals.cues"

DEFAULT = ("prosody", "words")
"""What is measured where nobody says what."""

EXTRACTORS: Mapping[str, Callable[[], Extractor]] = {
    "prosody": Prosody,
    "words": Words,
    "egemaps": EGeMAPS,
}


def find_extractors(names: Iterable[str]) -> list[Extractor]:
    """The extractors of those names, each once.

    Raises:
        UsageError: an unknown name, with those that there are.
        CannotFinish: one needs a package or weights that are not there.
    """
    further = {entry.name: entry for entry in entry_points(group=GROUP)}
    wanted = list(dict.fromkeys(names))
    if unknown := [name for name in wanted if name not in EXTRACTORS and name not in further]:
        legal = ", ".join([*EXTRACTORS, *sorted(further)])
        raise UsageError(f"no cues are called {', '.join(unknown)}; there are {legal}")
    return [EXTRACTORS[name]() if name in EXTRACTORS else further[name].load()() for name in wanted]
