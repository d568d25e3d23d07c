"""On which labels and other values of a column a modality carries more, or less, than elsewhere."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy import stats

from mixedsignals.diagnosis.attribution import Attribution
from mixedsignals.diagnosis.checks.slices import columns_to_cut_by, pieces
from mixedsignals.diagnosis.evidence import Bools, Case, Floats
from mixedsignals.diagnosis.results import Outcome
from mixedsignals.diagnosis.statistics import mean_difference, mean_where
from mixedsignals.diagnosis.words import count, number, p_value, sentence, with_interval
from mixedsignals.measures.inference import Estimate, Resampling, estimate
from mixedsignals.measures.significance import benjamini_hochberg

__all__ = ["slices_of_attribution"]

_SHOWN = 6
LEAST = 0.1
"""Nats by which a slice must differ to be told of: one tenth moves a probability of one half by .025."""


@dataclass(frozen=True, eq=False)
class _Piece:
    modality: str
    name: str
    within: Estimate
    gap: Estimate


def slices_of_attribution(case: Case, outcome: Outcome, one: Attribution) -> None:
    """Add `shapley_predicted:M` of every slice, and a tip for those in which it differs most from elsewhere."""
    cut = pieces(columns_to_cut_by(case), one.present)
    found = [
        _judged(case, one.shapley_predicted[at].mean(axis=0), modality, name, rows)
        for at, modality in enumerate(one.modalities)
        for name, rows in cut
    ]
    adjusted = benjamini_hochberg([piece.gap.p for piece in found])
    fired = []
    for piece, p in zip(found, adjusted, strict=True):
        measure = f"shapley_predicted:{piece.modality}"
        within = replace(piece.within, p=piece.gap.p)
        outcome.estimate(measure, one.name, within, slice=piece.name, p_adjusted=p)
        if p is not None and p < case.options.alpha and abs(piece.gap.value or 0.0) >= LEAST:
            fired.append((piece, p))
    fired.sort(key=lambda pair: -abs(pair[0].gap.value or 0.0))
    for piece, p in fired[:_SHOWN]:
        outcome.find(
            "tip",
            _told(piece, p, len(found)),
            source=one.name,
            slice=f"{piece.name}, {piece.modality}",
            measure=f"shapley_predicted:{piece.modality}",
        )


def _told(piece: _Piece, p: float, tests: int) -> str:
    apart = piece.gap.value or 0.0
    return sentence(
        f"on {piece.name}, {piece.modality} carries {'more' if apart > 0 else 'less'} than elsewhere: "
        f"{with_interval(piece.within)} nats on {count(piece.within.n_clips, 'clip')}, {number(abs(apart))} "
        f"{'more' if apart > 0 else 'less'} ({p_value(p)} after Benjamini-Hochberg over {tests} slices)"
    )


def _judged(case: Case, values: Floats, modality: str, name: str, rows: Bools) -> _Piece:
    """The mean within and its difference from the rest; a slice of one group alone (a speaker) is not tested."""
    options = Resampling(level=case.options.level)
    rest = ~rows & np.isfinite(values)
    within = estimate(mean_where(values, rows, case.groups), options=options)
    gap = estimate(mean_difference(values, rows, rest, case.groups), options=options)
    if case.groups.take(rows).distinct < 2 or not gap.se:
        return _Piece(modality, name, within, gap)
    freedom = max(gap.effective_groups - 1, 1.0)
    p = float(2 * stats.t.sf(abs(gap.value or 0.0) / gap.se, freedom))
    return _Piece(modality, name, within, gap.with_p(p))
