"""Composes the rooms: the only place that knows more than one of them.

Six verbs do the work: `read` a corpus, `encode` its clips, `fit` heads out of fold, `predict` new clips, `diagnose` and
`report`; `run` does all of it, and resumes. Each works on folders as the command line does, and gives back the tables.
"""

from mixedsignals.api.comparing import compare
from mixedsignals.api.conflicts import ConflictsMade, write_conflicts
from mixedsignals.api.corpora import (
    check,
    fetch_weights,
    import_corpus,
    playhouse,
    read,
    weights_status,
)
from mixedsignals.api.cueing import cues
from mixedsignals.api.curricula import curriculum
from mixedsignals.api.diagnosing import diagnose, diagnose_corpus, diagnose_run
from mixedsignals.api.encoding import encode
from mixedsignals.api.exporting import export_fiftyone, export_label_studio
from mixedsignals.api.fitting import fit
from mixedsignals.api.judged import follow_splices
from mixedsignals.api.media_options import MediaOptions
from mixedsignals.api.predicting import Predictor, predict
from mixedsignals.api.probing import probe
from mixedsignals.api.reporting import report
from mixedsignals.api.running import repeat, run
from mixedsignals.api.serving import close_study, invite_people, serve_study, study_status
from mixedsignals.api.studying import StudyMade, create_study
from mixedsignals.api.votes import analyse_study, export_study
from mixedsignals.manifest import RunOptions
from mixedsignals.probe_options import ProbeOptions

__all__ = [
    "ConflictsMade",
    "MediaOptions",
    "Predictor",
    "ProbeOptions",
    "RunOptions",
    "StudyMade",
    "analyse_study",
    "check",
    "close_study",
    "compare",
    "create_study",
    "cues",
    "curriculum",
    "diagnose",
    "diagnose_corpus",
    "diagnose_run",
    "encode",
    "export_fiftyone",
    "export_label_studio",
    "export_study",
    "fetch_weights",
    "fit",
    "follow_splices",
    "import_corpus",
    "invite_people",
    "playhouse",
    "predict",
    "probe",
    "read",
    "repeat",
    "report",
    "run",
    "serve_study",
    "study_status",
    "weights_status",
    "write_conflicts",
]
