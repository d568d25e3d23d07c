"""A run whose encoders were tuned, used again: new clips through every fold and seed, and models for others to use."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from mixedsignals.api.second import load_second, with_second
from mixedsignals.errors import InputError, Problem, UsageError
from mixedsignals.progress import SILENT, Progress
from mixedsignals.store import RunFolder, cache_dir

if TYPE_CHECKING:
    from mixedsignals.corpus import Corpus
    from mixedsignals.embeddings import Card, Embeddings
    from mixedsignals.heads import HeadModels, HeadPredictions

__all__ = ["TunedHeads", "export_encoder"]


@dataclass(frozen=True)
class TunedHeads:
    """The heads of a run with tuned encoders, each kept to its own fold and seed.

    Attributes:
        run: its folder; models: as its manifest lists them.
    """

    run: RunFolder
    models: tuple[Mapping[str, Any], ...]

    @cached_property
    def parts(self) -> dict[tuple[int, int], HeadModels]:
        """Heads by fold and seed."""
        from mixedsignals.heads import load_heads

        grid = sorted({(model["fold"], model["seed"]) for model in self.models})
        return {(f, s): load_heads(self.run.models / f"fold{f}.seed{s}") for f, s in grid}

    @cached_property
    def second(self) -> dict[tuple[int, int], list[HeadModels]]:
        """Those of the second fusion by fold and seed; empty where a run has none."""
        return {(f, s): load_second(self.run, f"fold{f}.seed{s}") for f, s in self.parts}

    @property
    def cards(self) -> Mapping[str, Card]:
        """Of the first fold and seed; what is frozen has the same in all."""
        return next(iter(self.parts.values())).cards

    @property
    def tuned(self) -> set[str]:
        """Modalities whose encoders were tuned."""
        return {model["modality"] for model in self.models}

    def predict(
        self,
        corpus: Corpus,
        frozen: Mapping[str, Embeddings],
        *,
        splits: Any,
        device: str,
        progress: Progress = SILENT,
    ) -> tuple[HeadPredictions, dict[str, frozenset[str]]]:
        """The mean over folds and seeds of what their heads say of clips that their own encoders embedded.

        Args:
            frozen: embeddings of the modalities that were not tuned.
            splits: the run's; a clip in it is heard only by folds that never saw it.

        Returns:
            What they say, and which clips have each of the tuned modalities.
        """
        from mixedsignals.heads import HeadPredictions, predict_heads

        found = []
        having: dict[str, frozenset[str]] = {}
        for (fold, seed), models in self.parts.items():
            own = self.embeddings(corpus, fold, seed, device=device, progress=progress)
            embeddings = {**frozen, **own}
            having |= {modality: frozenset(made.clip_ids) for modality, made in own.items()}
            said = predict_heads(models, embeddings, splits=splits)
            found.append(with_second(said, self.second[fold, seed], embeddings, splits=splits))
        predictions, gates = _mean([one.predictions for one in found]), _mean([one.gates for one in found])
        heard = set(predictions["clip_id"])
        unheard = tuple(clip for clip in found[0].unheard if clip not in heard)
        return HeadPredictions(predictions=predictions, gates=gates, unheard=unheard), having

    def embeddings(
        self, corpus: Corpus, fold: int, seed: int, *, device: str, progress: Progress = SILENT
    ) -> dict[str, Embeddings]:
        """What the encoders tuned in one fold, with one seed, make of clips, by modality that the clips have."""
        return {
            model["modality"]: self._embed(corpus, model, device, progress)
            for model in self.models
            if (model["fold"], model["seed"]) == (fold, seed) and model["modality"] in corpus.modalities
        }

    def _embed(self, corpus: Corpus, model: Mapping[str, Any], device: str, progress: Progress) -> Embeddings:
        from mixedsignals.encoders.encoding import encode_with
        from mixedsignals.encoders.tuning import load_tuned, tuned_encoder

        encoder = tuned_encoder(load_tuned(self.run.path / model["folder"]), cache_dir())
        made = encode_with(
            encoder,
            corpus.clips,
            Path(corpus.media_root),
            cache=cache_dir(),
            device=device,
            progress=progress,
        )
        return made.embeddings


def _mean(frames: list[pl.DataFrame]) -> pl.DataFrame:
    """Rows of equal keys averaged; by their number of heads where that is known."""
    together = pl.concat(frames)
    values = [name for name in ("probability", "gate", "weight") if name in together.columns]
    keys = [name for name in together.columns if name not in (*values, "n_heads")]
    if "n_heads" in together.columns:
        weighted = [
            ((pl.col(v) * pl.col("n_heads")).sum() / pl.col("n_heads").sum()).alias(v) for v in values
        ]
        return together.group_by(keys, maintain_order=True).agg(*weighted, pl.col("n_heads").sum())
    return together.group_by(keys, maintain_order=True).agg(pl.col(values).mean())


def export_encoder(
    run: Path | str,
    out: Path | str,
    *,
    modality: str | None = None,
    fold: int | None = None,
    seed: int | None = None,
    push: str | None = None,
    private: bool = True,
) -> tuple[Path, str | None]:
    """One tuned encoder of a run as a whole model that plain Transformers reads; with `push` also on a hub.

    Args:
        modality, fold, seed: which; what is left out is chosen: the only modality, and the fold and seed with the best
            accuracy on its tuning clips.
        push: `OWNER/NAME` on the hub.
        private: whether a new repository there is private.

    Returns:
        The folder, and the address on the hub.

    Raises:
        InputError: the run has no tuned encoders, or none of that fold and seed; `out` is not empty.
        UsageError: several modalities and none named, or an encoder that is no model of Transformers.
        CannotFinish: the hub cannot be reached.
    """
    from mixedsignals.encoders.tuning.export import export_tuned, push_folder
    from mixedsignals.encoders.tuning.saving import load_tuned

    folder = RunFolder(Path(run))
    models = folder.read_manifest().get("tuning", {}).get("models", [])
    if not models:
        remedy = "Name a run with --tune last2, lora or full."
        raise InputError(Problem("no-models", "has no tuned encoders", remedy, file=str(run)))
    names = sorted({model["modality"] for model in models})
    if modality is None and len(names) > 1:
        raise UsageError(f"say which encoder: --modality {', '.join(names)}")
    asked = {"modality": modality or names[0], "fold": fold, "seed": seed}
    fitting = [m for m in models if all(value is None or m[name] == value for name, value in asked.items())]
    if not fitting:
        there = sorted({(m["modality"], m["fold"], m["seed"]) for m in models})
        message = f"has no tuned encoder of {asked}; there are {there}"
        raise InputError(Problem("no-models", message, "Name one of these.", file=str(run)))
    best = max(fitting, key=lambda model: model["tune_accuracy"])
    made = export_tuned(load_tuned(folder.path / best["folder"]), Path(out), cache=cache_dir())
    return made, push_folder(made, push, private=private) if push else None
