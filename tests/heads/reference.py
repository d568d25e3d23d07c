"""The paper's fusion once more, in plain torch modules, written from its description and not from our layers."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import nn


class PaperFusion(nn.Module):
    """Complete modalities only, dropout as given; one head."""

    def __init__(self, widths: dict[str, int], n_labels: int, dropout: float = 0.3) -> None:
        super().__init__()
        self.projection = nn.ModuleDict({m: nn.Linear(d, 256) for m, d in widths.items()})
        self.norm = nn.ModuleDict({m: nn.BatchNorm1d(256) for m in widths})
        self.gate = nn.ModuleDict({m: nn.Linear(256, 1) for m in widths})
        self.attention = nn.Linear(256, 128)
        self.vector = nn.Parameter(torch.zeros(128))
        sizes = [256, 512, 512, 512]
        self.blocks = nn.ModuleList(
            nn.Sequential(nn.Linear(a, b), nn.BatchNorm1d(b), nn.ReLU(), nn.Dropout(dropout))
            for a, b in pairwise(sizes)
        )
        self.labels = nn.Linear(512, n_labels)

    def forward(self, inputs: dict[str, torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        vectors, gates = [], []
        for modality, x in inputs.items():
            z = self.norm[modality](self.projection[modality](x))
            gates.append(torch.sigmoid(self.gate[modality](z)))
            vectors.append(gates[-1] * z)
        stacked = torch.stack(vectors, dim=1)
        weights = torch.softmax(torch.tanh(self.attention(stacked)) @ self.vector, dim=1)
        fused = (weights.unsqueeze(-1) * stacked).sum(dim=1)
        for block in self.blocks:
            fused = block(fused)
        return self.labels(fused), torch.cat(gates, dim=1), weights

    def take(self, arrays: dict[str, torch.Tensor]) -> None:
        """Set every parameter from arrays named and shaped as ours (weights stand input by output)."""
        with torch.no_grad():
            for ours, theirs in self.pairs().items():
                theirs.copy_(_like(arrays[ours], theirs))

    def pairs(self) -> dict[str, torch.Tensor]:
        """Our names for these parameters and running statistics."""
        found: dict[str, torch.Tensor] = {"attention.vector": self.vector}
        layers: dict[str, nn.Module] = {"attention.projection": self.attention, "labels": self.labels}
        for modality in self.projection:
            layers |= {
                f"{modality}.projection": self.projection[modality],
                f"{modality}.norm": self.norm[modality],
                f"{modality}.gate": self.gate[modality],
            }
        for i, block in enumerate(self.blocks):
            layers |= {f"block{i}.linear": block[0], f"block{i}.norm": block[1]}
        for name, layer in layers.items():
            found |= {f"{name}.weight": layer.weight, f"{name}.bias": layer.bias}
            if isinstance(layer, nn.BatchNorm1d):
                found |= {f"{name}.mean": layer.running_mean, f"{name}.variance": layer.running_var}
        return found

    def arrays(self) -> dict[str, torch.Tensor]:
        """Its parameters and statistics in our names and shapes."""
        return {
            ours: (theirs.detach().T if theirs.ndim == 2 else _column(ours, theirs.detach())).clone()
            for ours, theirs in self.pairs().items()
        }


def _column(name: str, value: torch.Tensor) -> torch.Tensor:
    return value[:, None] if name == "attention.vector" else value[None, :]


def _like(ours: torch.Tensor, theirs: torch.Tensor) -> torch.Tensor:
    return ours.T if theirs.ndim == 2 else ours.reshape(theirs.shape)
