"""What a check gives back: scores per clip, estimates with intervals, and findings in full sentences.

A check collects them in an `Outcome`; a check that cannot be made raises `NotApplicable` with the reason, which
becomes a finding of its own. Numbers that are not finite never get into a table: a score without a value is left
out, and so is an estimate; the end of an interval becomes null.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import numpy.typing as npt
import polars as pl
import polars.selectors as cs

from mixedsignals.diagnosis.cautions import caution
from mixedsignals.diagnosis.words import said_once
from mixedsignals.measures.inference import Estimate
from mixedsignals.tables import ESTIMATES, FINDINGS, SCORES

_ROWS = 100_000
"""Scores in a piece of the table."""

__all__ = ["EstimateRow", "Finding", "NotApplicable", "Outcome", "Severity", "Status"]

Status = Literal["issue", "tip", "passed", "not_applicable"]
Severity = Literal["none", "low", "medium", "high"]


class NotApplicable(Exception):
    """This check cannot be made on this evidence; the message is a sentence for people that says why."""


@dataclass(frozen=True, kw_only=True)
class EstimateRow:
    """One number about a source, with its interval and what it rests on: a row of `estimates`, less the run.

    value is in the unit of its measure; low and high bound it at `level`; `method` names how; n_clips and n_groups
    count what is behind it; p and p_adjusted belong to a test where there is one.
    """

    measure: str
    source: str
    slice: str = "all"
    value: float | None = None
    low: float | None = None
    high: float | None = None
    level: float | None = None
    method: str = "none"
    n_clips: int = 0
    n_groups: int = 0
    p: float | None = None
    p_adjusted: float | None = None


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One sentence about the corpus or a clip (a row of `findings`, less code and run)."""

    status: Status
    message: str
    source: str = "all"
    slice: str = "all"
    severity: Severity = "none"
    clip_id: str | None = None
    measure: str | None = None


@dataclass
class Outcome:
    """What one check found: lists of estimates and findings, and score frames (clip_id, source, measure, value)."""

    estimates: list[EstimateRow] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    scores: list[pl.DataFrame] = field(default_factory=list)

    def estimate(
        self,
        measure: str,
        source: str,
        found: Estimate,
        *,
        slice: str = "all",  # noqa: A002 - the column's name
        p_adjusted: float | None = None,
    ) -> None:
        """Add an estimate as the measures give it; one without a value leaves no row."""
        if found.value is None:
            return
        self.estimates.append(
            EstimateRow(
                measure=measure,
                source=source,
                slice=slice,
                value=found.value,
                low=found.low,
                high=found.high,
                level=found.level if found.low is not None else None,
                method=_method(found, caution(measure, slice, found)),
                n_clips=found.n_clips,
                n_groups=found.n_groups,
                p=found.p,
                p_adjusted=p_adjusted,
            )
        )

    def value(
        self,
        measure: str,
        source: str,
        value: float | None,
        *,
        slice: str = "all",  # noqa: A002 - the column's name
        method: str = "none",
        n_clips: int = 0,
        n_groups: int = 0,
        p: float | None = None,
    ) -> None:
        """Add a number without an interval, such as the chance that an estimate must beat."""
        self.estimates.append(
            EstimateRow(
                measure=measure,
                source=source,
                slice=slice,
                value=value,
                method=method,
                n_clips=n_clips,
                n_groups=n_groups,
                p=p,
            )
        )

    def fault(self, name: str, source: str, concerned: int, whole: int) -> None:
        """Add the share of what was looked at (clips, or votes) that a fault of the data concerns, as `fault_rate`."""
        share = concerned / whole if whole else None
        self.value("fault_rate", source, share, slice=f"fault={name}", method="count", n_clips=whole)

    def score(self, clip_ids: pl.Series, source: str, measure: str, values: npt.ArrayLike) -> None:
        """Add one value per clip; clips whose value is not finite are left out."""
        numbers = np.asarray(values, dtype=np.float64)
        finite = np.isfinite(numbers)
        if not finite.all():
            kept = np.flatnonzero(finite)
            clip_ids, numbers = clip_ids.gather(kept), numbers[kept]
        frame = pl.DataFrame({"clip_id": clip_ids, "value": numbers})
        named = frame.with_columns(pl.lit(source).alias("source"), pl.lit(measure).alias("measure"))
        self.scores.append(named.select("clip_id", "source", "measure", "value"))

    def find(
        self,
        status: Status,
        message: str,
        *,
        source: str = "all",
        slice: str = "all",  # noqa: A002 - the column's name
        severity: Severity | None = None,
        measure: str | None = None,
        clip_id: str | None = None,
    ) -> None:
        """Add a finding; without a severity an issue is `medium`, a tip `low`, the rest `none`."""
        default: dict[Status, Severity] = {"issue": "medium", "tip": "low"}
        self.findings.append(
            Finding(
                status=status,
                message=said_once(message),
                source=source,
                slice=slice,
                severity=severity or default.get(status, "none"),
                measure=measure,
                clip_id=clip_id,
            )
        )


def _method(found: Estimate, against: str) -> str:
    """The method, and what a reader must know: too few groups, what is held against it, the measure's own note."""
    few = found.low is not None and not found.trusted
    doubts = [f"not to be trusted: {found.effective_groups:.1f} effective groups"] if few else []
    return "; ".join(filter(None, [found.method, *doubts, against, found.note]))


def estimates_frame(run_id: str, estimates: Sequence[EstimateRow]) -> pl.DataFrame:
    """The `estimates` table of a run; ends that are not finite become null, an estimate without a value is left out."""
    names = [name for name in ESTIMATES.schema if name != "run_id"]
    columns = {name: [getattr(e, name) for e in estimates] for name in names}
    frame = pl.DataFrame(columns, schema={n: ESTIMATES.schema[n] for n in names}, strict=False)
    floats = cs.float()
    finite = frame.with_columns(pl.when(floats.is_finite()).then(floats)).filter(
        pl.col("value").is_not_null()
    )
    return finite.with_columns(pl.lit(run_id).alias("run_id")).select(list(ESTIMATES.schema))


def findings_frame(run_id: str, code: str, findings: Sequence[Finding]) -> pl.DataFrame:
    """The `findings` rows of one check."""
    names = [name for name in FINDINGS.schema if name not in ("run_id", "code")]
    columns = {name: [getattr(f, name) for f in findings] for name in names}
    frame = pl.DataFrame(columns, schema={n: FINDINGS.schema[n] for n in names})
    keyed = frame.with_columns(pl.lit(run_id).alias("run_id"), pl.lit(code).alias("code"))
    return keyed.select(list(FINDINGS.schema))


def scores_frame(run_id: str, scores: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """The `scores` table of a run."""
    constant: dict[str, pl.Series] = {}

    def same(value: str, rows: int) -> pl.Series:
        if value not in constant:
            constant[value] = pl.Series([value]).new_from_index(0, _ROWS)
        return constant[value].head(rows)

    parts = [SCORES.empty()]
    for frame in scores:
        # Slices of a table of constants lie in memory once, however many scores there are.
        for part in frame.iter_slices(_ROWS):
            named = {name: same(part[name][0], len(part)) for name in ("source", "measure")}
            parts.append(
                part.with_columns(run_id=same(run_id, len(part)), **named).select(list(SCORES.schema))
            )
    return pl.concat(parts, rechunk=False)
