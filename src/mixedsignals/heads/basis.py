"""Unimodal posteriors that never saw the clip they are about: what every member that pools posteriors starts from.

For one fold and seed the training clips are cut into inner folds by speaker. Each modality gets a logistic
regression per inner fold, whose words about the clips left out are kept, and one on all training clips for everybody
else.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from mixedsignals.heads.data import Positions, TrainingSet
from mixedsignals.heads.linear import Linear, LinearFit, cross_entropy, mean_of
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
        averaged: the mean of the models of the inner folds (of their weights, which is that of their log-odds).
        out_of_fold: log-probabilities (clips, labels) of the training clips by models that saw no clip of their
            speaker; NaN for all others.
        penalty: the one of `PENALTIES` with the least out-of-fold cross-entropy.
    """

    model: Linear
    averaged: Linear
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

    def of(self, fold: int, seed: int, modality: str, repeat: int = 0) -> Basis:
        """The basis of one modality; another `repeat` cuts the training clips into other inner folds."""
        key = (fold, seed, modality, repeat)
        return self._once(key, lambda: self.make(fold, seed, (modality,), repeat))

    def make(self, fold: int, seed: int, modalities: Sequence[str], repeat: int = 0) -> Basis:
        """The basis of several modalities side by side, kept by nobody."""
        clips = self.data.part(modalities, fold, "train")
        x = self.inputs(modalities, fold, clips)
        targets = self.targets(fold, clips)
        said, penalty, averaged = out_of_fold(x, targets, self.folds(fold, seed, repeat)[clips])
        whole = np.full(self.data.targets.shape, np.nan)
        whole[clips] = said
        return Basis(LinearFit(x, targets)(penalty), averaged, whole, penalty)

    def folds(self, fold: int, seed: int, repeat: int = 0) -> Positions:
        """The inner fold of every training clip, (clips,); −1 for others."""
        return self._once((fold, seed, repeat), lambda: inner_folds(self.data, fold, seed, repeat))

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


def inner_folds(data: TrainingSet, fold: int, seed: int, repeat: int = 0) -> Positions:
    """Inner folds of a fold's training clips, whole speakers together and labels spread evenly; −1 elsewhere.

    Five, or as many as there are speakers. Speakers come in random order, and each goes where the labels are evened out
    most; another seed or repeat gives other folds. Where one speaker is all there is, clips are dealt out singly.
    """
    clips = data.part(data.inputs, fold, "train")
    _, groups = np.unique(data.groups[clips], return_inverse=True)
    if groups.max(initial=0) < 1:
        groups = np.arange(len(clips))
    counts = np.zeros((groups.max(initial=0) + 1, data.targets.shape[1]))
    np.add.at(counts, groups, data.targets[clips])
    folds = min(INNER_FOLDS, len(counts))
    order = Streams(f"inner{repeat or ''}", fold, seed).order.permutation(len(counts))
    held, of_group = np.zeros((folds, counts.shape[1])), np.zeros(len(counts), np.int64)
    for place, group in enumerate(order):
        # The first speakers open the folds, so that none stays empty.
        found = place if place < folds else int(((held + counts[group]) ** 2 - held**2).sum(axis=1).argmin())
        held[found] += counts[group]
        of_group[group] = found
    whole = np.full(len(data.clip_ids), -1, np.int64)
    whole[clips] = of_group[groups]
    return whole


def out_of_fold(
    x: Numbers, targets: Numbers, folds: Positions, *, penalties: Sequence[float] = PENALTIES
) -> tuple[Numbers, float, Linear]:
    """Log-probabilities (n, labels) of every clip by a model of the other inner folds; the best penalty; and the mean
    of the models of the inner folds.

    The search begins at 0.3 and goes down the list of penalties as long as the loss falls; else up.

    Args:
        x: (n, d).
        targets: (n, labels), weights of the labels.
        folds: (n,), the inner fold of each clip.
    """
    kinds = np.unique(folds)
    if len(kinds) < 2:  # nothing can be left out
        only = LinearFit(x, targets)(penalties[0])
        return only(x), penalties[0], only
    fits = [LinearFit(x[folds != kind], targets[folds != kind]) for kind in kinds]
    models: list[Linear | None] = [None] * len(fits)

    def at(penalty: float) -> tuple[float, Numbers, list[Linear | None]]:
        said = np.zeros_like(targets)
        for number, (fit, kind) in enumerate(zip(fits, kinds, strict=True)):
            model = fit(penalty, models[number], tolerance=_ROUGH)
            models[number], said[folds == kind] = model, model(x[folds == kind])
        return cross_entropy(said, targets), said, list(models)

    first = min(_FIRST, len(penalties) - 1)
    best, (least, kept, chosen) = penalties[first], at(penalties[first])
    for way in (penalties[first + 1 :], penalties[:first][::-1]):
        for penalty in way:
            loss, said, fitted = at(penalty)
            if loss >= least:
                break
            best, least, kept, chosen = penalty, loss, said, fitted
        if best != penalties[first]:
            break
    return kept, best, mean_of([model for model in chosen if model is not None])
