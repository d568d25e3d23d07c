"""A corpus folder: `corpus.toml`, the tables `clips`, `votes`, `targets` and `splits`, media, ready-made features.

Tables are `.csv`, `.csv.gz` or `.parquet`; all but `clips` are optional, and so is `corpus.toml`. `read_corpus` refuses
a folder with faults; `load_lenient` reads what can be read and lists every problem.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import polars as pl

from mixedsignals.corpus import rules
from mixedsignals.corpus.layout import AUDIO_SUFFIXES, fill_paths
from mixedsignals.corpus.reading import TableReader
from mixedsignals.corpus.settings import SETTINGS_FILE, TABLE_FILES, Settings, read_settings
from mixedsignals.errors import InputError, Problem
from mixedsignals.labels import MODALITIES, Kind, Labels, combination
from mixedsignals.tables import CLIPS

__all__ = ["Corpus", "load_lenient", "load_with", "read_corpus"]

_FEATURE_SUFFIXES = (".parquet", ".npz", ".csv")
_UNTOLD = Labels(("(first label)", "(second label)"))


@dataclass(frozen=True)
class Corpus:
    """A corpus as read from its folder.

    Attributes:
        path: the folder.
        name: its name.
        labels: the labels in order.
        clips: a `clips` table; `media`, `audio` and `video` are paths relative to `media_root`, patterns filled in.
        votes, targets, splits: the tables, or None where the corpus has none.
        features: file of ready-made features per modality.
        licence: licence of the data, if stated.
        tie_rule: how ties of votes are decided.
        media_root: the folder that media paths start from.
        files: name of the file of each table, relative to the folder.
    """

    path: Path
    name: str
    labels: Labels
    clips: pl.DataFrame
    votes: pl.DataFrame | None = None
    targets: pl.DataFrame | None = None
    splits: pl.DataFrame | None = None
    features: Mapping[str, Path] = field(default_factory=dict)
    licence: str | None = None
    tie_rule: str = "exclude"
    media_root: Path = Path()
    files: Mapping[str, str] = field(default_factory=dict)

    def media_path(self, clip: str | Mapping[str, Any], modality: str) -> Path | None:
        """The file with the sound (`audio`) or picture (`video`) of a clip; None where it has none.

        Args:
            clip: a clip id or a row of `clips` as a dict.
            modality: `audio` or `video`; anything else has no file.
        """
        if modality not in ("audio", "video"):
            return None
        row = (
            clip
            if isinstance(clip, Mapping)
            else self.clips.row(by_predicate=pl.col("clip_id") == clip, named=True)
        )
        named: str | None = row[modality] or row["media"]
        if named is None or (modality == "video" and Path(named).suffix.lower() in AUDIO_SUFFIXES):
            return None
        return self.media_root / named

    @property
    def groups(self) -> dict[str, str | None]:
        """The speaker of every clip; None where nobody is named."""
        return dict(zip(self.clips["clip_id"], self.clips["speaker_id"], strict=True))

    @property
    def modalities(self) -> tuple[str, ...]:
        """The modalities that any clip has, by transcript, media file (judged by its name) or features."""
        return _modalities(self.clips, self.features)


def read_corpus(path: Path | str) -> Corpus:
    """Read a corpus folder. Media are looked for, not decoded.

    Raises:
        InputError: every fault of the folder at once, each with file, row and remedy. Warnings do not stop it.
    """
    corpus, problems = load_lenient(path)
    if faults := [problem for problem in problems if problem.severity == "fault"]:
        raise InputError(faults)
    return corpus


def load_lenient(path: Path | str) -> tuple[Corpus, list[Problem]]:
    """Read what can be read of a corpus folder, and list every fault and warning that shows without decoding media.

    What cannot be read is empty or None in the corpus: cells that are no value are null, a table that is no table is
    empty, and two placeholder names stand for labels that cannot be told. Repeated rows are kept.
    """
    path = Path(path)
    if not path.is_dir():
        message = "is not a folder" if path.exists() else "is not there"
        problem = Problem(
            "missing-corpus", message, "Name a folder with clips.csv (or .parquet).", file=str(path)
        )
        return Corpus(path, path.name, _UNTOLD, CLIPS.empty(), media_root=path), [problem]
    return load_with(path, *read_settings(path))


def load_with(path: Path, settings: Settings, problems: list[Problem]) -> tuple[Corpus, list[Problem]]:
    """`load_lenient` under settings that are already known; `problems` so far come first."""
    problems = list(problems)
    listed = None if settings.labels is None else _labels_of(settings.labels, settings.kind, problems)
    reader = TableReader(path, settings, problems, labels=listed)
    features = _features(path, settings)
    root = path / settings.media_folder
    found = reader.read("clips")
    # A table without a single id is none: judging others by it would only repeat its own fault.
    read = found is not None and (found.is_empty() or found["clip_id"].null_count() < found.height)
    clips = fill_paths(found if read and found is not None else CLIPS.empty(), root, settings, problems)
    given = settings.given or combination(_modalities(clips, features)) or combination(MODALITIES)
    tables = {
        name: reader.read(name, clip_ids=None if clips.is_empty() else clips["clip_id"], given=given)
        for name in TABLE_FILES
        if name != "clips"
    }
    labels = (
        listed
        if settings.labels is not None
        else _found_labels(settings, [clips, *tables.values()], problems)
    )
    corpus = Corpus(
        path=path,
        name=settings.name,
        labels=labels or _UNTOLD,
        clips=clips,
        features=features,
        licence=settings.licence,
        tie_rule=settings.tie_rule,
        media_root=root,
        files=reader.files,
        **tables,
    )
    problems.extend(rules.problems_of(corpus, read=read))
    return corpus, problems


def _modalities(clips: pl.DataFrame, features: Mapping[str, Path]) -> tuple[str, ...]:
    media = clips["media"].drop_nulls()
    only_sound = (
        media.str.to_lowercase()
        .str.extract(r"(\.[^./]+)$")
        .is_in(sorted(AUDIO_SUFFIXES))
        .fill_null(value=False)
    )
    there = {
        "text": clips["transcript"].is_not_null().any(),
        "audio": clips["audio"].is_not_null().any() or len(media) > 0,
        "video": clips["video"].is_not_null().any() or not only_sound.all(),
    }
    found = [name for name in MODALITIES if there[name] or name in features]
    return (*found, *sorted(set(features) - set(MODALITIES)))


def _features(path: Path, settings: Settings) -> dict[str, Path]:
    """Feature files: those named in `corpus.toml`, else `features/<modality>` with a known suffix."""
    if settings.features:
        return {modality: path / named for modality, named in settings.features.items()}
    found = sorted(p for p in (path / "features").glob("*") if p.suffix in _FEATURE_SUFFIXES)
    return {file.stem: file for file in found}


def _found_labels(
    settings: Settings, tables: list[pl.DataFrame | None], problems: list[Problem]
) -> Labels | None:
    """The labels that occur: by value where all are numbers, else by name."""
    found = pl.concat(
        [
            pl.Series("label", [], dtype=pl.String),
            *(t["label"] for t in tables if t is not None and "label" in t.columns),
        ]
    )
    names = found.drop_nulls().unique().sort().to_list()
    if len(names) < 2:
        if (
            tables[0] is not None and not tables[0].is_empty()
        ):  # else there is nothing that could bear a label
            problems.append(_too_few(names))
        return None
    numbers = pl.Series(names, dtype=pl.String).cast(pl.Float64, strict=False)
    if not numbers.is_null().any():
        names = [names[i] for i in numbers.arg_sort()]
    elif settings.kind == "ordinal":
        message = "kind is ordinal and labels are not listed, so their order is not known"
        problems.append(
            Problem("unknown-order", message, "List labels from low to high.", file=SETTINGS_FILE)
        )
    return _labels_of(tuple(names), settings.kind, problems)


def _too_few(names: list[str]) -> Problem:
    came = f"every label is {names[0]!r}" if names else "no clip has a label, vote or target"
    message = f"{came}, and two or more labels are needed"
    remedy = "Label clips of at least two kinds, or list the labels that could have been given."
    return Problem("too-few-labels", message, remedy, file=SETTINGS_FILE)


def _labels_of(names: tuple[str, ...], kind: Kind, problems: list[Problem]) -> Labels | None:
    try:
        return Labels(names, kind)
    except InputError as error:
        problems.extend(replace(problem, file=SETTINGS_FILE) for problem in error.problems)
        return None
