"""Where text, audio, video and fused models of affect part ways, what that says, and what to do about it."""

from mixedsignals.errors import CannotFinish, InputError, MixedSignalsError, Problem, UsageError
from mixedsignals.labels import Labels

__version__ = "0.1.0"

__all__ = [
    "CannotFinish",
    "InputError",
    "Labels",
    "MixedSignalsError",
    "Problem",
    "UsageError",
    "__version__",
]
