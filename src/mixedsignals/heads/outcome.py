"""What comes out of training a head, and how its best epoch is chosen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from mixedsignals.heads.data import Positions, Standardiser
from mixedsignals.heads.grid import HeadId

__all__ = ["Choice", "Epoch", "Followed", "OutOfFold", "TrainedHead"]

Numbers = npt.NDArray[np.float64]
Arrays = Mapping[str, npt.NDArray[np.floating]]


@dataclass(frozen=True)
class Epoch:
    """What one epoch of one head came to.

    Attributes:
        train_loss: mean over the steps (nats).
        tune_loss, tune_accuracy: cross-entropy (nats) and accuracy on the tuning clips after the epoch.
    """

    train_loss: float
    tune_loss: float
    tune_accuracy: float


@dataclass(frozen=True)
class Followed:
    """How the training clips of a group stand after an epoch.

    Attributes:
        p_target: probability of the target (soft: of what the target expects), float64 (heads, rows).
        right: whether the target was the most probable label, (heads, rows).
    """

    p_target: Numbers
    right: npt.NDArray[np.bool_]


@dataclass(frozen=True)
class OutOfFold:
    """What a head says about the test clips of its fold.

    Attributes:
        clips: positions (n,).
        probabilities: float64 (n, labels), rows summing to 1.
        gates, weights: float64 (n, modalities); 0 and without meaning where a clip lacks the modality.
        present: bool (n, modalities).
    """

    clips: Positions
    probabilities: Numbers
    gates: Numbers
    weights: Numbers
    present: npt.NDArray[np.bool_]


@dataclass(frozen=True)
class TrainedHead:
    """One finished head: its best epoch's arrays and what they say out of fold.

    Attributes:
        best: the epoch kept, from 0.
        history: one entry per epoch trained.
        arrays: learned arrays and statistics by name.
        train_clips, p_target, right: positions (n,), the probability of the target float64 (epochs, n), and whether it
            was the most probable label (epochs, n), where dynamics were asked for; else empty.
    """

    head: HeadId
    best: int
    history: tuple[Epoch, ...]
    arrays: Arrays
    standardisers: Mapping[str, Standardiser]
    test: OutOfFold
    train_clips: Positions = field(default_factory=lambda: np.zeros(0, np.int64))
    p_target: Numbers = field(default_factory=lambda: np.zeros((0, 0)))
    right: npt.NDArray[np.bool_] = field(default_factory=lambda: np.zeros((0, 0), bool))


class Choice:
    """The best epoch of each head so far: highest tuning accuracy, then lowest tuning loss, then the first.

    Args:
        heads: how many.
        patience: a head stops after so many epochs without a better one; None never stops.
    """

    def __init__(self, heads: int, patience: int | None) -> None:
        self.best = np.zeros(heads, np.int64)
        self.history: list[list[Epoch]] = [[] for _ in range(heads)]
        self._accuracy = np.full(heads, -np.inf)
        self._loss = np.full(heads, np.inf)
        self._stopped = np.zeros(heads, bool)
        self._patience = patience
        self._epoch = -1

    @property
    def all_stopped(self) -> bool:
        """Whether no head has patience left."""
        return bool(self._stopped.all())

    def judge(self, train_loss: Numbers, tune_loss: Numbers, tune_accuracy: Numbers) -> list[int]:
        """Take note of an epoch, each argument (heads,); the positions of the heads that are better than ever."""
        self._epoch += 1
        going = ~self._stopped
        tie = (tune_accuracy == self._accuracy) & (tune_loss < self._loss)
        better = going & ((tune_accuracy > self._accuracy) | tie)
        for row in np.flatnonzero(going):
            epoch = Epoch(float(train_loss[row]), float(tune_loss[row]), float(tune_accuracy[row]))
            self.history[row].append(epoch)
        self.best[better] = self._epoch
        self._accuracy = np.where(better, tune_accuracy, self._accuracy)
        self._loss = np.where(better, tune_loss, self._loss)
        if self._patience is not None:
            self._stopped |= self._epoch - self.best >= self._patience
        return [int(row) for row in np.flatnonzero(better)]
