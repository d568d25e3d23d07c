"""What is to be tuned: clips with targets and folds, joined by clip id and checked before any model is loaded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from mixedsignals.errors import CannotFinish
from mixedsignals.labels import Labels
from mixedsignals.tuning_options import TuningOptions

__all__ = ["CANDIDATES", "ModelId", "Parts", "TuningPlan", "candidates_of"]

#: encoders among which the tuning split decides, where a preset names several
CANDIDATES: dict[str, dict[str, tuple[str, ...]]] = {
    "paper": {
        "text": ("paper:roberta-base", "paper:microsoft/deberta-v3-base"),
        "audio": ("paper:facebook/hubert-base-ls960", "paper:facebook/wav2vec2-base"),
        "video": ("paper:MCG-NJU/videomae-base", "paper:facebook/timesformer-base-finetuned-k400"),
    }
}


def candidates_of(modality: str, name: str) -> tuple[str, ...]:
    """The encoders that a name stands for: those of a preset, or names with commas between them."""
    if name in CANDIDATES and modality in CANDIDATES[name]:
        return CANDIDATES[name][modality]
    return tuple(dict.fromkeys(part.strip() for part in name.split(",") if part.strip()))


@dataclass(frozen=True, order=True)
class ModelId:
    """One model: fold, seed, and which inner part it is not shown (−1: it is shown the whole training part)."""

    fold: int
    seed: int
    inner: int = -1

    @property
    def name(self) -> str:
        """As folders are named."""
        return f"fold{self.fold}.seed{self.seed}" + ("" if self.inner < 0 else f".inner{self.inner}")


@dataclass(frozen=True)
class Parts:
    """Clips that a model is trained on, tuned by, and embeds."""

    train: tuple[str, ...]
    tune: tuple[str, ...]
    embed: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class TuningPlan:
    """Everything that is decided before a model is loaded.

    Attributes:
        clips: a `clips` table; root: where its media paths start.
        targets, splits: tables of those names.
        inner: fold, inner, clip_id: which inner part of its fold each training clip is held out with; empty for
            embeddings in-sample.
        groups: group of each clip, for intervals on the model card; a clip without one is its own.
        tune: `last2`, `lora` or `full`.
        folder: where models are kept; work: where clips are kept meanwhile.
        corpus: name and licence, for the model card.
    """

    clips: pl.DataFrame
    root: Path
    targets: pl.DataFrame
    splits: pl.DataFrame
    inner: pl.DataFrame
    labels: Labels
    groups: Mapping[str, str]
    seeds: tuple[int, ...]
    tune: str
    options: TuningOptions
    pooling: str | None
    device: str
    folder: Path
    work: Path
    cache: Path
    corpus: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def shares(self) -> dict[str, npt.NDArray[np.float32]]:
        """Target of each clip, (labels,): its shares, or a single 1 unless targets are soft."""
        found: dict[str, npt.NDArray[np.float32]] = {}
        codes = self.labels.codes(self.targets["label"])
        for clip, code, share in zip(self.targets["clip_id"], codes, self.targets["share"], strict=True):
            found.setdefault(clip, np.zeros(len(self.labels), np.float32))[code] = share
        if self.options.soft_targets:
            return found
        eye = np.eye(len(self.labels), dtype=np.float32)
        return {clip: eye[int(row.argmax())] for clip, row in found.items()}

    @cached_property
    def folds(self) -> tuple[int, ...]:
        """Folds of the splits."""
        return tuple(sorted(self.splits["fold"].unique().to_list()))

    def models(self, *, inner: bool) -> list[ModelId]:
        """The models of one encoder: of whole training parts, or those of the inner folds."""
        grid = [(fold, seed) for seed in self.seeds for fold in self.folds]
        if not inner:
            return [ModelId(fold, seed) for fold, seed in grid]
        return [ModelId(fold, seed, part) for fold, seed in grid for part in self._inner_of(fold)]

    def _inner_of(self, fold: int) -> list[int]:
        return sorted(self.inner.filter(fold=fold)["inner"].unique().to_list())

    def parts(self, model: ModelId, having: Mapping[str, Any]) -> Parts:
        """The clips of one model, of those that have the modality.

        A model of a whole training part embeds everything that it was not trained on; and, where there are no inner
        folds, its training clips too. A model of an inner fold embeds the part that it was not shown.
        """
        roles = self._roles[model.fold]
        known = [clip for clip in having if clip in self.shares]
        train = [clip for clip in known if roles.get(clip) == "train"]
        tune = tuple(clip for clip in known if roles.get(clip) == "tune")
        held = self._held[model.fold]
        if model.inner >= 0:
            shown = tuple(clip for clip in train if held.get(clip) != model.inner)
            return Parts(shown, tune, tuple(clip for clip in train if held.get(clip) == model.inner))
        rest = tuple(clip for clip in having if roles.get(clip) != "train" or clip not in held)
        return Parts(tuple(train), tune, rest)

    @cached_property
    def _roles(self) -> dict[int, dict[str, str]]:
        return {
            int(fold): dict(zip(part["clip_id"], part["role"], strict=True))
            for (fold,), part in self.splits.partition_by("fold", as_dict=True).items()
        }

    @cached_property
    def _held(self) -> dict[int, dict[str, int]]:
        found: dict[int, dict[str, int]] = {fold: {} for fold in self.folds}
        for fold, inner, clip in self.inner.select("fold", "inner", "clip_id").iter_rows():
            found[fold][clip] = inner
        return found

    def test_clips(self, fold: int, having: Mapping[str, Any]) -> list[str]:
        """Test clips of a fold that have the modality and a target."""
        roles = self._roles[fold]
        return [clip for clip in having if roles.get(clip) == "test" and clip in self.shares]

    def check(self, modality: str, having: Sequence[str]) -> None:
        """Refuse folds that cannot be learned from.

        Raises:
            CannotFinish: every fold whose training part lacks a label or whose tuning part is empty.
        """
        there = dict.fromkeys(having)
        faults = [
            fault
            for model in (*self.models(inner=False), *self.models(inner=True))
            if model.seed == self.seeds[0]
            for fault in self._faults(model, there)
        ]
        if faults:
            raise CannotFinish(
                f"{modality}: the corpus is too small for these folds: {'; '.join(faults[:5])}"
                f"{'; …' if len(faults) > 5 else ''}. Use fewer --folds, fewer --tune-inner-folds (0 embeds in-"
                "sample), or --tune frozen."
            )

    def _faults(self, model: ModelId, having: Mapping[str, Any]) -> Iterator[str]:
        parts = self.parts(model, having)
        where = f"fold {model.fold}" + ("" if model.inner < 0 else f", inner fold {model.inner}")
        if not parts.tune:
            yield f"{where} has no tuning clips"
        everywhere = {int(self.shares[clip].argmax()) for clip in having if clip in self.shares}
        taught = {int(self.shares[clip].argmax()) for clip in parts.train}
        if lost := sorted(everywhere - taught):
            names = ", ".join(self.labels.names[code] for code in lost)
            yield f"{where} trains on {len(parts.train)} clips, none of them {names}"

    def weights(self, train: Sequence[str]) -> dict[str, float]:
        """Weight of each training clip: 1, or by the inverse frequency of its label, with a mean of 1."""
        if not self.options.class_weights or not train:
            return {}
        rows = np.stack([self.shares[clip] for clip in train]).astype(np.float64)
        counts = rows.sum(axis=0)
        there = counts > 0
        each = np.where(there, counts.sum() / (there.sum() * np.where(there, counts, 1.0)), 0.0)
        return dict(zip(train, (rows @ each).tolist(), strict=True))
