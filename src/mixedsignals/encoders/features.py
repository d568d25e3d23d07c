"""Ready-made features as an encoder: vectors that the user has already, joined by clip id and nothing else."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from mixedsignals.embeddings import Embeddings
from mixedsignals.errors import CannotFinish, InputError, Problem
from mixedsignals.features import read_features
from mixedsignals.sources import Absent

__all__ = ["ready_made"]


def ready_made(
    clips: pl.DataFrame, modality: str, features: Embeddings | Path
) -> tuple[Embeddings, list[Absent]]:
    """Features of the clips that have some, in the order of the clips, and the clips that have none.

    Raises:
        InputError: rows for clips that are not in the corpus, or a file that `read_features` refuses.
        CannotFinish: no clip has features.
    """
    file = None if isinstance(features, Embeddings) else str(features)
    given = (
        features
        if isinstance(features, Embeddings)
        else read_features(features, modality, file=str(features))
    )
    wanted = clips["clip_id"].to_list()
    if unknown := sorted(set(given.clip_ids) - set(wanted)):
        message = (
            f"{modality} features for {len(unknown)} clips that are not in clips: {', '.join(unknown[:5])}"
        )
        remedy = "Remove these rows, or add the clips; ids must match to the letter."
        raise InputError(Problem("unknown-clip", message, remedy, file=file))
    having = set(given.clip_ids)
    if not having:
        raise CannotFinish(f"None of the {len(wanted)} clips has {modality} features.")
    there = [clip for clip in wanted if clip in having]
    return given.select(there), [
        Absent(clip, f"no {modality} features") for clip in wanted if clip not in having
    ]
