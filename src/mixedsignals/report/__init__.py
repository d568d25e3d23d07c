"""Takes the saved tables of a run (clips, targets, votes, predictions, gates, scores, estimates, findings)
and its manifest.

Gives one folder with `index.html`, which opens offline from a file path; every figure and sentence in it is a
view of a table.
"""

from mixedsignals.report.inputs import Explanation, ReportInput, ReportOptions
from mixedsignals.report.needed import COLUMNS, SCORES
from mixedsignals.report.write import write_report

__all__ = ["COLUMNS", "SCORES", "Explanation", "ReportInput", "ReportOptions", "write_report"]
