"""The votes of a study: taken out as a table, and analysed with the human part of the diagnosis beside models."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from mixedsignals.errors import CannotFinish, UsageError
from mixedsignals.progress import SILENT, Progress
from mixedsignals.store import RunFolder, atomic
from mixedsignals.tables import ESTIMATES, PREDICTIONS, VOTES, read_table, write_table

if TYPE_CHECKING:
    from mixedsignals.diagnosis import Diagnosis
    from mixedsignals.study.analysis import Results
    from mixedsignals.study.export import Exported
    from mixedsignals.study.folder import StudyFolder

__all__ = ["StudyAnalysis", "analyse_study", "export_study"]


def export_study(
    study: Path | str,
    out: Path | str,
    *,
    database: str | None = None,
    keep: Collection[str] = (),
    answers: Path | str | None = None,
) -> Exported:
    """Write the votes of a study as a `votes` table, and say what was withheld and why.

    Args:
        study: the folder of the study.
        out: a `.parquet` or `.csv` file.
        database: path or URL of its database, where it is not the folder's own.
        keep: `repeats` and `later` answers, to have them among the votes with `occasion` above 0.
        answers: a `.parquet` or `.csv` file for everything that was said, practice, checks, free text and excluded
            people included and marked. In CSV, free text that a spreadsheet would take for a formula gets an
            apostrophe before it.

    Raises:
        UsageError: a file of another kind, or something unknown to keep.
        InputError: no study or no database.
    """
    from mixedsignals.study.export import votes_of
    from mixedsignals.study.folder import open_study
    from mixedsignals.study.records import ANSWERS

    files = [(Path(out), "--out"), *([(Path(answers), "--answers")] if answers is not None else [])]
    if unknown := [f"{option} {file}" for file, option in files if file.suffix not in (".parquet", ".csv")]:
        raise UsageError(f"{' and '.join(unknown)}: the name must end in .parquet or .csv.")
    said, deleted = _answers(open_study(study), database)
    exported = votes_of(said, keep=keep, deleted=deleted)
    _write(VOTES, exported.votes, Path(out))
    if answers is not None:
        _write(ANSWERS, said, Path(answers))
    return exported


def _answers(folder: StudyFolder, database: str | None) -> tuple[pl.DataFrame, tuple[int, int]]:
    """Everything that was said, and how many people and answers were deleted on request."""
    from mixedsignals.study.store import Database, read_answers
    from mixedsignals.study.store.reading import removed

    opened = Database(database or folder.database, create=False)
    try:
        with opened.reading() as connection:
            gone = removed(connection)
        return read_answers(opened), (gone.people, gone.answers)
    finally:
        opened.close()


def _write(table: Any, frame: pl.DataFrame, path: Path) -> None:
    if path.suffix == ".parquet":
        write_table(table, frame, path)
        return
    with atomic(path) as partial:
        _harmless(frame).write_csv(partial)


def _harmless(frame: pl.DataFrame) -> pl.DataFrame:
    """The same with an apostrophe before words of participants that a spreadsheet would take for a formula."""
    if "free_text" not in frame.columns:
        return frame
    formula = pl.col("free_text").str.contains(r"^[=+\-@\t\r]").fill_null(value=False)
    guarded = pl.when(formula).then(pl.concat_str(pl.lit("'"), "free_text")).otherwise("free_text")
    return frame.with_columns(free_text=guarded)


@dataclass(frozen=True, eq=False)
class StudyAnalysis:
    """What `analyse_study` found.

    Attributes:
        path: the run folder with the diagnosis, and `tables/study.parquet` with `estimates`.
        exported: the votes and what was withheld.
        diagnosis: the human part of the diagnosis, with the models' where a run was given.
        results: second looks, test-retest, order and the mixed model.
        gains: per single condition what more gives to people and, where a run was given, to models.
    """

    path: Path
    exported: Exported
    diagnosis: Diagnosis
    results: Results
    gains: list[dict[str, str]]


def analyse_study(
    study: Path | str,
    *,
    run: Path | str | None = None,
    out: Path | str | None = None,
    database: str | None = None,
    progress: Progress = SILENT,
) -> StudyAnalysis:
    """Analyse a study's votes: the human part of the diagnosis, gains, order, reliability, a mixed model.

    Only first exposures enter condition means and agreement. With a run, its predictions for the study's clips are
    diagnosed with these votes, so that models stand beside people on the same clips.

    Args:
        study: the folder of the study.
        run: a run of models on the same corpus.
        out: folder to write; `STUDY/analysis` where absent.
        database: path or URL of the study's database, where it is not the folder's own.
        progress: where to say how far it is.

    Raises:
        InputError: no study, no database, no run, or a run of other clips.
        CannotFinish: nobody has judged an item yet.
    """
    from mixedsignals.study.analysis import align, analyse_answers
    from mixedsignals.study.export import votes_of
    from mixedsignals.study.folder import open_study

    folder = open_study(study)
    (answers, deleted), labels = _answers(folder, database), folder.settings().answers
    exported = votes_of(answers, deleted=deleted)
    if exported.votes.is_empty():
        raise CannotFinish(f"{study}: nobody has judged an item yet, so there is nothing to analyse.")
    place = Path(out) if out is not None else folder.path / "analysis"
    made = _diagnosed(folder, exported.votes, run, place, progress)
    results = analyse_answers(align(answers, folder.clips(), folder.targets(), labels))
    write_table(ESTIMATES, results.table(place.resolve().name), place / "tables" / "study.parquet")
    return StudyAnalysis(place, exported, made, results, _gains(made.estimates, fused=run is not None))


def _diagnosed(
    folder: StudyFolder, votes: pl.DataFrame, run: Path | str | None, place: Path, progress: Progress
) -> Diagnosis:
    from mixedsignals.api.diagnosing import diagnose, diagnose_corpus
    from mixedsignals.corpus import Corpus

    settings, clips, targets = folder.settings(), folder.clips(), folder.targets()
    judged = clips.filter(pl.col("clip_id").is_in(votes["clip_id"].unique().to_list()))
    if targets is None:  # the corpus's labels are others than those that people were asked for
        judged = judged.with_columns(label=pl.lit(None, dtype=pl.String))
    else:
        targets = targets.filter(pl.col("clip_id").is_in(judged["clip_id"].to_list()))
    if run is None:
        corpus = Corpus(
            path=folder.path,
            name=settings.name,
            labels=settings.answers,
            clips=judged,
            votes=votes,
            targets=targets,
        )
        return diagnose_corpus(corpus, place, progress=progress)
    predictions = _predictions(RunFolder(Path(run)), judged).with_columns(run_id=pl.lit(settings.name))
    return diagnose(
        predictions,
        votes=votes,
        clips=judged,
        targets=targets,
        labels=settings.answers,
        out=place,
        progress=progress,
    )


def _predictions(run: RunFolder, judged: pl.DataFrame) -> pl.DataFrame:
    """A run's predictions for the clips that people judged."""
    run.read_manifest()
    wanted = pl.col("clip_id").is_in(judged["clip_id"].to_list())
    found = read_table(PREDICTIONS, run.table("predictions"), where=wanted)
    if found.is_empty():
        raise CannotFinish(f"{run.path}: has no prediction for any clip of the study.")
    return found


def _gains(estimates: pl.DataFrame, *, fused: bool) -> list[dict[str, str]]:
    """The gain of people over each single condition, and beside it that of fusion over the same single modality."""
    people = estimates.filter((pl.col("measure") == "human_gain") & (pl.col("slice") != "all"))
    beside = estimates.filter((pl.col("measure") == "fusion_gain") & (pl.col("slice") == "all"))
    models = {row["source"]: row for row in beside.iter_rows(named=True)}
    rows = []
    for row in people.iter_rows(named=True):
        over = row["slice"].removeprefix("over=")
        line = {"gain over": over, "people": _cell(row)}
        rows.append(line | ({"models": _cell(models.get(over))} if fused else {}))
    return rows


def _cell(row: dict[str, Any] | None) -> str:
    if row is None:
        return "-"
    if row["low"] is None:
        return f"{row['value']:.3f}"
    return f"{row['value']:.3f} [{row['low']:.3f}, {row['high']:.3f}]"
