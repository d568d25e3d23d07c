"""What a study's answers say beyond the diagnosis of their votes: second looks, repeats, order, and a mixed model."""

from mixedsignals.study.analysis.aligned import Judged, align
from mixedsignals.study.analysis.results import Note, Results
from mixedsignals.study.analysis.run import analyse_answers

__all__ = ["Judged", "Note", "Results", "align", "analyse_answers"]
