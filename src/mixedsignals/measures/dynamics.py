"""Training dynamics: how sure, steady and right a model was about a clip while it learned, and how often it forgot.

Sources: Swayamdipta et al. (2020), *Dataset Cartography*; Toneva et al. (2019), *An Empirical Study of Example
Forgetting during Deep Neural Network Learning*.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from .arrays import FloatArray, floats

__all__ = ["Mapped", "forgetting", "map_of", "regions"]


@dataclass(frozen=True, eq=False)
class Mapped:
    """Where clips lie on a data map, (clips,) each, NaN where a clip was never trained on.

    confidence: mean probability of the target over epochs, 0 to 1. variability: its standard deviation over epochs, 0
    to .5. correctness: share of epochs in which the target led, 0 to 1.
    """

    confidence: FloatArray
    variability: FloatArray
    correctness: FloatArray


def map_of(p_target: ArrayLike, right: ArrayLike) -> Mapped:
    """The map of clips from their probability of the target and whether it led, both (epochs, clips).

    A clip with NaN in any epoch is NaN; the standard deviation is that of the epochs (not of a sample of them).

    >>> made = map_of([[0.2, 0.9], [0.6, 0.9]], [[0, 1], [1, 1]])
    >>> made.confidence.tolist(), made.variability.round(2).tolist(), made.correctness.tolist()
    ([0.4, 0.9], [0.2, 0.0], [0.5, 1.0])
    """
    probability, led = floats(p_target), floats(right)
    return Mapped(probability.mean(axis=0), probability.std(axis=0), led.mean(axis=0))


def forgetting(right: ArrayLike) -> FloatArray:
    """How often each clip was right after one epoch and wrong after the next, (clips,), from `right` (epochs, clips).

    NaN for a clip with NaN in any epoch, and for one that was never right: what was not learned is not forgotten.

    >>> forgetting([[1, 0, 1], [0, 0, 1], [1, 0, 1], [0, 0, 1]]).tolist()
    [2.0, nan, 0.0]
    """
    led = floats(right)
    lost = ((led[:-1] == 1) & (led[1:] == 0)).sum(axis=0).astype(np.float64)
    return np.where(np.isnan(led).any(axis=0) | ~(led == 1).any(axis=0), np.nan, lost)


def regions(mapped: Mapped) -> FloatArray:
    """The region of each clip: 1 easy, 0 ambiguous, −1 hard to learn; NaN where it has no place on the map.

    Ambiguous is the third with the highest variability, as in the source; of the others, those that were right in half
    of the epochs or more are easy, the rest hard to learn (the source cuts at thirds of confidence, which calls clips
    hard in a corpus that has no hard ones).

    >>> at = Mapped(*(np.array(v) for v in ([0.9, 0.5, 0.1], [0.1, 0.4, 0.1], [1.0, 0.5, 0.0])))
    >>> regions(at).tolist()
    [1.0, 0.0, -1.0]
    """
    known = np.isfinite(mapped.confidence)
    found = np.full(len(mapped.confidence), np.nan)
    if not known.any():
        return found
    limit = np.quantile(mapped.variability[known], 2 / 3)
    steady = known & (mapped.variability <= limit)
    found[known] = 0.0
    found[steady] = np.where(mapped.correctness[steady] >= 0.5, 1.0, -1.0)
    return found
