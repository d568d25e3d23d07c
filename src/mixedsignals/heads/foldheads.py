"""The heads of one combination and fold, all seeds in one product, at work on vectors of any origin.

Each distinct vector is encoded once per head; an item then only gathers what its vectors came to.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Executor

import numpy as np
import numpy.typing as npt
import torch

from mixedsignals.errors import UsageError
from mixedsignals.heads.bank import TOKEN, WITHHELD, Bank
from mixedsignals.heads.data import Positions, Standardiser
from mixedsignals.heads.fusion import fusion_of
from mixedsignals.heads.options import HeadOptions
from mixedsignals.heads.parts import in_parts
from mixedsignals.heads.saving import HeadModel, HeadModels
from mixedsignals.heads.stack import Stack
from mixedsignals.heads.withholding import WithTokens

__all__ = ["FoldHeads"]

Numbers = npt.NDArray[np.float64]
Encoded = dict[str, tuple[torch.Tensor, ...]]
_PIECE = 128


class FoldHeads:
    """Heads that differ in their seed only.

    Args:
        heads: each with the models that it belongs to.

    Attributes:
        seeds: of the heads, in order.
        tokens: per modality (heads, 1, d), what stands for it in the space of standardised embeddings; empty until
            learned, but for heads that were trained with tokens.
        trained_with_tokens: whether they were: nothing is ever masked then.
    """

    def __init__(self, heads: Sequence[tuple[HeadModels, HeadModel]]) -> None:
        models, first = heads[0]
        options = HeadOptions(**models.options)
        self.modalities = first.head.modalities
        self.seeds = tuple(model.head.seed for _, model in heads)
        self.dtype = getattr(torch, options.dtype)
        member, labels = fusion_of(options), len(models.labels)
        self.member = in_parts(member)
        widths = {modality: models.widths[modality] for modality in self.modalities}
        arrays = [model.arrays() for _, model in heads]
        named = [{name.removeprefix("weights/"): value for name, value in one.items()} for one in arrays]
        self.weights = Stack(member.parameters(widths, labels), named, self.dtype).views()
        self.statistics = Stack(member.statistics(widths, labels), named, self.dtype).views()
        # The standardiser belongs to the fold: it is the same for all seeds.
        self.standardisers = {
            m: Standardiser(arrays[0][f"standard/{m}/mean"], arrays[0][f"standard/{m}/scale"])
            for m in self.modalities
        }
        self.trained_with_tokens = isinstance(member, WithTokens)
        self.tokens: dict[str, torch.Tensor] = (
            {m: self.weights[f"{m}.token"] for m in self.modalities} if self.trained_with_tokens else {}
        )

    def encode(self, modality: str, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """First half of fusion for standardised vectors (rows, d) or (heads, rows, d): each (heads, rows, …)."""
        whole = x if x.dim() == 3 else x.unsqueeze(0).expand(len(self.seeds), *x.shape)
        return self.member.encode(self.weights, self.statistics, modality, whole)

    def pool(self, bank: Bank, modality: str, rows: Positions) -> tuple[torch.Tensor, ...]:
        """Encoded vectors of the bank, each (heads, k, …); one, of no meaning, where there are no rows."""
        x = bank.standard(modality, rows, self.standardisers[modality], self.dtype)
        # Always in whole pieces, one at least: rounding may not depend on how many there are.
        filled = torch.nn.functional.pad(x, (0, 0, 0, -len(x) % _PIECE if len(x) else _PIECE))
        pieces = [self.encode(modality, piece) for piece in filled.split(_PIECE)]
        return tuple(torch.cat(one, dim=1)[:, : max(len(x), 1)] for one in zip(*pieces, strict=True))

    def answer(self, bank: Bank, shown: Mapping[str, Positions], *, pool: Executor, rows: int) -> Numbers:
        """Probabilities (heads, k, labels) for items that each show something.

        Args:
            shown: per modality of the combination a number of the bank, `WITHHELD` or `TOKEN`, (k,). Heads that were
                trained with tokens see one for `WITHHELD` too.
            pool: where pieces of `rows` items are computed.
        """
        with torch.no_grad():
            encoded, index = self._encoded(bank, shown)
        index, back = _distinct(index)
        k = len(next(iter(index.values())))
        # Whole pieces again, so that rounding is what it was when the heads were trained.
        index = {m: torch.nn.functional.pad(at, (0, -k % _PIECE), value=-1) for m, at in index.items()}

        def piece(start: int) -> Numbers:
            with torch.no_grad():
                taken = {m: at[start : start + rows] for m, at in index.items()}
                parts = {
                    m: tuple(one.index_select(1, at.clamp(min=0)) for one in encoded[m])
                    for m, at in taken.items()
                }
                logits = self.combine(parts, {m: at >= 0 for m, at in taken.items()})
                said: Numbers = logits.double().softmax(dim=-1).numpy()
                return said

        return np.concatenate(list(pool.map(piece, range(0, k, rows))), axis=1)[:, back]

    def combine(self, parts: Encoded, present: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """Second half: logits (heads, rows, labels); `present` (rows,) per modality."""
        heads = len(self.seeds)
        whole = {m: there.unsqueeze(0).expand(heads, len(there)) for m, there in present.items()}
        return self.member.combine(self.weights, self.statistics, parts, whole)

    def _token(self, modality: str) -> tuple[torch.Tensor, ...]:
        """The encoded token, each (heads, 1, …)."""
        if modality not in self.tokens:
            raise UsageError("no token was learned for a missing modality: call learn_tokens first")
        token = self.tokens[modality]
        whole = self.encode(modality, token.expand(len(token), _PIECE, token.shape[-1]))
        return tuple(one[:, :1] for one in whole)

    def _encoded(self, bank: Bank, shown: Mapping[str, Positions]) -> tuple[Encoded, dict[str, torch.Tensor]]:
        """Per modality the encoded distinct vectors, and for each item which of them it shows (−1: none)."""
        encoded: Encoded = {}
        index: dict[str, torch.Tensor] = {}
        for modality, numbers in shown.items():
            distinct, at = np.unique(bank.rows[modality][numbers[numbers >= 0]], return_inverse=True)
            parts = self.pool(bank, modality, distinct)
            where = np.full(len(numbers), WITHHELD, np.int64)
            where[numbers >= 0] = at
            tokens = numbers < 0 if self.trained_with_tokens else numbers == TOKEN
            if tokens.any():
                where[tokens] = parts[0].shape[1]
                parts = tuple(
                    torch.cat([one, t], dim=1) for one, t in zip(parts, self._token(modality), strict=True)
                )
            encoded[modality], index[modality] = parts, torch.from_numpy(where)
        return encoded, index


def _distinct(index: Mapping[str, torch.Tensor]) -> tuple[dict[str, torch.Tensor], Positions]:
    """Only the items that differ, and where each of the given ones is among them."""
    key = np.zeros(len(next(iter(index.values()))), np.int64)
    for at in index.values():
        # Counted anew each time, so that many modalities do not overflow.
        key = np.unique(key, return_inverse=True)[1] * (int(at.max()) + 2) + at.numpy() + 1
    _, first, back = np.unique(key, return_index=True, return_inverse=True)
    return {name: at[first] for name, at in index.items()}, back
