"""Other projects' data, turned into corpus folders.

Built-in formats are in `IMPORTERS`; packages add theirs through the entry-point group `mixedsignals.importers`.
"""

from __future__ import annotations

import inspect
from dataclasses import replace
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import polars as pl

from mixedsignals.corpus.importers.common import Imported, Importer, ImportSummary, MediaMode, write_corpus
from mixedsignals.corpus.importers.cremad import read_cremad
from mixedsignals.corpus.importers.csv import read_csv
from mixedsignals.corpus.importers.label_studio import read_label_studio
from mixedsignals.corpus.importers.mmsa import read_mmsa
from mixedsignals.corpus.importers.ravdess import read_ravdess
from mixedsignals.errors import CannotFinish, UsageError
from mixedsignals.progress import SILENT, Progress

__all__ = [
    "ENTRY_POINTS",
    "IMPORTERS",
    "ImportSummary",
    "Imported",
    "Importer",
    "import_corpus",
    "importer_options",
]

ENTRY_POINTS = "mixedsignals.importers"
IMPORTERS: dict[str, Importer] = {
    "csv": read_csv,
    "cremad": read_cremad,
    "ravdess": read_ravdess,
    "mmsa": read_mmsa,
    "label-studio": read_label_studio,
}
"""The built-in formats."""


def import_corpus(
    format_name: str,
    source: Path | str,
    destination: Path | str,
    *,
    media: MediaMode = "copy",
    only_media: bool = False,
    progress: Progress = SILENT,
    **options: Any,
) -> ImportSummary:
    """Turn another project's data into a corpus folder.

    Args:
        format_name: `csv`, `cremad`, `ravdess`, `mmsa`, or a name that another package registered.
        source: the folder (or file) with the data.
        destination: a folder that does not exist yet, or is empty.
        media: `copy` media files, `link` to them, or bring `none`.
        only_media: keep only clips that have a media file.
        progress: where to say how far it is.
        **options: options of the format, as `importer_options` lists them.

    Raises:
        UsageError: an unknown format or option, or a destination that is not empty.
        InputError: faults of the data, all at once.
        CannotFinish: no clip has media with `only_media`, or the disk is full.
    """
    importer = _importer(format_name)
    legal = importer_options(format_name)
    if unknown := [name for name in options if name not in legal]:
        raise UsageError(
            f"{format_name} has no option {', '.join(unknown)}; it has {', '.join(legal) or 'none'}."
        )
    imported = importer(Path(source), **options)
    if only_media:
        imported = _with_media(imported)
    return write_corpus(imported, Path(destination), media=media, progress=progress)


def importer_options(format_name: str) -> tuple[str, ...]:
    """Names of the options of a format.

    Raises:
        UsageError: an unknown format.
    """
    parameters = inspect.signature(_importer(format_name)).parameters.values()
    return tuple(p.name for p in parameters if p.kind is p.KEYWORD_ONLY)


def _importer(format_name: str) -> Importer:
    if format_name in IMPORTERS:
        return IMPORTERS[format_name]
    found = {entry.name: entry for entry in entry_points(group=ENTRY_POINTS)}
    if format_name not in found:
        raise UsageError(
            f"{format_name!r} is not a known format; legal are {', '.join([*IMPORTERS, *sorted(found)])}."
        )
    importer: Importer = found[format_name].load()
    return importer


def _with_media(imported: Imported) -> Imported:
    has_file = pl.any_horizontal(pl.col("media", "audio", "video").is_not_null())
    clips = imported.clips.filter(has_file)
    if clips.is_empty():
        raise CannotFinish(
            f"None of the {imported.clips.height} clips has a media file, so --only-media leaves nothing."
        )
    kept = clips["clip_id"].implode()

    def of_kept(frame: pl.DataFrame | None) -> pl.DataFrame | None:
        return None if frame is None else frame.filter(pl.col("clip_id").is_in(kept))

    features = {
        name: frame.filter(pl.col("clip_id").is_in(kept)) for name, frame in imported.features.items()
    }
    ids = {None, *clips["clip_id"]}
    return replace(
        imported,
        clips=clips,
        votes=of_kept(imported.votes),
        targets=of_kept(imported.targets),
        splits=of_kept(imported.splits),
        features=features,
        warnings=tuple(w for w in imported.warnings if w.clip_id in ids and w.code != "clips-without-media"),
    )
