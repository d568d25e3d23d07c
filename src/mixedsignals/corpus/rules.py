"""What must hold in a corpus beyond the columns of its tables, as far as it shows without decoding media.

Every rule takes a corpus as read and gives problems, so that one pass names them all.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from mixedsignals.corpus.layout import is_outside
from mixedsignals.corpus.settings import MEDIA_COLUMNS
from mixedsignals.errors import InputError, Problem
from mixedsignals.features import read_features
from mixedsignals.labels import combination

if TYPE_CHECKING:
    from mixedsignals.corpus.folder import Corpus

__all__ = ["problems_of"]

_ILLEGAL_ID = r"[/\\\x00-\x1f\x7f]|^\s|\s$|^\.{1,2}$"
_LONGEST_ID = 200


def problems_of(corpus: Corpus, *, read: bool = True) -> Iterator[Problem]:
    """All problems of a corpus that was read leniently; `read` says whether its clips table could be read at all."""
    file = corpus.files.get("clips", "clips.csv")
    if corpus.clips.is_empty():
        if read:
            yield Problem("empty-corpus", "has no clips", "Write one row per clip.", file=file)
        return
    yield from _ids(corpus.clips, file)
    yield from _spans(corpus.clips, file)
    yield from _media(corpus, file)
    yield from _variety(corpus, file)
    if corpus.targets is not None:
        yield from _targets(corpus, corpus.targets)
    if corpus.splits is not None:
        yield from _splits(corpus, corpus.splits)
    for modality, path in corpus.features.items():
        yield from _features(corpus, modality, path)


def _ids(clips: pl.DataFrame, file: str) -> Iterator[Problem]:
    ids = clips["clip_id"]
    bad = ids.str.contains(_ILLEGAL_ID) | (ids.str.len_bytes() > _LONGEST_ID)
    for row in bad.fill_null(value=False).arg_true():
        message = f"the id {ids[row]!r} cannot be the name of a file"
        remedy = "Use letters, digits, and marks other than slashes; at most 200 bytes."
        yield Problem("illegal-clip-id", message, remedy, file=file, row=row + 2, clip_id=ids[row])


def _spans(clips: pl.DataFrame, file: str) -> Iterator[Problem]:
    backwards = (clips["end"] <= clips["start"].fill_null(0.0)).fill_null(value=False)
    for row in backwards.arg_true():
        start, end = clips["start"][row] or 0.0, clips["end"][row]
        message = f"ends at {end:g} s and starts at {start:g} s"
        yield Problem(
            "end-before-start",
            message,
            "Give an end after the start.",
            file=file,
            row=row + 2,
            clip_id=clips["clip_id"][row],
        )


def _media(corpus: Corpus, file: str) -> Iterator[Problem]:
    if corpus.media_root != corpus.path and not corpus.media_root.is_dir():
        message = f"the media folder {corpus.media_root} is not there"
        yield Problem("missing-media", message, "Correct [media] folder in corpus.toml.", file="corpus.toml")
        return
    sizes: dict[str, int | None] = {}
    for column in MEDIA_COLUMNS:
        for row, (clip, named) in enumerate(corpus.clips.select("clip_id", column).iter_rows(), start=2):
            if named is None:
                continue
            if is_outside(named):
                message = f"{column} is {named!r}, which leads outside the corpus"
                remedy = (
                    "Put the file inside, or name the folder of the media as [media] folder in corpus.toml."
                )
                yield Problem("path-outside", message, remedy, file=file, row=row, clip_id=clip)
                continue
            if named not in sizes:
                sizes[named] = _size(corpus.media_root / named)
            size = sizes[named]
            if size is None:
                message = f"{column} is {named!r}, and there is no such file"
                remedy = "Put the file there, correct the path, or leave the cell empty."
                yield Problem("missing-media", message, remedy, file=file, row=row, clip_id=clip)
            elif size == 0:
                message = f"{column} is {named!r}, a file of zero bytes"
                yield Problem(
                    "empty-media",
                    message,
                    "Copy the file again, or leave the cell empty.",
                    file=file,
                    row=row,
                    clip_id=clip,
                )


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size if path.is_file() else None
    except (OSError, ValueError):
        return None


def _variety(corpus: Corpus, file: str) -> Iterator[Problem]:
    """Legal corpora that cannot be trained on: told now, not after an hour of encoding."""
    tables = [table for table in (corpus.clips, corpus.votes, corpus.targets) if table is not None]
    used = pl.concat([table["label"] for table in tables]).drop_nulls().unique()
    if len(used) < 2:
        said = f"every label is {used[0]!r}" if len(used) else "no clip has a label, vote or target"
        remedy = "Label clips of at least two kinds before training; the rest works without."
        yield Problem("one-class", said, remedy, severity="warning", file=file)
    speakers = corpus.clips["speaker_id"]
    if speakers.null_count() == 0 and speakers.n_unique() == 1:
        message = f"all clips are of one speaker, {speakers[0]!r}, so no speaker-disjoint fold can be made"
        yield Problem(
            "one-speaker", message, "Add speakers, or give splits of your own.", severity="warning", file=file
        )


def _targets(corpus: Corpus, targets: pl.DataFrame) -> Iterator[Problem]:
    sums = targets.group_by("clip_id").agg(pl.col("share").sum()).filter((pl.col("share") - 1).abs() > 1e-6)
    for clip, share in sums.drop_nulls("clip_id").sort("clip_id").iter_rows():
        remedy = "Give each clip one label, or shares that sum to 1."
        file = corpus.files.get("targets", "targets.csv")
        yield Problem("shares-sum", f"shares sum to {share:g}; legal is 1", remedy, file=file, clip_id=clip)


def _splits(corpus: Corpus, splits: pl.DataFrame) -> Iterator[Problem]:
    file = corpus.files.get("splits", "splits.csv")
    tested = splits.filter(pl.col("role") == "test").group_by("clip_id").len().filter(pl.col("len") > 1)
    for clip, folds in tested.sort("clip_id").iter_rows():
        message = f"is a test clip in {folds} folds; legal is one"
        yield Problem("tested-twice", message, "Give each clip the role test once.", file=file, clip_id=clip)
    speakers = corpus.clips.select("clip_id", "speaker_id").drop_nulls().unique("clip_id")
    roles = (
        splits.join(speakers, on="clip_id")
        .group_by("fold", "speaker_id")
        .agg(pl.col("role").drop_nulls().unique().sort().alias("roles"))
        .filter(pl.col("roles").list.len() > 1)
        .sort("fold", "speaker_id")
    )
    for fold, speaker, there in roles.iter_rows():
        message = f"speaker {speaker!r} is in {' and '.join(there)} of fold {fold}"
        remedy = "Give all clips of a speaker one role within a fold."
        severity = "fault" if "test" in there else "warning"
        yield Problem("speaker-in-two-parts", message, remedy, severity=severity, file=file)  # type: ignore[arg-type]


def _features(corpus: Corpus, modality: str, path: Path) -> Iterator[Problem]:
    file = path.relative_to(corpus.path).as_posix() if path.is_relative_to(corpus.path) else str(path)
    if combination([modality]) != modality or not modality:
        yield Problem(
            "illegal-modality", f"features of {modality!r}", "Name a modality without '+'.", file=file
        )
    try:
        embeddings = read_features(path, modality, file=file)
    except InputError as error:
        yield from error.problems
        return
    known = set(corpus.clips["clip_id"])
    strangers = [clip for clip in embeddings.clip_ids if clip not in known]
    if len(strangers) == len(embeddings):
        message = f"none of its {len(embeddings)} clip ids is in clips (the first is {strangers[0]!r})"
        yield Problem(
            "unknown-clip", message, "Give features of these clips, under the ids that clips has.", file=file
        )
    elif strangers:
        message = (
            f"{len(strangers)} of its {len(embeddings)} clip ids are not in clips: {', '.join(strangers[:5])}"
        )
        yield Problem("unknown-clip", message, "Correct the ids, or remove these rows.", file=file)
