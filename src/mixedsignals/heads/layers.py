"""Layers of many heads at once: every tensor has a leading head axis, every product is batched over it.

Normalisation and softmax take a mask, so that a missing modality or a filled-up row leaves no trace in a statistic.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

__all__ = ["batch_norm", "dot", "linear", "masked_softmax", "relu_dropout", "size_shares"]

_EPSILON = 1e-5
_MOMENTUM = 0.1
Tensors = Mapping[str, torch.Tensor]


def linear(weights: Tensors, name: str, x: torch.Tensor) -> torch.Tensor:
    """x·W + b with x (heads, rows, in), W (heads, in, out) and b (heads, 1, out)."""
    weight, bias = weights[f"{name}.weight"], weights[f"{name}.bias"]
    if torch.is_grad_enabled() and weight.requires_grad:
        return _Linear.apply(x, weight, bias)
    return torch.baddbmm(bias, x, weight)


def dot(x: torch.Tensor, vector: torch.Tensor) -> torch.Tensor:
    """x·v with x (heads, rows, width) and v (heads, width, 1); (heads, rows, 1).

    Not a batched product: those round a single head's matrix-vector product otherwise than several heads'.
    """
    return (x * vector.transpose(1, 2)).sum(dim=-1, keepdim=True)


def batch_norm(
    weights: Tensors,
    running: Tensors,
    name: str,
    x: torch.Tensor,
    *,
    mask: torch.Tensor,
    training: bool,
) -> torch.Tensor:
    """Batch normalisation over the rows of `mask` only, one head apart from the other.

    In training the statistics come from the masked rows, and the running ones move towards them by a tenth. A batch
    with fewer than two such rows is normalised by the running statistics and leaves them as they are.

    Args:
        x: (heads, rows, width).
        mask: (heads, rows, 1), 1 where a row counts, 0 elsewhere, in the dtype of `x`.
    """
    weight, bias = weights[f"{name}.weight"], weights[f"{name}.bias"]
    mean, variance = running[f"{name}.mean"], running[f"{name}.variance"]
    if training:
        return _BatchNorm.apply(x, weight, bias, mask, mean, variance)
    scale = weight * (variance + _EPSILON).rsqrt()
    return torch.addcmul(bias - mean * scale, x, scale)


def relu_dropout(x: torch.Tensor, keep: torch.Tensor | None) -> torch.Tensor:
    """ReLU, then the dropout mask `keep` of `Noise.keep` where there is one."""
    return torch.relu(x) if keep is None else torch.relu(x) * keep


def masked_softmax(scores: torch.Tensor, present: torch.Tensor) -> torch.Tensor:
    """Softmax over axis 1 among the entries that are present; absent ones get exactly 0.

    Where nothing is present (rows that only fill up a batch) all entries are 0 too.
    """
    lowest = torch.finfo(scores.dtype).min
    return scores.masked_fill(~present, lowest).softmax(dim=1) * present


def size_shares(parts: torch.Tensor, there: torch.Tensor) -> torch.Tensor:
    """Share of each modality in the size of `parts` (heads, modalities, rows, width): (heads, rows, modalities).

    Size is the sum of absolute values; where nobody adds any, all who are there have equal shares.
    """
    size = (parts.abs().sum(dim=-1) + 1e-9) * there
    return (size / size.sum(dim=1, keepdim=True).clamp(min=1e-12)).transpose(1, 2)


class _Linear(torch.autograd.Function):  # type: ignore[misc]
    """`linear` in training: the weight's gradient goes into memory that is kept from step to step.

    The gradients are the largest tensors by far, and fresh memory for them costs more than computing them.
    """

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(x)
        ctx.weight = weight
        return torch.baddbmm(bias, x, weight)

    @staticmethod
    def backward(ctx: Any, grad: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        (x,), weight = ctx.saved_tensors, ctx.weight
        if weight.grad is None:
            if not hasattr(weight, "kept_gradient"):
                weight.kept_gradient = torch.empty_like(weight)
            weight.grad = torch.bmm(x.transpose(1, 2), grad, out=weight.kept_gradient)
        else:
            weight.grad.baddbmm_(x.transpose(1, 2), grad)
        to_x = torch.bmm(grad, weight.detach().transpose(1, 2)) if ctx.needs_input_grad[0] else None
        return to_x, None, grad.sum(dim=1, keepdim=True)


class _BatchNorm(torch.autograd.Function):  # type: ignore[misc]
    """Training-time normalisation; written out because torch's own takes no mask."""

    @staticmethod
    def forward(
        ctx: Any,
        x: torch.Tensor,
        weight: torch.Tensor,
        bias: torch.Tensor,
        mask: torch.Tensor,
        running_mean: torch.Tensor,
        running_variance: torch.Tensor,
    ) -> torch.Tensor:
        count = mask.sum(dim=1, keepdim=True)
        divisor, moves = count.clamp(min=1), (count >= 2).to(x.dtype)
        ctx.whole, all_move = bool(mask.all()), bool(moves.all())
        mean = (x if ctx.whole else x * mask).sum(dim=1, keepdim=True).div_(divisor)
        if not all_move:
            mean = torch.where(moves > 0, mean, running_mean)
        centred = x - mean
        if not ctx.whole:
            centred.mul_(mask)
        squares = (centred * centred).sum(dim=1, keepdim=True)
        variance = squares / divisor
        if not all_move:
            variance = torch.where(moves > 0, variance, running_variance)
        inverse = (variance + _EPSILON).rsqrt()
        scale = inverse * weight
        step = moves * _MOMENTUM
        running_mean.add_((mean - running_mean).mul_(step))
        unbiased = squares.div_((count - 1).clamp_(min=1))
        running_variance.add_(unbiased.sub_(running_variance).mul_(step))
        ctx.save_for_backward(centred, inverse, scale, mask, moves / divisor)
        return torch.addcmul(bias, centred, scale)

    @staticmethod
    def backward(ctx: Any, grad: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        centred, inverse, scale, mask, shares = ctx.saved_tensors
        if not ctx.whole:
            grad = grad * mask
        to_bias = grad.sum(dim=1, keepdim=True)
        to_weight = (grad * centred).sum(dim=1, keepdim=True) * inverse
        through_statistics = torch.addcmul(to_bias * shares, centred, to_weight * inverse * shares)
        to_x = torch.sub(grad, through_statistics, out=through_statistics).mul_(scale)
        if not ctx.whole:
            to_x.mul_(mask)
        return to_x, to_weight, to_bias, None, None, None
