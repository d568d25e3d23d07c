"""A study on disk: `study.toml`, `stimuli.parquet`, the files in `stimuli/`, `pages/*.md`, and the clips it is about.

STUDY/
  study.toml         the settings (see `StudySettings`)
  stimuli.parquet    what can be shown (see `STIMULI`)
  stimuli/           rendered media under random names
  pages/             consent, instructions, question, attention and debrief: Markdown that the owner edits
  clips.parquet      the clips with speakers and labels, for analysis; never served
  targets.parquet    their targets, where there are any; never served
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import polars as pl

from mixedsignals.errors import InputError, Problem
from mixedsignals.store import atomic
from mixedsignals.study.records import STIMULI
from mixedsignals.study.settings import SETTINGS_FILE, StudySettings, read_settings
from mixedsignals.tables import CLIPS, TARGETS, read_table, write_table

__all__ = ["PAGES", "StudyFolder", "open_study"]

PAGES = ("consent", "instructions", "question", "attention", "debrief")
"""The owner's own pages, each `pages/NAME.md`."""


@dataclass(frozen=True)
class StudyFolder:
    """Where the parts of a study lie; reading one checks it."""

    path: Path

    @property
    def settings_path(self) -> Path:
        """`study.toml`."""
        return self.path / SETTINGS_FILE

    @property
    def stimuli_path(self) -> Path:
        """`stimuli.parquet`."""
        return self.path / "stimuli.parquet"

    @property
    def media(self) -> Path:
        """The folder of rendered files; nothing else is ever served to participants as media."""
        return self.path / "stimuli"

    @property
    def pages(self) -> Path:
        """The folder of the owner's Markdown."""
        return self.path / "pages"

    @property
    def database(self) -> Path:
        """The SQLite file of people and answers, where no other database is named."""
        return self.path / "study.db"

    def exists(self) -> bool:
        """Whether a study is there."""
        return self.settings_path.is_file()

    def settings(self) -> StudySettings:
        """The settings.

        Raises:
            InputError: `study.toml` is missing or has faults, all of them named.
        """
        return read_settings(self.settings_path)

    def stimuli(self) -> pl.DataFrame:
        """The `STIMULI` table.

        Raises:
            InputError: it is missing or has faults.
        """
        return read_table(STIMULI, self.stimuli_path)

    def clips(self) -> pl.DataFrame:
        """The clips that the study is about.

        Raises:
            InputError: the table is missing or has faults.
        """
        return read_table(CLIPS, self.path / "clips.parquet")

    def targets(self) -> pl.DataFrame | None:
        """Their targets; None where there are none."""
        path = self.path / "targets.parquet"
        return read_table(TARGETS, path) if path.is_file() else None

    def page(self, name: str) -> str:
        """The owner's Markdown of one page.

        Args:
            name: one of `PAGES`.

        Raises:
            InputError: the file is missing or not UTF-8.
        """
        path = self.pages / f"{name}.md"
        try:
            return path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            message, remedy = f"cannot be read ({error})", "Put it back, as UTF-8."
            raise InputError(Problem("missing-page", message, remedy, file=f"pages/{name}.md")) from error

    def media_file(self, name: str) -> Path:
        """Path of one rendered file.

        Args:
            name: as in `STIMULI.file`, never a name from a request: requests name stimuli by their tokens.
        """
        return self.media / name

    def write_tables(
        self, stimuli: pl.DataFrame, *, clips: pl.DataFrame, targets: pl.DataFrame | None = None
    ) -> None:
        """Write the tables; each appears when whole."""
        write_table(CLIPS, clips, self.path / "clips.parquet")
        if targets is not None:
            write_table(TARGETS, targets, self.path / "targets.parquet")
        write_table(STIMULI, stimuli, self.stimuli_path)

    def write_missing_pages(self) -> None:
        """Write the template of every page that is not there; those that are there are the owner's."""
        for name in PAGES:
            path = self.pages / f"{name}.md"
            if not path.exists():
                with atomic(path) as partial:
                    partial.write_text(template(name), encoding="utf-8")


def template(name: str) -> str:
    """The Markdown that a new study starts from."""
    folder = resources.files("mixedsignals.study") / "templates"
    return (folder / f"{name}.md").read_text(encoding="utf-8")


def open_study(path: Path | str) -> StudyFolder:
    """A study that is there and whole: settings and tables can be read and every rendered file is in its place.

    Raises:
        InputError: every fault at once.
    """
    folder = StudyFolder(Path(path))
    problems: list[Problem] = []
    if not folder.exists():
        message, remedy = "is no study", "Make one with `mixedsignals study create`."
        raise InputError(Problem("missing-study", message, remedy, file=str(path)))
    for part in (folder.settings, folder.clips, folder.targets, *(_page(folder, name) for name in PAGES)):
        try:
            part()
        except InputError as error:
            problems += error.problems
    problems += _of_stimuli(folder)
    if problems:
        raise InputError(problems)
    return folder


def _page(folder: StudyFolder, name: str) -> Callable[[], str]:
    return lambda: folder.page(name)


def _of_stimuli(folder: StudyFolder) -> list[Problem]:
    """What is wrong between the stimuli, their files and the settings."""
    try:
        stimuli = folder.stimuli()
    except InputError as error:
        return list(error.problems)
    try:
        settings = folder.settings()
    except InputError:
        return _missing_files(folder, stimuli)  # the faults of the settings are named already
    return [*_missing_files(folder, stimuli), *_unfit(settings, stimuli)]


def _missing_files(folder: StudyFolder, stimuli: pl.DataFrame) -> list[Problem]:
    files = stimuli["file"].drop_nulls().unique(maintain_order=True)
    lacking = [name for name in files if not folder.media_file(name).is_file()]
    remedy = "Give the `mixedsignals study create` that began it again: it goes on where it stopped."
    return [
        Problem("missing-stimulus", "has not been rendered", remedy, file=f"stimuli/{name}")
        for name in lacking
    ]


def _unfit(settings: StudySettings, stimuli: pl.DataFrame) -> list[Problem]:
    """Settings that were edited beyond what had been rendered."""
    rendered = set(stimuli.filter(kind="item")["condition"])
    asked = set(stimuli.filter(kind="attention")["expected"])
    found = [
        (f"conditions have {condition}, of which nothing was rendered", "conditions")
        for condition in settings.conditions
        if condition not in rendered
    ]
    if strange := sorted(asked - set(settings.answers.names)):
        found.append(
            (f"attention checks ask for {', '.join(strange)}, which is no answer any more", "labels")
        )
    remedy = "Put the entry back, or make another study with `mixedsignals study create`."
    return [Problem(f"unfit-{entry}", message, remedy, file=SETTINGS_FILE) for message, entry in found]
