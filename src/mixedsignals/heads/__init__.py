"""Takes embeddings with the tables `targets` and `splits`; gives `predictions`, `gates`, `dynamics` and `probes`.
Unimodal heads and fusion are one network on one, two or more modalities, trained by one loop and saved as plain arrays.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from mixedsignals.heads.options import HeadOptions

if TYPE_CHECKING:
    from mixedsignals.heads.asking import Asking
    from mixedsignals.heads.bank import TOKEN, WITHHELD
    from mixedsignals.heads.disturbing import with_noise
    from mixedsignals.heads.fitting import HeadResults, fit_heads
    from mixedsignals.heads.fusion import FUSIONS, Fusion
    from mixedsignals.heads.handlings import HANDLINGS, subset_rows
    from mixedsignals.heads.items import Items
    from mixedsignals.heads.predicting import HeadPredictions, predict_heads
    from mixedsignals.heads.saving import HeadModel, HeadModels, load_heads, save_heads
    from mixedsignals.heads.shuffling import Shuffled, shuffled

__all__ = [
    "FUSIONS",
    "HANDLINGS",
    "TOKEN",
    "WITHHELD",
    "Asking",
    "Fusion",
    "HeadModel",
    "HeadModels",
    "HeadOptions",
    "HeadPredictions",
    "HeadResults",
    "Items",
    "Shuffled",
    "fit_heads",
    "load_heads",
    "predict_heads",
    "save_heads",
    "shuffled",
    "subset_rows",
    "with_noise",
]

_HOMES = {
    "Asking": "asking",
    "FUSIONS": "fusion",
    "Fusion": "fusion",
    "HANDLINGS": "handlings",
    "HeadModel": "saving",
    "HeadModels": "saving",
    "HeadPredictions": "predicting",
    "HeadResults": "fitting",
    "Items": "items",
    "Shuffled": "shuffling",
    "TOKEN": "bank",
    "WITHHELD": "bank",
    "fit_heads": "fitting",
    "load_heads": "saving",
    "predict_heads": "predicting",
    "save_heads": "saving",
    "shuffled": "shuffling",
    "subset_rows": "handlings",
    "with_noise": "disturbing",
}


def __getattr__(name: str) -> Any:
    """Load the part that needs torch only when it is asked for."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        home = import_module(f"{__name__}.{_HOMES[name]}")
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] not in ("torch", "safetensors"):
            raise
        from mixedsignals.errors import CannotFinish

        raise CannotFinish(
            f"training and using heads needs {error.name}. Install it with: pip install 'mixedsignals[train]'"
        ) from error
    return getattr(home, name)
