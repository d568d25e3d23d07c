"""Folds in which nobody is heard in training and in testing alike.

Every clip is tested exactly once. Within each fold the remaining speakers are parted again into those that a model
learns from and those that it is tuned on. Labels are spread as evenly as whole speakers allow; the same seed gives the
same folds.
"""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from mixedsignals.errors import CannotFinish, UsageError
from mixedsignals.tables import SPLITS, conform

__all__ = ["complete_splits", "make_splits"]

IntArray = npt.NDArray[np.int64]
Groups = Mapping[str, str | None]


def make_splits(
    clip_ids: Sequence[str],
    labels_by_clip: Mapping[str, str],
    groups: Groups | None = None,
    *,
    folds: int = 5,
    tune_share: float = 0.15,
    seed: int = 0,
) -> pl.DataFrame:
    """Stratified, speaker-disjoint folds, each with a speaker-disjoint tuning part.

    Args:
        clip_ids: n distinct clips, all of them with a target. Their order does not matter.
        labels_by_clip: the target of each.
        groups: the speaker of each; a clip that is absent or None there is a group of its own.
        folds: number of folds, two or more.
        tune_share: share of the training speakers' clips to tune on, above 0 and at most .5; met as nearly as whole
            speakers allow, with one speaker at least.
        seed: of the shuffle.

    Returns:
        A `splits` table: for each fold, every clip with its role (`train`, `tune` or `test`).

    Raises:
        UsageError: an option out of range.
        CannotFinish: too few clips, labels or speakers for that many folds.
    """
    _check_options(folds=folds, tune_share=tune_share)
    clips = sorted(clip_ids)
    given = [labels_by_clip[clip] for clip in clips]
    labels, speakers = _codes(given), _speakers(clips, groups)
    _refuse_too_few(
        given, speakers, folds=folds, known=groups is not None and any(groups.get(clip) for clip in clips)
    )
    test_fold = _parts(labels, speakers, folds, seed)
    parts = []
    for fold in range(folds):
        role = np.full(len(clips), "train", dtype="<U5")
        role[test_fold == fold] = "test"
        _add_tuning(role, labels, speakers, where=f"fold {fold}", share=tune_share, seed=seed + fold)
        parts.append(pl.DataFrame({"clip_id": clips, "fold": fold, "role": role.tolist()}))
    return conform(SPLITS, pl.concat(parts), source="splits")


def complete_splits(
    splits: pl.DataFrame,
    labels_by_clip: Mapping[str, str],
    groups: Groups | None = None,
    *,
    tune_share: float = 0.15,
    seed: int = 0,
) -> pl.DataFrame:
    """Given splits as they are, with a tuning part where a fold has none.

    Rows of clips without a target are left out. The roles that the user gave stay; only in a fold without any `tune`
    row are some training speakers moved to it.

    Raises:
        UsageError: an option out of range.
        CannotFinish: a fold without training or test clips, with one label to learn from, or with a single speaker to
            learn from and to tune on.
    """
    _check_options(folds=2, tune_share=tune_share)
    known = splits.filter(pl.col("clip_id").is_in(list(labels_by_clip)))
    if known.is_empty():
        raise CannotFinish(
            "None of the clips in the given splits has a target, so there is nothing to train on."
        )
    parts = []
    for rows in known.sort("fold", "clip_id").partition_by("fold", maintain_order=True):
        clips, fold = rows["clip_id"].to_list(), rows["fold"][0]
        role = np.array(rows["role"].to_list(), dtype="<U5")
        for needed in ("train", "test"):
            if not (role == needed).any():
                raise CannotFinish(f"Fold {fold} of the given splits has no {needed} clips with a target.")
        labels, speakers = _codes([labels_by_clip[clip] for clip in clips]), _speakers(clips, groups)
        where = f"fold {fold} of the given splits"
        if not (role == "tune").any():
            _add_tuning(role, labels, speakers, where=where, share=tune_share, seed=seed)
        _refuse_one_label(labels[role == "train"], where=where)
        parts.append(rows.with_columns(pl.Series("role", role.tolist())))
    return conform(SPLITS, pl.concat(parts), source="splits")


def _check_options(*, folds: int, tune_share: float) -> None:
    if folds < 2:
        raise UsageError(f"The number of folds is {folds}; it must be 2 or more.")
    if not 0 < tune_share <= 0.5:
        raise UsageError(f"The tuning share is {tune_share}; it must be above 0 and at most 0.5.")


def _codes(values: Sequence[Any]) -> IntArray:
    index = {value: code for code, value in enumerate(sorted(set(values)))}
    return np.fromiter((index[value] for value in values), dtype=np.int64, count=len(values))


def _speakers(clips: Sequence[str], groups: Groups | None) -> IntArray:
    names = groups or {}
    return _codes(
        [("clip", clip) if names.get(clip) is None else ("speaker", str(names[clip])) for clip in clips]
    )


def _refuse_too_few(labels: Sequence[str], speakers: IntArray, *, folds: int, known: bool) -> None:
    clips, counts = len(labels), Counter(labels)
    if not clips:
        raise CannotFinish(f"{folds} folds cannot be made: no clip has a target.")
    if len(counts) < 2:
        raise CannotFinish(
            f"{folds} folds cannot be made: all {clips} clips have the target {labels[0]!r}, "
            "and a model needs two labels to learn from."
        )
    n_groups, needed = len(np.unique(speakers)), max(folds, 3)
    if n_groups < needed:
        unit = "speaker" if known else "clip"
        have = (
            f"the {clips} clips with a target have {n_groups} speaker{'s' * (n_groups != 1)}"
            if known
            else f"there are {clips} clips with a target"
        )
        raise CannotFinish(
            f"{folds} folds with no {unit} in two parts need at least {needed} {unit}s, and {have}: "
            f"add {'clips of other speakers' if known else 'clips'}{', ask for fewer folds' * (n_groups >= 3)}, "
            "or give splits of your own."
        )
    label, most = counts.most_common(1)[0]
    if most < folds:
        raise CannotFinish(
            f"{folds} folds need {folds} clips of at least one label, and the most frequent, {label!r}, has {most}: "
            "add clips or ask for fewer folds."
        )


def _refuse_one_label(train_labels: IntArray, *, where: str) -> None:
    if len(np.unique(train_labels)) < 2:
        raise CannotFinish(
            f"In {where} all training clips have one label, and a model needs two: ask for fewer folds or add speakers."
        )


def _parts(labels: IntArray, speakers: IntArray, n_parts: int, seed: int) -> IntArray:
    """Which of `n_parts` parts each clip belongs to: no speaker in two, no part empty, labels spread evenly."""
    from sklearn.model_selection import GroupKFold, KFold, StratifiedGroupKFold, StratifiedKFold

    groups = None if len(np.unique(speakers)) == len(speakers) else speakers
    shuffled = {"n_splits": n_parts, "shuffle": True, "random_state": seed}
    splitters: list[Any] = [StratifiedGroupKFold(**shuffled), GroupKFold(n_splits=n_parts)]
    if groups is None:
        splitters = [StratifiedKFold(**shuffled), KFold(**shuffled)]
    if np.bincount(labels).max() < n_parts:
        del splitters[0]
    part = np.full(len(labels), -1, dtype=np.int64)
    for splitter in splitters:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="The least populated class", category=UserWarning)
            parts = list(splitter.split(np.zeros((len(labels), 1)), labels, groups))
        for number, (_, chosen) in enumerate(parts):
            part[chosen] = number
        # With few speakers the stratified way can leave a part empty; the plain one never does.
        if len(np.unique(part)) == n_parts:
            break
    return part


def _add_tuning(
    role: npt.NDArray[np.str_], labels: IntArray, speakers: IntArray, *, where: str, share: float, seed: int
) -> None:
    """Give about `share` of the training clips, whole speakers, the role `tune` (in place)."""
    train = np.flatnonzero(role == "train")
    n_speakers = len(np.unique(speakers[train]))
    if n_speakers < 2:
        raise CannotFinish(
            f"In {where} one speaker is left to learn from and to tune on, and two are needed: "
            "add speakers or ask for more folds."
        )
    part = _parts(
        _codes(labels[train].tolist()),
        _codes(speakers[train].tolist()),
        min(max(round(1 / share), 2), n_speakers),
        seed,
    )
    n_labels = len(np.unique(labels[train]))

    def fault(number: int) -> tuple[int, float]:
        chosen = part == number
        return n_labels - len(np.unique(labels[train[~chosen]])), abs(float(chosen.mean()) - share)

    role[train[part == min(range(int(part.max()) + 1), key=fault)]] = "tune"
    _refuse_one_label(labels[role == "train"], where=where)
