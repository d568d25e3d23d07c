"""The numbers of several heads in one tensor each, with the heads as first axis.

Arrays are filled up to a multiple of 16 numbers a head, so that vector instructions never straddle two heads: a head's
rounding is then the same in every group.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import torch

from mixedsignals.heads.data import Positions, Standardiser, TrainingSet
from mixedsignals.heads.member import Batch, Parameter

__all__ = ["Gatherer", "Stack", "fill_up"]

_LANES = 16


class Stack:
    """Arrays of h heads, by name.

    Args:
        shapes: the shape of each array of one head.
        heads: the values of each head.
        dtype: the type to compute in.
        learned: whether gradients are wanted.
    """

    def __init__(
        self,
        shapes: Mapping[str, Parameter],
        heads: Sequence[Mapping[str, npt.NDArray[np.floating]]],
        dtype: torch.dtype,
        *,
        learned: bool = False,
    ) -> None:
        self._shapes = {name: (len(heads), *one.shape) for name, one in shapes.items()}
        self.leaves: dict[str, torch.Tensor] = {}
        for name, one in shapes.items():
            values = np.stack([np.asarray(head[name]) for head in heads])
            if fill := -one.size % _LANES:
                values = np.pad(values.reshape(len(heads), -1), ((0, 0), (0, fill)))
            self.leaves[name] = torch.tensor(values, dtype=dtype, requires_grad=learned)

    def views(self) -> dict[str, torch.Tensor]:
        """The arrays in their own shapes, (h, …); writing into a view writes into the stack."""
        return {
            name: leaf if leaf.shape == shape else leaf[:, : math.prod(shape[1:])].view(shape)
            for (name, shape), leaf in zip(self._shapes.items(), self.leaves.values(), strict=True)
        }

    def copy_heads(self, source: Stack, which: Sequence[int]) -> None:
        """Take over the values of some heads, `which` being their positions."""
        with torch.no_grad():
            for name, leaf in self.leaves.items():
                for head in which:
                    leaf[head].copy_(source.leaves[name][head])

    def clone(self) -> Stack:
        """A copy that wants no gradients."""
        twin = object.__new__(Stack)
        twin._shapes = self._shapes
        twin.leaves = {name: leaf.detach().clone() for name, leaf in self.leaves.items()}
        return twin

    def arrays(self, head: int) -> dict[str, npt.NDArray[np.floating]]:
        """The arrays of one head, copied."""
        return {name: view[head].detach().numpy().copy() for name, view in self.views().items()}


OUTLIER = 5.0
"""Standardised values are held within so many spreads: a feature that is almost constant over the training clips
would turn one odd clip into a huge number, and with it the log-odds of that clip."""


class Gatherer:
    """Makes batches: takes the rows of clips by position and standardises them as each head's fold does.

    Standardised values are held within `OUTLIER`.

    Args:
        data: the clips.
        modalities: those of the group.
        standardisers: for each head, one per modality.
    """

    def __init__(
        self,
        data: TrainingSet,
        modalities: Sequence[str],
        standardisers: Sequence[Mapping[str, Standardiser]],
        dtype: torch.dtype,
    ) -> None:
        self._values, self._rows, self._mean, self._factor = {}, {}, {}, {}
        for modality in modalities:
            vectors = data.inputs[modality]
            self._values[modality] = torch.from_numpy(vectors.values)
            self._rows[modality] = torch.from_numpy(vectors.rows)
            means = np.stack([head[modality].mean for head in standardisers])[:, None]
            scales = np.stack([head[modality].scale for head in standardisers])[:, None]
            self._mean[modality] = torch.tensor(means, dtype=dtype)
            self._factor[modality] = torch.tensor(1.0 / scales, dtype=dtype)
        self._dtype = dtype

    def batch(self, positions: torch.Tensor) -> Batch:
        """Rows of the clips at `positions`, int64 (heads, rows); −1 fills up."""
        counts = positions >= 0
        inputs, present = {}, {}
        for modality, values in self._values.items():
            rows = self._rows[modality][positions.clamp(min=0)]
            present[modality] = (rows >= 0) & counts
            taken = values.index_select(0, rows.clamp(min=0).view(-1)).to(self._dtype)
            shaped = taken.view(*positions.shape, -1)
            standard = shaped.sub_(self._mean[modality]).mul_(self._factor[modality])
            inputs[modality] = standard.clamp_(-OUTLIER, OUTLIER)
        return Batch(inputs, present, counts)


def fill_up(parts: Sequence[Positions], multiple: int) -> torch.Tensor:
    """Positions of each head in one int64 tensor, filled up with −1 to a common multiple."""
    longest = max(len(part) for part in parts)
    width = max(-(-longest // multiple), 1) * multiple
    filled = np.full((len(parts), width), -1, np.int64)
    for row, part in zip(filled, parts, strict=True):
        row[: len(part)] = part
    return torch.from_numpy(filled)
