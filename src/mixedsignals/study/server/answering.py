"""Reads the form of an answer: only what the study asks is taken, and everything that it asks must be there."""

from __future__ import annotations

from pydantic import BaseModel, Field

from mixedsignals.study.conditions import parts
from mixedsignals.study.settings import StudySettings
from mixedsignals.study.store.handing import Answer, Exposure

__all__ = ["Given", "read_answer"]

_WORDS = 2000


class Given(BaseModel):
    """The fields of an answer as they come from a browser; numbers are text until they are checked."""

    shown: str = Field(max_length=500)
    label: str = Field("", max_length=200)
    scale: str = Field("", max_length=3)
    confidence: str = Field("", max_length=3)
    free_text: str = Field("", max_length=10_000)
    reason_text: str = Field("", max_length=200)
    reason_audio: str = Field("", max_length=200)
    reason_video: str = Field("", max_length=200)


def read_answer(settings: StudySettings, shown: Exposure, given: Given) -> tuple[Answer, tuple[str, ...]]:
    """What a form says.

    Args:
        settings: what is asked.
        shown: what it is about.
        given: the form.

    Returns:
        The answer, and the names of questions without a legal answer (`label`, `scale`, `confidence`).
    """
    check = shown.trial.kind == "attention"
    label = given.label if given.label in settings.labels else None
    scale = _point(given.scale, settings.scale)
    confidence = _point(given.confidence, 5) if settings.confidence and not check else None
    # A check that asks for a label does not ask the rest, and one on the scale not for a label.
    needed = {
        "label": bool(settings.labels) and label is None,
        "scale": settings.scale > 0 and scale is None and not (check and settings.labels),
        "confidence": settings.confidence and not check and confidence is None,
    }
    answer = Answer(
        label=label,
        scale=scale,
        confidence=confidence,
        free_text=_plain(given.free_text) if settings.free_text else None,
        reasons=_reasons(settings, shown, given) if settings.reasons and not check else None,
    )
    return answer, tuple(name for name, lacking in needed.items() if lacking)


def _point(text: str, highest: int) -> int | None:
    """A whole number from 1 to `highest`; None for anything else."""
    return int(text) if text.isascii() and text.isdigit() and 1 <= int(text) <= highest else None


def _plain(text: str) -> str | None:
    """Words without control characters, cut at a generous length; None where nothing is left."""
    kept = "".join(letter for letter in text if letter.isprintable() or letter == "\n").strip()
    return kept[:_WORDS] or None


def _reasons(settings: StudySettings, shown: Exposure, given: Given) -> dict[str, str]:
    """Modality -> the answer that it pointed to, for modalities that were given."""
    said = {
        "text": given.reason_text,
        "audio": given.reason_audio,
        "audio-lowpass": given.reason_audio,
        "video": given.reason_video,
    }
    return {part: said[part] for part in parts(shown.condition) if said[part] in settings.answers.names}
