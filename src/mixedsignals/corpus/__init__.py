"""Takes a corpus folder, or another project's data, with its `clips`, `votes`, `targets` and `splits`.

Gives those tables checked, with a target for every clip that has one and speaker-disjoint `splits`.
"""

from mixedsignals.corpus.check import check_corpus, check_loaded
from mixedsignals.corpus.folder import Corpus, load_lenient, read_corpus
from mixedsignals.corpus.importers import IMPORTERS, Imported, Importer, ImportSummary, import_corpus
from mixedsignals.corpus.splits import complete_splits, make_splits
from mixedsignals.corpus.targets import TIE_RULES, Targets, make_targets
from mixedsignals.features import read_features

__all__ = [
    "IMPORTERS",
    "TIE_RULES",
    "Corpus",
    "ImportSummary",
    "Imported",
    "Importer",
    "Targets",
    "check_corpus",
    "check_loaded",
    "complete_splits",
    "import_corpus",
    "load_lenient",
    "make_splits",
    "make_targets",
    "read_corpus",
    "read_features",
]
