"""Calibrated probabilities of every source, each clip by a temperature that never saw its group.

Calibration has its one owner here: models write raw probabilities, and this fills `predictions.calibrated`. A
temperature changes no label, so what it changes of disagreement was a difference of confidence.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl

from mixedsignals.diagnosis.evidence import Case, Floats, Ints, Source
from mixedsignals.measures.calibration import Calibrator, Scaling, cross_fit, fit_calibrator

__all__ = ["Calibration", "calibrate", "calibrated_rows", "calibrators_for_new_clips", "sure", "why_not"]

MOST_FITTED = 20_000
"""Clips that a calibrator is fitted on at most (drawn at random); two parameters need no more."""

FEWEST_PER_LABEL = 20
"""Clips of every label below which vector scaling is not tried."""


@dataclass(frozen=True, eq=False)
class Calibration:
    """One source calibrated: probability (seeds, clips, labels), NaN as in the source, and the mean temperature."""

    probability: Floats
    temperature: float


def why_not(case: Case) -> str | None:
    """Why nothing can be calibrated, or None."""
    if not case.sources:
        return "There are no predictions, so there is nothing to calibrate."
    known = case.target >= 0
    if not known.any():
        return "No clip has a target, so confidence cannot be compared with what is right."
    if len(np.unique(case.target[known])) < 2:
        return "All targets are the same label, so a calibrator would learn nothing."
    if case.groups.take(known).distinct < 2:
        return "All clips with a target are of one group, so calibration cannot be fitted on others."
    return None


def calibrate(case: Case, source: Source, scaling: Scaling = "temperature") -> Calibration | None:
    """The source calibrated out of fold, seed by seed; None where `why_not` gives a reason."""
    if why_not(case) is not None:
        return None
    key = f"calibration:{scaling}:{source.name}/{source.given}"
    return case.once(key, lambda: _calibrated(case, source, scaling))


def sure(case: Case, source: Source) -> Floats:
    """Seed-mean probabilities (clips, labels), calibrated out of fold; the raw ones where that cannot be done.

    The mean is calibrated, not the seeds one by one: a single training that is wildly overconfident on one fold would
    give its seed a temperature that flattens that seed everywhere else.
    """
    if why_not(case) is not None:
        return source.mean
    if len(source.seeds) == 1 and (found := calibrate(case, source)) is not None:
        alone: Floats = found.probability[0]
        return alone
    key = f"sure:{source.name}/{source.given}"
    return case.once(key, lambda: _cross_fitted(case, source.mean, "temperature")[0])


def _calibrated(case: Case, source: Source, scaling: Scaling) -> Calibration:
    made, temperatures = [], []
    for probability in source.probability:
        scaled, calibrators = _cross_fitted(case, probability, scaling)
        made.append(scaled)
        temperatures += [calibrator.temperature for calibrator in calibrators]
    return Calibration(np.stack(made), float(np.mean(temperatures)))


def _cross_fitted(case: Case, probability: Floats, scaling: Scaling) -> tuple[Floats, list[Calibrator]]:
    """Probabilities (clips, labels) calibrated out of fold, and the calibrators of the folds."""
    folds, seed = case.options.calibration_folds, case.options.seed
    return cross_fit(probability, _some(case), case.groups, scaling=scaling, folds=folds, seed=seed)


def _some(case: Case) -> Ints:
    """The targets, hidden but for a random part where there are very many."""
    known = np.flatnonzero(case.target >= 0)
    if len(known) <= MOST_FITTED:
        return case.target
    kept = np.random.default_rng(case.options.seed).choice(known, MOST_FITTED, replace=False)
    taught = np.full_like(case.target, -1)
    taught[kept] = case.target[kept]
    return taught


def calibrated_rows(case: Case) -> pl.DataFrame | None:
    """The predictions of the run with `calibrated` filled; null where nothing could be calibrated."""
    table = case.predictions
    if table is None:
        return None
    values = np.full(len(table), np.nan)
    for source, rows, places in case.rows_of_sources():
        found = calibrate(case, source)
        if found is not None:
            values[rows] = found.probability.reshape(-1)[places]
    column = pl.Series("calibrated", values).fill_nan(None)
    return table.with_columns(column.clip(0.0, 1.0))


def calibrators_for_new_clips(case: Case) -> Mapping[tuple[str, str], Calibrator]:
    """Per source and given one temperature, fitted on the seed-mean of all clips with a target: for new clips only."""
    if why_not(case) is not None:
        return {}
    taught = _some(case)
    return {(s.name, s.given): fit_calibrator(s.mean, taught) for s in case.sources}
