"""EfficientNet-lite0 (Tan and Le 2019, the Lite variant): pictures of 224 px to 1280 numbers each.

Only what the offline weights need: no squeeze-and-excitation, ReLU6, the padding of TensorFlow (where the stride is 2,
one more at the right and at the bottom). Module names follow the file of weights.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_eval

__all__ = ["WIDTH", "EfficientNetLite0", "load_efficientnet"]

WIDTH = 1280
_EPSILON = 1e-3
# repeats, kernel, stride, expansion, channels in, channels out
_STAGES = (
    (1, 3, 1, 1, 32, 16),
    (2, 3, 2, 6, 16, 24),
    (2, 5, 2, 6, 24, 40),
    (3, 3, 2, 6, 40, 80),
    (3, 5, 1, 6, 80, 112),
    (4, 5, 2, 6, 112, 192),
    (1, 3, 1, 6, 192, 320),
)


def _relu6(values: Tensor) -> Tensor:
    return functional.relu6(values, inplace=True)


class _Convolution(nn.Conv2d):  # type: ignore[misc]
    """A convolution that pads as TensorFlow does, for even picture sizes."""

    def __init__(self, inputs: int, outputs: int, kernel: int, *, stride: int = 1, groups: int = 1) -> None:
        padding = kernel // 2 if stride == 1 else 0
        super().__init__(inputs, outputs, kernel, stride=stride, groups=groups, padding=padding, bias=False)
        before = (kernel - 2) // 2
        self._pad = None if stride == 1 else (before, kernel - 2 - before) * 2

    def forward(self, pictures: Tensor) -> Tensor:
        """Pad where the stride is 2, then convolve."""
        return super().forward(pictures if self._pad is None else functional.pad(pictures, self._pad))


class _Block(nn.Module):  # type: ignore[misc]
    """An inverted bottleneck: widen, filter each channel, narrow; added to its input where the shape stays."""

    def __init__(self, kernel: int, stride: int, expansion: int, inputs: int, outputs: int) -> None:
        super().__init__()
        wide = inputs * expansion
        self._widens = expansion != 1
        if self._widens:
            self._expand_conv = _Convolution(inputs, wide, 1)
            self._bn0 = nn.BatchNorm2d(wide, eps=_EPSILON)
        self._depthwise_conv = _Convolution(wide, wide, kernel, stride=stride, groups=wide)
        self._bn1 = nn.BatchNorm2d(wide, eps=_EPSILON)
        self._project_conv = _Convolution(wide, outputs, 1)
        self._bn2 = nn.BatchNorm2d(outputs, eps=_EPSILON)
        self._adds = stride == 1 and inputs == outputs

    def forward(self, given: Tensor) -> Tensor:
        """(n, inputs, h, w) to (n, outputs, h / stride, w / stride)."""
        inner = _relu6(self._bn0(self._expand_conv(given))) if self._widens else given
        inner = _relu6(self._bn1(self._depthwise_conv(inner)))
        inner = self._bn2(self._project_conv(inner))
        return inner + given if self._adds else inner


class EfficientNetLite0(nn.Module):  # type: ignore[misc]
    """The network up to its pooled features; the classifier over ImageNet is left out."""

    def __init__(self) -> None:
        super().__init__()
        self._conv_stem = _Convolution(3, 32, 3, stride=2)
        self._bn0 = nn.BatchNorm2d(32, eps=_EPSILON)
        self._blocks = nn.ModuleList()
        for repeats, kernel, stride, expansion, inputs, outputs in _STAGES:
            self._blocks.append(_Block(kernel, stride, expansion, inputs, outputs))
            self._blocks.extend(_Block(kernel, 1, expansion, outputs, outputs) for _ in range(repeats - 1))
        self._conv_head = _Convolution(320, WIDTH, 1)
        self._bn1 = nn.BatchNorm2d(WIDTH, eps=_EPSILON)

    def forward(self, pictures: Tensor) -> Tensor:
        """Pictures (n, 3, 224, 224), scaled to (value - 127) / 128, to features (n, 1280)."""
        return self.upper(self.lower(pictures, len(self._blocks)), len(self._blocks))

    def lower(self, pictures: Tensor, first: int) -> Tensor:
        """What enters block `first`: (n, channels, h, w)."""
        inner = _relu6(self._bn0(self._conv_stem(pictures)))
        for block in self._blocks[:first]:
            inner = block(inner)
        return inner

    def upper(self, inner: Tensor, first: int) -> Tensor:
        """From what enters block `first` to the features."""
        for block in self._blocks[first:]:
            inner = block(inner)
        return _relu6(self._bn1(self._conv_head(inner))).mean(dim=(2, 3))

    def folded(self) -> EfficientNetLite0:
        """The same function a quarter faster: each normalisation becomes part of the convolution before it."""
        for part in [self, *self._blocks]:
            for convolution, norm in _FOLDS:
                if hasattr(part, convolution) and hasattr(part, norm):
                    setattr(
                        part, convolution, fuse_conv_bn_eval(getattr(part, convolution), getattr(part, norm))
                    )
                    setattr(part, norm, nn.Identity())
        return self


_FOLDS = (
    ("_conv_stem", "_bn0"),
    ("_conv_head", "_bn1"),
    ("_expand_conv", "_bn0"),
    ("_depthwise_conv", "_bn1"),
    ("_project_conv", "_bn2"),
)


def load_efficientnet(path: Path) -> EfficientNetLite0:
    """The network with the weights of a plain torch state dict; the file cannot run code."""
    state = torch.load(path, map_location="cpu", weights_only=True)
    model = EfficientNetLite0()
    model.load_state_dict({name: value for name, value in state.items() if not name.startswith("_fc.")})
    model.eval()
    return model
