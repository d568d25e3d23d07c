"""What an analysis gives back: rows of `estimates`, and sentences about each part of it."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import polars as pl

from mixedsignals.measures.inference import Estimate
from mixedsignals.tables import ESTIMATES, conform

__all__ = ["PEOPLE", "Note", "Results", "spoken"]

PEOPLE = "people"


@dataclass(frozen=True)
class Note:
    """One sentence about one part (`gain by adding`, `test-retest`, `order`, `mixed model`)."""

    part: str
    text: str


@dataclass
class Results:
    """Estimates and notes as they are found."""

    rows: list[dict[str, object]] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)

    def estimate(
        self, measure: str, found: Estimate, *, where: str = "all", method: str = "", tested: bool = True
    ) -> None:
        """Keep a number of people; one that does not exist is left out, and p where 0 is not what it is tested for."""
        if found.value is None or not math.isfinite(found.value):
            return
        self.rows.append(
            {
                "measure": measure,
                "source": PEOPLE,
                "slice": where,
                "value": found.value,
                "low": found.low,
                "high": found.high,
                "level": found.level,
                "method": "; ".join(part for part in (method or found.method, found.note) if part),
                "n_clips": found.n_clips,
                "n_groups": found.n_groups,
                "p": found.p if tested else None,
            }
        )

    def note(self, part: str, text: str) -> None:
        """Keep a sentence."""
        self.notes.append(Note(part, text))

    def table(self, run_id: str) -> pl.DataFrame:
        """The numbers as an `estimates` table."""
        if not self.rows:
            return ESTIMATES.empty()
        return conform(ESTIMATES, [{"run_id": run_id, **row} for row in self.rows])


def spoken(found: Estimate, *, digits: int = 2, why: bool = True) -> str:
    """Value and interval, `0.12 [0.05, 0.19]`; without them, and unless it is said elsewhere, why."""
    if found.value is None:
        return f"not applicable ({found.note})"
    if found.low is None or found.high is None:
        reason = f" (no interval: {found.note or 'it cannot be given'})" if why else ""
        return f"{found.value:.{digits}f}{reason}"
    trust = "" if found.trusted else ", not to be trusted: fewer than ten groups"
    return f"{found.value:.{digits}f} [{found.low:.{digits}f}, {found.high:.{digits}f}{trust}]"
