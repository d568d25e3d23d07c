"""A token for every modality, learned after the fact: what a trained head is best shown where a modality is missing.

The head stays as it is. Its tokens are vectors among the standardised embeddings, found by gradient on the training
clips of its own fold with random modalities withheld.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import torch

from mixedsignals.heads.bank import Bank
from mixedsignals.heads.data import Positions
from mixedsignals.heads.foldheads import FoldHeads

__all__ = ["learned_tokens"]

STEPS, BATCH, RATE = 30, 64, 0.1
BETAS, EPSILON = (0.9, 0.999), 1e-8
Numbers = npt.NDArray[np.float64]


def learned_tokens(
    heads: FoldHeads, bank: Bank, clips: Positions, targets: Numbers, *, seed: tuple[int, ...]
) -> dict[str, torch.Tensor]:
    """Tokens (heads, 1, d) of each modality that minimise the cross-entropy of withheld training clips.

    In each of `STEPS` steps of Adam every one of `BATCH` clips is shown a random non-empty proper subset of its
    modalities and tokens for the rest. Tokens start at 0, the mean of the training clips. All heads see the same clips
    and subsets.

    Args:
        clips: positions of the training clips, (k,).
        targets: (k, labels), weights of the labels.
        seed: for the draws.
    """
    if len(heads.modalities) < 2 or not len(clips):
        return {}
    draw, shown = np.random.default_rng(seed), _Withheld(heads, bank, clips)
    wanted = torch.tensor(targets, dtype=heads.dtype)
    tokens = {
        name: torch.zeros(len(heads.seeds), 1, len(one.mean), dtype=heads.dtype, requires_grad=True)
        for name, one in heads.standardisers.items()
    }
    # torch's own optimiser would first import torch's compiler, which takes longer than all that is learned here.
    moments = [(torch.zeros_like(token), torch.zeros_like(token)) for token in tokens.values()]
    for step in range(1, STEPS + 1):
        rows = draw.integers(len(clips), size=BATCH)
        # Of M modalities bit m of a number between 1 and 2^M − 2 says whether m is shown.
        subset = draw.integers(1, 2 ** len(tokens) - 1, size=BATCH)
        logits = shown.logits(tokens, rows, subset)
        surprise = -(wanted[rows] * torch.log_softmax(logits, dim=-1)).sum() / BATCH
        slopes = torch.autograd.grad(surprise, list(tokens.values()))
        with torch.no_grad():
            for token, slope, (first, second) in zip(tokens.values(), slopes, moments, strict=True):
                first.lerp_(slope, 1 - BETAS[0])
                second.lerp_(slope * slope, 1 - BETAS[1])
                size = (second / (1 - BETAS[1] ** step)).sqrt_().add_(EPSILON)
                token.addcdiv_(first, size, value=-RATE / (1 - BETAS[0] ** step))
    return {name: token.detach() for name, token in tokens.items()}


class _Withheld:
    """Training clips, encoded once, of which heads are shown some modalities and tokens for the rest."""

    def __init__(self, heads: FoldHeads, bank: Bank, clips: Positions) -> None:
        self._heads = heads
        self._has = np.stack([bank.rows[name][clips] >= 0 for name in heads.modalities], axis=1)
        self._place = torch.from_numpy(np.maximum(np.cumsum(self._has, axis=0) - 1, 0))
        with torch.no_grad():
            self._encoded = [
                heads.pool(bank, name, bank.rows[name][clips[has]])
                for name, has in zip(heads.modalities, self._has.T, strict=True)
            ]

    def logits(self, tokens: Mapping[str, torch.Tensor], rows: Positions, subset: Positions) -> torch.Tensor:
        """Logits (heads, rows, labels); bit m of `subset` (rows,) says whether modality m is shown."""
        parts = {}
        for at, (name, token) in enumerate(tokens.items()):
            there = torch.from_numpy(self._has[rows, at] & (subset >> at & 1 > 0)).unsqueeze(-1)
            taken = [one.index_select(1, self._place[rows, at]) for one in self._encoded[at]]
            instead = self._heads.encode(name, token)
            parts[name] = tuple(torch.where(there, one, t) for one, t in zip(taken, instead, strict=True))
        everything = torch.ones(len(rows), dtype=torch.bool)
        return self._heads.combine(parts, dict.fromkeys(tokens, everything))
