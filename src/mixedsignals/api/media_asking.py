"""Altered clips through the encoders and heads of a run: only heads that never saw a clip and its donor are asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from mixedsignals.api.encoding import encode_modality
from mixedsignals.api.tuned_models import TunedHeads
from mixedsignals.labels import combination
from mixedsignals.probes import Film
from mixedsignals.progress import SILENT, Progress
from mixedsignals.tables import CLIPS, PROBES, conform

if TYPE_CHECKING:
    from mixedsignals.api.trained import Part, Trained
    from mixedsignals.corpus import Corpus
    from mixedsignals.embeddings import Embeddings
    from mixedsignals.heads import HeadModels

__all__ = ["answers", "embedded"]

_SAID = ("seed", "clip_id", "source", "label", "probability")


def embedded(
    trained: Trained, films: Sequence[Film], modalities: Sequence[str], *, progress: Progress = SILENT
) -> list[tuple[Part, dict[str, Embeddings]]]:
    """Embeddings of the versions for each part of a run, under their version ids.

    Args:
        modalities: those that are encoded anew; any other is taken from the clip itself.

    Raises:
        InputError: recordings that cannot be encoded.
        CannotFinish: weights or memory that cannot be had.
    """
    corpus = _corpus(trained, films)
    models = trained.manifest.get("tuning", {}).get("models", [])
    tuned = TunedHeads(trained.run, tuple(models)) if models else None
    anew = [one for one in modalities if one in corpus.modalities and not (tuned and one in tuned.tuned)]
    frozen = {
        one: encode_modality(
            corpus, one, options=trained.options, features=False, progress=progress
        ).embeddings
        for one in anew
    }
    found = []
    for part in trained.parts:
        own = {} if tuned is None else _tuned(tuned, part, corpus, films, trained, progress)
        kept = {one: _own(part, films, one) for one in part.embeddings if one not in modalities}
        made = {one: item for one, item in {**frozen, **own, **kept}.items() if item is not None}
        found.append((part, made))
    return found


def _corpus(trained: Trained, films: Sequence[Film]) -> Corpus:
    """The versions as clips of a corpus."""
    from mixedsignals.corpus import Corpus

    rows = [
        {
            "clip_id": film.version.version_id,
            "transcript": film.version.words,
            "audio": None if film.sound is None else str(film.sound),
            "video": None if film.picture is None else str(film.picture),
        }
        for film in films
    ]
    clips = conform(CLIPS, pl.DataFrame(rows, schema_overrides=CLIPS.schema), source="versions")
    return Corpus(path=Path("/"), name="versions", labels=trained.labels, clips=clips, media_root=Path("/"))


def _own(part: Part, films: Sequence[Film], modality: str) -> Embeddings | None:
    """What stands for a modality in the run itself, for every version of a clip."""
    from mixedsignals.embeddings import Embeddings

    given = part.embeddings[modality]
    there = set(given.clip_ids)
    having = [film.version for film in films if film.version.clip_id in there]
    if not having:
        return None
    rows = given.select([one.clip_id for one in {one.clip_id: one for one in having}.values()])
    place = {clip: row for row, clip in enumerate(rows.clip_ids)}
    values = rows.values[[place[one.clip_id] for one in having]]
    return Embeddings(tuple(one.version_id for one in having), values, given.card)


def _tuned(
    tuned: TunedHeads,
    part: Part,
    corpus: Corpus,
    films: Sequence[Film],
    trained: Trained,
    progress: Progress,
) -> dict[str, Embeddings]:
    """By the encoders tuned in this fold and seed, of the clips that they never saw."""
    head = part.models.heads[0].head
    tested = set(part.splits.filter(role="test")["clip_id"])
    mine = [film.version.version_id for film in films if film.version.clip_id in tested]
    if not mine:
        return {}
    some = replace(corpus, clips=corpus.clips.filter(pl.col("clip_id").is_in(mine)))
    return tuned.embeddings(some, head.fold, head.seed, device=trained.options.device, progress=progress)


def answers(
    part: Part, embeddings: dict[str, Embeddings], films: Sequence[Film], sources: Sequence[str]
) -> pl.DataFrame:
    """seed, clip_id (the version's), source, label, probability: what the heads of all modalities say, out of fold."""
    from mixedsignals.heads import predict_heads

    full = combination(part.embeddings)
    splits = _splits(part, films)
    schema = pl.Schema({name: PROBES.schema[name] for name in _SAID})
    rows = [schema.to_frame()]
    for models in (_only(one, full) for one in (part.models, *part.second)):
        for seed in sorted({one.head.seed for one in models.heads}):
            said = predict_heads(models, embeddings, splits=splits, only_seeds=[seed]).predictions
            rows.append(said.with_columns(seed=pl.lit(seed)).select(list(schema)).cast(schema))
    return pl.concat(rows).filter(pl.col("source").is_in(list(sources)))


def _only(models: HeadModels, full: str) -> HeadModels:
    return replace(models, heads=tuple(one for one in models.heads if one.head.combination == full))


def _splits(part: Part, films: Sequence[Film]) -> pl.DataFrame:
    """A version plays in every fold the part of its clip; its donor was tested in the same fold."""
    names = pl.DataFrame(
        {
            "version": [film.version.version_id for film in films],
            "clip_id": [film.version.clip_id for film in films],
        },
        schema={"version": pl.String, "clip_id": pl.String},
    )
    joined = names.join(part.splits, on="clip_id", maintain_order="left")
    return joined.drop("clip_id").rename({"version": "clip_id"}).select(part.splits.columns)
