"""CREMA-D: 7,442 acted clips, judged by a crowd from voice, face, or both.

The votes come as anonymous counts, one table row per clip and condition. Only few people have the media, so clips
without them are kept: their votes can be audited all the same.
"""

from __future__ import annotations

from pathlib import Path

import polars as pl

from mixedsignals.corpus.importers.common import Imported, require_files
from mixedsignals.errors import InputError, Problem
from mixedsignals.labels import Labels
from mixedsignals.tables import CLIPS, VOTES, conform, read_frame

__all__ = ["read_cremad"]

EMOTIONS = {"A": "anger", "D": "disgust", "F": "fear", "H": "happy", "N": "neutral", "S": "sad"}
CONDITIONS = {"1": "audio", "2": "video", "3": "audio+video"}
SENTENCES = {
    "DFA": "Don't forget a jacket.",
    "IEO": "It's eleven o'clock.",
    "IOM": "I'm on my way to the meeting.",
    "ITH": "I think I have a doctor's appointment.",
    "ITS": "I think I've seen this before.",
    "IWL": "I would like a new alarm clock.",
    "IWW": "I wonder what this is about.",
    "MTI": "Maybe tomorrow it will be cold.",
    "TAI": "The airplane is almost full.",
    "TIE": "That is exactly what happened.",
    "TSI": "The surface is slick.",
    "WSI": "We'll stop in a couple of minutes.",
}
FAULTY = ("1076_MTI_NEU_XX", "1076_MTI_SAD_XX", "1064_TIE_SAD_XX", "1064_IEO_DIS_MD")
_INTENDED = {"ANG": "anger", "DIS": "disgust", "FEA": "fear", "HAP": "happy", "NEU": "neutral", "SAD": "sad"}
_FOLDERS = (
    ("media", ("clips", "VideoFlash", "VideoMP4"), (".flv", ".mp4")),
    ("audio", ("AudioWAV", "AudioMP3"), (".wav", ".mp3")),
)
_TABLE = "tabulatedVotes.csv"


def read_cremad(source: Path) -> Imported:
    """Read `tabulatedVotes.csv`, `VideoDemographics.csv` if there, and media in `clips/`, `VideoFlash/` or `AudioWAV/`.

    `clip_id` is the file name, `label` the intended emotion, `speaker_id` the actor, `transcript` the sentence; level,
    sentence code and the actor's age, sex, race and ethnicity are kept. Votes given the voice are `audio`, the face
    `video`, both `audio+video`: anonymous counts, since the table has no rater ids. Clips that the authors list as
    faulty are kept and marked in the column `faulty`.

    Raises:
        InputError: the table is missing, or has names, conditions or counts that are not CREMA-D's.
    """
    require_files(source, [_TABLE], what=f"{_TABLE} of CREMA-D")
    table = read_frame(source / _TABLE)
    _refuse_other_tables(table)
    table = table.rename({table.columns[0]: "number", "fileName": "clip_id"})
    labels = Labels(tuple(EMOTIONS.values()))
    names = table.select("clip_id").unique(maintain_order=True)
    parts = pl.col("clip_id").str.split("_").list
    clips = names.select(
        "clip_id",
        speaker_id=parts.get(0),
        transcript=parts.get(1).replace_strict(SENTENCES),
        label=parts.get(2).replace_strict(_INTENDED),
        sentence=parts.get(1),
        level=parts.get(3),
        faulty=pl.when(pl.col("clip_id").is_in(FAULTY)).then(pl.lit("yes")).otherwise(pl.lit("no")),
    )
    clips = _with_actors(clips, source / "VideoDemographics.csv")
    columns, files = _media(source, set(clips["clip_id"]))
    clips = clips.with_columns(
        pl.col("clip_id").replace_strict(named, default=None, return_dtype=pl.String).alias(column)
        for column, named in columns.items()
    )
    return Imported(
        name="CREMA-D",
        labels=labels,
        clips=conform(CLIPS, clips, source=_TABLE, labels=labels),
        votes=_votes(table, labels),
        files=files,
        licence="ODbL 1.0 (contents: DbCL 1.0)",
        warnings=tuple(_warnings(clips, files)),
    )


def _refuse_other_tables(table: pl.DataFrame) -> None:
    """Every fault of the vote table at once."""
    needed = [*EMOTIONS, "fileName", "numResponses"]
    if absent := [name for name in needed if name not in table.columns]:
        message = f"no column {', '.join(absent)}; there are {', '.join(table.columns)}"
        raise InputError(Problem("missing-column", message, "Use the table as it came.", file=_TABLE))
    name = rf"^\d{{4}}_({'|'.join(SENTENCES)})_({'|'.join(_INTENDED)})_(XX|LO|MD|HI)$"
    counts = table.select(pl.col(*EMOTIONS, "numResponses").cast(pl.Int64, strict=False))
    said = counts.select(pl.sum_horizontal(pl.col(*EMOTIONS))).to_series()
    rules = {
        "a file name ACTOR_SENTENCE_EMOTION_LEVEL": table["fileName"].str.contains(name),
        "a number that begins with 1 (voice), 2 (face) or 3 (both)": table[table.columns[0]].str.contains(
            r"^[123]\d{5}$"
        ),
        "counts that are whole numbers": ~counts.select(pl.any_horizontal(pl.all().is_null())).to_series(),
        "counts that add up to numResponses": said == counts["numResponses"],
    }
    remedy = "Use the table as it came."
    problems = [
        Problem(
            "not-crema-d",
            f"legal is {legal}",
            remedy,
            file=_TABLE,
            row=row + 2,
            clip_id=table["fileName"][row],
        )
        for legal, holds in rules.items()
        for row in (~holds.fill_null(value=False)).arg_true().to_list()
    ]
    if problems:
        raise InputError(problems)


def _votes(table: pl.DataFrame, labels: Labels) -> pl.DataFrame:
    counted = (
        table.select(
            "clip_id",
            given=pl.col("number").str.head(1).replace_strict(CONDITIONS),
            **{label: pl.col(letter).cast(pl.Int64) for letter, label in EMOTIONS.items()},
        )
        .unpivot(index=["clip_id", "given"], variable_name="label", value_name="count")
        .filter(pl.col("count") > 0)
        .sort("clip_id", "given", "label")
    )
    return conform(VOTES, counted, source=_TABLE, labels=labels)


def _with_actors(clips: pl.DataFrame, path: Path) -> pl.DataFrame:
    if not path.is_file():
        return clips
    names = {"ActorID": "speaker_id", "Age": "age", "Sex": "sex", "Race": "race", "Ethnicity": "ethnicity"}
    actors = read_frame(path)
    if absent := [name for name in names if name not in actors.columns]:
        message = f"no column {', '.join(absent)}; there are {', '.join(actors.columns)}"
        raise InputError(Problem("missing-column", message, "Use the table as it came.", file=path.name))
    actors = actors.select(pl.col(theirs).alias(ours) for theirs, ours in names.items())
    return clips.join(actors.with_columns(pl.col("age").cast(pl.Int64)), on="speaker_id", how="left")


def _media(source: Path, clip_ids: set[str]) -> tuple[dict[str, dict[str, str]], dict[str, Path]]:
    """Per column the path of each clip's file within the corpus, and where each file is now."""
    columns: dict[str, dict[str, str]] = {}
    files: dict[str, Path] = {}
    for column, folders, suffixes in _FOLDERS:
        found = [
            f
            for folder in folders
            for f in sorted((source / folder).glob("*"))
            if f.suffix.lower() in suffixes
        ]
        for file in found:
            if file.stem in clip_ids and file.stem not in columns.setdefault(column, {}):
                columns[column][file.stem] = f"media/{file.name}"
                files[f"media/{file.name}"] = file
    return columns, files


def _warnings(clips: pl.DataFrame, files: dict[str, Path]) -> list[Problem]:
    there = [clip for clip in FAULTY if clip in set(clips["clip_id"])]
    remedy = "Nothing, or leave out the clips whose column faulty says yes."
    warnings = [
        Problem(
            "faulty-clip",
            "the authors list this clip as faulty; it is kept",
            remedy,
            severity="warning",
            clip_id=clip,
        )
        for clip in there
    ]
    without = clips.height - len(files)
    if without:
        message = f"{without:,} of {clips.height:,} clips have votes and no media here"
        remedy = "Nothing for an audit of votes; to encode and train, import with --only-media."
        warnings.append(Problem("clips-without-media", message, remedy, severity="warning"))
    return warnings
