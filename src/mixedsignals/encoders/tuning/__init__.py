"""Fine-tunes encoders: the last layers, adapters or all of a backbone learn the labels, fold by fold and seed by seed.

The loop is Hugging Face's `Trainer`; why there and not in the heads: docs/decisions/0010. Needs torch, so it is
imported only where something is tuned.
"""

from mixedsignals.encoders.tuning.grid import Chosen, TunedModality, tune_modalities
from mixedsignals.encoders.tuning.plan import CANDIDATES, TuningPlan, candidates_of
from mixedsignals.encoders.tuning.saving import Tuned, load_tuned
from mixedsignals.encoders.tuning.tuned_encoder import tuned_encoder

__all__ = [
    "CANDIDATES",
    "Chosen",
    "Tuned",
    "TunedModality",
    "TuningPlan",
    "candidates_of",
    "load_tuned",
    "tune_modalities",
    "tuned_encoder",
]
