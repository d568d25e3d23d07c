"""The built-in checks, one question each; the tuple below is the whole list, in the order of their codes."""

from mixedsignals.diagnosis.check import BuiltIn
from mixedsignals.diagnosis.checks import performance

CHECKS = (
    BuiltIn("MS101", "performance", performance.performance_of_sources),
    BuiltIn("MS102", "source-at-chance", performance.source_at_chance),
    BuiltIn("MS103", "few-groups", performance.few_groups),
    BuiltIn("MS104", "fusion-no-gain", performance.fusion_gain),
)

__all__ = ["CHECKS"]
