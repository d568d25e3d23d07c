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

from mixedsignals.embeddings import Embeddings
from mixedsignals.errors import InputError, Problem, UsageError
from mixedsignals.heads.cores import one_core_each
from mixedsignals.heads.data import TrainingSet, Vectors
from mixedsignals.heads.fusion import source_of
from mixedsignals.heads.saving import HeadModels
from mixedsignals.heads.speaking import Spoken, speak
from mixedsignals.labels import combination
from mixedsignals.tables import SPLITS, conform

__all__ = ["HeadPredictions", "check_embeddings", "clips_of", "predict_heads"]


@dataclass(frozen=True)
class HeadPredictions:
    """What heads say about clips, averaged.

    Attributes:
        predictions: clip_id, source, given, label, probability, n_heads; probabilities of a clip and source sum to 1.
        gates: clip_id, source, given, modality, gate, weight; only modalities that the clip has.
        unheard: clips without rows, because every head that could speak was trained or tuned on them.
    """

    predictions: pl.DataFrame
    gates: pl.DataFrame
    unheard: tuple[str, ...]


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
    check_embeddings(models, embeddings)
    chosen = [
        model
        for model in models.heads
        if (only_folds is None or model.head.fold in only_folds)
        and (only_seeds is None or model.head.seed in only_seeds)
    ]
    if not chosen:
        raise UsageError("no head has these folds and seeds; leave out only_folds or only_seeds")
    data = clips_of(models, embeddings)
    allowed = _allowed(data, splits)
    with one_core_each():
        spoken = {
            given: speak(data, models, [m for m in chosen if m.head.combination == given], allowed)
            for given in models.combinations
        }
    predictions = _stacked(
        [_prediction_rows(data, models, g, one) for g, one in spoken.items()], _PREDICTIONS
    )
    heard = set(predictions["clip_id"])
    return HeadPredictions(
        predictions=predictions,
        gates=_stacked([_gate_rows(data, models, given, one) for given, one in spoken.items()], _GATES),
        unheard=tuple(clip for clip in data.clip_ids if clip not in heard),
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


def check_embeddings(models: HeadModels, embeddings: Mapping[str, Embeddings]) -> None:
    """Raise InputError, naming every fault, unless the embeddings are made as those that the heads were trained on."""
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


def clips_of(models: HeadModels, embeddings: Mapping[str, Embeddings]) -> TrainingSet:
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


def _prediction_rows(data: TrainingSet, models: HeadModels, given: str, spoken: Spoken) -> pl.DataFrame:
    n, n_labels = len(spoken.clips), len(models.labels)
    names = pl.Series(data.clip_ids, dtype=pl.String).gather(spoken.clips)
    return pl.DataFrame(
        {
            "clip_id": names.gather(np.repeat(np.arange(n), n_labels)),
            "source": pl.repeat(source_of(given, models.source), n * n_labels, eager=True),
            "given": pl.repeat(given, n * n_labels, eager=True),
            "label": list(models.labels) * n,
            "probability": spoken.probabilities.reshape(-1),
            "n_heads": np.repeat(spoken.n_heads, n_labels),
        }
    )


def _gate_rows(data: TrainingSet, models: HeadModels, given: str, spoken: Spoken) -> pl.DataFrame:
    modalities = given.split("+")
    has = np.stack([data.inputs[modality].rows[spoken.clips] >= 0 for modality in modalities], axis=1)
    row, column = np.nonzero(has)
    names = pl.Series(data.clip_ids, dtype=pl.String).gather(spoken.clips)
    return pl.DataFrame(
        {
            "clip_id": names.gather(row),
            "source": pl.repeat(source_of(given, models.source), len(row), eager=True),
            "given": pl.repeat(given, len(row), eager=True),
            "modality": pl.Series(modalities).gather(column),
            "gate": spoken.gates[row, column],
            "weight": spoken.weights[row, column],
        }
    )
