"""What occurs twice in a corpus: recordings with the same bytes, and words that stand under several labels.

Both are legal, so both are warnings: one recording on both sides of a split flatters a model, and words that are
said with every label can tell a text model nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

import polars as pl

from mixedsignals.corpus.recordings import Use, uses_of
from mixedsignals.errors import Problem
from mixedsignals.store import digest_bytes, digest_file

__all__ = ["check_identical", "check_transcripts"]

_BEGINNING = 1 << 16  # bytes that tell most different files of equal size apart
_NAMED = 5
_GROUPS = 20

_Item = TypeVar("_Item")


def check_identical(clips: pl.DataFrame, root: Path, *, file: str = "clips.csv") -> list[Problem]:
    """Warnings of clips that share a recording: one span of one file, or of files with the same bytes, under two ids.

    Only files of equal size are read, and only those with the same beginning to their end. Clips at different spans
    of one file are what corpora are made of, and are not named.

    Args:
        clips: a `clips` table; its paths are relative to `root`.
        root: the folder of the media.
        file: name of the clips table for the problems.
    """
    uses = uses_of(clips, root)
    groups: list[list[str]] = [list(uses)]
    for key in (_size, _beginning, digest_file):
        of_name = partial(_of_file, key, root)
        groups = [finer for group in groups for finer in _repeated(group, of_name)]
    copies = {named for group in groups for named in group}
    alone = [[named] for named in uses if named not in copies]
    shared = []
    for names in (*groups, *alone):
        shared += _repeated((use for named in names for use in uses[named]), _span)
    problems = [_shared(group, file) for group in shared if len({use.clip_id for use in group}) > 1]
    return _first(problems, "identical-media", "groups of clips that share a recording", file)


def _span(use: Use) -> Hashable:
    return use.start or 0.0, use.end


def _of_file(key: Callable[[Path], Hashable], root: Path, named: str) -> Hashable:
    return key(root / named)


def _size(path: Path) -> Hashable:
    return path.stat().st_size


def _beginning(path: Path) -> Hashable:
    with path.open("rb") as opened:
        return digest_bytes(opened.read(_BEGINNING))


def _repeated(items: Iterable[_Item], key: Callable[[_Item], Hashable]) -> list[list[_Item]]:
    """Groups of two or more items with the same key, in order."""
    groups: dict[Hashable, list[_Item]] = {}
    for item in items:
        groups.setdefault(key(item), []).append(item)
    return [group for group in groups.values() if len(group) > 1]


def _shared(uses: Sequence[Use], file: str) -> Problem:
    ids, names = _listed(use.clip_id for use in uses), _listed(use.named for use in uses)
    same = "one file" if len({use.named for use in uses}) == 1 else "byte-identical files"
    second = next(use for use in uses if use.clip_id != uses[0].clip_id)
    message = f"clips {ids} are the same recording ({same}: {names})"
    remedy = "Keep one of them, or see that all are in the same part of every split."
    return Problem(
        "identical-media",
        message,
        remedy,
        severity="warning",
        file=file,
        row=second.row,
        clip_id=second.clip_id,
    )


def check_transcripts(
    clips: pl.DataFrame, labels: Mapping[str, str], *, file: str = "clips.csv"
) -> list[Problem]:
    """Warnings of words that stand under several labels, one per group of clips with the same words.

    Case and spaces do not count. The words themselves are not shown, as problems may reach a log.

    Args:
        clips: a `clips` table.
        labels: the target of every clip; clips without one are passed over.
        file: name of the clips table for the problems.
    """
    groups: dict[str, list[tuple[int, str, str]]] = {}
    rows = clips.select("clip_id", "transcript").iter_rows()
    for row, (clip_id, transcript) in enumerate(rows, start=2):
        words, label = " ".join((transcript or "").casefold().split()), labels.get(clip_id)
        if words and label is not None:
            groups.setdefault(words, []).append((row, clip_id, label))
    problems = [
        _spoken(group, file) for group in groups.values() if len({label for _, _, label in group}) > 1
    ]
    return _first(problems, "repeated-transcript", "transcripts that stand under several labels", file)


def _spoken(group: Sequence[tuple[int, str, str]], file: str) -> Problem:
    labels = len({label for _, _, label in group})
    ids = _listed(clip_id for _, clip_id, _ in group)
    message = f"the same transcript is in {len(group)} clips with {labels} different labels: {ids}"
    remedy = "Nothing, if they were meant to say the same; text alone cannot tell these clips apart."
    row, clip_id, _ = group[0]
    return Problem(
        "repeated-transcript", message, remedy, severity="warning", file=file, row=row, clip_id=clip_id
    )


def _listed(names: Iterable[object]) -> str:
    distinct = list(dict.fromkeys(str(name) for name in names))
    more = f" and {len(distinct) - _NAMED} more" if len(distinct) > _NAMED else ""
    return ", ".join(distinct[:_NAMED]) + more


def _first(problems: list[Problem], code: str, what: str, file: str) -> list[Problem]:
    """The first problems, and one that counts the rest: thousands of warnings would hide the faults."""
    if len(problems) <= _GROUPS:
        return problems
    rest = Problem(code, f"{len(problems) - _GROUPS} further {what}", "See the first ones.", "warning", file)
    return [*problems[:_GROUPS], rest]
