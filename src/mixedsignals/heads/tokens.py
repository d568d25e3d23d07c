"""A token for every modality, learned after the fact: what a trained head is best shown where a modality is missing.

The head stays as it is. Its tokens are vectors among the standardised embeddings, found by gradient on the training
clips of its own fold with random modalities withheld.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch

from mixedsignals.heads.bank import Bank
from mixedsignals.heads.data import Positions
from mixedsignals.heads.foldheads import FoldHeads

__all__ = ["learned_tokens"]

STEPS, BATCH, RATE = 30, 64, 0.1
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
    names = heads.modalities
    if len(names) < 2 or not len(clips):
        return {}
    draw = np.random.default_rng(seed)
    has = np.stack([bank.rows[name][clips] >= 0 for name in names], axis=1)
    with torch.no_grad():
        encoded = {
            name: heads.pool(bank, name, bank.rows[name][clips[has[:, at]]]) for at, name in enumerate(names)
        }
    place = torch.from_numpy(np.maximum(np.cumsum(has, axis=0) - 1, 0))
    wanted = torch.tensor(targets, dtype=heads.dtype)
    shape = {name: len(heads.standardisers[name].mean) for name in names}
    tokens = {
        name: torch.zeros(len(heads.seeds), 1, shape[name], dtype=heads.dtype, requires_grad=True)
        for name in names
    }
    adam = torch.optim.Adam(list(tokens.values()), lr=RATE)
    for _ in range(STEPS):
        rows = draw.integers(len(clips), size=BATCH)
        # Of M modalities bit m of a number between 1 and 2^M − 2 says whether m is shown.
        subset = draw.integers(1, 2 ** len(names) - 1, size=BATCH)
        shown = torch.from_numpy(has[rows] & (subset[:, None] >> np.arange(len(names)) & 1 > 0))
        parts = {}
        for at, name in enumerate(names):
            token = heads.encode(name, tokens[name])
            there = shown[:, at, None]
            taken = [one.index_select(1, place[rows, at]) for one in encoded[name]]
            parts[name] = tuple(torch.where(there, one, t) for one, t in zip(taken, token, strict=True))
        logits = heads.combine(parts, dict.fromkeys(names, torch.ones(BATCH, dtype=torch.bool)))
        surprise = -(wanted[rows] * torch.log_softmax(logits, dim=-1)).sum()
        adam.zero_grad(set_to_none=True)
        (surprise / BATCH).backward()
        adam.step()
    return {name: token.detach() for name, token in tokens.items()}
