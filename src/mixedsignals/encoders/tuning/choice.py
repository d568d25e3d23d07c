"""The best epoch by the tuning clips, and when to stop: what is noted after every epoch.

The rule is that of the heads: highest accuracy, then lowest loss, then the first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

__all__ = ["TunedEpoch", "best_of", "out_of_patience"]


@dataclass(frozen=True)
class TunedEpoch:
    """What one epoch came to.

    Attributes:
        epoch: from 0.
        step: optimiser's steps so far.
        train_loss: mean over the steps of this epoch (nats).
        tune_loss, tune_accuracy, tune_macro_f1: on the tuning clips after the epoch.
    """

    epoch: int
    step: int
    train_loss: float
    tune_loss: float
    tune_accuracy: float
    tune_macro_f1: float

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


def best_of(history: Sequence[TunedEpoch]) -> int:
    """Position of the best epoch."""
    return min(range(len(history)), key=lambda at: (-history[at].tune_accuracy, history[at].tune_loss, at))


def out_of_patience(history: Sequence[TunedEpoch], patience: int | None) -> bool:
    """Whether so many epochs have passed without a better one."""
    return patience is not None and len(history) - 1 - best_of(history) >= patience
