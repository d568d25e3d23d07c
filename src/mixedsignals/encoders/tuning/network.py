"""A backbone with a classification head, of which some layers learn: what all families of networks share.

Frozen layers stay in evaluation mode, so a clip enters the first learning layer the same way every time. What enters
there can then be kept and replayed instead of computed anew (`enters`, `replaying`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from mixedsignals.encoders.overlay import LORA_SCALE

__all__ = ["Item", "Network", "longest_list", "padded"]

_FRONTS = ("feature_extractor",)  # the convolutions before a waveform model: not layers of the transformer
_LAST = 2
# Attention that reads the weights of its projections instead of calling them: an adapter there would never be heard.
_READ_DIRECTLY = ("WavLMAttention",)


@dataclass(frozen=True)
class Item:
    """One clip as a network takes it.

    Attributes:
        payload: what the encoder prepared; None where `inner` stands for it.
        outline: the little that is needed of the payload beside `inner`: its shape, its length, or its token ids.
        inner: what enters the first learning layer, without padding; None where it is computed.
    """

    payload: Any
    outline: tuple[int, ...]
    inner: Tensor | None = None


class Network(nn.Module):  # type: ignore[misc]
    """What learns. Subclasses give the backbone, the head and how clips are put into a batch.

    Args:
        backbone: named as in the encoder whose tensors it holds.
        head: everything that is new.
    """

    can_replay = True

    def __init__(self) -> None:
        super().__init__()
        self.first: int | None = None
        self._learning: list[nn.Module] = []
        self._noisy = False

    # What a family of networks has to say.

    def backbone(self) -> nn.Module:
        """The module whose tensors are named as in the encoder."""
        raise NotImplementedError

    def head(self) -> dict[str, nn.Parameter]:
        """The tensors of the head, named as in a model of Transformers."""
        raise NotImplementedError

    def collate(self, items: Sequence[Item]) -> dict[str, Tensor]:
        """A batch for `forward`; with `inner` among it where the items have that."""
        raise NotImplementedError

    def outline(self, payload: Any) -> tuple[int, ...]:
        """What remains of a payload where what enters the first learning layer is known."""
        raise NotImplementedError

    def enters(self, items: Sequence[Item]) -> list[Tensor]:
        """What enters the first learning layer, one tensor a clip, without padding."""
        raise NotImplementedError

    def replaying(self) -> None:
        """From now on batches have `inner`: let go of everything before the first learning layer."""
        raise NotImplementedError

    # What all share.

    def layers(self) -> nn.ModuleList:
        """The longest list of layers."""
        return longest_list(self.backbone())

    def learn(self, tune: str, *, lora_rank: int, frozen_dropout: bool) -> None:
        """Choose what learns: the last two layers, adapters in all layers, or everything; and always the head."""
        self._noisy = frozen_dropout
        self.requires_grad_(False)
        layers = self.layers()
        if tune == "last2":
            self.first = max(0, len(layers) - _LAST)
            self._learning = list(layers[self.first :])
            _learns(parameter for layer in self._learning for parameter in layer.parameters())
        elif tune == "lora":
            self.first, self._learning = 0, list(layers)
            _learns(_adapters(self.backbone(), layers, lora_rank))
        else:
            self._learning = [self.backbone()]
            fixed = {id(p) for front in self._fronts() for p in front.parameters()}
            _learns(p for p in self.backbone().parameters() if id(p) not in fixed and p.is_floating_point())
        if self.first is not None and (frozen_dropout or not self.can_replay):
            self.first = None
        _learns(self.head().values())

    def _fronts(self) -> list[nn.Module]:
        """Convolutions that read a waveform are left as they are, as is the custom."""
        return [module for name, module in self.backbone().named_children() if name in _FRONTS]

    def train(self, mode: bool = True) -> Network:
        """Frozen layers and batch statistics stay as they are, unless frozen layers are to be noisy."""
        super().train(mode)
        if mode and not self._noisy:
            self.backbone().eval()
            for module in self._learning:
                module.train()
        for module in self.modules():
            if isinstance(module, _BatchNorm):
                module.eval()
        return self

    def learning(self) -> dict[str, nn.Parameter]:
        """The tensors that learn, by their name in this network."""
        return {name: value for name, value in self.named_parameters() if value.requires_grad}

    def tuned(self) -> dict[str, Tensor]:
        """Copies of the tensors that learn: `backbone/NAME` as in the encoder, `head/NAME` as in Transformers."""
        of_head = {id(value) for value in self.head().values()}
        found = {
            f"backbone/{_plain(name)}": value
            for name, value in self.backbone().named_parameters()
            if value.requires_grad and id(value) not in of_head
        }
        found |= {f"head/{name}": value for name, value in self.head().items()}
        return {name: value.detach().cpu().clone().contiguous() for name, value in found.items()}

    def load_tuned(self, tensors: Mapping[str, Tensor]) -> None:
        """The inverse of `tuned`, on a network that learns the same."""
        places = {f"backbone/{_plain(name)}": value for name, value in self.backbone().named_parameters()}
        places |= {f"head/{name}": value for name, value in self.head().items()}
        with torch.no_grad():
            for name, value in tensors.items():
                places[name].copy_(value)


def longest_list(module: nn.Module) -> nn.ModuleList:
    """The list of layers with most members; of equal ones the first. A waveform model's convolutions do not count."""
    lists = [
        part
        for name, part in module.named_modules()
        if isinstance(part, nn.ModuleList) and not set(name.split(".")) & set(_FRONTS)
    ]
    return max(lists, key=len)


def padded(rows: Sequence[Tensor]) -> Tensor:
    """Rows of different length (t, …) in one tensor (n, longest t, …), filled with zeros."""
    return nn.utils.rnn.pad_sequence(list(rows), batch_first=True)


def _learns(parameters: Iterable[nn.Parameter]) -> None:
    for parameter in parameters:
        parameter.requires_grad_(True)


def _adapters(backbone: nn.Module, layers: nn.ModuleList, rank: int) -> list[nn.Parameter]:
    """Put adapters of `peft` into the layers; their tensors."""
    from peft import LoraConfig, inject_adapter_in_model

    inside = {id(module) for module in layers.modules()}
    for module in layers.modules():
        if type(module).__name__ in _READ_DIRECTLY:
            inside -= {id(part) for part in module.children()}
    names = [name for name, module in backbone.named_modules() if id(module) in inside and _adaptable(module)]
    config = LoraConfig(r=rank, lora_alpha=round(LORA_SCALE * rank), lora_dropout=0.0, target_modules=names)
    inject_adapter_in_model(config, backbone)
    return [value for name, value in backbone.named_parameters() if ".lora_" in name]


def _adaptable(module: nn.Module) -> bool:
    if isinstance(module, nn.Conv2d):
        return bool(module.kernel_size == (1, 1) and module.groups == 1)
    return isinstance(module, nn.Linear)


def _plain(name: str) -> str:
    """A name as it is without peft's wrappers: `x.base_layer.weight` is `x.weight`, adapters are `x.lora_A`."""
    return name.replace(".base_layer.", ".").replace(".default.weight", "")
