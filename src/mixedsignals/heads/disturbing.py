"""Vectors disturbed on purpose: Gaussian noise in an embedding, at a stated ratio of signal to noise."""

from __future__ import annotations

import numpy as np

from mixedsignals.heads.asking import Asking
from mixedsignals.heads.items import Items

__all__ = ["with_noise"]


def with_noise(asking: Asking, items: Items, modality: str, decibels: float, *, seed: int = 0) -> Items:
    """The same items with noise in the vector of one modality; those that show none stay as they are.

    The signal is what sets the clip apart from others: its vector as the heads of its fold see it, standardised. The
    noise has the mean square of that vector times 10^(−decibels/10), equal in all directions of the standardised
    space; at 0 dB it is as large as the signal. What comes out is held within 5 spreads, as every vector is.

    Args:
        decibels: ratio of signal to noise, such as 20, 10 or 0.
        seed: for the noise, which is the same at every ratio and whichever clips are asked about.
    """
    width = asking.bank.values[modality].shape[1]
    which = np.flatnonzero(asking.shows(items, modality))
    folds = asking.folds[items.clips[which]]
    key = np.stack([folds, items.shown[modality][which]], axis=1)
    distinct, back = np.unique(key[folds >= 0], axis=0, return_inverse=True)
    which = which[folds >= 0]
    if not len(which):
        return items
    made = np.empty((len(distinct), width), np.float32)
    for fold in np.unique(distinct[:, 0]):
        rows = np.flatnonzero(distinct[:, 0] == fold)
        standard = asking.heads(asking.combination, int(fold)).standardisers[modality]
        raw = asking.bank.values[modality][asking.bank.rows[modality][distinct[rows, 1]]]
        signal = (raw - standard.mean) / standard.scale
        size = np.sqrt(np.square(signal).mean(axis=1, keepdims=True)) * 10 ** (-decibels / 20)
        drawn = np.stack([_drawn(seed, modality, int(number), width) for number in distinct[rows, 1]])
        made[rows] = (signal + size * drawn) * standard.scale + standard.mean
    numbers = items.shown[modality].copy()
    numbers[which] = asking.add(modality, made)[back.reshape(-1)]
    return items.showing(modality, numbers)


def _drawn(seed: int, modality: str, number: int, width: int) -> np.ndarray:
    return np.random.default_rng([seed, *modality.encode(), number]).standard_normal(width)
