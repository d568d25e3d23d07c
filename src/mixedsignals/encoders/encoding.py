"""From clips to embeddings: find what each clip has, take from the cache what is there, encode the rest in batches.

Decoding runs ahead in threads while the model works. Every batch goes into the cache as soon as it is done, so that a
run that is stopped loses one batch.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import polars as pl

from mixedsignals.embeddings import Card, Embeddings
from mixedsignals.encoders.batches import Job, encode_jobs
from mixedsignals.encoders.cache import EmbeddingCache, Entry
from mixedsignals.encoders.features import ready_made
from mixedsignals.encoders.protocol import Encoder, EncoderRequest, Pooling
from mixedsignals.encoders.registry import find_encoder
from mixedsignals.errors import CannotFinish, InputError, UsageError
from mixedsignals.progress import SILENT, Progress
from mixedsignals.sources import Absent, Source, find_sources
from mixedsignals.store import cache_dir

__all__ = ["Encoded", "encode", "encode_with"]

_EXTRA = ("torch", "transformers", "PIL", "safetensors", "huggingface_hub")


@dataclass(frozen=True)
class Encoded:
    """What `encode` gives.

    Attributes:
        embeddings: a row for each clip that has the modality, in the order of the clips.
        absent: the other clips, each with its reason.
        cut: clips whose end was left out since they are longer than the encoder takes in.
        encoded: how many contents the model worked on now.
        reused: how many came from the cache; clips with identical content count once.
    """

    embeddings: Embeddings
    absent: tuple[Absent, ...] = ()
    cut: tuple[str, ...] = ()
    encoded: int = 0
    reused: int = 0


def encode(
    clips: pl.DataFrame,
    root: Path,
    modality: str,
    encoder: str = "lite",
    *,
    cache: Path | None = None,
    pooling: Pooling | None = None,
    device: str = "auto",
    batch_size: int | None = None,
    features: Embeddings | Path | None = None,
    progress: Progress = SILENT,
) -> Encoded:
    """Embeddings of the clips in one modality.

    Args:
        clips: a `clips` table.
        root: the folder that media paths start from.
        modality: `text`, `audio`, `video`; with ready-made features any name.
        encoder: `lite` (offline), `paper`, `features`, a hub name (`owner/model`, `@revision` allowed), a folder that
            holds a model, or a name under the entry-point group `mixedsignals.encoders`; `paper:NAME` prepares clips
            and pools the way of the paper with another model.
        cache: the cache folder; None means `store.cache_dir()`.
        pooling: `mean` over what is not padding, or `first`; None means `first` for `paper`, else `mean`.
        device: `auto` (CUDA where there is one), `cpu`, or another name that torch knows.
        batch_size: clips per batch; None leaves it to the encoder. Halved where memory does not suffice.
        features: ready-made features, for `encoder="features"`.
        progress: told how far it is, how long it will take, and which clips were cut.

    Returns:
        Embeddings of the clips that have the modality, and the clips that have not, with reasons.

    Raises:
        InputError: media that are named but missing or unreadable (all of them, after the others have been encoded
            and cached), features that do not fit, or a model of another kind than the modality.
        CannotFinish: no clip has the modality, weights that cannot be had, too little memory for one clip, or torch is
            not installed.
        UsageError: options that make no sense together, or a device that is not there.
    """
    _check(encoder, batch_size, features)
    if features is not None:
        given, missing = ready_made(clips, modality, features)
        return Encoded(given, absent=tuple(missing))
    where = cache or cache_dir()
    with _installed():
        model = find_encoder(EncoderRequest(modality=modality, name=encoder, pooling=pooling), where)
    return encode_with(
        model, clips, root, cache=where, device=device, batch_size=batch_size, progress=progress
    )


def encode_with(
    model: Encoder,
    clips: pl.DataFrame,
    root: Path,
    *,
    cache: Path,
    device: str = "auto",
    batch_size: int | None = None,
    progress: Progress = SILENT,
) -> Encoded:
    """`encode` by an encoder that was found or made before, such as a tuned one."""
    where, modality = cache, model.card.modality
    sources, absent = find_sources(clips, root, modality)
    contents = _digests(sources, modality, progress)
    jobs: dict[str, Job] = {}
    for clip, content in contents.items():
        jobs.setdefault(content, Job(content, clip, sources[clip]))
    shards = EmbeddingCache(where, model.card)
    entries = shards.find(jobs)
    to_do = [job for content, job in jobs.items() if content not in entries]
    with _installed():
        made, problems = encode_jobs(
            to_do, model, shards, device=device, batch_size=batch_size, progress=progress
        )
    if problems:
        raise InputError([problem.below(root) for problem in problems])
    reused = len(entries)
    found = _gather(contents, entries | made, model.card, absent)
    if found.cut:
        progress.say(_cut_said(len(found.cut), model.card))
    return replace(found, encoded=len(made), reused=reused)


def _digests(sources: Mapping[str, Source], modality: str, progress: Progress) -> dict[str, str]:
    """Content digests by clip; every file is read once, so that a changed clip is always noticed."""
    contents: dict[str, str] = {}
    with progress.task(f"{modality}: looking for changes", total=len(sources)) as task:
        for clip, source in sources.items():
            contents[clip] = source.digest()
            task.advance()
    return contents


@contextmanager
def _installed() -> Iterator[None]:
    """The core does without torch; whoever encodes without it is told what to install."""
    try:
        yield
    except ModuleNotFoundError as error:
        if error.name in _EXTRA:
            raise CannotFinish(
                f"Encoding needs {error.name}, which is not installed. Run `pip install 'mixedsignals[train]'`, or "
                "bring ready-made features."
            ) from error
        raise


def _check(encoder: str, batch_size: int | None, features: Embeddings | Path | None) -> None:
    if (encoder == "features") != (features is not None):
        raise UsageError("Ready-made features go with encoder='features', and only with it.")
    if batch_size is not None and batch_size < 1:
        raise UsageError(f"batch_size is {batch_size}; it must be 1 or more.")


def _cut_said(n: int, card: Card) -> str:
    limits = [f"{name} {value}" for name, value in card.preprocessing.items() if name.startswith("max_")]
    clips = "1 clip is" if n == 1 else f"{n} clips are"
    within = f" ({', '.join(limits)})" if limits else ""
    return f"{clips} longer than {card.encoder} takes in{within}; what comes after was left out."


def _gather(
    contents: Mapping[str, str], entries: Mapping[str, Entry], card: Card, absent: Iterable[Absent]
) -> Encoded:
    """Entries by content to rows by clip."""
    vectors = {
        clip: vector for clip, content in contents.items() if (vector := entries[content].vector) is not None
    }
    lacking = [
        Absent(clip, entries[content].lacking) for clip, content in contents.items() if clip not in vectors
    ]
    missing = (*absent, *lacking)
    if not vectors:
        reasons = ", ".join(
            f"{reason} ({n})" for reason, n in Counter(a.reason for a in missing).most_common()
        )
        raise CannotFinish(
            f"None of the {len(missing)} clips has {card.modality}: {reasons or 'there are no clips'}."
        )
    return Encoded(
        Embeddings(tuple(vectors), np.stack(list(vectors.values())), card),
        absent=missing,
        cut=tuple(clip for clip in vectors if entries[contents[clip]].cut),
    )
