"""What a report is made from: the saved tables, the manifest and a handful of limits.

Nothing is computed anew from models here; a table that is None or empty makes its section say so, or leaves
it out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from mixedsignals.errors import InputError, Problem
from mixedsignals.labels import Labels

__all__ = ["Explanation", "ReportInput", "ReportOptions"]


@dataclass(frozen=True)
class Explanation:
    """The page of a finding code, as plain words: what it means and when not to believe it.

    Attributes:
        title: a short name in words.
        text: paragraphs separated by an empty line; no markup is interpreted except `code` in backticks.
    """

    title: str
    text: str


@dataclass(frozen=True)
class ReportInput:
    """The saved tables of one run, as they are declared in `tables`, and what the page says about their
    origin.

    Attributes:
        labels: the ordered label names.
        answer: the sentences at the top, ready to be read; usually five.
        clips, predictions, scores, estimates, findings: tables; an empty frame or None where a run has none.
        targets, votes, gates, splits, cues: the same.
        manifest: `run.toml` as nested mappings; shown in full and searched for corpus name, encoders and
            versions.
        media_root: folder that `clips.media`, `audio` and `video` are relative to; None where there are no
            media.
        tables: the run's folder of tables, linked from the page where it exists; None leaves the links out.
        explanations: finding code to its page.
        title: name of the corpus or run, the heading of the page.
        fusion: name of the fused source.
    """

    labels: Labels
    answer: Sequence[str] = ()
    clips: pl.DataFrame | None = None
    predictions: pl.DataFrame | None = None
    scores: pl.DataFrame | None = None
    estimates: pl.DataFrame | None = None
    findings: pl.DataFrame | None = None
    targets: pl.DataFrame | None = None
    votes: pl.DataFrame | None = None
    gates: pl.DataFrame | None = None
    splits: pl.DataFrame | None = None
    cues: pl.DataFrame | None = None
    manifest: Mapping[str, Any] = field(default_factory=dict)
    media_root: Path | None = None
    tables: Path | None = None
    explanations: Mapping[str, Explanation] = field(default_factory=dict)
    title: str = "this corpus"
    fusion: str = "fusion"


@dataclass(frozen=True)
class ReportOptions:
    """How much one page carries; what is left out is counted on the page.

    Attributes:
        listed: clips in the clip list, the most telling first.
        media_clips: how many of them get their media copied or transcoded (`media="copy"`).
        points: dots drawn in each confidence plot; a fixed random choice above that.
        height: height in pixels of transcoded video.

    Raises:
        InputError: a limit below one.
    """

    listed: int = 1_500
    media_clips: int = 240
    points: int = 1_500
    height: int = 360

    def __post_init__(self) -> None:
        limits = {name: getattr(self, name) for name in ("listed", "points", "height")}
        low = [f"{name} is {value}" for name, value in limits.items() if value < 1]
        if self.media_clips < 0:
            low.append(f"media_clips is {self.media_clips}")
        if low:
            message = (
                f"a report needs limits of one or more (media_clips: zero or more), and {', '.join(low)}"
            )
            raise InputError(Problem(code="report-limit", message=message, remedy="Raise the limit."))
