"""Lays tuned tensors over a pretrained network: whole tensors take the place of those there, adapters are added.

An adapter is a pair `NAME.lora_A`, `NAME.lora_B` (Hu et al. 2021, arXiv 2106.09685): the weight of the module NAME
becomes W + 2 B A, the scale that `encoders.tuning` trains with.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from mixedsignals.errors import InputError, Problem

__all__ = ["LORA_SCALE", "lay_over"]

#: what an adapter's product is multiplied with
LORA_SCALE = 2.0
_A, _B = ".lora_A", ".lora_B"


def lay_over(network: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    """Change the network in place.

    Raises:
        InputError: tensors that the network has no place for, or of another shape; all of them counted.
    """
    state = network.state_dict()
    whole = {name: value for name, value in tensors.items() if not name.endswith((_A, _B))}
    pairs = {
        name.removesuffix(_A) + ".weight": name.removesuffix(_A) for name in tensors if name.endswith(_A)
    }
    bad = [name for name, value in whole.items() if name not in state or state[name].shape != value.shape]
    bad += [name for name, stem in pairs.items() if name not in state or stem + _B not in tensors]
    if bad:
        message = (
            f"{len(bad)} tuned tensors do not fit the network that they were tuned from: {', '.join(bad[:3])}"
        )
        raise InputError(
            Problem("tuned-elsewhere", message, "Name the encoder that was tuned, at the same revision.")
        )
    with torch.no_grad():
        for name, value in whole.items():
            state[name].copy_(value)
        for name, stem in pairs.items():
            product = tensors[stem + _B].flatten(1) @ tensors[stem + _A].flatten(1)
            state[name].add_(LORA_SCALE * product.reshape(state[name].shape).to(state[name].dtype))
