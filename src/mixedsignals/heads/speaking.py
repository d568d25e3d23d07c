"""Trained heads at work: each says what it thinks of the clips it may judge, and the mean of them is taken."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from mixedsignals.heads.data import Positions, Standardiser, TrainingSet
from mixedsignals.heads.fusion import fusion_of
from mixedsignals.heads.options import HeadOptions
from mixedsignals.heads.saving import HeadModel, HeadModels
from mixedsignals.heads.stack import Gatherer, Stack, fill_up

__all__ = ["Spoken", "speak"]

_ROWS, _FILL, _GROUP = 128, 8, 4
Numbers = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Spoken:
    """The mean of several heads of one combination.

    Attributes:
        clips: positions (n,) of the clips that at least one head could judge.
        n_heads: how many heads are in each mean, (n,).
        probabilities: (n, labels), rows summing to 1.
        gates, weights: (n, modalities); without meaning where a clip lacks the modality.
    """

    clips: Positions
    n_heads: Positions
    probabilities: Numbers
    gates: Numbers
    weights: Numbers


def speak(
    data: TrainingSet,
    models: HeadModels,
    heads: Sequence[HeadModel],
    allowed: Mapping[int, npt.NDArray[np.bool_]],
) -> Spoken:
    """Let the heads of one combination judge every clip that has one of its modalities.

    Args:
        allowed: per fold which clips its heads may judge, (clips,); a fold that is not there may judge all.
    """
    n = len(data.clip_ids)
    n_heads = np.zeros(n, np.int64)
    totals = _nothing(n, len(models.labels), len(heads[0].head.modalities) if heads else 0)
    usable = data.usable(heads[0].head.modalities) if heads else np.zeros(n, bool)
    may = {head.head: np.flatnonzero(usable & allowed.get(head.head.fold, True)) for head in heads}
    busy = [head for head in heads if len(may[head.head])]
    for start in range(0, len(busy), _GROUP):
        group = busy[start : start + _GROUP]
        parts = [may[head.head] for head in group]
        said = _say(data, models, group, parts)
        for row, clips in enumerate(parts):
            n_heads[clips] += 1
            for total, one in zip(totals, said, strict=True):
                total[clips] += one[row, : len(clips)]
    heard = np.flatnonzero(n_heads)
    means = [total[heard] / n_heads[heard, None] for total in totals]
    return Spoken(heard, n_heads[heard], *means)


def _nothing(n: int, n_labels: int, n_modalities: int) -> list[Numbers]:
    return [np.zeros((n, n_labels)), np.zeros((n, n_modalities)), np.zeros((n, n_modalities))]


def _say(
    data: TrainingSet, models: HeadModels, heads: Sequence[HeadModel], parts: Sequence[Positions]
) -> list[Numbers]:
    """Probabilities, gates and weights of some heads on their own clips, each (heads, rows, …), rows filled up."""
    options = HeadOptions(**models.options)
    dtype = getattr(torch, options.dtype)
    modalities = heads[0].head.modalities
    widths = {modality: models.widths[modality] for modality in modalities}
    member = fusion_of(options)
    arrays = [model.arrays() for model in heads]
    named = [{name.removeprefix("weights/"): value for name, value in one.items()} for one in arrays]
    weights = Stack(member.parameters(widths, len(models.labels)), named, dtype).views()
    statistics = Stack(member.statistics(widths, len(models.labels)), named, dtype).views()
    standardisers = [
        {m: Standardiser(one[f"standard/{m}/mean"], one[f"standard/{m}/scale"]) for m in modalities}
        for one in arrays
    ]
    gatherer = Gatherer(data, modalities, standardisers, dtype)
    said: list[list[Numbers]] = [[], [], []]
    with torch.no_grad():
        for chunk in fill_up(parts, _FILL).split(_ROWS, dim=1):
            fused = member.forward(weights, statistics, gatherer.batch(chunk), None)
            for kept, one in zip(
                said, (fused.logits.double().softmax(dim=-1), fused.gates, fused.weights), strict=True
            ):
                kept.append(one.double().numpy())
    return [np.concatenate(pieces, axis=1) for pieces in said]
