"""Answers become votes: what counts, and a line for everything that does not, with the reason.

Only first exposures are votes by default: repeats for test-retest and second looks of a counterfactual design remember
the first answer, so they would count one person twice. They can be kept, with `occasion` above 0.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import polars as pl

from mixedsignals.errors import UsageError
from mixedsignals.tables import VOTES, conform

__all__ = ["KEEPABLE", "Exported", "Withheld", "votes_of"]

KEEPABLE = ("repeats", "later")
"""What may be kept among the votes: test-retest repeats, and second looks of a counterfactual design."""

_REASONS = {
    "excluded": "of participants whom the owner excluded",
    "practice": "to practice items",
    "attention": "to attention checks",
    "repeats": "to clips shown again in the same condition, for test-retest",
    "later": "at a second look, after the same clip had been judged",
}
_DELETED = "of participants whose data were deleted on request; they are nowhere any more"


@dataclass(frozen=True)
class Withheld:
    """Answers that are no votes: how many, of how many people, and why."""

    reason: str
    meaning: str
    answers: int
    participants: int


@dataclass(frozen=True, eq=False)
class Exported:
    """The votes of a study and what was left out of them.

    Attributes:
        votes: a `votes` table, `position`, `arm` and `occasion` kept.
        withheld: what was left out, by reason; reasons without answers are not listed.
        excluded: `rater_id`, `reason` and `answers` of every excluded participant who answered.
        failed: `rater_id`, `failed` and `checks` of everyone who missed an attention check, excluded or not.
    """

    votes: pl.DataFrame
    withheld: tuple[Withheld, ...]
    excluded: pl.DataFrame
    failed: pl.DataFrame


def votes_of(
    answers: pl.DataFrame, *, keep: Collection[str] = (), deleted: tuple[int, int] = (0, 0)
) -> Exported:
    """The votes in an `ANSWERS` table.

    Args:
        answers: all answers.
        keep: `repeats`, `later` or both, to have them among the votes; for estimates leave them out.
        deleted: how many participants had their data deleted, and how many answers went with them.

    Raises:
        UsageError: `keep` names something else.
    """
    if unknown := sorted(set(keep) - set(KEEPABLE)):
        raise UsageError(f"{', '.join(unknown)} cannot be kept; legal are {' and '.join(KEEPABLE)}.")
    marked = answers.with_columns(why=_why())
    out = marked.filter(pl.col("why").is_not_null() & ~pl.col("why").is_in(list(keep)))
    counted = marked.filter(pl.col("why").is_null() | pl.col("why").is_in(list(keep)))
    # Answers without a label are no votes in this table; the store never makes one.
    votes = conform(VOTES, counted.select([name for name in VOTES.schema if name in counted.columns]))
    told = []
    for reason, meaning in _REASONS.items():
        of_reason = out.filter(why=reason)
        if of_reason.height:
            told.append(Withheld(reason, meaning, of_reason.height, of_reason["rater_id"].n_unique()))
    if deleted[0]:
        told.append(Withheld("deleted", _DELETED, deleted[1], deleted[0]))
    return Exported(votes, tuple(told), _excluded(answers), _failed(answers))


def _why() -> pl.Expr:
    """Why an answer is no vote, the first reason that holds; null where it is one."""
    return (
        pl.when(pl.col("excluded").is_not_null())
        .then(pl.lit("excluded"))
        .when(pl.col("kind").is_in(["practice", "attention"]))
        .then(pl.col("kind"))
        .when((pl.col("occasion") > 0) & (pl.col("arm") == "repeat").fill_null(value=False))
        .then(pl.lit("repeats"))
        .when(pl.col("occasion") > 0)
        .then(pl.lit("later"))
    )


def _excluded(answers: pl.DataFrame) -> pl.DataFrame:
    gone = answers.filter(pl.col("excluded").is_not_null())
    return (
        gone.group_by("rater_id", maintain_order=True)
        .agg(pl.col("excluded").first().alias("reason"), pl.len().cast(pl.Int64).alias("answers"))
        .select("rater_id", "reason", "answers")
    )


def _failed(answers: pl.DataFrame) -> pl.DataFrame:
    checks = answers.filter(kind="attention").with_columns(wrong=pl.col("label") != pl.col("expected"))
    per_person = checks.group_by("rater_id", maintain_order=True).agg(
        pl.col("wrong").sum().cast(pl.Int64).alias("failed"), pl.len().cast(pl.Int64).alias("checks")
    )
    return per_person.filter(pl.col("failed") > 0)
