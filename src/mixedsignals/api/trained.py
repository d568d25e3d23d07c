"""A trained run read back: its heads, and the embeddings that they were trained on, out of the cache.

Heads may only be asked about embeddings that they know. What is not the same any more is refused, not guessed at.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from mixedsignals.api.corpora import read
from mixedsignals.api.encoding import encode_modality
from mixedsignals.api.fitting import embedding_digest
from mixedsignals.api.second import load_second
from mixedsignals.api.tuned_models import TunedHeads
from mixedsignals.errors import InputError, Problem
from mixedsignals.labels import Labels, combination
from mixedsignals.manifest import RunOptions
from mixedsignals.progress import SILENT, Progress
from mixedsignals.store import RunFolder
from mixedsignals.tables import CLIPS, SPLITS, TARGETS, read_table

if TYPE_CHECKING:
    from mixedsignals.corpus import Corpus
    from mixedsignals.embeddings import Embeddings
    from mixedsignals.heads import HeadModels

__all__ = ["Part", "Trained", "read_trained"]


@dataclass(frozen=True)
class Part:
    """Heads that share their embeddings: all of a run, or one fold and seed where encoders were tuned.

    Attributes:
        embeddings: by modality, of the run's clips.
        models: the heads of all combinations.
        second: those of the second fusion, by member; empty where there is none.
        splits: the rows of the folds that these heads belong to.
    """

    embeddings: Mapping[str, Embeddings]
    models: HeadModels
    second: tuple[HeadModels, ...]
    splits: pl.DataFrame


@dataclass(frozen=True)
class Trained:
    """A run with models, as it was when it was trained.

    Attributes:
        run: its folder; manifest: what `run.toml` says; options: how it was trained.
        corpus: the corpus as it is now, with the clips as the run knows them.
        targets, splits: the run's tables.
        parts: the heads with their embeddings; one, or one per fold and seed where encoders were tuned.
    """

    run: RunFolder
    manifest: Mapping[str, Any]
    options: RunOptions
    labels: Labels
    corpus: Corpus
    targets: pl.DataFrame
    splits: pl.DataFrame
    parts: tuple[Part, ...]

    @property
    def run_id(self) -> str:
        """As the tables have it."""
        return str(self.manifest["run_id"])

    @property
    def modalities(self) -> tuple[str, ...]:
        """What the run learned from, in canonical order."""
        return tuple(combination(self.parts[0].embeddings).split("+"))

    @property
    def sources(self) -> tuple[str, ...]:
        """The fusions that can be asked: `fusion`, and the second one's name."""
        second = self.manifest.get("second", {}).get("source")
        return ("fusion",) if second is None else ("fusion", str(second))


def read_trained(
    run: Path | str, *, corpus: Path | str | None = None, progress: Progress = SILENT
) -> Trained:
    """Read a run with its heads; embeddings come from the cache, or are made again as `run.toml` says.

    Args:
        run: the folder of a finished run.
        corpus: where its corpus lies now, if it was moved.
        progress: told of what has to be encoded again.

    Raises:
        InputError: no run, no models, a corpus that is gone, or embeddings that are not those trained on.
        CannotFinish: weights that are needed and cannot be had.
    """
    folder = RunFolder(Path(run))
    manifest = folder.read_manifest()
    _refuse_untrained(folder, manifest)
    options = RunOptions.from_dict(manifest["options"], file=str(folder.manifest_path))
    clips, targets, splits = (
        read_table(table, folder.table(table.name)) for table in (CLIPS, TARGETS, SPLITS)
    )
    found = replace(_corpus(manifest, corpus, folder), clips=clips)
    models = manifest.get("tuning", {}).get("models", [])
    tuned = TunedHeads(folder, tuple(models)) if models else None
    frozen = _embeddings(found, options, manifest, tuned.tuned if tuned else set(), progress)
    parts = (
        (_whole(folder, frozen, splits),)
        if tuned is None
        else tuple(_tuned_parts(tuned, found, frozen, splits, options, progress))
    )
    return Trained(
        folder,
        manifest,
        options,
        Labels(tuple(manifest["corpus"]["labels"]), manifest["corpus"]["kind"]),
        found,
        targets,
        splits,
        parts,
    )


def _refuse_untrained(folder: RunFolder, manifest: Mapping[str, Any]) -> None:
    """Only heads can be asked again; predictions alone cannot."""
    remedy = "Name a run that `mixedsignals run` or `fit` finished."
    if not manifest.get("fit", {}).get("done"):
        message = "has no trained models, so there is nothing to ask again"
        if "options" not in manifest:
            remedy += " Of predictions alone, `mixedsignals diagnose` tells what can be told."
        raise InputError(Problem("no-models", message, remedy, file=str(folder.path)))
    if not any(folder.models.rglob("heads.json")):
        message = "has lost its models"
        remedy = f"Put `{folder.models.name}/` back, or run again into a new folder."
        raise InputError(Problem("no-models", message, remedy, file=str(folder.path)))


def _corpus(manifest: Mapping[str, Any], named: Path | str | None, folder: RunFolder) -> Corpus:
    path = Path(named if named is not None else manifest["corpus"]["path"])
    if not path.is_dir():
        message = f"learned from the corpus {path}, which is not there"
        remedy = "Put it back, or say with --corpus where it lies now."
        raise InputError(Problem("moved-corpus", message, remedy, file=str(folder.path)))
    return read(path)


def _embeddings(
    corpus: Corpus,
    options: RunOptions,
    manifest: Mapping[str, Any],
    tuned: set[str],
    progress: Progress,
) -> dict[str, Embeddings]:
    """Of every modality whose encoder was not tuned, in canonical order; compared with those trained on."""
    recorded = manifest["inputs"].get("embeddings", {})
    found, problems = {}, []
    for modality in manifest["encoders"]:
        if modality in tuned:
            continue
        if modality not in corpus.modalities:
            problems.append(_changed(modality, "are gone"))
            continue
        made = encode_modality(corpus, modality, options=options, progress=progress).embeddings
        if embedding_digest(made) != recorded.get(modality):
            problems.append(_changed(modality, "are not those that the heads learned from"))
        found[modality] = made
    if problems:
        raise InputError(problems)
    return found


def _changed(modality: str, what: str) -> Problem:
    return Problem(
        "changed-embeddings",
        f"the {modality} embeddings of this run {what}: the clips, the features or the encoder have changed",
        "Bring back what they were made from, or run again into a new folder.",
    )


def _whole(folder: RunFolder, embeddings: Mapping[str, Embeddings], splits: pl.DataFrame) -> Part:
    from mixedsignals.heads import load_heads

    return Part(embeddings, load_heads(folder.models), tuple(load_second(folder)), splits)


def _tuned_parts(
    tuned: TunedHeads,
    corpus: Corpus,
    frozen: Mapping[str, Embeddings],
    splits: pl.DataFrame,
    options: RunOptions,
    progress: Progress,
) -> list[Part]:
    """A part for each fold and seed, its clips embedded by the encoders that were tuned there."""
    return [
        Part(
            {**frozen, **tuned.embeddings(corpus, fold, seed, device=options.device, progress=progress)},
            models,
            tuple(tuned.second[fold, seed]),
            splits.filter(fold=fold),
        )
        for (fold, seed), models in tuned.parts.items()
    ]
