"""The encoder of Whisper (Radford et al. 2022, arXiv 2212.04356) for sound of any length up to 30 s.

Positions are cut to the clip's length instead of padding it to 30 s. Parts are named as in CTranslate2 files, where
query, key and value lie in one matrix.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["WhisperEncoder", "whisper_encoder"]


class _Layer(nn.Module):  # type: ignore[misc]
    """Self-attention and a feed-forward network, each over the normalised input and added to it."""

    def __init__(self, width: int, heads: int, inner: int) -> None:
        super().__init__()
        self.heads = heads
        self.self_attention = nn.ModuleDict(
            {
                "layer_norm": nn.LayerNorm(width),
                "linear_0": nn.Linear(width, 3 * width),
                "linear_1": nn.Linear(width, width),
            }
        )
        self.ffn = nn.ModuleDict(
            {
                "layer_norm": nn.LayerNorm(width),
                "linear_0": nn.Linear(width, inner),
                "linear_1": nn.Linear(inner, width),
            }
        )

    def forward(self, given: Tensor, mask: Tensor | None = None) -> Tensor:
        """(n, positions, width) to the same shape; what `mask` (n, 1, 1, positions) leaves out is not attended to."""
        attention, feed = self.self_attention, self.ffn
        parts = attention["linear_0"](attention["layer_norm"](given)).chunk(3, dim=-1)
        query, key, value = (part.unflatten(-1, (self.heads, -1)).transpose(1, 2) for part in parts)
        seen = (
            functional.scaled_dot_product_attention(query, key, value, attn_mask=mask)
            .transpose(1, 2)
            .flatten(2)
        )
        given = given + attention["linear_1"](seen)
        return given + feed["linear_1"](functional.gelu(feed["linear_0"](feed["layer_norm"](given))))


class WhisperEncoder(nn.Module):  # type: ignore[misc]
    """Log-mel (n, bands, 2 * positions) to states (n, positions, width), 50 a second."""

    def __init__(
        self, *, bands: int, width: int, heads: int, inner: int, layers: int, positions: int
    ) -> None:
        super().__init__()
        self.width = width
        self.conv1 = nn.Conv1d(bands, width, 3, padding=1)
        self.conv2 = nn.Conv1d(width, width, 3, stride=2, padding=1)
        self.position_encodings = nn.Parameter(torch.zeros(positions, width))
        self.layers = nn.ModuleList(_Layer(width, heads, inner) for _ in range(layers))
        self.layer_norm = nn.LayerNorm(width)

    def forward(self, mel: Tensor, mask: Tensor | None = None) -> Tensor:
        """States of every position; without a mask (n, positions) the clips of one call need one length."""
        return self.upper(self.lower(mel, mask, len(self.layers)), mask, len(self.layers))

    def lower(self, mel: Tensor, mask: Tensor | None, first: int) -> Tensor:
        """States as they enter layer `first`; where clips differ in length, `mel` is padded with zeros and masked."""
        states = functional.gelu(self.conv2(functional.gelu(self.conv1(mel)))).transpose(1, 2)
        states = states + self.position_encodings[: states.shape[1]]
        for layer in self.layers[:first]:
            states = layer(states, _attended(mask))
        return states

    def upper(self, states: Tensor, mask: Tensor | None, first: int) -> Tensor:
        """From what enters layer `first` to the last states."""
        for layer in self.layers[first:]:
            states = layer(states, _attended(mask))
        normalised: Tensor = self.layer_norm(states)
        return normalised


def _attended(mask: Tensor | None) -> Tensor | None:
    return None if mask is None else mask[:, None, None, :]


def whisper_encoder(arrays: Mapping[str, npt.NDArray[Any]]) -> WhisperEncoder:
    """The encoder that the `encoder/` arrays of a CTranslate2 file describe, in evaluation mode, float32."""
    width, bands, _ = arrays["encoder/conv1/weight"].shape
    model = WhisperEncoder(
        bands=bands,
        width=width,
        heads=int(arrays["encoder/num_heads"]),
        inner=len(arrays["encoder/layer_0/ffn/linear_0/bias"]),
        layers=sum(name.endswith("self_attention/linear_0/weight") for name in arrays),
        positions=len(arrays["encoder/position_encodings/encodings"]),
    )
    state = {
        _ours(name): torch.from_numpy(value.astype(np.float32))
        for name, value in arrays.items()
        if value.ndim
    }
    model.load_state_dict(state)
    model.eval()
    return model


def _ours(name: str) -> str:
    """`encoder/layer_0/ffn/layer_norm/gamma` becomes `layers.0.ffn.layer_norm.weight`."""
    name = name.removeprefix("encoder/").replace("position_encodings/encodings", "position_encodings")
    first, slash, rest = name.partition("/")
    if first.startswith("layer_") and first[6:].isdigit():
        name = f"layers/{first[6:]}{slash}{rest}"
    return name.replace("/gamma", "/weight").replace("/beta", "/bias").replace("/", ".")
