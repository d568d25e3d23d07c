"""On which speakers, labels and other columns fusion errs, or the sources part, more than elsewhere.

Every value of every column is held against the rest of the clips; p-values are adjusted for all of them together by
Benjamini-Hochberg, so that a list of many slices does not find something by itself.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import polars as pl
from scipy import stats

from mixedsignals.diagnosis.checks.performance import at_chance
from mixedsignals.diagnosis.evidence import Bools, Case, Floats, Source
from mixedsignals.diagnosis.results import NotApplicable, Outcome
from mixedsignals.diagnosis.statistics import mean_difference, mean_where
from mixedsignals.diagnosis.words import count, listed, number, p_value, with_interval
from mixedsignals.measures.inference import SIGNED, Estimate, Resampling, estimate
from mixedsignals.measures.significance import benjamini_hochberg
from mixedsignals.tables import CLIPS

__all__ = ["FEWEST_CLIPS", "Slice", "columns_to_cut_by", "judged", "pieces", "slices"]

FEWEST_CLIPS = 10
MOST_VALUES = 100
"""Distinct values beyond which a column is not cut into slices."""

_OWN = set(CLIPS.schema) - {"speaker_id", "label"}


@dataclass(frozen=True, eq=False)
class Slice:
    """One value of one column: its clips (clips,), the mean there, how far it is from the rest, and the p of that."""

    name: str
    rows: Bools
    within: Estimate
    gap: Estimate
    p: float | None


def slices(case: Case) -> Outcome:
    """MS702: fires for a slice on which fusion errs, or a part leaves fusion, more than elsewhere."""
    fusion = case.need_fusion()
    columns = columns_to_cut_by(case)
    if not columns:
        raise NotApplicable(
            "No column of the clips has between two and a hundred values, so there is no slice."
        )
    outcome = Outcome()
    known = (case.target >= 0) & fusion.present
    measures: dict[str, Floats] = {}
    if known.any():
        measures["error_rate"] = np.where(known, fusion.voted != case.target, np.nan)
    if parts := _telling(case):
        voted = np.stack([part.voted for part in parts])
        parts_from = ((voted >= 0) & (voted != fusion.voted)).any(0)
        measures["any_disagreement"] = np.where(fusion.present & (voted >= 0).any(0), parts_from, np.nan)
    for measure, values in measures.items():
        _one_measure(case, outcome, measure, values, columns)
    return outcome


def _telling(case: Case) -> list[Source]:
    """The parts that can be told from chance, or all of them where none can: a coin leaves fusion on every slice."""
    idle = [part.name for part in at_chance(case)]
    return [part for part in case.parts if part.name not in idle] or list(case.parts)


def _one_measure(
    case: Case, outcome: Outcome, measure: str, values: Floats, columns: dict[str, pl.Series]
) -> None:
    found = [judged(case, values, name, rows) for name, rows in pieces(columns, np.isfinite(values))]
    what = "fusion errs" if measure == "error_rate" else "a source parts from fusion"
    if not found:
        message = f"No slice has {FEWEST_CLIPS} clips on which to say how often {what}."
        outcome.find("not_applicable", message, source=case.options.fusion, slice=f"measure={measure}")
        return
    adjusted = benjamini_hochberg([one.p for one in found])
    fired = []
    for one, p in zip(found, adjusted, strict=True):
        outcome.estimate(
            measure, case.options.fusion, replace(one.within, p=one.p), slice=one.name, p_adjusted=p
        )
        above = one.gap.value is not None and one.gap.value > 0
        if p is not None and p < case.options.alpha and above:
            fired.append((one, p))
    everywhere = float(np.nanmean(values))
    for one, p in fired:
        message = (
            f"On {one.name}, {what} on {with_interval(one.within)} of {count(one.within.n_clips, 'clip')}, "
            f"{number(one.gap.value)} more than elsewhere ({p_value(p)} after Benjamini-Hochberg over "
            f"{len(found)} slices)."
        )
        outcome.find(
            "issue", message, source=case.options.fusion, slice=_where(measure, one.name), measure=measure
        )
    if not fired:
        message = (
            f"On none of {count(len(found), 'slice')} ({listed(sorted(columns))}) {what} more than elsewhere "
            f"({number(everywhere)} of all clips)."
        )
        outcome.find(
            "passed", message, source=case.options.fusion, slice=f"measure={measure}", measure=measure
        )


def _where(measure: str, name: str) -> str:
    return name if measure == "error_rate" else f"{name}, {measure}"


def columns_to_cut_by(case: Case) -> dict[str, pl.Series]:
    """Columns to cut by, aligned to the case: speaker, target, and whatever else clips have that is not unique."""
    found: dict[str, pl.Series] = {}
    clips = case.evidence.clips
    if clips is not None:
        aligned = pl.DataFrame({"clip_id": case.clip_ids}).join(
            clips, on="clip_id", how="left", maintain_order="left"
        )
        for name in aligned.columns:
            column = aligned[name]
            if name in _OWN or name == "label" or column.dtype.is_float() or column.dtype.is_nested():
                continue
            if 2 <= column.drop_nulls().n_unique() <= MOST_VALUES:
                found[name] = column.cast(pl.String)
    if (case.target >= 0).any():
        names = pl.Series([*case.labels.names, None], dtype=pl.String)
        found["label"] = names.gather(np.where(case.target >= 0, case.target, len(case.labels)))
    return found


def pieces(columns: dict[str, pl.Series], known: Bools) -> list[tuple[str, Bools]]:
    found = []
    for name, column in columns.items():
        for value in column.drop_nulls().unique().sort():
            rows = (column == value).fill_null(value=False).to_numpy() & known
            if FEWEST_CLIPS <= rows.sum() <= known.sum() - FEWEST_CLIPS:
                found.append((f"{name}={value}", rows))
    return found


def judged(case: Case, values: Floats, name: str, rows: Bools) -> Slice:
    """The mean within and its difference from the rest, with a test over groups, or over clips within one group."""
    options = Resampling(level=case.options.level)
    rest = ~rows & np.isfinite(values)
    within = estimate(mean_where(values, rows, case.groups), scale="logit", options=options)
    gap = estimate(mean_difference(values, rows, rest, case.groups), limits=SIGNED, options=options)
    inside = case.groups.take(rows).distinct
    if inside >= 2 and gap.se:
        freedom = max(gap.effective_groups - 1, 1.0)
        p = float(2 * stats.t.sf(abs(gap.value or 0.0) / gap.se, freedom))
        return Slice(name, rows, within, gap, p)
    return Slice(name, rows, within, gap, _of_one_group(case, values, rows))


def _of_one_group(case: Case, values: Floats, rows: Bools) -> float | None:
    """How far one group (a speaker) lies from the others, by the spread among groups; None with fewer than five.

    Groups that are all alike by luck still vary as much as their clips do.
    """
    finite = np.isfinite(values)
    inside = case.groups.take(finite)
    sums, sizes = inside.sums(values[finite]), inside.sizes
    own = case.groups.codes[np.flatnonzero(rows)[0]]
    others = (sizes >= FEWEST_CLIPS) & (np.arange(len(sizes)) != own)
    if others.sum() < 4:
        return None
    means = sums[others] / sizes[others]
    share = (float(sums.sum()) + 0.5) / (float(sizes.sum()) + 1.0)
    least = np.sqrt(max(share * (1 - share), 0.0) / sizes[own])
    spread = max(means.std(ddof=1), least) * np.sqrt(1 + 1 / others.sum())
    t = (sums[own] / sizes[own] - means.mean()) / spread
    return float(2 * stats.t.sf(abs(t), others.sum() - 1))
