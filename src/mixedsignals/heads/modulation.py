"""On-the-fly gradient modulation: the modality that already does better learns more slowly, so the others catch up.

Source: Peng, Wei, Deng, Wang, Hu, Balanced Multimodal Learning via On-the-fly Gradient Modulation, CVPR 2022 (OGM-GE).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch

from mixedsignals.heads.member import Batch, Fused
from mixedsignals.heads.noise import Streams

__all__ = ["STRENGTH", "coefficients", "modulate"]

STRENGTH = 0.3


def coefficients(
    forward: Callable[[Batch], Fused], batch: Batch, targets: torch.Tensor
) -> dict[str, torch.Tensor]:
    """Factor of each modality's gradients, (heads,): 1 − tanh(strength · ρ) where ρ > 1, else 1.

    ρ is the modality's mean probability of the target when it is shown alone, over the mean of the others' (each over
    the clips that have it).

    Args:
        forward: the member without noise.
        targets: (heads, rows, labels).
    """
    alone = []
    for modality in batch.inputs:
        shown = {
            name: there if name == modality else torch.zeros_like(there)
            for name, there in batch.present.items()
        }
        with torch.no_grad():
            said = forward(Batch(batch.inputs, shown, batch.rows)).logits.softmax(dim=-1)
        hit = (said * targets).sum(dim=-1) * batch.present[modality]
        alone.append(hit.sum(dim=1) / batch.present[modality].sum(dim=1).clamp(min=1))
    scores = torch.stack(alone)
    others = (scores.sum(dim=0) - scores) / max(len(scores) - 1, 1)
    ratio = scores / others.clamp(min=1e-6)
    factor = torch.where(ratio > 1, 1 - torch.tanh(STRENGTH * ratio), torch.ones_like(ratio))
    return dict(zip(batch.inputs, factor, strict=True))


def modulate(
    leaves: Mapping[str, torch.Tensor], factors: Mapping[str, torch.Tensor], streams: Sequence[Streams]
) -> None:
    """Multiply the gradients of each modality's own arrays, and add noise of the gradient's own spread, in place.

    Arrays belong to a modality when their name starts with it. Each head's noise comes from its own stream.
    """
    for name, leaf in leaves.items():
        owner = name.split(".", maxsplit=1)[0]
        if owner not in factors or leaf.grad is None:
            continue
        heads = len(leaf)
        flat = leaf.grad.view(heads, -1)
        spread = flat.std(dim=1, keepdim=True, unbiased=False)
        drawn = np.stack([np.random.Generator(one.bits).standard_normal(flat.shape[1]) for one in streams])
        noise = torch.tensor(drawn, dtype=flat.dtype) * spread
        factor = factors[owner].view(heads, 1)
        # Noise goes only where the gradient was turned down: elsewhere training stays as it is.
        flat.mul_(factor).add_(noise * (factor < 1))
