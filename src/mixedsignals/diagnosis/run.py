"""Runs the checks over a case and gathers their tables.

A check that is not applicable leaves one finding that says why; the others are not held up by it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import polars as pl
from threadpoolctl import threadpool_limits

from mixedsignals.diagnosis.calibrating import calibrated_rows, calibrators_for_new_clips
from mixedsignals.diagnosis.check import Check, further_checks
from mixedsignals.diagnosis.evidence import Case, Evidence
from mixedsignals.diagnosis.options import DiagnosisOptions
from mixedsignals.diagnosis.results import (
    Finding,
    NotApplicable,
    Outcome,
    estimates_frame,
    findings_frame,
    scores_frame,
)
from mixedsignals.measures.calibration import Calibrator
from mixedsignals.progress import SILENT, Progress
from mixedsignals.tables import FINDINGS

__all__ = ["Diagnosis", "diagnose"]


@dataclass(frozen=True)
class Diagnosis:
    """The tables that a diagnosis gives: predictions (with `calibrated` filled), scores, estimates, findings.

    predictions is None where the evidence had none. calibrators holds, per source and given, the temperature to use
    on the seed-mean probability of new clips; the clips of this run got theirs from other groups only.
    """

    predictions: pl.DataFrame | None
    scores: pl.DataFrame
    estimates: pl.DataFrame
    findings: pl.DataFrame
    calibrators: Mapping[tuple[str, str], Calibrator] = field(default_factory=dict)


def diagnose(
    evidence: Evidence,
    *,
    options: DiagnosisOptions | None = None,
    checks: Sequence[Check] | None = None,
    progress: Progress = SILENT,
) -> Diagnosis:
    """Make every check on the evidence.

    Args:
        evidence: the tables, checked at the door.
        options: see `DiagnosisOptions`.
        checks: instead of the built-in and installed ones.
        progress: told of each check as it is made.

    Raises:
        InputError: when the tables do not fit together (labels outside the list, another run's predictions).
    """
    # Its products are many and small: threads of linear algebra would cost more than they bring.
    with threadpool_limits(1, user_api="blas"):
        return _diagnosis(Case(evidence, options or DiagnosisOptions()), checks, progress)


def _diagnosis(case: Case, checks: Sequence[Check] | None, progress: Progress) -> Diagnosis:
    chosen = [c for c in _all(checks) if c.code not in case.options.skip]
    outcomes: list[tuple[Check, Outcome]] = []
    with progress.task("Diagnosing", len(chosen)) as task:
        for check in chosen:
            outcomes.append((check, _made(check, case)))
            task.advance()
    run_id = case.evidence.run_id
    return Diagnosis(
        predictions=calibrated_rows(case),
        scores=scores_frame(run_id, [s for _, o in outcomes for s in o.scores]),
        estimates=estimates_frame(run_id, [e for _, o in outcomes for e in o.estimates]),
        findings=pl.concat(
            [FINDINGS.empty(), *(findings_frame(run_id, c.code, o.findings) for c, o in outcomes)]
        ),
        calibrators=calibrators_for_new_clips(case),
    )


def _all(checks: Sequence[Check] | None) -> Sequence[Check]:
    if checks is not None:
        return checks
    from mixedsignals.diagnosis.checks import CHECKS

    return (*CHECKS, *further_checks(c.code for c in CHECKS))


def _made(check: Check, case: Case) -> Outcome:
    try:
        return check.run(case)
    except NotApplicable as reason:
        return Outcome(findings=[Finding(status="not_applicable", message=str(reason))])
