"""What `corpus.toml` says, or the defaults where it says nothing or is not there.

name = "my study"
labels = ["empathetic", "neutral"]    # in order, from low to high where kind is "ordinal"
kind = "nominal"
licence = "CC0-1.0"
tie_rule = "exclude"                  # for majority labels of votes

[files]                               # where the tables are, if not clips.csv, votes.csv, …
clips = "annotation/segments.csv"

[columns.clips]                       # the user's name = ours
utterance = "clip_id"

[votes]
given = "text+audio+video"            # what raters perceived, where the votes have no such column

[media]
folder = "../recordings"              # where media lie, if not in the corpus folder
media = "{clip_id}.mp4"               # pattern for clips without an entry of their own; also audio, video
missing = "fault"                     # or "allow": a clip whose file is not there lacks the modality

[features]                            # ready-made features per modality
video = "features/video.parquet"
"""

from __future__ import annotations

import string
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args

from mixedsignals.corpus.targets import TIE_RULES
from mixedsignals.errors import InputError, Problem
from mixedsignals.labels import Kind, is_combination
from mixedsignals.store import read_toml
from mixedsignals.tables import CLIPS, SPLITS, TARGETS, VOTES, Table

__all__ = ["MEDIA_COLUMNS", "SETTINGS_FILE", "TABLE_FILES", "Settings", "read_settings"]

SETTINGS_FILE = "corpus.toml"
TABLE_FILES: dict[str, Table] = {table.name: table for table in (CLIPS, VOTES, TARGETS, SPLITS)}
MEDIA_COLUMNS = ("media", "audio", "video")
_TOP = ("name", "labels", "kind", "licence", "tie_rule", "files", "columns", "votes", "media", "features")


@dataclass(frozen=True)
class Settings:
    """The content of `corpus.toml`; every field has the default of an absent entry.

    Attributes:
        name: name of the corpus; the folder's name when absent.
        labels: label names in order; None means those that occur, sorted.
        kind: `nominal` or `ordinal`.
        licence: licence of the data, if stated.
        tie_rule: how majority labels of votes are decided where two labels tie.
        files: path of a table (`clips`, `votes`, `targets`, `splits`) relative to the folder.
        columns: per table, the user's column names and ours.
        given: what raters perceived where votes have no `given` column.
        media_folder: folder of the media, relative to the corpus folder or absolute.
        patterns: path of the file of a clip per media column, such as `media/{clip_id}.mp4`.
        missing_allowed: whether a clip whose patterned file is not there simply lacks it.
        features: path of ready-made features per modality.
    """

    name: str
    labels: tuple[str, ...] | None = None
    kind: Kind = "nominal"
    licence: str | None = None
    tie_rule: str = "exclude"
    files: Mapping[str, str] = field(default_factory=dict)
    columns: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    given: str | None = None
    media_folder: str = "."
    patterns: Mapping[str, str] = field(default_factory=dict)
    missing_allowed: bool = False
    features: Mapping[str, str] = field(default_factory=dict)


def read_settings(folder: Path) -> tuple[Settings, list[Problem]]:
    """Read `corpus.toml` of a folder; entries with faults are replaced by their defaults and named."""
    path = folder / SETTINGS_FILE
    name = folder.resolve().name
    if not path.exists():
        return Settings(name), []
    try:
        content = read_toml(path, remedy="Write it, or remove it to use the defaults.")
    except InputError as error:
        return Settings(name), [
            Problem(p.code, p.message, p.remedy, file=SETTINGS_FILE) for p in error.problems
        ]
    reader = _Reader(content)
    reader.known("", content, _TOP)
    reader.known("media", reader.table("media"), (*MEDIA_COLUMNS, "folder", "missing"))
    reader.known("votes", reader.table("votes"), ("given",))
    reader.known("files", reader.table("files"), TABLE_FILES)
    reader.known("columns", reader.table("columns"), TABLE_FILES)
    settings = Settings(
        name=reader.text("name") or name,
        labels=reader.labels(),
        kind=reader.choice("kind", get_args(Kind)) or "nominal",  # type: ignore[arg-type]
        licence=reader.text("licence"),
        tie_rule=reader.choice("tie_rule", tuple(TIE_RULES)) or "exclude",
        files=reader.texts("files", only=TABLE_FILES),
        columns={
            table: reader.texts("columns", table) for table in TABLE_FILES if table in reader.table("columns")
        },
        given=reader.given(),
        media_folder=reader.text("folder", "media") or ".",
        patterns=reader.patterns(),
        missing_allowed=reader.choice("missing", ("fault", "allow"), "media") == "allow",
        features=reader.texts("features"),
    )
    return settings, reader.problems


class _Reader:
    """Takes typed values out of parsed TOML and notes what is wrong."""

    def __init__(self, content: Mapping[str, Any]) -> None:
        self.content = content
        self.problems: list[Problem] = []

    def fault(self, key: str, came: object, legal: str) -> None:
        message = f"{key} is {came!r}; legal is {legal}"
        self.problems.append(Problem("illegal-setting", message, "Correct the entry.", file=SETTINGS_FILE))

    def known(self, where: str, table: Mapping[str, Any], legal: Iterable[str]) -> None:
        legal = tuple(legal)
        for key in table:
            if key not in legal:
                place = f"[{where}] " if where else ""
                message = f"{place}{key} is not a known entry; legal are {', '.join(legal)}"
                self.problems.append(
                    Problem("unknown-setting", message, "Correct or remove it.", file=SETTINGS_FILE)
                )

    def table(self, *keys: str) -> Mapping[str, Any]:
        table = self.content
        for key in keys:
            within = table.get(key, {})
            if not isinstance(within, Mapping):
                return {}
            table = within
        return table

    def text(self, key: str, *within: str) -> str | None:
        value = self.table(*within).get(key)
        if value is not None and not (isinstance(value, str) and value.strip()):
            self.fault(key, value, "text")
            return None
        return value

    def texts(self, *keys: str, only: Iterable[str] | None = None) -> dict[str, str]:
        value: Any = self.table(*keys[:-1]).get(keys[-1], {})
        if not isinstance(value, Mapping):
            self.fault(".".join(keys), value, "a table of names and text")
            return {}
        kept = {}
        for key, item in value.items():
            if not isinstance(item, str) or not item:
                self.fault(".".join((*keys, key)), item, "text")
            elif only is None or key in only:
                kept[key] = item
        return kept

    def choice(self, key: str, legal: tuple[str, ...], *within: str) -> str | None:
        value = self.table(*within).get(key)
        if value is not None and value not in legal:
            self.fault(key, value, f"one of {', '.join(legal)}")
            return None
        return value

    def labels(self) -> tuple[str, ...] | None:
        value = self.content.get("labels")
        if value is None:
            return None
        if not isinstance(value, list) or not all(isinstance(name, str) and name for name in value):
            self.fault("labels", value, 'a list of names in quotes, such as ["empathetic", "neutral"]')
            return None
        return tuple(value)

    def given(self) -> str | None:
        value = self.text("given", "votes")
        if value is not None and not is_combination(value):
            self.fault("[votes] given", value, "text, audio, video or a combination such as text+audio+video")
            return None
        return value

    def patterns(self) -> dict[str, str]:
        patterns = {}
        for column in MEDIA_COLUMNS:
            pattern = self.text(column, "media")
            if pattern is None:
                continue
            try:
                fields = {name for _, name, _, _ in string.Formatter().parse(pattern) if name is not None}
            except ValueError:
                fields = set()
            if not fields or not all(name.isidentifier() for name in fields):
                self.fault(
                    f"[media] {column}",
                    pattern,
                    "a path with column names in braces, such as media/{clip_id}.mp4",
                )
            else:
                patterns[column] = pattern
        return patterns
