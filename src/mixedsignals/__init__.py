"""Where text, audio, video and fused models of affect part ways, what that says, and what to do about it.

The verbs (`read`, `encode`, `fit`, `predict`, `probe`, `diagnose`, `report`; `run` for the line) load on first use.
"""

from typing import TYPE_CHECKING, Any

from mixedsignals.errors import CannotFinish, InputError, MixedSignalsError, Problem, UsageError
from mixedsignals.labels import Labels

if TYPE_CHECKING:
    from mixedsignals.api import (
        Predictor,
        ProbeOptions,
        RunOptions,
        check,
        diagnose,
        encode,
        fit,
        import_corpus,
        predict,
        probe,
        read,
        report,
        run,
    )

__version__ = "0.1.0"

_VERBS = (
    "Predictor",
    "ProbeOptions",
    "RunOptions",
    "check",
    "diagnose",
    "encode",
    "fit",
    "import_corpus",
    "predict",
    "probe",
    "read",
    "report",
    "run",
)

__all__ = [
    "CannotFinish",
    "InputError",
    "Labels",
    "MixedSignalsError",
    "Predictor",
    "ProbeOptions",
    "Problem",
    "RunOptions",
    "UsageError",
    "__version__",
    "check",
    "diagnose",
    "encode",
    "fit",
    "import_corpus",
    "predict",
    "probe",
    "read",
    "report",
    "run",
]


def __getattr__(name: str) -> Any:
    if name in _VERBS:
        from mixedsignals import api

        return getattr(api, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
