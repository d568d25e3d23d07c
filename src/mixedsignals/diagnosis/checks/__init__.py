"""The built-in checks, one question each; the tuple below is the whole list, in the order of their codes."""

from mixedsignals.diagnosis.check import BuiltIn
from mixedsignals.diagnosis.checks import (
    agreement,
    calibration,
    disagreement,
    faults,
    joins,
    people,
    performance,
    seeds,
    signals,
)

CHECKS = (
    BuiltIn("MS001", "rows-that-do-not-join", joins.rows_that_do_not_join),
    BuiltIn("MS002", "missing-seeds", joins.missing_seeds),
    BuiltIn("MS003", "training-clips", joins.training_clips),
    BuiltIn("MS004", "duplicated-clips", joins.duplicated_clips),
    BuiltIn("MS005", "misaligned-source", faults.misaligned_source),
    BuiltIn("MS006", "source-ignores-input", faults.source_ignores_input),
    BuiltIn("MS007", "label-of-one-rater", faults.label_of_one_rater),
    BuiltIn("MS008", "targets-against-votes", faults.targets_against_votes),
    BuiltIn("MS101", "performance", performance.performance_of_sources),
    BuiltIn("MS102", "source-at-chance", performance.source_at_chance),
    BuiltIn("MS103", "few-groups", performance.few_groups),
    BuiltIn("MS104", "fusion-no-gain", performance.fusion_gain),
    BuiltIn("MS201", "disagreement-with-fusion", disagreement.disagreement_with_fusion),
    BuiltIn("MS202", "disagreement-of-pairs", disagreement.pairs_of_sources),
    BuiltIn("MS203", "patterns", disagreement.patterns),
    BuiltIn("MS204", "misled-and-rescued", disagreement.misled_and_rescued),
    BuiltIn("MS205", "soft-disagreement", signals.signals),
    BuiltIn("MS301", "calibration", calibration.calibration_of_sources),
    BuiltIn("MS302", "disagreement-after-calibration", calibration.disagreement_after_calibration),
    BuiltIn("MS303", "beyond-seeds", seeds.beyond_seeds),
    BuiltIn("MS401", "uncertainty-of-people", people.uncertainty_of_people),
    BuiltIn("MS402", "uncertainty-by-agreement", people.uncertainty_by_agreement),
    BuiltIn("MS403", "agreement-of-people", agreement.agreement_of_people),
    BuiltIn("MS404", "noise-ceiling", agreement.ceiling_of_people),
    BuiltIn("MS405", "careless-raters", agreement.raters_of_people),
)

__all__ = ["CHECKS"]
