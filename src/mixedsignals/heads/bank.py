"""Every vector that heads may be shown, numbered: those of the clips first, those from outside after them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch

from mixedsignals.errors import InputError, Problem, UsageError
from mixedsignals.heads.data import Positions, Standardiser, TrainingSet, Vectors
from mixedsignals.heads.stack import OUTLIER

__all__ = ["TOKEN", "WITHHELD", "Bank"]

WITHHELD, TOKEN = -1, -2
"""Instead of a vector: none at all, so that the modality takes no part; or the token that was learned for it."""


class Bank:
    """Vectors by modality and number.

    Args:
        data: the clips, whose positions are the first numbers.

    Attributes:
        rows: per modality int64 (numbers,), the row of `values`, −1 where a clip lacks the modality. Clips with equal
            vectors, such as those in which the same words are said, share a row.
        values: per modality float32 (m, d).
    """

    def __init__(self, data: TrainingSet) -> None:
        self.rows: dict[str, Positions] = {name: _shared(one) for name, one in data.inputs.items()}
        self.values = {name: one.values for name, one in data.inputs.items()}

    def add(self, modality: str, values: npt.ArrayLike) -> Positions:
        """Further vectors (k, d); their numbers (k,).

        Raises:
            InputError: another width, or values that are not finite.
            UsageError: an unknown modality.
        """
        if modality not in self.values:
            raise UsageError(f"there is no modality {modality!r}; legal are {', '.join(self.values)}")
        given, width = np.asarray(values, np.float32), self.values[modality].shape[1]
        if given.ndim != 2 or given.shape[1] != width or not np.isfinite(given).all():
            message = (
                f"{modality} vectors have shape {given.shape}; legal are finite vectors of width {width}"
            )
            raise InputError(Problem("other-width", message, "Encode with the run's encoder."))
        first = len(self.values[modality])
        numbers = np.arange(len(self.rows[modality]), len(self.rows[modality]) + len(given))
        self.values[modality] = np.concatenate([self.values[modality], given])
        self.rows[modality] = np.concatenate([self.rows[modality], np.arange(first, first + len(given))])
        return numbers

    def standard(
        self, modality: str, rows: Positions, standard: Standardiser, dtype: torch.dtype
    ) -> torch.Tensor:
        """Vectors at these rows of `values`, standardised as in training, (k, d)."""
        taken = torch.from_numpy(self.values[modality][rows]).to(dtype)
        mean, factor = (
            torch.tensor(standard.mean, dtype=dtype),
            torch.tensor(1.0 / standard.scale, dtype=dtype),
        )
        return taken.sub_(mean).mul_(factor).clamp_(-OUTLIER, OUTLIER)


def _shared(vectors: Vectors) -> Positions:
    """`Vectors.rows`, where equal vectors are all the first of them."""
    first: dict[bytes, int] = {}
    same = np.array(
        [first.setdefault(one.tobytes(), row) for row, one in enumerate(vectors.values)], np.int64
    )
    found: Positions = np.where(vectors.rows >= 0, same[np.maximum(vectors.rows, 0)], -1)
    return found
