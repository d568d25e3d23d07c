"""What in the clip goes with disagreement, and with fusion being misled: pitch, pauses, a raised brow, a hedge.

Each cue is compared between two kinds of clips as a standardised difference with an interval over speakers; p-values
are adjusted by Benjamini-Hochberg over all cues of a question.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy import stats

from mixedsignals.diagnosis.checks.informative import signals_and_targets
from mixedsignals.diagnosis.cuetable import CueTable, centred, cues_of
from mixedsignals.diagnosis.evidence import Case, Floats, Ints
from mixedsignals.diagnosis.results import NotApplicable, Outcome
from mixedsignals.diagnosis.words import count, listed, number, p_value, sentence, with_interval
from mixedsignals.measures.arrays import divided
from mixedsignals.measures.groups import Groups
from mixedsignals.measures.inference import Estimate, Resampling, Totals, estimate
from mixedsignals.measures.significance import benjamini_hochberg

__all__ = ["cues_of_disagreement", "cues_of_misled", "standardised_difference"]

FEWEST_CLIPS = 10
_SHOWN = 6
_SPOKEN = {
    "disagreement": ("clips on which a source parts from fusion", "clips on which all agree"),
    "misled": ("clips on which fusion is misled", "other clips on which it parts from a source"),
}


@dataclass(frozen=True, eq=False)
class _Compared:
    name: str
    unit: str
    found: Estimate
    within_label: Estimate | None
    p: float | None


def cues_of_disagreement(case: Case) -> Outcome:
    """MS901: a tip for cues that differ between clips on which a source parts from fusion and all others."""
    table, fusion = cues_of(case), case.need_fusion()
    voted = np.stack([part.voted for part in case.need_parts()])
    parts_from = ((voted >= 0) & (voted != fusion.voted)).any(0)
    known = fusion.present & (voted >= 0).any(0)
    return _compared(case, table, "disagreement", np.where(known, parts_from, np.nan))


def cues_of_misled(case: Case) -> Outcome:
    """MS902: fires for cues that differ where fusion is misled, among the clips on which it parts from a source."""
    table = cues_of(case)
    _, targets = signals_and_targets(case)
    target = targets["misled"]
    if isinstance(target, str):
        raise NotApplicable(f"Whether fusion is misled is not known: {target}.")
    return _compared(case, table, "misled", target)


def standardised_difference(values: Floats, positive: Floats, groups: Groups) -> Totals:
    """Cohen's d of `values` (n,) between clips with `positive` (n,) 1 and 0: difference of means over the pooled
    standard deviation within both; NaN in either leaves a clip out. Source: Cohen (1988).
    """
    kept = np.isfinite(values) & np.isfinite(positive)
    inside, held, one = groups.take(kept), values[kept], positive[kept]
    other = 1.0 - one
    columns = [one, one * held, one * held**2, other, other * held, other * held**2]

    def apart(t: Floats) -> Floats:
        first, second = divided(t[..., 1], t[..., 0]), divided(t[..., 4], t[..., 3])
        within = t[..., 2] - t[..., 0] * first**2 + t[..., 5] - t[..., 3] * second**2
        spread = np.sqrt(np.maximum(divided(within, t[..., 0] + t[..., 3] - 2.0), 0.0))
        return divided(first - second, spread)

    return Totals(inside.sums(np.stack(columns, axis=1)), apart, inside)


def _compared(case: Case, table: CueTable, question: str, positive: Floats) -> Outcome:
    chosen = [at for at in range(len(table.names)) if _enough(table.values[:, at], positive)]
    first, second = _SPOKEN[question]
    if not chosen:
        raise NotApplicable(
            f"No cue varies and is known on {FEWEST_CLIPS} {first} and on {FEWEST_CLIPS} {second}."
        )
    found = [_one(case, table, at, positive) for at in chosen]
    adjusted = benjamini_hochberg([one.p for one in found])
    outcome = Outcome()
    fusion = case.options.fusion
    for one, p in zip(found, adjusted, strict=True):
        where = f"cue={one.name}"
        outcome.estimate(
            f"cue_difference:{question}", fusion, replace(one.found, p=one.p), slice=where, p_adjusted=p
        )
        if one.within_label is not None:
            outcome.estimate(f"cue_difference_within_label:{question}", fusion, one.within_label, slice=where)
    _say(case, outcome, question, found, adjusted)
    return outcome


def _enough(values: Floats, positive: Floats) -> bool:
    known = np.isfinite(values) & np.isfinite(positive)
    arms = [int((positive[known] == arm).sum()) for arm in (0.0, 1.0)]
    return min(arms) >= FEWEST_CLIPS and float(np.ptp(values[known])) > 0


def _one(case: Case, table: CueTable, at: int, positive: Floats) -> _Compared:
    values = np.where(np.isfinite(positive), table.values[:, at], np.nan)
    speakers = case.unit == "speakers"
    own = centred(values, case.groups.codes) if speakers else values
    found = _estimated(case, own, positive)
    within = None
    if (case.target >= 0).any():
        cells: Ints = case.target + 1
        if speakers:
            cells = case.groups.codes * (len(case.labels) + 1) + cells
        within = _estimated(case, centred(values, cells), positive)
    p = None
    if found.value is not None and found.se:
        p = float(2 * stats.t.sf(abs(found.value) / found.se, max(found.effective_groups - 1, 1.0)))
    return _Compared(table.names[at], table.units[at], found, within, p)


def _estimated(case: Case, values: Floats, positive: Floats) -> Estimate:
    options = Resampling(level=case.options.level)
    made = estimate(standardised_difference(values, positive, case.groups), options=options)
    note = "centred on speakers" if case.unit == "speakers" else "speakers not known"
    return replace(
        made, note="; ".join(filter(None, [made.note, note])) if made.low is not None else made.note
    )


def _say(
    case: Case, outcome: Outcome, question: str, found: list[_Compared], adjusted: list[float | None]
) -> None:
    first, second = _SPOKEN[question]
    measure = f"cue_difference:{question}"
    fired = [
        (one, p) for one, p in zip(found, adjusted, strict=True) if p is not None and p < case.options.alpha
    ]
    if not fired:
        message = f"none of {count(len(found), 'cue')} differs between {first} and {second} after Benjamini-Hochberg"
        outcome.find("passed", sentence(message), source=case.options.fusion, measure=measure)
        return
    fired.sort(key=lambda pair: -abs(pair[0].found.value or 0.0))
    told = [_told(one, p) for one, p in fired[:_SHOWN]]
    more = f"; {len(fired) - _SHOWN} more in the table" if len(fired) > _SHOWN else ""
    message = (
        f"on {first}, against {second}, {listed(told)} ({len(fired)} of {count(len(found), 'cue')} after "
        f"Benjamini-Hochberg{more})"
    )
    outcome.find("tip", sentence(message), source=case.options.fusion, measure=measure)


def _told(one: _Compared, p: float | None) -> str:
    way = "higher" if (one.found.value or 0.0) > 0 else "lower"
    inside = ""
    if one.within_label is not None and one.within_label.value is not None:
        inside = f", within labels {number(one.within_label.value)}"
    return f"{one.name} is {way} (d = {with_interval(one.found)}, {p_value(p)}{inside})"
