"""Made data of any size with planted effects, for tests of this package and of yours.

`make_evidence(n_clips=200, strength={"text": 0, "audio": 2})` gives all tables and the truth behind them;
`make_predictions`, `make_votes`, `make_targets`, `make_clips` and `make_splits` give one table each;
`make_cues`, `make_dynamics`, `make_probes` and `make_shuffled` give what clips hold, how they were learned, and what
models say when one modality is changed or all are dealt out again;
`make_corpus(folder)` writes a whole corpus folder, with small real media when asked.
"""

from mixedsignals.testing.cues import make_cues, make_dynamics
from mixedsignals.testing.folder import make_corpus
from mixedsignals.testing.plan import Plan, World, build_world
from mixedsignals.testing.probes import make_probes
from mixedsignals.testing.shuffled import make_shuffled
from mixedsignals.testing.tables import (
    Made,
    make_clips,
    make_evidence,
    make_predictions,
    make_splits,
    make_targets,
    make_votes,
)

__all__ = [
    "Made",
    "Plan",
    "World",
    "build_world",
    "make_clips",
    "make_corpus",
    "make_cues",
    "make_dynamics",
    "make_evidence",
    "make_predictions",
    "make_probes",
    "make_shuffled",
    "make_splits",
    "make_targets",
    "make_votes",
]
