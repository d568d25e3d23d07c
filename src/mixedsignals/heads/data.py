"""What heads are trained on: embeddings, targets and folds joined by clip id, and refused where they do not fit.

The join happens here, once. Later code counts clips by position in one order and never touches an id again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from mixedsignals.embeddings import Card, Embeddings
from mixedsignals.errors import InputError, Problem
from mixedsignals.labels import Labels, combination
from mixedsignals.progress import Progress
from mixedsignals.tables import SPLITS, TARGETS, conform

__all__ = ["ROLES", "Standardiser", "TrainingSet", "Vectors", "prepare", "standardise"]

ROLES = ("none", "train", "tune", "test")
Positions = npt.NDArray[np.int64]
_PIECE = 8192


@dataclass(frozen=True)
class Vectors:
    """One modality, addressed by clip position.

    Attributes:
        values: float32 (m, d), the clips that have it.
        rows: int64 (n,), the row of each clip in `values`, −1 where it lacks the modality.
        card: where the vectors come from.
    """

    values: npt.NDArray[np.float32]
    rows: Positions
    card: Card


@dataclass(frozen=True)
class Standardiser:
    """Mean and spread of one modality over the training clips that have it; float64 (d,), a spread of 0 becomes 1."""

    mean: npt.NDArray[np.float64]
    scale: npt.NDArray[np.float64]


@dataclass(frozen=True)
class TrainingSet:
    """n clips with a target, in one order.

    Attributes:
        clip_ids: their ids.
        labels: the corpus's labels.
        targets: float64 (n, labels), rows summing to 1 (a single 1 unless targets are soft).
        inputs: the vectors of each modality, in canonical order.
        roles: per fold int8 (n,), positions in `ROLES`.
        standardisers: by modality and fold.
        groups: int64 (n,), the speaker of each clip as a code; a clip without one is alone.
    """

    clip_ids: tuple[str, ...]
    labels: Labels
    targets: npt.NDArray[np.float64]
    inputs: dict[str, Vectors]
    roles: dict[int, npt.NDArray[np.int8]]
    standardisers: dict[tuple[str, int], Standardiser] = field(default_factory=dict)
    groups: Positions = field(default_factory=lambda: np.zeros(0, np.int64))

    def usable(self, modalities: Iterable[str]) -> npt.NDArray[np.bool_]:
        """Which clips have at least one of the modalities, (n,)."""
        found = np.zeros(len(self.clip_ids), bool)
        for modality in modalities:
            found |= self.inputs[modality].rows >= 0
        return found

    def part(self, modalities: Iterable[str], fold: int, role: str) -> Positions:
        """Positions of the clips with that role in the fold that have at least one of the modalities."""
        return np.flatnonzero((self.roles[fold] == ROLES.index(role)) & self.usable(modalities))


def standardise(data: TrainingSet, modality: str, fold: int) -> Standardiser:
    """Fit on the training clips of the fold that have the modality, and on nothing else.

    A column that does not vary (up to the rounding of float32) gets a spread of 1.
    """
    vectors = data.inputs[modality]
    rows = vectors.rows[data.part([modality], fold, "train")]
    width = vectors.values.shape[1]
    if not len(rows):
        return Standardiser(np.zeros(width), np.ones(width))
    pieces = [rows[low : low + _PIECE] for low in range(0, len(rows), _PIECE)]
    sums = [vectors.values[piece].sum(axis=0, dtype=np.float64) for piece in pieces]
    mean = np.sum(sums, axis=0) / len(rows)
    squares = [np.square(vectors.values[piece] - mean).sum(axis=0) for piece in pieces]
    spread = np.sqrt(np.sum(squares, axis=0) / len(rows))
    return Standardiser(mean, np.where(spread > 1e-6 * np.abs(mean), spread, 1.0))


def prepare(
    embeddings: Mapping[str, Embeddings],
    targets: Any,
    splits: Any,
    labels: Labels,
    *,
    seeds: tuple[int, ...],
    soft: bool,
    progress: Progress,
    groups: Mapping[str, str | None] | None = None,
) -> TrainingSet:
    """Join everything by clip id; `groups` names the speaker of each clip where one is known.

    Raises:
        InputError: all faults at once: no embeddings, embeddings of other clips or of another fold or seed, shares
            that do not sum to 1, clips whose top label is a tie, a clip tested in two folds.
    """
    target_table = conform(TARGETS, targets, labels=labels)
    split_table = conform(SPLITS, splits)
    clip_ids, shares = _target_matrix(target_table, labels)
    problems = [
        *_target_faults(clip_ids, shares, soft=soft),
        *_split_faults(clip_ids, split_table),
        *_embedding_faults(embeddings, clip_ids, split_table, seeds),
    ]
    if problems:
        raise InputError(problems)
    position = {clip: row for row, clip in enumerate(clip_ids)}
    inputs = {
        modality: _vectors(embeddings[modality], position) for modality in combination(embeddings).split("+")
    }
    data = TrainingSet(
        clip_ids=clip_ids,
        labels=labels,
        targets=shares if soft else np.eye(len(labels))[shares.argmax(axis=1)],
        inputs=inputs,
        roles=_roles(split_table, position),
        groups=_groups(clip_ids, groups or {}),
    )
    _tell_unused(data, progress)
    data.standardisers.update(
        {(modality, fold): standardise(data, modality, fold) for modality in inputs for fold in data.roles}
    )
    return data


def _target_matrix(table: pl.DataFrame, labels: Labels) -> tuple[tuple[str, ...], npt.NDArray[np.float64]]:
    clip_ids = tuple(table["clip_id"].unique(maintain_order=True).to_list())
    position = {clip: row for row, clip in enumerate(clip_ids)}
    shares = np.zeros((len(clip_ids), len(labels)))
    rows = np.fromiter((position[clip] for clip in table["clip_id"]), np.int64, table.height)
    shares[rows, labels.codes(table["label"])] = table["share"].to_numpy()
    return clip_ids, shares


def _target_faults(
    clip_ids: tuple[str, ...], shares: npt.NDArray[np.float64], *, soft: bool
) -> Iterable[Problem]:
    if not clip_ids:
        yield Problem("no-targets", "no clip has a target", "Give labels or votes for the clips.")
        return
    uneven = np.flatnonzero(np.abs(shares.sum(axis=1) - 1) > 1e-6)
    if len(uneven):
        yield Problem(
            "target-shares",
            f"the shares of {len(uneven)} clips do not sum to 1: {_named(clip_ids, uneven)}",
            "Divide the shares of each clip by their sum.",
        )
    tied = np.flatnonzero((shares == shares.max(axis=1, keepdims=True)).sum(axis=1) > 1)
    if len(tied) and not soft:
        yield Problem(
            "tied-target",
            f"the top label of {len(tied)} clips is a tie: {_named(clip_ids, tied)}",
            "Leave these clips out, break the tie, or train towards the shares (soft_targets).",
        )


def _split_faults(clip_ids: tuple[str, ...], splits: pl.DataFrame) -> Iterable[Problem]:
    known = splits.filter(pl.col("clip_id").is_in(list(clip_ids)))
    if clip_ids and known.is_empty():
        yield Problem(
            "splits-other-clips",
            "no clip with a target is in the splits",
            "Give splits whose clip ids are those of the corpus.",
        )
    tests = known.filter(pl.col("role") == "test")["clip_id"]
    twice = tests.filter(tests.is_duplicated()).unique(maintain_order=True).to_list()
    if twice:
        yield Problem(
            "tested-twice",
            f"{len(twice)} clips are tested in more than one fold: {', '.join(twice[:5])}",
            "Let each clip be tested in one fold at most.",
        )


def _embedding_faults(
    embeddings: Mapping[str, Embeddings],
    clip_ids: tuple[str, ...],
    splits: pl.DataFrame,
    seeds: tuple[int, ...],
) -> Iterable[Problem]:
    if not embeddings:
        yield Problem("no-embeddings", "there are no embeddings", "Encode at least one modality.")
    known = set(clip_ids)
    folds = sorted(splits["fold"].unique().to_list())
    for modality, found in embeddings.items():
        if known and known.isdisjoint(found.clip_ids):
            theirs = ", ".join(found.clip_ids[:3]) or "none"
            yield Problem(
                "features-other-clips",
                f"no {modality} embedding belongs to a clip with a target "
                f"(theirs: {theirs}; ours: {', '.join(clip_ids[:3])})",
                "Give embeddings whose clip ids are those of the corpus.",
            )
        for word, tuned, asked in (
            ("fold", found.card.fold, folds),
            ("seed", found.card.seed, sorted(seeds)),
        ):
            if tuned is not None and asked != [tuned]:
                yield Problem(
                    "tuned-elsewhere",
                    f"the {modality} encoder was tuned in {word} {tuned}, and heads are asked for {word}s {asked}",
                    f"Fit this {word} by itself: tuned embeddings are joined within their own fold and seed only.",
                )


def _vectors(embeddings: Embeddings, position: dict[str, int]) -> Vectors:
    rows = np.full(len(position), -1, np.int64)
    kept = [(row, position[clip]) for row, clip in enumerate(embeddings.clip_ids) if clip in position]
    source = np.array([row for row, _ in kept], np.int64)
    rows[[place for _, place in kept]] = np.arange(len(kept))
    return Vectors(np.ascontiguousarray(embeddings.values[source]), rows, embeddings.card)


def _roles(splits: pl.DataFrame, position: dict[str, int]) -> dict[int, npt.NDArray[np.int8]]:
    roles: dict[int, npt.NDArray[np.int8]] = {}
    for (fold,), part in sorted(splits.partition_by("fold", as_dict=True).items()):
        codes = np.zeros(len(position), np.int8)
        for clip, role in zip(part["clip_id"], part["role"], strict=True):
            if clip in position:
                codes[position[clip]] = ROLES.index(role)
        roles[int(fold)] = codes
    return roles


def _groups(clip_ids: tuple[str, ...], speakers: Mapping[str, str | None]) -> Positions:
    names = [(clip, None) if speakers.get(clip) is None else (None, speakers[clip]) for clip in clip_ids]
    codes = {name: code for code, name in enumerate(dict.fromkeys(names))}
    return np.array([codes[name] for name in names], np.int64)


def _tell_unused(data: TrainingSet, progress: Progress) -> None:
    """A clip that takes no part is named, never dropped in silence."""
    nowhere = np.flatnonzero(~np.any(list(data.roles.values()), axis=0))
    if len(nowhere):
        progress.say(
            f"{len(nowhere)} clips with a target are in no fold and take no part: {_named(data.clip_ids, nowhere)}"
        )
    empty = np.flatnonzero(~data.usable(data.inputs))
    if len(empty):
        progress.say(
            f"{len(empty)} clips have none of {', '.join(data.inputs)} and get no prediction: "
            f"{_named(data.clip_ids, empty)}"
        )


def _named(clip_ids: tuple[str, ...], positions: Positions, shown: int = 5) -> str:
    names = ", ".join(clip_ids[int(row)] for row in positions[:shown])
    return f"{names}, …" if len(positions) > shown else names
