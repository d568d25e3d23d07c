"""Cues that were measured elsewhere: one file with a row per clip, or a folder with OpenFace's output, a file per clip.

They are joined by clip id, never by order; a file of other clips is refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

import polars as pl

from mixedsignals.cues.protocol import Absence
from mixedsignals.errors import InputError, Problem
from mixedsignals.tables import CUES, conform, read_frame

__all__ = ["read_measured"]

_ID = ("clip_id", "clip")
_UNIT = re.compile(r"^AU(\d\d)_([rc])$")
_SUFFIXES = (".csv", ".csv.gz", ".parquet")
_FEWEST_CONFIDENT = 0.5


def read_measured(
    path: Path | str, clip_ids: Iterable[str], *, modality: str = "video"
) -> tuple[pl.DataFrame, list[Absence]]:
    """Cues from a file or folder, as a `cues` table, and the clips that it lacks.

    Args:
        path: a `.csv`, `.csv.gz` or `.parquet` with `clip_id` (or `clip`) and columns of numbers, a row per clip; or a
            folder with OpenFace's `CLIP_ID.csv`, a row per frame, whose action units are averaged over the frames in
            which a face was tracked.
        clip_ids: the clips of the corpus.
        modality: of what was measured.

    Returns:
        The table, in the order of the clips (empty cells and NaN leave no row), and the absences. An action unit
        `AU12_r` is a mean intensity from 0 to 5, `AU12_c` a share of frames; other columns keep their names.

    Raises:
        InputError: the file cannot be read, repeats a clip, has cells that are no numbers, or knows none of the clips.
    """
    path, wanted = Path(path), list(clip_ids)
    if path.is_dir():
        frame, reasons = _of_folder(path, wanted)
    else:
        frame, reasons = _of_file(path), {}
    inside = frame.filter(pl.col("clip_id").is_in(wanted))
    if inside.is_empty() and not reasons:
        shown = ", ".join(map(repr, frame["clip_id"].head(3)))
        message = f"knows none of the {len(wanted)} clips (it has {shown or 'no clip'})"
        raise _fault("other-clips", message, "Name the file of these clips, or correct its clip ids.", path)
    known = set(inside["clip_id"])
    absent = [
        Absence(clip, path.name, modality, "*", reasons.get(clip, f"{path.name} has no row for it"))
        for clip in wanted
        if clip not in known
    ]
    return conform(CUES, _long(inside, wanted, modality), source=path.name), absent


def _of_file(path: Path) -> pl.DataFrame:
    if not path.is_file():
        raise _fault("missing-cues", "is not there", "Correct the path.", path)
    if not path.name.endswith(_SUFFIXES):
        raise _fault("unreadable-cues", "is no .csv, .csv.gz or .parquet", "Save it as one of these.", path)
    frame = read_frame(path)
    own = next((name for name in _ID if name in frame.columns), None)
    if own is None:
        message = f"no column clip_id; there are {', '.join(frame.columns[:8])}"
        raise _fault("missing-column", message, "Add it.", path)
    frame = frame.rename({own: "clip_id"}).with_columns(pl.col("clip_id").cast(pl.String))
    problems = []
    if (
        twice := frame["clip_id"]
        .filter(frame["clip_id"].is_duplicated())
        .unique(maintain_order=True)
        .to_list()
    ):
        message = f"{len(twice)} clips have several rows: {', '.join(map(str, twice[:5]))}"
        problems.append(Problem("repeated-clip", message, "Keep one row per clip.", file=path.name))
    numbers, words = _numbers(frame)
    if words:
        message = f"columns with cells that are not numbers: {', '.join(words[:10])}"
        problems.append(
            Problem("not-a-number", message, "Remove the columns or mend the cells.", file=path.name)
        )
    if problems:
        raise InputError(problems)
    return numbers


def _numbers(frame: pl.DataFrame) -> tuple[pl.DataFrame, list[str]]:
    """The frame with numbers in every column but clip_id, and the names of columns that hold something else."""
    values = [name for name in frame.columns if name != "clip_id"]
    cast = frame.with_columns(pl.col(values).cast(pl.Float64, strict=False))
    words = [name for name in values if (cast[name].is_null() & frame[name].is_not_null()).any()]
    return cast, words


def _of_folder(path: Path, wanted: list[str]) -> tuple[pl.DataFrame, dict[str, str]]:
    """Mean action units of each clip whose file is there, and why others have none."""
    rows: list[dict[str, object]] = []
    reasons: dict[str, str] = {}
    for clip in wanted:
        file = path / f"{clip}.csv"
        if not file.is_file():
            continue
        frame = read_frame(file)
        frame = frame.rename({name: name.strip() for name in frame.columns})
        numbers, _ = _numbers(frame)
        if "success" in numbers.columns:
            numbers = numbers.filter(pl.col("success") > 0)
        if "confidence" in numbers.columns:
            numbers = numbers.filter(pl.col("confidence") >= _FEWEST_CONFIDENT)
        units = [name for name in numbers.columns if _UNIT.match(name)]
        if not units:
            raise _fault("no-action-units", "has no column such as AU12_r", "Run OpenFace with -aus.", file)
        if numbers.is_empty():
            reasons[clip] = "OpenFace found no face"
        else:
            rows.append({"clip_id": clip, **numbers.select(pl.col(units).mean()).row(0, named=True)})
    if not rows:
        return pl.DataFrame(schema={"clip_id": pl.String}), reasons
    return pl.DataFrame(rows, infer_schema_length=None), reasons


def _long(frame: pl.DataFrame, wanted: list[str], modality: str) -> pl.DataFrame:
    order = pl.DataFrame({"clip_id": wanted}, schema={"clip_id": pl.String})
    ordered = order.join(frame, on="clip_id", how="inner", maintain_order="left")
    cues = [name for name in frame.columns if name != "clip_id"]
    if not cues:
        return CUES.empty()
    long = ordered.with_row_index("_at").unpivot(on=cues, index=["_at", "clip_id"], variable_name="cue")
    finite = long.filter(pl.col("value").is_not_null() & pl.col("value").is_finite())
    units = {name: _unit(name) for name in cues}
    named = finite.sort("_at", maintain_order=True).with_columns(
        pl.lit(modality).alias("modality"),
        pl.col("cue").replace_strict(units, return_dtype=pl.String).alias("unit"),
    )
    return named.select(list(CUES.schema))


def _unit(name: str) -> str:
    found = _UNIT.match(name)
    if not found:
        return "as in the file"
    return "intensity 0 to 5" if found[2] == "r" else "share of frames"


def _fault(code: str, message: str, remedy: str, path: Path) -> InputError:
    return InputError(Problem(code, message, remedy, file=path.name))
