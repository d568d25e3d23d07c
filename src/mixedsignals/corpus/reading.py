"""The tables of a corpus folder under the user's own names for files and columns.

Whatever is wrong with a table is noted with its row and does not stop the others from being read.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Literal

import polars as pl

from mixedsignals.corpus.settings import SETTINGS_FILE, TABLE_FILES, Settings
from mixedsignals.errors import InputError, Problem
from mixedsignals.labels import Labels, combination, parse_combination
from mixedsignals.tables import Table, examine, read_frame

__all__ = ["TableReader"]

_SUFFIXES = (".csv", ".parquet", ".csv.gz")
_NAMED = 1_000


class TableReader:
    """Reads the tables of one folder one by one.

    Args:
        path: the folder.
        settings: what its `corpus.toml` says.
        problems: a list that problems are appended to.
        labels: the labels to check against, where they are known beforehand.

    Attributes:
        files: the file of every table that was found, relative to the folder.
    """

    def __init__(
        self, path: Path, settings: Settings, problems: list[Problem], *, labels: Labels | None = None
    ) -> None:
        self.path, self.settings, self.problems, self.labels = path, settings, problems, labels
        self.files: dict[str, str] = {}

    def read(
        self, name: str, *, clip_ids: pl.Series | None = None, given: str | None = None
    ) -> pl.DataFrame | None:
        """One table in the declared form as far as possible; None where there is none or it cannot be read.

        Args:
            name: `clips`, `votes`, `targets` or `splits`.
            clip_ids: the clips that there are; rows about others are faults.
            given: what raters perceived, where votes have no such column.
        """
        file = self._locate(name)
        if file is None:
            return None
        self.files[name] = file
        try:
            frame = read_frame(self.path / file)
        except InputError as error:
            self.problems.extend(replace(problem, file=file) for problem in error.problems)
            return None
        table = TABLE_FILES[name]
        frame = self._with_defaults(table, self._renamed(table, frame, file), file, given)
        whole, problems = examine(table, frame, source=file, labels=self.labels)
        self.problems.extend(problems)
        if clip_ids is not None and "clip_id" in frame.columns:
            self.problems.extend(_unknown_clips(frame["clip_id"].cast(pl.String), clip_ids, file))
        return whole

    def _note(
        self, code: str, message: str, remedy: str, file: str, severity: Literal["fault", "warning"] = "fault"
    ) -> None:
        self.problems.append(Problem(code, message, remedy, severity=severity, file=file))

    def _locate(self, name: str) -> str | None:
        if named := self.settings.files.get(name):
            return named
        found = [name + suffix for suffix in _SUFFIXES if (self.path / (name + suffix)).is_file()]
        if len(found) > 1:
            message = f"there are {' and '.join(found)}; legal is one table"
            self._note(
                "ambiguous-table", message, "Remove one, or name one under [files] in corpus.toml.", found[0]
            )
        if not found and name == "clips":
            message = "there is no clips.csv, clips.parquet or clips.csv.gz"
            self._note(
                "missing-file",
                message,
                "Write one, or name your file under [files] in corpus.toml.",
                "clips.csv",
            )
        return found[0] if found else None

    def _renamed(self, table: Table, frame: pl.DataFrame, file: str) -> pl.DataFrame:
        """The frame under our column names; columns that the table has no place for are left out and named."""
        mapping = dict(self.settings.columns.get(table.name, {}))
        if absent := [name for name in mapping if name not in frame.columns]:
            message = (
                f"[columns.{table.name}] names {', '.join(absent)}; {file} has {', '.join(frame.columns)}"
            )
            self._note("unknown-column", message, "Correct the names.", SETTINGS_FILE)
            mapping = {theirs: ours for theirs, ours in mapping.items() if theirs not in absent}
        names = [mapping.get(name, name) for name in frame.columns]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            message = f"[columns.{table.name}] makes {', '.join(twice)} twice"
            self._note("repeated-column", message, "Map one column to each name.", SETTINGS_FILE)
            return frame
        frame = frame.rename(mapping)
        further = [] if table.open else [name for name in frame.columns if name not in table.schema]
        if further:
            message = f"columns that {table.name} has no place for are not used: {', '.join(further)}"
            remedy = f"Nothing, or map them to one of {', '.join(table.schema)} in corpus.toml."
            self._note("unused-column", message, remedy, file, "warning")
        return frame.drop(further)

    def _with_defaults(self, table: Table, frame: pl.DataFrame, file: str, given: str | None) -> pl.DataFrame:
        """Columns that a simple table may leave out: `given`, the only `fold`, the whole `share`."""
        if table.name == "votes" and "given" not in frame.columns and given is not None:
            if self.settings.given is None:
                message = f"no column given, so raters are taken to have perceived {given}"
                remedy = f'Say [votes] given = "{given}" in corpus.toml if that is so.'
                self._note("assumed-given", message, remedy, file, "warning")
            return frame.with_columns(given=pl.lit(given))
        if table.name == "votes" and "given" in frame.columns and frame["given"].dtype == pl.String:
            return frame.with_columns(pl.col("given").replace(_spellings(frame["given"])))
        if table.name == "splits" and "fold" not in frame.columns:
            return frame.with_columns(fold=pl.lit(0, dtype=pl.Int64))
        if table.name == "targets" and "share" not in frame.columns:
            return frame.with_columns(share=pl.lit(1.0))
        return frame


def _spellings(given: pl.Series) -> dict[str, str]:
    """Combinations in an order of the user's own, such as `video + audio`, and our one spelling of each."""
    found = {}
    for said in given.drop_nulls().unique():
        with suppress(InputError):
            found[said] = combination(parse_combination(said))
    return found


def _unknown_clips(clips: pl.Series, known: pl.Series, file: str) -> Sequence[Problem]:
    """A fault for every clip that `clips.csv` does not have, at its first row."""
    there = pl.DataFrame({"clip_id": clips}).with_row_index("row", offset=2).drop_nulls()
    strangers = there.filter(~pl.col("clip_id").is_in(known.implode()))
    first = strangers.group_by("clip_id", maintain_order=True).agg(
        pl.col("row").min(), pl.len().alias("rows")
    )
    remedy = "Correct the id, add the clip to clips, or remove the rows."
    problems = [
        Problem(
            "unknown-clip",
            f"{rows} row{'s' * (rows > 1)} about a clip that clips does not have",
            remedy,
            file=file,
            row=row,
            clip_id=clip,
        )
        for clip, row, rows in first.head(_NAMED).iter_rows()
    ]
    if first.height > _NAMED:
        problems.append(
            Problem(
                "unknown-clip",
                f"{first.height - _NAMED} further clips that clips does not have",
                remedy,
                file=file,
            )
        )
    return problems
