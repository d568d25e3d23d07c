"""The tables of `docs/cues.md`, from what the extractors declare; the words between them are written by hand."""

from __future__ import annotations

import re
from pathlib import Path

from mixedsignals.cues.catalogue import Cue
from mixedsignals.cues.face import FACE_CUES
from mixedsignals.cues.prosody import PROSODY_CUES
from mixedsignals.cues.words import WORD_CUES

__all__ = ["cues_page"]

PAGE = Path(__file__).parents[1] / "cues.md"
TABLES = {"prosody": PROSODY_CUES, "face": FACE_CUES, "words": WORD_CUES}


def cues_page() -> str:
    """The page with its tables as the code declares them now."""
    page = PAGE.read_text(encoding="utf-8")
    for name, cues in TABLES.items():
        # A table stands right below its mark, and ends at the first empty line.
        page = re.sub(rf"(<!-- {name} -->\n)(?:\|.*\n)*", lambda m, c=cues: m[1] + _table(c), page)
    return page


def _table(cues: tuple[Cue, ...]) -> str:
    rows = [f"| `{cue.name}` | {cue.unit} | {cue.meaning} |" for cue in cues]
    return "\n".join(["| cue | unit | what it is |", "|---|---|---|", *rows]) + "\n"
