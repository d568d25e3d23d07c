"""What every test of a finding needs: a diagnosis of a plan, and the rows of one code."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import polars as pl

from mixedsignals.diagnosis import CHECKS, Diagnosis, DiagnosisOptions, Evidence, diagnose
from mixedsignals.testing import Made, make_evidence

Ask = Callable[..., list[dict[str, Any]]]

QUICK = DiagnosisOptions(permutations=199)


def only(evidence: Evidence, *codes: str, options: DiagnosisOptions = QUICK) -> Diagnosis:
    """A diagnosis by the named checks alone."""
    return diagnose(evidence, options=options, checks=[c for c in CHECKS if c.code in codes])


def rows(diagnosis: Diagnosis, **wanted: str) -> list[dict[str, Any]]:
    """Findings whose columns have the wanted values."""
    chosen = diagnosis.findings.filter(*(pl.col(name) == value for name, value in wanted.items()))
    return list(chosen.iter_rows(named=True))


def value(diagnosis: Diagnosis, measure: str, source: str, where: str = "all") -> float:
    """The value of one estimate."""
    found = diagnosis.estimates.filter(
        pl.col("measure") == measure, pl.col("source") == source, pl.col("slice") == where
    )
    assert len(found) == 1, f"{len(found)} rows of {measure} for {source}, {where}"
    return float(found["value"][0])


def asked(
    code: str, *, drop: tuple[str, ...] = (), fusion: str = "fusion", **plan: Any
) -> list[dict[str, Any]]:
    """The findings of one check on evidence made from a plan; `drop` names tables to leave out."""
    made: Made = make_evidence(**plan)
    tables = made.evidence()
    for name in drop:
        tables[name] = None
    if "targets" in drop and tables["clips"] is not None:
        tables["clips"] = tables["clips"].drop("label")
    options = DiagnosisOptions(permutations=199, fusion=fusion)
    return rows(only(Evidence(**tables), code, options=options), code=code)
