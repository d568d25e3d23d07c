"""New clips from trained heads: the mean over folds and seeds of what the heads say.

For a clip of the run itself only heads that never saw it may speak; that needs the splits of the run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import torch

from mixedsignals.embeddings import Embeddings
from mixedsignals.errors import InputError, Problem, UsageError
from mixedsignals.heads.data import Standardiser, TrainingSet, Vectors
from mixedsignals.heads.fusion import fusion_of, source_of
from mixedsignals.heads.options import HeadOptions
from mixedsignals.heads.saving import HeadModel, HeadModels
from mixedsignals.heads.stack import Gatherer, Stack, fill_up
from mixedsignals.labels import combination
from mixedsignals.tables import SPLITS, conform

__all__ = ["HeadPredictions", "predict_heads"]

_ROWS, _GROUP = 128, 4
Numbers = npt.NDArray[np.float64]


@dataclass(frozen=True)
class HeadPredictions:
    """What heads say about clips, averaged.

    Attributes:
        predictions: clip_id, source, given, label, probability, n_heads; probabilities of a clip and source sum to 1.
        gates: clip_id, source, given, modality, gate, weight; only modalities that the clip has.
    """

    predictions: pl.DataFrame
    gates: pl.DataFrame


def predict_heads(
    models: HeadModels,
    embeddings: Mapping[str, Embeddings],
    *,
    splits: Any = None,
    only_folds: Sequence[int] | None = None,
    only_seeds: Sequence[int] | None = None,
) -> HeadPredictions:
    """Probabilities and gates of clips, each the mean over the heads that may speak.

    A clip gets rows for every combination of which it has at least one modality; what it lacks is masked.

    Args:
        embeddings: of the clips to predict, made exactly as those trained on.
        splits: the run's `splits` table; a clip in it is then predicted only by folds in which it was neither
            trained nor tuned on. Leave it out only for clips that the run never had.
        only_folds, only_seeds: use only these heads.

    Raises:
        InputError: embeddings whose card or width differs from those trained on, or of unknown modalities.
        UsageError: no head is left by `only_folds` and `only_seeds`.
    """
    _check_embeddings(models, embeddings)
    chosen = [
        model
        for model in models.heads
        if (only_folds is None or model.head.fold in only_folds)
        and (only_seeds is None or model.head.seed in only_seeds)
    ]
    if not chosen:
        raise UsageError("no head has these folds and seeds; leave out only_folds or only_seeds")
    data = _clips(models, embeddings)
    allowed = _allowed(data, splits)
    blocks = [
        _average(data, models, given, [m for m in chosen if m.head.combination == given], allowed)
        for given in models.combinations
        if any(modality in data.inputs for modality in given.split("+"))
    ]
    return HeadPredictions(
        predictions=_stacked([one for one, _ in blocks], _PREDICTIONS),
        gates=_stacked([one for _, one in blocks], _GATES),
    )


_PREDICTIONS = pl.Schema(
    {
        "clip_id": pl.String(),
        "source": pl.String(),
        "given": pl.String(),
        "label": pl.String(),
        "probability": pl.Float64(),
        "n_heads": pl.Int64(),
    }
)
_GATES = pl.Schema(
    {
        "clip_id": pl.String(),
        "source": pl.String(),
        "given": pl.String(),
        "modality": pl.String(),
        "gate": pl.Float64(),
        "weight": pl.Float64(),
    }
)


def _stacked(frames: list[pl.DataFrame], schema: pl.Schema) -> pl.DataFrame:
    return pl.concat([schema.to_frame(), *(frame.cast(schema) for frame in frames)])


def _check_embeddings(models: HeadModels, embeddings: Mapping[str, Embeddings]) -> None:
    problems = []
    if not embeddings:
        problems.append(Problem("no-embeddings", "there are no embeddings", "Encode at least one modality."))
    for modality, found in embeddings.items():
        if modality not in models.cards:
            known = ", ".join(models.cards)
            problems.append(
                Problem(
                    "unknown-modality", f"{modality!r} was not trained on; legal are {known}", "Leave it out."
                )
            )
            continue
        trained = models.cards[modality]
        if found.card.digest() != trained.digest():
            ours, theirs = trained.to_dict(), found.card.to_dict()
            other = [
                f"{k} {theirs[k]!r} instead of {ours[k]!r}"
                for k in ours
                if ours[k] != theirs[k] and k != "licence"
            ]
            problems.append(
                Problem(
                    "other-card",
                    f"the {modality} embeddings were made otherwise than those trained on: {'; '.join(other)}",
                    "Encode the clips with the encoder and options of the run.",
                )
            )
        elif found.width != models.widths[modality]:
            problems.append(
                Problem(
                    "other-width",
                    f"the {modality} embeddings have {found.width} columns, and heads were trained on "
                    f"{models.widths[modality]}",
                    "Encode the clips with the encoder and options of the run.",
                )
            )
    if problems:
        raise InputError(problems)


def _clips(models: HeadModels, embeddings: Mapping[str, Embeddings]) -> TrainingSet:
    """The clips in one order, with empty vectors for modalities that no clip has."""
    ids = tuple(dict.fromkeys(clip for found in embeddings.values() for clip in found.clip_ids))
    position = {clip: row for row, clip in enumerate(ids)}
    inputs = {}
    for modality in combination(models.cards).split("+"):
        rows = np.full(len(ids), -1, np.int64)
        found = embeddings.get(modality)
        if found is None or not len(found):
            values = np.zeros((1, models.widths[modality]), np.float32)
        else:
            values = found.values
            rows[[position[clip] for clip in found.clip_ids]] = np.arange(len(found))
        inputs[modality] = Vectors(values, rows, models.cards[modality])
    return TrainingSet(ids, models.labels, np.zeros((len(ids), len(models.labels))), inputs, {})


def _allowed(data: TrainingSet, splits: Any) -> dict[int, npt.NDArray[np.bool_]]:
    """Per fold which clips it never saw, (n,); folds that are not in the splits saw nothing."""
    if splits is None:
        return {}
    table = conform(SPLITS, splits).filter(pl.col("role") != "test")
    position = {clip: row for row, clip in enumerate(data.clip_ids)}
    allowed: dict[int, npt.NDArray[np.bool_]] = {}
    for (fold,), part in table.partition_by("fold", as_dict=True).items():
        unseen = np.ones(len(position), bool)
        unseen[[position[clip] for clip in part["clip_id"] if clip in position]] = False
        allowed[int(fold)] = unseen
    return allowed


def _average(
    data: TrainingSet,
    models: HeadModels,
    given: str,
    heads: Sequence[HeadModel],
    allowed: Mapping[int, npt.NDArray[np.bool_]],
) -> tuple[pl.DataFrame, pl.DataFrame]:
    modalities = given.split("+")
    clips = np.flatnonzero(data.usable(modalities))
    counts = np.zeros(len(clips), np.int64)
    probabilities = np.zeros((len(clips), len(models.labels)))
    gates, weights = np.zeros((len(clips), len(modalities))), np.zeros((len(clips), len(modalities)))
    everyone = np.ones(len(data.clip_ids), bool)
    for start in range(0, len(heads), _GROUP):
        group = heads[start : start + _GROUP]
        for model, spoken in zip(group, zip(*_speak(data, models, group, clips), strict=True), strict=True):
            may = allowed.get(model.head.fold, everyone)[clips]
            counts += may
            for total, one in zip((probabilities, gates, weights), spoken, strict=True):
                total[may] += one[may]
    heard = counts > 0
    clips, counts = clips[heard], counts[heard]
    mean = [total[heard] / counts[:, None] for total in (probabilities, gates, weights)]
    source = source_of(given, str(models.options["fusion"]))
    names = pl.Series(data.clip_ids, dtype=pl.String).gather(clips)
    n_labels = len(models.labels)
    predictions = pl.DataFrame(
        {
            "clip_id": names.gather(np.repeat(np.arange(len(clips)), n_labels)),
            "source": pl.repeat(source, len(clips) * n_labels, eager=True),
            "given": pl.repeat(given, len(clips) * n_labels, eager=True),
            "label": list(models.labels) * len(clips),
            "probability": mean[0].reshape(-1),
            "n_heads": np.repeat(counts, n_labels),
        }
    )
    row, column = np.nonzero(np.stack([data.inputs[m].rows[clips] >= 0 for m in modalities], axis=1))
    gate_rows = pl.DataFrame(
        {
            "clip_id": names.gather(row),
            "source": pl.repeat(source, len(row), eager=True),
            "given": pl.repeat(given, len(row), eager=True),
            "modality": [modalities[c] for c in column],
            "gate": mean[1][row, column],
            "weight": mean[2][row, column],
        }
    )
    return predictions, gate_rows


def _speak(
    data: TrainingSet, models: HeadModels, heads: Sequence[HeadModel], clips: npt.NDArray[np.int64]
) -> tuple[Numbers, Numbers, Numbers]:
    """Probabilities, gates and weights of some heads, each (heads, clips, …)."""
    options = HeadOptions(**models.options)
    dtype = getattr(torch, options.dtype)
    modalities = heads[0].head.modalities
    widths = {modality: models.widths[modality] for modality in modalities}
    member = fusion_of(options)
    arrays = [model.arrays() for model in heads]
    named = [
        {k.removeprefix("weights/"): v for k, v in one.items() if k.startswith("weights/")} for one in arrays
    ]
    weights = Stack(member.parameters(widths, len(models.labels)), named, dtype)
    statistics = Stack(member.statistics(widths, len(models.labels)), named, dtype)
    standardisers = [
        {m: Standardiser(one[f"standard/{m}/mean"], one[f"standard/{m}/scale"]) for m in modalities}
        for one in arrays
    ]
    gatherer = Gatherer(data, modalities, standardisers, dtype)
    positions = fill_up([clips] * len(heads), _ROWS)
    spoken: list[list[Numbers]] = [[], [], []]
    with torch.no_grad():
        for chunk in positions.split(_ROWS, dim=1):
            fused = member.forward(weights.views(), statistics.views(), gatherer.batch(chunk), None)
            spoken[0].append(fused.logits.double().softmax(dim=-1).numpy())
            spoken[1].append(fused.gates.double().numpy())
            spoken[2].append(fused.weights.double().numpy())
    whole = [np.concatenate(parts, axis=1)[:, : len(clips)] for parts in spoken]
    return whole[0], whole[1], whole[2]
