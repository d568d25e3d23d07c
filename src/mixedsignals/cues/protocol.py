"""What an extractor is: something with a card that measures cues of one modality in one clip.

Further extractors come from installed packages through the entry-point group `mixedsignals.cues`: each entry is a
class that is made without arguments.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from mixedsignals.cues.catalogue import Cue
from mixedsignals.sources import Source

__all__ = ["Absence", "Extractor", "Measured"]


@dataclass(frozen=True)
class Measured:
    """What was measured in one clip.

    Attributes:
        values: finite numbers by name of the cue.
        absent: why cues have no value, by name of the cue; `*` stands for all of the extractor's.
    """

    values: Mapping[str, float] = field(default_factory=dict)
    absent: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Absence:
    """A cue that a clip lacks (`*`: all of an extractor), with the modality and the reason."""

    clip_id: str
    extractor: str
    modality: str
    cue: str
    reason: str


class Extractor(Protocol):
    """Measures cues of one modality."""

    @property
    def name(self) -> str:
        """A short word, such as `prosody`."""

    @property
    def modality(self) -> str:
        """`audio`, `video` or `text`: what it looks at."""

    @property
    def cues(self) -> Sequence[Cue]:
        """What it measures."""

    @property
    def card(self) -> Mapping[str, str | int | float]:
        """Everything that can change a value: version, options, digests of models. Equal cards give equal values."""

    def measure(self, source: Source) -> Measured:
        """The cues of one clip; called from several threads.

        Raises:
            InputError: media that cannot be read.
        """
