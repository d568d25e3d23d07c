"""Whom people, or models, follow in a corpus of splices: the voice, the face or neither.

Shares are taken per film first, then over films, with intervals over speakers. What a film gained by another's voice is
told against the same face with its own voice, so that a face which looks angry anyway does not count as following.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from mixedsignals.api.corpora import read
from mixedsignals.errors import InputError, Problem
from mixedsignals.tables import VOTES, conform, frame_of, read_table

if TYPE_CHECKING:
    from mixedsignals.corpus import Corpus

__all__ = ["FOLLOWED", "follow_splices"]

FOLLOWED = {
    "source": pl.String,
    "given": pl.String,
    "what": pl.String,
    "value": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
    "n_clips": pl.Int64,
    "n_groups": pl.Int64,
}
"""Columns of what `follow_splices` gives."""

_SAID = ("clip_id", "source", "given", "label", "share")
_NEEDED = ("kind", "voice_from", "face_from", "voice_label", "face_label")


def follow_splices(
    corpus: Path | str, *, votes: Any = None, predictions: Any = None, level: float = 0.95
) -> pl.DataFrame:
    """Whom those who judged a corpus of splices follow, see `FOLLOWED`.

    `what` is `names voice`, `names face`, `names neither`: the mean share of answers (of probability, for models) on
    films in conflict, 0 to 1. `voice gained` is the share of the voice's label with that voice less the share of it on
    the same face as it was; `face lost` the share of the face's label as it was less that with the other voice; both
    −1 to 1, over faces whose plain film was judged too. Intervals are delete-one-speaker jackknives.

    Args:
        corpus: the folder that `write_conflicts` wrote.
        votes: a `votes` table or file; None takes the corpus's own, if it has some. Their source is `people`.
        predictions: a table or file with clip_id, source, given, label, probability, such as `predict` gives.
        level: of the intervals.

    Raises:
        InputError: no corpus of splices, no answers, or none on its films.
    """
    read_corpus = read(corpus)
    _refuse_others(read_corpus)
    answers = pl.concat(list(_answers(read_corpus, votes, predictions)))
    answers = answers.filter(pl.col("clip_id").is_in(read_corpus.clips["clip_id"].to_list()))
    if answers.is_empty():
        message = "has no votes, and no predictions were given, on any of its films"
        remedy = "Give the votes of a study (`mixedsignals study export`) or predictions."
        raise InputError(Problem("no-votes", message, remedy, file=str(corpus)))
    rows = [
        {"source": source, "given": given, **row}
        for (source, given), some in answers.partition_by(
            "source", "given", as_dict=True, maintain_order=True
        ).items()
        for row in _followed(read_corpus.clips, some, level)
    ]
    return pl.DataFrame(rows, schema=FOLLOWED)


def _refuse_others(corpus: Corpus) -> None:
    if lacking := [name for name in _NEEDED if name not in corpus.clips.columns]:
        message = f"its clips lack {', '.join(lacking)}, which a corpus of splices has"
        remedy = "Name a folder that `mixedsignals probe RUN --conflicts DIR` wrote."
        raise InputError(Problem("no-splices", message, remedy, file=str(corpus.path)))


def _answers(corpus: Corpus, votes: Any, predictions: Any) -> Iterator[pl.DataFrame]:
    """Shares of the labels per film, whoever gave them; labels that nobody named are not there."""
    yield pl.DataFrame(schema={name: pl.Float64 if name == "share" else pl.String for name in _SAID})
    found = corpus.votes if votes is None else _table(votes, corpus)
    if found is not None:
        counted = found.with_columns(pl.col("count").fill_null(1).cast(pl.Float64)).filter(
            pl.col("label").is_not_null()
        )
        summed = counted.group_by("clip_id", "given", "label").agg(pl.col("count").sum())
        total = pl.col("count").sum().over("clip_id", "given")
        yield summed.with_columns(source=pl.lit("people"), share=pl.col("count") / total).select(_SAID)
    if predictions is not None:
        frame = frame_of(predictions) if not isinstance(predictions, str | Path) else _file(predictions)
        keys = ("clip_id", "source", "given", "label")
        if lacking := [name for name in (*keys, "probability") if name not in frame.columns]:
            message = f"predictions lack {', '.join(lacking)}"
            remedy = f"Give {', '.join(keys)} and probability."
            raise InputError(Problem("missing-column", message, remedy))
        means = frame.group_by(keys).agg(pl.col("probability").cast(pl.Float64).mean().alias("share"))
        yield means.select(_SAID).cast(dict.fromkeys(keys, pl.String))


def _table(votes: Any, corpus: Corpus) -> pl.DataFrame:
    if isinstance(votes, str | Path):
        return read_table(VOTES, Path(votes), labels=corpus.labels)
    return conform(VOTES, frame_of(votes), source="votes", labels=corpus.labels)


def _file(path: str | Path) -> pl.DataFrame:
    from mixedsignals.tables import read_frame

    return read_frame(Path(path))


def _followed(clips: pl.DataFrame, answers: pl.DataFrame, level: float) -> Iterator[dict[str, Any]]:
    judged = set(answers["clip_id"])
    films = clips.filter(pl.col("kind") == "conflict", pl.col("clip_id").is_in(list(judged)))
    plain = clips.filter(pl.col("kind") == "plain").select("face_from", pl.col("clip_id").alias("as_it_was"))
    films = films.join(plain, on="face_from", how="left", maintain_order="left")
    said = answers.select("clip_id", "label", "share").iter_rows()
    shares = {(clip, label): share for clip, label, share in said}
    columns: dict[str, list[float | None]] = {}
    for row in films.iter_rows(named=True):
        for what, value in _of_film(row, shares, judged):
            columns.setdefault(what, []).append(value)
    for what, values in columns.items():
        yield {"what": what, **_estimated(what, values, films["speaker_id"].to_list(), level)}


def _of_film(
    row: dict[str, Any], shares: dict[tuple[str, str], float], judged: set[str]
) -> Iterator[tuple[str, float | None]]:
    """What was said of one film; None where its face was not judged as it was."""
    film, before = row["clip_id"], row["as_it_was"]
    voice, face = (shares.get((film, row[part]), 0.0) for part in ("voice_label", "face_label"))
    yield "names voice", voice
    yield "names face", face
    yield (
        "names neither",
        round(max(0.0, 1 - voice - face), 12),
    )  # what is left of sums of shares is no answer
    known = before in judged
    yield "voice gained", voice - shares.get((before, row["voice_label"]), 0.0) if known else None
    yield "face lost", shares.get((before, row["face_label"]), 0.0) - face if known else None


def _estimated(
    what: str, values: list[float | None], speakers: list[str | None], level: float
) -> dict[str, Any]:
    from mixedsignals.measures.groups import Groups
    from mixedsignals.measures.inference import SIGNED, Resampling, mean, rate

    kept = [(value, who) for value, who in zip(values, speakers, strict=True) if value is not None]
    groups, options = Groups.of([who for _, who in kept]), Resampling(level=level)
    given = [value for value, _ in kept]
    found = (
        rate(given, groups, options=options)
        if what.startswith("names")
        else mean(given, groups, limits=SIGNED, options=options)
    )
    return {name: getattr(found, name) for name in ("value", "low", "high", "n_clips", "n_groups")}
