"""The door for predictions of anyone's own models: long or wide files, checked, joined by clip id, never guessed at.

Long is `clip_id, source, label, probability`; wide is one file per model with a column per label, and the file's
name is the source. What cannot be probabilities (logits, percentages, rows that do not sum to one) is refused with
the rows named; nothing is dropped or normalised unless asked for.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from mixedsignals.diagnosis.amounts import amounts_faults, renormalised
from mixedsignals.diagnosis.codes import codes_of
from mixedsignals.errors import InputError, Problem
from mixedsignals.labels import MODALITIES, Kind, Labels, combination, is_combination
from mixedsignals.tables import PREDICTIONS, conform, examine, hashes_of, read_frame

__all__ = ["PredictionFiles", "predictions_from_frames", "read_predictions"]

_ROW = "_row"
_OWN = ("run_id", "seed", "clip_id", "source", "given")
_LONG = ("label", "probability")


@dataclass(frozen=True)
class PredictionFiles:
    """Predictions as read: the table, the labels they are about, and warnings that a user should see."""

    table: pl.DataFrame
    labels: Labels
    warnings: tuple[Problem, ...] = ()


def read_predictions(
    paths: Path | str | Sequence[Path | str],
    *,
    labels: Labels | Sequence[str] | None = None,
    kind: Kind | None = None,
    fusion: str = "fusion",
    run_id: str = "run",
    renormalise: bool = False,
) -> PredictionFiles:
    """Read one or more files of predictions (CSV, `.csv.gz` or Parquet) as one `predictions` table.

    Args:
        paths: long files (`clip_id, label, probability` and, where one file holds several models, `source`; also
            `seed`, `given`, `run_id`) or wide ones (`clip_id` and one column per label), in any mixture. Without
            a `source` column the source is the file's name.
        labels: the label names in order; from the files when None (columns' order for wide, sorted for long).
        kind: `nominal` (default) or `ordinal`.
        fusion: which source is the fused one: where nobody says, its `given` is all modalities.
        run_id: where the files do not say.
        renormalise: divide the probabilities of a clip by their sum instead of refusing sums other than one.

    Raises:
        InputError: every fault of every file: missing columns or values, labels that differ between files or are not in
            the list, logits, percentages, sums other than one, repeated keys.
    """
    named = [Path(path) for path in ([paths] if isinstance(paths, str | Path) else paths)]
    if not named:
        raise InputError("No file of predictions was given.")
    frames = [(path.name, path.name.split(".")[0], read_frame(path)) for path in named]
    chosen = _chosen(labels, kind)
    return _together(frames, chosen, kind or "nominal", fusion=fusion, run_id=run_id, renormalise=renormalise)


def predictions_from_frames(
    frames: dict[str, pl.DataFrame],
    *,
    labels: Labels | Sequence[str] | None = None,
    kind: Kind | None = None,
    fusion: str = "fusion",
    run_id: str = "run",
    renormalise: bool = False,
) -> PredictionFiles:
    """Like `read_predictions`, for tables in memory; the keys are the sources of tables without that column.

    Raises:
        InputError: as `read_predictions`.
    """
    listed = [(name, name, frame) for name, frame in frames.items()]
    if not listed:
        raise InputError("No table of predictions was given.")
    chosen = _chosen(labels, kind)
    return _together(listed, chosen, kind or "nominal", fusion=fusion, run_id=run_id, renormalise=renormalise)


def _chosen(labels: Labels | Sequence[str] | None, kind: Kind | None) -> Labels | None:
    if labels is None or isinstance(labels, Labels):
        return labels
    return Labels(tuple(labels), kind or "nominal")


def _together(
    frames: Sequence[tuple[str, str, pl.DataFrame]],
    labels: Labels | None,
    kind: Kind,
    *,
    fusion: str,
    run_id: str,
    renormalise: bool,
) -> PredictionFiles:
    problems: list[Problem] = []
    parts: list[tuple[str, pl.DataFrame]] = []
    for file, source, frame in frames:
        part, faults = _long(file, source, frame, labels)
        problems += faults
        if part is not None:
            part, faults = _numbers(file, part, renormalise=renormalise)
            problems += faults
            parts.append((file, part))
    if parts and labels is None:
        problems += _differing_labels(parts)
    if problems:
        raise InputError(problems)
    found = labels or Labels(tuple(_label_order(parts)), kind)
    table = _with_defaults(pl.concat([p for _, p in parts], how="diagonal"), fusion=fusion, run_id=run_id)
    # Within a file keys were compared; files, or an input that is filled in, may still repeat one another's.
    again = len(parts) > 1 or any(part[name].null_count() for _, part in parts for name in _filled(part))
    whole = conform(PREDICTIONS, table, source=", ".join(file for file, _ in parts), labels=found, keys=again)
    return PredictionFiles(whole, found, tuple(_warnings(whole, found)))


def _long(
    file: str, source: str, frame: pl.DataFrame, labels: Labels | None
) -> tuple[pl.DataFrame | None, list[Problem]]:
    """One file in long form with `_row`, its line in the file; None where its columns will not do."""
    if "clip_id" not in frame.columns:
        came = ", ".join(frame.columns)
        return None, [_fault("missing-column", f"no column clip_id; there are {came}", "Add it.", file)]
    frame = frame.with_row_index(_ROW, offset=2)
    if "source" not in frame.columns:
        frame = frame.with_columns(pl.lit(source).alias("source"))
    if set(_LONG) <= set(frame.columns):
        kept = [c for c in (_ROW, *_OWN, *_LONG, "calibrated") if c in frame.columns]
        return _checked(file, frame.select(kept), labels)
    if any(name in frame.columns for name in _LONG):
        absent = [name for name in _LONG if name not in frame.columns]
        message = f"no column {absent[0]}; a long file has clip_id, source, label, probability"
        return None, [_fault("missing-column", message, "Add it, or write one column per label.", file)]
    return _unpivoted(file, frame, labels)


def _unpivoted(
    file: str, frame: pl.DataFrame, labels: Labels | None
) -> tuple[pl.DataFrame | None, list[Problem]]:
    own = [name for name in (_ROW, *_OWN) if name in frame.columns]
    columns = [name for name in frame.columns if name not in own]
    if labels is not None:
        strange = [name for name in columns if name not in labels]
        columns = [name for name in labels if name in columns]
        if strange and not columns:
            message = f"no column is one of the labels {', '.join(labels)}; there are {', '.join(strange)}"
            return None, [_fault("unknown-label", message, "Name the columns after the labels.", file)]
        if strange:
            message = f"columns {', '.join(strange)} are neither labels nor known ({', '.join(labels)})"
            return None, [_fault("unknown-label", message, "Remove or rename them.", file)]
    if len(columns) < 2:
        message = f"{len(columns)} label columns; a wide file has clip_id and one column for each label"
        return None, [_fault("missing-column", message, "Add a column for every label.", file)]
    long = frame.unpivot(on=columns, index=own, variable_name="label", value_name="probability")
    return _checked(file, long.sort(_ROW, maintain_order=True), labels)


def _checked(
    file: str, frame: pl.DataFrame, labels: Labels | None
) -> tuple[pl.DataFrame | None, list[Problem]]:
    """Every cell but the size of the probabilities, which `amounts` judges as whole rows."""
    padded = frame.drop(_ROW).with_columns(
        pl.lit("run").alias("run_id") if "run_id" not in frame.columns else "run_id"
    )
    padded = padded.with_columns(pl.lit(0).alias("seed") if "seed" not in frame.columns else "seed")
    padded = padded.with_columns(
        pl.lit("unknown").alias("given") if "given" not in frame.columns else "given"
    )
    cast, problems = examine(PREDICTIONS, padded, source=file, labels=labels)
    rows = frame[_ROW]
    kept = [
        _at_row(problem, rows)
        for problem in problems
        if not (problem.code == "out-of-range" and problem.message.startswith("probability"))
    ]
    numbers = frame["probability"].cast(pl.Float64, strict=False)
    own = [name for name in ("run_id", "seed", "given") if name in frame.columns]
    columns = ["clip_id", "source", "label", "calibrated", *own]
    return cast.select(columns).with_columns(numbers.alias("probability"), rows.alias(_ROW)), kept


def _at_row(problem: Problem, rows: pl.Series) -> Problem:
    if problem.row is None:
        return problem
    return Problem(
        code=problem.code,
        message=problem.message,
        remedy=problem.remedy,
        severity=problem.severity,
        file=problem.file,
        row=int(rows[problem.row - 2]),
        clip_id=problem.clip_id,
    )


def _numbers(file: str, part: pl.DataFrame, *, renormalise: bool) -> tuple[pl.DataFrame, list[Problem]]:
    faults = list(amounts_faults(part, file=file, renormalise=renormalise))
    if faults:
        return part, faults
    return (renormalised(part) if renormalise else part), []


def _differing_labels(parts: Sequence[tuple[str, pl.DataFrame]]) -> Iterable[Problem]:
    everything = set(_label_order(parts))
    for file, part in parts:
        absent = sorted(everything - set(part["label"].drop_nulls().unique()))
        if absent:
            message = f"no probability for {', '.join(absent)}, which other files have"
            remedy = "Use the same label names in every file, or give the list of labels."
            yield _fault("labels-differ", message, remedy, file)


def _label_order(parts: Sequence[tuple[str, pl.DataFrame]]) -> list[str]:
    """The order of a wide file's columns where all files agree on it, else sorted."""
    orders = [part["label"].drop_nulls().unique(maintain_order=True).to_list() for _, part in parts]
    wide = all((part[_ROW].diff() == 0).any() for _, part in parts)
    if wide and all(order == orders[0] for order in orders):
        return list(orders[0])
    return sorted(set().union(*orders))


def _with_defaults(table: pl.DataFrame, *, fusion: str, run_id: str) -> pl.DataFrame:
    table = table.drop(_ROW)
    for name, value in (("run_id", run_id), ("seed", 0)):
        default = pl.lit(value)
        table = table.with_columns(
            pl.col(name).fill_null(default) if name in table.columns else default.alias(name)
        )
    guess = _given_by_source(table["source"].unique().to_list(), fusion)
    guessed = pl.col("source").replace_strict(guess, default="unknown", return_dtype=pl.String)
    if "given" not in table.columns:
        return table.with_columns(guessed.alias("given"))
    if not table["given"].null_count():
        return table
    return table.with_columns(pl.col("given").fill_null(guessed))


def _filled(part: pl.DataFrame) -> list[str]:
    return [name for name in ("run_id", "seed", "given") if name in part.columns]


def _given_by_source(sources: Iterable[str], fusion: str) -> dict[str, str]:
    """What each source was shown, where nobody says: a modality its own, the fused one all of them."""
    sources = list(sources)
    single = [name for name in sources if name in MODALITIES]
    everything = combination(single if len(single) > 1 else MODALITIES)
    guess = {name: combination(name.split("+")) for name in sources if is_combination(name)}
    return guess | {fusion: everything}


def _warnings(table: pl.DataFrame, labels: Labels) -> Iterable[Problem]:
    likely = set(table.head(10_000).filter(pl.col("probability") > 0)["label"].unique())
    for name in labels:
        if (
            name not in likely
            and not table.select(((pl.col("label") == name) & (pl.col("probability") > 0)).any()).item()
        ):
            yield Problem(
                code="label-nobody-predicted",
                message=f"no source gives the label {name!r} any probability",
                remedy="Check the list of labels, if this is not meant.",
                severity="warning",
            )
    key = ["run_id", "seed", "clip_id", "source", "given"]
    hashes = np.sort(hashes_of(table.select(key)))
    whole = int((hashes[1:] != hashes[:-1]).sum()) + 1
    named = table["label"].unique(maintain_order=True)
    counts = np.bincount(codes_of(table["label"], pl.Enum(named)), minlength=len(named))
    for name, rows in zip(named, counts.tolist(), strict=True):
        if rows < whole:
            yield Problem(
                code="label-not-everywhere",
                message=f"{whole - rows:,} of {whole:,} predictions have no row for {name!r}, which counts as 0",
                remedy="Check how the label is spelt, if this is not meant.",
                severity="warning",
            )


def _fault(code: str, message: str, remedy: str, file: str) -> Problem:
    return Problem(code=code, message=message, remedy=remedy, file=file)
