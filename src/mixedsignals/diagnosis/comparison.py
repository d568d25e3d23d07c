"""Members of the fusion family side by side, from their predictions alone: how good each is, on clips where modalities
conflict too, and by how much one is better than another.

A member is a source of the `predictions` table; `NAME~masked` is the same model shown fewer modalities than it was
trained on. Where modalities conflict is decided by the single modalities in the same table, averaged over seeds, so
that it is the same clips for every member and seed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from mixedsignals.diagnosis.evidence import Bools, Case, Evidence, Floats, Ints, Source
from mixedsignals.diagnosis.options import DiagnosisOptions
from mixedsignals.errors import InputError
from mixedsignals.measures.calibration import cross_fit, log_loss
from mixedsignals.measures.coverage import area_statistic
from mixedsignals.measures.crossed import across_seeds
from mixedsignals.measures.groups import Groups
from mixedsignals.measures.inference import Estimate, Resampling, Statistic, difference, mean, ratio
from mixedsignals.measures.performance import performance_statistic
from mixedsignals.measures.reliability import calibration_error, top_label
from mixedsignals.measures.significance import sign_flip
from mixedsignals.tables import ESTIMATES, conform

__all__ = ["Comparison", "compare_sources"]

MASKED = "~masked"


@dataclass(frozen=True)
class Comparison:
    """Members compared.

    Attributes:
        estimates: rows of `estimates`. `macro_f1`, `log_loss`, `calibration_error` and `aurc` of each member over all
            clips, `conflict=yes` and `conflict=no`; `given=X` for fewer modalities; `macro_f1_gain` and `log_loss_gain`
            of `A|B` are how much A is better than B (above 0 is better in both), p by flipping the sign of groups.
        informative: the modalities that beat the labels' shares, by the lower end of the interval.
        conflict: ids of the clips on which those modalities predict different labels.
    """

    estimates: pl.DataFrame
    informative: tuple[str, ...]
    conflict: tuple[str, ...]


def compare_sources(
    evidence: Evidence,
    members: Sequence[str],
    *,
    against: Sequence[str],
    options: DiagnosisOptions | None = None,
) -> Comparison:
    """Compare the sources `members`, each under its fullest input; and every one of `against` with all others.

    Raises:
        InputError: a member without predictions, or no single modality to tell conflict by.
    """
    case = Case(evidence, options or DiagnosisOptions())
    absent = [name for name in (*members, *against) if name not in case.fullest]
    if absent:
        raise InputError(f"There are no predictions of {', '.join(absent)}.")
    singles = [source for source in case.parts if source.name == source.given]
    if not singles:
        raise InputError("There is no source of a single modality, so conflict cannot be told.")
    informative = [source for source in singles if _tells(case, source)]
    parting = _parting(case, informative)
    table = _Table(case)
    for name in members:
        source = case.fullest[name]
        table.describe(source, _slices(case, parting))
        for fewer in case.every_source:
            if fewer.name in (name, f"{name}{MASKED}") and fewer is not source:
                table.describe(fewer, {f"given={fewer.given}": case.target >= 0})
    for first in against:
        for second in members:
            if second != first:
                table.compare(case.fullest[first], case.fullest[second], _slices(case, parting))
    for fewer in _fewer(case, against, informative):
        table.compare(case.fullest[fewer.name], fewer, {f"given={fewer.given}": case.target >= 0})
    return Comparison(
        conform(ESTIMATES, pl.DataFrame(table.rows, schema=ESTIMATES.schema)),
        tuple(source.name for source in informative),
        tuple(case.clip_ids[int(at)] for at in np.flatnonzero(parting)),
    )


def _slices(case: Case, parting: Bools) -> dict[str, Bools]:
    known = case.target >= 0
    return {"all": known, "conflict=yes": known & parting, "conflict=no": known & ~parting}


def _tells(case: Case, source: Source) -> bool:
    """Whether a single modality, calibrated out of fold, beats the labels' shares by an interval above zero."""
    target = np.where(source.present, case.target, -1)
    known = target >= 0
    if not known.any():
        return False
    said = np.nan_to_num(source.mean)
    if case.groups.take(known).distinct > 1:
        said = cross_fit(said, target, case.groups)[0]
    shares = np.bincount(target[known], minlength=len(case.labels)) / int(known.sum())
    chance = log_loss(np.tile(shares, (len(case), 1)), target)
    gain = mean(chance - log_loss(said, target), case.groups)
    return gain.low is not None and gain.low > 0


def _parting(case: Case, singles: Sequence[Source]) -> Bools:
    """Clips on which two single modalities predict different labels."""
    said = np.stack([source.voted for source in singles]) if singles else np.zeros((1, len(case)), np.int64)
    lowest = np.where(said >= 0, said, len(case.labels)).min(axis=0)
    highest = said.max(axis=0)
    found: Bools = (highest >= 0) & (lowest != highest)
    return found


def _fewer(case: Case, names: Sequence[str], informative: Sequence[Source]) -> Iterator[Source]:
    """The sources that were trained on the informative modalities only."""
    wanted = "+".join(source.name for source in informative)
    for source in case.sources:
        if source.name in names and source.given == wanted and case.fullest[source.name] is not source:
            yield source


class _Table:
    """Rows of `estimates`, one slice of one source or pair at a time."""

    def __init__(self, case: Case) -> None:
        self.case, self.rows = case, list[dict[str, Any]]()
        self._options = Resampling(level=case.options.level)

    def describe(self, source: Source, slices: dict[str, Bools]) -> None:
        """Macro-F1, log-loss, calibration error and AURC of one source."""
        for where, kept in slices.items():
            target = np.where(kept & source.complete, self.case.target, -1)
            if not (target >= 0).any():
                continue
            name = source.name.removesuffix(MASKED)
            at = where if not source.name.endswith(MASKED) else f"masked {where}"
            self._add("macro_f1", name, at, self._across(source, target, _f1(self.case), scale="logit"))
            self._add("log_loss", name, at, self._across(source, target, _loss(self.case), scale="log"))
            self._add("calibration_error", name, at, self._calibration(source, target))
            self._add("aurc", name, at, self._across(source, target, _area(self.case), scale="logit"))

    def compare(self, first: Source, second: Source, slices: dict[str, Bools]) -> None:
        """How much the first is better than the second, paired by clip and seed."""
        shared = [seed for seed in first.seeds if seed in second.seeds]
        pair = [
            [source.probability[source.seeds.index(seed)] for source in (first, second)] for seed in shared
        ]
        for where, kept in slices.items():
            target = np.where(kept & first.complete & second.complete, self.case.target, -1)
            if not (target >= 0).any() or not pair:
                continue
            name = f"{first.name}|{second.name}"
            for measure, make, sign in (("macro_f1_gain", _f1, 1), ("log_loss_gain", _loss, -1)):
                statistics = []
                for one, other in pair:
                    ours, theirs = make(self.case)(one, target), make(self.case)(other, target)
                    statistics.append(difference(ours, theirs) if sign > 0 else difference(theirs, ours))
                found = across_seeds(statistics, options=self._options)
                p = self._flipped([_better(a, b, target, measure) for a, b in pair], target)
                self._add(measure, name, where, found.with_p(p))

    def _across(self, source: Source, target: Ints, make: _Maker, **scale: Any) -> Estimate:
        return across_seeds([make(one, target) for one in source.probability], options=self._options, **scale)

    def _calibration(self, source: Source, target: Ints) -> Estimate:
        """All seeds together, counted over groups."""
        seeds, groups = len(source.probability), self.case.groups
        flat = source.probability.reshape(-1, source.probability.shape[-1])
        stated, right = top_label(flat, np.tile(target, seeds))
        tiled = Groups(np.tile(groups.codes, seeds), groups.count)
        return calibration_error(stated, right, tiled, bins=10, options=self._options)

    def _flipped(self, gains: Sequence[Floats], target: Ints) -> float | None:
        known = target >= 0
        sums = self.case.groups.take(known).sums(np.mean(gains, axis=0)[known])
        return sign_flip(sums, seed=self.case.options.seed)

    def _add(self, measure: str, source: str, where: str, found: Estimate) -> None:
        if found.value is None:
            return
        self.rows.append(
            {
                "run_id": self.case.evidence.run_id,
                "measure": measure,
                "source": source,
                "slice": where,
                "value": found.value,
                "low": found.low,
                "high": found.high,
                "level": found.level,
                "method": found.method,
                "n_clips": found.n_clips,
                "n_groups": found.n_groups,
                "p": found.p,
                "p_adjusted": None,
            }
        )


_Maker = Callable[[Floats, Ints], Statistic]


def _f1(case: Case) -> _Maker:
    return lambda p, target: performance_statistic(target, _said(p), case.groups, len(case.labels))


def _loss(case: Case) -> _Maker:
    return lambda p, target: ratio(log_loss(np.nan_to_num(p), target), np.ones(len(case)), case.groups)


def _area(case: Case) -> _Maker:
    def make(p: Floats, target: Ints) -> Statistic:
        stated, right = top_label(np.nan_to_num(p), target)
        return area_statistic(stated, 1.0 - right, case.groups)

    return make


def _said(p: Floats) -> Ints:
    found: Ints = np.where(np.isnan(p[:, 0]), -1, np.nan_to_num(p).argmax(axis=1))
    return found


def _better(one: Floats, other: Floats, target: Ints, measure: str) -> Floats:
    """Per clip, how much better the first is: right less right, or log-loss saved; 0 where there is no target."""
    if measure == "log_loss_gain":
        gain = log_loss(np.nan_to_num(other), target) - log_loss(np.nan_to_num(one), target)
    else:
        gain = (_said(one) == target).astype(np.float64) - (_said(other) == target)
    found: Floats = np.where(target >= 0, np.nan_to_num(gain), 0.0)
    return found
