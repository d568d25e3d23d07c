"""How sure the people were: per condition, and on clips where models agree and where they part."""

from __future__ import annotations

from typing import Any

import altair as alt
import polars as pl

from mixedsignals.report.dots import Dots, dot_figure
from mixedsignals.report.page import Column, DataTable, Figure, Section, percent, plural
from mixedsignals.report.sections.humans import of_people
from mixedsignals.report.theme import drawn, finish
from mixedsignals.report.views import Views, given_order

__all__ = ["people"]

_BINS = 10
_RATERS = 12
_GROUPS = {"agree": "all models agree", "part": "models part"}
_EACH = {
    "rater_disagreement": ("Disagreement of two people, per condition", "probability that two votes differ"),
    "krippendorff_alpha": ("Krippendorff’s alpha, per condition", "alpha"),
    "vote_entropy": ("Entropy of votes, per condition", "bits"),
    "majority_accuracy": ("Majority against the target, per condition", "share of clips"),
}
_APART = {
    "rater_disagreement": ("Disagreement of two people, by models", "probability that two votes differ"),
    "vote_entropy": ("Entropy of votes, by models", "bits"),
}


def people(views: Views) -> Section | None:
    """None where a run has no votes."""
    if views.run.votes is None or views.run.votes.is_empty():
        return None
    apart = [_dots(views, measure, *words, piece="models=") for measure, words in _APART.items()]
    each = [_dots(views, measure, *words, piece="given=") for measure, words in _EACH.items()]
    return Section(
        key="people",
        title="How sure the people were",
        lead=[
            _counts(views.run.votes),
            "Disagreement is the chance that two people who judge the same clip choose different labels; it "
            "means the same with two votes as with twelve. Where models part and people differ too, the "
            "clip may be ambiguous; whether that says more than plain confidence does is a test of its own.",
        ],
        figures=[f for f in (*apart, _spread(views), *each, _limits(views), _raters(views)) if f is not None],
    )


def _limits(views: Views) -> Figure | None:
    """What few votes allow at most: ceilings of a perfect signal, and errors of an oracle on majorities."""
    words = {
        "noise_ceiling": "largest correlation",
        "noise_ceiling:spearman": "largest rank correlation",
        "noise_ceiling:auroc": "largest AUROC",
        "oracle_error": "errors of an oracle",
    }
    rows = [
        row | {"name": name} for measure, name in words.items() for row in of_people(views, measure, "all")
    ]
    note = "A signal that knew each clip's true disagreement would reach these with people's observed disagreement."
    if any(row["measure"] == "oracle_error" for row in rows):
        note += " Errors of an oracle are targets, made of votes, that most people would not say."
    title = "What few votes allow at most"
    return dot_figure(Dots("limits", title, "from 0 to 1", rows, zero=True, width="half", note=note))


def _raters(views: Views) -> Figure | None:
    """The raters of lowest competence by the model of raters, with what guessing every second time would give."""
    rows = of_people(views, "rater_competence", "rater=")
    worst = sorted(rows, key=lambda row: row["value"])[:_RATERS]
    named = [row | {"name": row["slice"].removeprefix("rater="), "base": 0.5} for row in worst]
    shown = f"{len(named)} of {plural(len(rows), 'rater')}, the least competent first. " if rows else ""
    note = f"{shown}{rows[0]['method'].partition(';')[0]}; on the scale of kappa." if rows else ""
    title, axis = "Competence of single raters", "agreement with the consensus beyond chance"
    baseline = "guesses every second time"
    return dot_figure(Dots("raters", title, axis, named, baseline, width="half", note=note))


def _counts(votes: pl.DataFrame) -> str:
    weight = pl.col("count").fill_null(1) if "count" in votes.columns else pl.lit(1)
    total = int(votes.select(weight.sum()).item()) if "count" in votes.columns else votes.height
    raters = votes["rater_id"].drop_nulls().n_unique() if "rater_id" in votes.columns else 0
    who = f"by {plural(raters, 'rater')}" if raters else "by raters without ids"
    words = ", ".join(given.replace("+", " + ") for given in given_order(votes["given"].unique().to_list()))
    return f"{plural(total, 'vote')} on {plural(votes['clip_id'].n_unique(), 'clip')} {who}, shown: {words}."


def _dots(views: Views, measure: str, title: str, axis: str, *, piece: str) -> Figure | None:
    key = f"people-{measure}-{piece.rstrip('=')}".replace("_", "-")
    return dot_figure(Dots(key, title, axis, of_people(views, measure, piece), zero=True, width="half"))


def _spread(views: Views) -> Figure | None:
    """Clips by people's disagreement, where the models agree and where they part; from `scores`."""
    scores = views.run.scores
    if scores is None or scores.is_empty():
        return None
    apart = scores.filter((pl.col("measure") == "rater_disagreement") & (pl.col("source") == "people"))
    seen = scores.filter((pl.col("measure") == "pattern") & (pl.col("source") == views.run.fusion))
    group = pl.when(pl.col("value") == 0).then(pl.lit("agree")).otherwise(pl.lit("part")).alias("group")
    joined = apart.select("clip_id", "value").join(seen.select("clip_id", group), on="clip_id")
    if joined["group"].n_unique() < 2:
        return None
    rows = _binned(joined)
    sizes = dict(joined.group_by("group").len().iter_rows())
    words = "; ".join(
        f"where {_GROUPS[g]}, {percent(_first(rows, g))} of {plural(sizes[g], 'clip')} lie in the lowest tenth"
        for g in _GROUPS
    )
    columns = [
        Column("group", "clips where"),
        Column("from", "from", "number"),
        Column("to", "to", "number"),
        Column("clips", "clips", "count"),
    ]
    return Figure(
        key="people-spread",
        title="Clips by the disagreement of their votes",
        alt=f"Clips by the disagreement of their votes: {words}.",
        spec=finish(_bars(rows), alt=words, height=210),
        table=DataTable(
            "people-spread",
            "Clips by disagreement of their votes",
            [*columns, Column("share", "share", "share")],
            rows,
        ),
        key_items=(
            ("var(--c-base)", "square", _GROUPS["agree"]),
            ("var(--c-misled)", "square", _GROUPS["part"]),
        ),
    )


def _binned(joined: pl.DataFrame) -> list[dict[str, Any]]:
    """Shares of both groups in ten bins of [0, 1], empty bins included."""
    place = (pl.col("value") * _BINS).floor().clip(0, _BINS - 1).cast(pl.Int64).alias("bin")
    counts = {(group, at): n for group, at, n in joined.group_by("group", place).len().iter_rows()}
    sizes = dict(joined.group_by("group").len().iter_rows())
    last = max(at for _, at in counts)
    return [
        {
            "group": _GROUPS[group],
            "from": at / _BINS,
            "to": (at + 1) / _BINS,
            "clips": counts.get((group, at), 0),
            "share": counts.get((group, at), 0) / sizes[group],
        }
        for at in range(last + 1)
        for group in _GROUPS
    ]


def _first(rows: list[dict[str, Any]], group: str) -> float:
    return float(next(row["share"] for row in rows if row["group"] == _GROUPS[group]))


def _bars(rows: list[dict[str, Any]]) -> dict[str, Any]:
    names = list(_GROUPS.values())
    binned = [row | {"bin": f"{row['from']:.1f}–{row['to']:.1f}"} for row in rows]
    axis = alt.Axis(labelAngle=0, labelOverlap=True)
    return drawn(
        alt.Chart(alt.InlineData(values=binned))
        .mark_bar(cornerRadiusEnd=2)
        .encode(
            x=alt.X("bin:O", title="probability that two votes for the clip differ", axis=axis),
            xOffset=alt.XOffset("group:N", sort=names),
            y=alt.Y("share:Q", title="share of the group’s clips", axis=alt.Axis(format="%", tickCount=4)),
            color=alt.Color(
                "group:N",
                scale=alt.Scale(domain=names, range=["var(--c-base)", "var(--c-misled)"]),
                legend=None,
            ),
            tooltip=[
                alt.Tooltip("group:N", title="clips where"),
                alt.Tooltip("bin:N", title="disagreement"),
                alt.Tooltip("clips:Q", format=",", title="clips"),
                alt.Tooltip("share:Q", format=".1%", title="share"),
            ],
        )
    )
