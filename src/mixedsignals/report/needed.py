"""Which parts of the saved tables a page is made from: of a million clips the rest is not even loaded."""

from __future__ import annotations

from collections.abc import Mapping

from mixedsignals.report.clips import ORDERS
from mixedsignals.report.sections.dominated import CASE_SCORES
from mixedsignals.report.sections.gate_truth import ATTRIBUTION_SCORES
from mixedsignals.report.sections.maps import MAP_SCORES
from mixedsignals.report.sections.trouble import KINDS

__all__ = ["COLUMNS", "SCORES"]

COLUMNS: Mapping[str, tuple[str, ...]] = {
    "predictions": ("seed", "clip_id", "source", "given", "label", "probability", "calibrated"),
    "votes": ("clip_id", "rater_id", "given", "label", "count"),
    "scores": ("clip_id", "source", "measure", "value"),
    "cues": ("cue", "modality"),
}
"""Columns of the large tables; of the others all."""

SCORES: tuple[str, ...] = (
    *ORDERS,
    "pattern",
    *(f"kind:{kind}" for kind in KINDS),
    *MAP_SCORES,
    *CASE_SCORES,
    *ATTRIBUTION_SCORES,
)
"""Measures of `scores`."""
