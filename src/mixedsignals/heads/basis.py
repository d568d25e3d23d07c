"""Unimodal posteriors that never saw the clip they are about: what every member that pools posteriors starts from.

For one fold and seed the training clips are cut into inner folds by speaker. Each modality gets a logistic
regression per inner fold, whose words about the clips left out are kept, and one on all training clips for everybody
else.
"""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from mixedsignals.heads.data import Positions, TrainingSet
from mixedsignals.heads.linear import Linear, LinearFit, cross_entropy
from mixedsignals.heads.noise import Streams
from mixedsignals.heads.stack import OUTLIER

__all__ = ["Bases", "Basis", "inner_folds", "out_of_fold"]

INNER_FOLDS = 5
PENALTIES = (10.0, 3.0, 1.0, 0.3, 0.1, 0.03, 0.01, 0.003)
# Where the search begins, and how exactly the models of inner folds are solved.
_FIRST, _ROUGH = 3, 1e-4
Numbers = npt.NDArray[np.float64]
T = TypeVar("T")


@dataclass(frozen=True)
class Basis:
    """One logistic regression and what its inner folds said.

    Attributes:
        model: fitted on all training clips that have its modalities.
        out_of_fold: log-probabilities (clips, labels) of the training clips by models that saw no clip of their
            speaker; NaN for all others.
        penalty: the one of `PENALTIES` with the least out-of-fold cross-entropy.
    """

    model: Linear
    out_of_fold: Numbers
    penalty: float


class Bases:
    """The bases of a training set by fold, seed and modality, each made once, whichever member asks first.

    Args:
        data: the clips.
        label_weights: whether clips are weighed by the inverse frequency of their label.
    """

    def __init__(self, data: TrainingSet, *, label_weights: bool = False) -> None:
        self.data, self.label_weights = data, label_weights
        self._made: dict[object, object] = {}
        self._locks: dict[object, threading.Lock] = {}
        self._lock = threading.Lock()

    def of(self, fold: int, seed: int, modality: str) -> Basis:
        """The basis of one modality."""
        return self._once((fold, seed, modality), lambda: self.make(fold, seed, (modality,)))

    def make(self, fold: int, seed: int, modalities: Sequence[str]) -> Basis:
        """The basis of several modalities side by side, kept by nobody."""
        clips = self.data.part(modalities, fold, "train")
        x = self.inputs(modalities, fold, clips)
        targets = self.targets(fold, clips)
        said, penalty = out_of_fold(x, targets, self.folds(fold, seed)[clips])
        whole = np.full(self.data.targets.shape, np.nan)
        whole[clips] = said
        return Basis(LinearFit(x, targets)(penalty), whole, penalty)

    def folds(self, fold: int, seed: int) -> Positions:
        """The inner fold of every training clip, (clips,); −1 for others."""
        return self._once((fold, seed), lambda: inner_folds(self.data, fold, seed))

    def inputs(self, modalities: Sequence[str], fold: int, clips: Positions) -> Numbers:
        """Standardised vectors side by side, (n, d); zeros (the mean) where a clip lacks a modality."""
        parts = []
        for modality in modalities:
            vectors, standard = self.data.inputs[modality], self.data.standardisers[modality, fold]
            rows = vectors.rows[clips]
            values = (vectors.values[np.maximum(rows, 0)] - standard.mean) / standard.scale
            parts.append(np.where(rows[:, None] >= 0, np.clip(values, -OUTLIER, OUTLIER), 0.0))
        return np.concatenate(parts, axis=1)

    def targets(self, fold: int, clips: Positions) -> Numbers:
        """Targets of clips (n, labels), weighed by label where that is asked for."""
        found = self.data.targets[clips]
        if not self.label_weights:
            return found
        shares = self.data.targets[self.data.part(self.data.inputs, fold, "train")].sum(axis=0)
        there = shares > 0
        weights = np.where(there, shares.sum() / (there.sum() * np.where(there, shares, 1.0)), 0.0)
        weighed: Numbers = found * weights
        return weighed

    def _once(self, key: object, make: Callable[[], T]) -> T:
        with self._lock:
            lock = self._locks.setdefault(key, threading.Lock())
        with lock:
            if key not in self._made:
                self._made[key] = make()
            found: T = self._made[key]  # type: ignore[assignment]
            return found


def inner_folds(data: TrainingSet, fold: int, seed: int) -> Positions:
    """Inner folds of a fold's training clips, whole speakers together and labels spread evenly; −1 elsewhere.

    Five, or as many as there are speakers. Where one speaker is all there is, clips are dealt out singly.
    """
    from sklearn.model_selection import KFold, StratifiedGroupKFold

    clips = data.part(data.inputs, fold, "train")
    groups, labels = data.groups[clips], data.targets[clips].argmax(axis=1)
    count = len(np.unique(groups))
    if count < 2:
        groups, count = np.arange(len(clips)), len(clips)
    state = int(Streams("inner", fold, seed).order.integers(2**31))
    folds = min(INNER_FOLDS, count)
    found = np.full(len(data.clip_ids), -1, np.int64)
    if np.bincount(labels).max() < folds:
        parts = KFold(folds, shuffle=True, random_state=state).split(clips)
    else:
        splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=state)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="The least populated class", category=UserWarning)
            parts = list(splitter.split(clips, labels, groups))
    for number, (_, chosen) in enumerate(parts):
        found[clips[chosen]] = number
    return found


def out_of_fold(
    x: Numbers, targets: Numbers, folds: Positions, *, penalties: Sequence[float] = PENALTIES
) -> tuple[Numbers, float]:
    """Log-probabilities (n, labels) of every clip by a model of the other inner folds, and the best penalty.

    The search begins at 0.3 and goes down the list of penalties as long as the loss falls; else up.

    Args:
        x: (n, d).
        targets: (n, labels), weights of the labels.
        folds: (n,), the inner fold of each clip.
    """
    kinds = np.unique(folds)
    if len(kinds) < 2:  # nothing can be left out
        return LinearFit(x, targets)(penalties[0])(x), penalties[0]
    fits = [LinearFit(x[folds != kind], targets[folds != kind]) for kind in kinds]
    models: list[Linear | None] = [None] * len(fits)

    def at(penalty: float) -> tuple[float, Numbers]:
        said = np.zeros_like(targets)
        for number, (fit, kind) in enumerate(zip(fits, kinds, strict=True)):
            model = fit(penalty, models[number], tolerance=_ROUGH)
            models[number], said[folds == kind] = model, model(x[folds == kind])
        return cross_entropy(said, targets), said

    first = min(_FIRST, len(penalties) - 1)
    best, (least, kept) = penalties[first], at(penalties[first])
    for way in (penalties[first + 1 :], penalties[:first][::-1]):
        for penalty in way:
            loss, said = at(penalty)
            if loss >= least:
                break
            best, least, kept = penalty, loss, said
        if best != penalties[first]:
            break
    return kept, best
