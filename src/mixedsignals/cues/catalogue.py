"""What a cue is: its name, where it is heard or seen, its unit, and what it means; and the list of all that are known.

Each extractor declares its own; docs and reports are made from these declarations.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Cue", "known_cues"]


@dataclass(frozen=True)
class Cue:
    """One measurable thing.

    Attributes:
        name: unique, in the column `cue`.
        modality: `audio`, `video` or `text`.
        unit: of its values.
        meaning: one phrase.
    """

    name: str
    modality: str
    unit: str
    meaning: str


def known_cues() -> dict[str, Cue]:
    """Every cue of the built-in extractors whose names are fixed, by name, in the order of the extractors.

    Those of openSMILE, py-feat and of files are named by their makers.
    """
    from mixedsignals.cues.face import FACE_CUES
    from mixedsignals.cues.prosody import PROSODY_CUES
    from mixedsignals.cues.words import WORD_CUES

    return {cue.name: cue for cue in (*PROSODY_CUES, *FACE_CUES, *WORD_CUES)}
