"""Which extractors there are, by name: the built-in ones, and those that other packages bring."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from importlib.metadata import entry_points
from pathlib import Path

from mixedsignals.cues.egemaps import EGeMAPS
from mixedsignals.cues.face import Face
from mixedsignals.cues.prosody import Prosody
from mixedsignals.cues.protocol import Extractor
from mixedsignals.cues.pyfeat import PyFeat
from mixedsignals.cues.words import Words
from mixedsignals.errors import CannotFinish, UsageError

__all__ = ["DEFAULT", "EXTRACTORS", "find_extractors"]

GROUP = "mixedsignals.cues"

DEFAULT = ("prosody", "words")
"""What is measured where nobody says what."""

EXTRACTORS: Mapping[str, Callable[[], Extractor]] = {
    "prosody": Prosody,
    "words": Words,
    "egemaps": EGeMAPS,
    "pyfeat": PyFeat,
}
"""Those that need nothing but their package; `face` also needs the file of its models."""


def find_extractors(names: Iterable[str], *, face_models: Path | None = None) -> list[Extractor]:
    """The extractors of those names, each once.

    Args:
        names: of `EXTRACTORS`, `face`, or under the entry-point group `mixedsignals.cues`.
        face_models: MediaPipe's `face_landmarker.task`, for `face`.

    Raises:
        UsageError: an unknown name, with those that there are.
        CannotFinish: one needs a package or weights that are not there.
    """
    further = {entry.name: entry for entry in entry_points(group=GROUP)}
    legal = [*EXTRACTORS, "face", *sorted(further)]
    wanted = list(dict.fromkeys(names))
    if unknown := [name for name in wanted if name not in legal]:
        raise UsageError(f"no cues are called {', '.join(unknown)}; there are {', '.join(legal)}")
    made: list[Extractor] = []
    for name in wanted:
        if name == "face":
            if face_models is None:
                raise CannotFinish(
                    "Faces need the file of their models: `mixedsignals weights fetch face-landmarker`."
                )
            made.append(Face(face_models))
        else:
            made.append(EXTRACTORS[name]() if name in EXTRACTORS else further[name].load()())
    return made
