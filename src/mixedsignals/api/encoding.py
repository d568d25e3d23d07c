"""The verb `encode`: embeddings of every modality that a corpus has."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from mixedsignals.errors import UsageError
from mixedsignals.labels import MODALITIES
from mixedsignals.manifest import RunOptions
from mixedsignals.progress import SILENT, Progress

if TYPE_CHECKING:
    from mixedsignals.corpus import Corpus
    from mixedsignals.encoders import Encoded

__all__ = ["encode", "encode_modality", "encoder_names", "is_ready_made"]


def encoder_names(given: Iterable[str]) -> dict[str, str]:
    """What `--encoders` means: `lite` or `paper` for all modalities, or `audio=NAME` for one.

    Raises:
        UsageError: a name without its modality, or two for one modality.
    """
    chosen: dict[str, str] = {}
    for item in given:
        modality, _, name = item.rpartition("=")
        if not modality and name not in ("lite", "paper"):
            raise UsageError(f"--encoders {item}: say which modality it encodes, such as text={item}")
        for each in (modality,) if modality else MODALITIES:
            if modality and each in chosen and chosen[each] not in ("lite", "paper"):
                raise UsageError(f"--encoders names two encoders for {each}: {chosen[each]} and {name}")
            chosen[each] = name
    return chosen


def encode(
    corpus: Corpus, *, options: RunOptions | None = None, progress: Progress = SILENT
) -> dict[str, Encoded]:
    """Embeddings per modality; a second call takes them from the cache.

    A modality with ready-made features takes them unless `options.encoders` names an encoder for it; any other takes
    the encoder named, else the offline one. A modality that no clip has is left out.

    Raises:
        InputError: media that are missing or unreadable, features that do not fit.
        CannotFinish: weights or memory that cannot be had.
    """
    options = options or RunOptions()
    if unknown := sorted(set(options.encoders) - set(corpus.modalities) - set(MODALITIES)):
        raise UsageError(
            f"--encoders names {', '.join(unknown)}; this corpus has {', '.join(corpus.modalities)}"
        )
    return {
        modality: encode_modality(corpus, modality, options=options, progress=progress)
        for modality in corpus.modalities
    }


def is_ready_made(corpus: Corpus, options: RunOptions, modality: str) -> bool:
    """Whether ready-made features of the corpus stand for a modality."""
    return modality in corpus.features and modality not in options.encoders


def encode_modality(
    corpus: Corpus, modality: str, *, options: RunOptions, features: bool = True, progress: Progress = SILENT
) -> Encoded:
    """`encode` for one modality; `features=False` passes over ready-made ones."""
    from mixedsignals.encoders import encode as encode_one

    ready = features and is_ready_made(corpus, options, modality)
    return encode_one(
        corpus.clips,
        Path(corpus.media_root),
        modality,
        "features" if ready else options.encoders.get(modality, "lite"),
        pooling=options.pooling,  # type: ignore[arg-type]
        device=options.device,
        features=corpus.features[modality] if ready else None,
        progress=progress,
    )
