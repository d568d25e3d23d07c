"""Takes predictions, votes, clips, targets, splits, gates, cues and dynamics, whichever there are.

Gives predictions with calibrated probabilities, scores, estimates and findings.
"""

from mixedsignals.diagnosis.calibrating import sure
from mixedsignals.diagnosis.check import BuiltIn, Check
from mixedsignals.diagnosis.checks import CHECKS
from mixedsignals.diagnosis.evidence import Case, Evidence, Source
from mixedsignals.diagnosis.explain import explanations
from mixedsignals.diagnosis.options import DiagnosisOptions
from mixedsignals.diagnosis.results import EstimateRow, Finding, NotApplicable, Outcome
from mixedsignals.diagnosis.run import Diagnosis, diagnose

__all__ = [
    "CHECKS",
    "BuiltIn",
    "Case",
    "Check",
    "Diagnosis",
    "DiagnosisOptions",
    "EstimateRow",
    "Evidence",
    "Finding",
    "NotApplicable",
    "Outcome",
    "Source",
    "diagnose",
    "explanations",
    "sure",
]
