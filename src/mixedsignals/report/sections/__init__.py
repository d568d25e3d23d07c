"""The sections of a report, in reading order: each takes `Views` and gives a `Section`, or None where it has
nothing to say.

A new part of the page is one more function in `SECTIONS`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from mixedsignals.report.inputs import ReportOptions
from mixedsignals.report.page import Section
from mixedsignals.report.sections.against_votes import against_votes
from mixedsignals.report.sections.attribution import attribution
from mixedsignals.report.sections.calibration import calibration
from mixedsignals.report.sections.confidence import confidence
from mixedsignals.report.sections.cues import cues
from mixedsignals.report.sections.disagreement import disagreement
from mixedsignals.report.sections.dominated import dominated
from mixedsignals.report.sections.everything import everything
from mixedsignals.report.sections.faults import faults
from mixedsignals.report.sections.findings import findings
from mixedsignals.report.sections.followed import followed
from mixedsignals.report.sections.gates import gates
from mixedsignals.report.sections.humans import humans
from mixedsignals.report.sections.informative import informative
from mixedsignals.report.sections.maps import maps
from mixedsignals.report.sections.outcomes import outcomes
from mixedsignals.report.sections.people import people
from mixedsignals.report.sections.performance import performance
from mixedsignals.report.sections.trouble import trouble
from mixedsignals.report.views import Views

__all__ = ["AFTER_CLIPS", "SECTIONS", "build_sections"]

Builder = Callable[[Views, ReportOptions], Section | None]

SECTIONS: tuple[Builder, ...] = (
    lambda views, _: performance(views),
    lambda views, _: disagreement(views),
    lambda views, _: outcomes(views),
    lambda views, options: confidence(views, options.points),
    lambda views, _: people(views),
    lambda views, _: humans(views),
    lambda views, _: against_votes(views),
    lambda views, _: informative(views),
    lambda views, _: calibration(views),
    lambda views, options: attribution(views, options.points),
    lambda views, _: gates(views),
    lambda views, _: followed(views),
    lambda views, _: dominated(views),
    lambda views, _: cues(views),
    lambda views, options: maps(views, options.points),
    lambda views, _: faults(views),
    lambda views, _: findings(views),
    lambda views, _: trouble(views),
)
"""Before the clips."""

AFTER_CLIPS: tuple[Builder, ...] = (lambda views, _: everything(views),)
"""After the clips."""


def build_sections(builders: Sequence[Builder], views: Views, options: ReportOptions) -> list[Section]:
    """The sections that have something to show."""
    return [section for build in builders if (section := build(views, options)) is not None]
