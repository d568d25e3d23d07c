"""How sure the people were: their disagreement on clips where models agree and where models part, and every estimate of people.

Pairwise disagreement D is the chance that two votes for a clip differ, taken without replacement; it needs two votes.
"""

from __future__ import annotations

from typing import Any

import altair as alt
import polars as pl

from mixedsignals.report.dots import Dots, dot_figure
from mixedsignals.report.names import named_rows
from mixedsignals.report.page import Column, DataTable, Figure, Section, number, percent, plural
from mixedsignals.report.theme import finish
from mixedsignals.report.views import Views, estimate_rows, given_size

__all__ = ["people", "vote_disagreement"]

_BINS = 10
_GROUPS = {"agree": "all models agree", "part": "models part"}
_PEOPLE = {
    "majority_accuracy": ("Majority against the target", "share of clips", True),
    "vote_accuracy": ("Single votes against the target", "share of votes", True),
    "krippendorff_alpha": ("Agreement, Krippendorff’s alpha", "alpha", False),
    "vote_entropy": ("Vote entropy", "bits", False),
}


def people(views: Views) -> Section | None:
    """None where a run has no votes."""
    if views.run.votes is None or views.run.votes.is_empty():
        return None
    spread = _spread(views)
    figures = [spread] if spread else []
    for measure, (title, axis, share) in _PEOPLE.items():
        rows = named_rows(_of_people(views, measure), pl.DataFrame())
        if rows:
            words = "; ".join(f"{r['name']} {percent(r['value']) if share else number(r['value'])}" for r in rows)
            figures.append(
                dot_figure(
                    Dots(
                        key=f"people-{measure.replace('_', '-')}",
                        title=title,
                        alt=f"{title}, per condition: {words}.",
                        axis=axis,
                        rows=rows,
                        share=share,
                        width="half",
                    )
                )
            )
    return Section(
        key="people",
        title="How sure the people were",
        lead=[_counts(views.run.votes)],
        figures=figures,
    )


def _counts(votes: pl.DataFrame) -> str:
    weight = pl.col("count").fill_null(1) if "count" in votes.columns else pl.lit(1)
    total = int(votes.select(weight.sum()).item())
    raters = votes["rater_id"].drop_nulls().n_unique() if "rater_id" in votes.columns else 0
    who = f"by {plural(raters, 'rater')}" if raters else "by raters without ids"
    given = sorted(votes["given"].unique().to_list(), key=lambda g: (g.count("+"), g))
    words = ", ".join(g.replace("+", " + ") for g in given)
    return f"{plural(total, 'vote')} on {plural(votes['clip_id'].n_unique(), 'clip')} {who}, shown {words}."


def _of_people(views: Views, measure: str) -> pl.DataFrame:
    rows = estimate_rows(views.run.estimates, [measure], slices=None)
    return rows if rows.is_empty() else rows.filter(pl.col("source") == "people")


def vote_disagreement(votes: pl.DataFrame) -> pl.DataFrame:
    """clip_id, disagreement D in [0, 1] and votes, under the fullest condition that anybody judged; clips with two votes or more."""
    widest = votes.select(pl.col("given").sort_by(given_size(pl.col("given")), "given").last()).item()
    weight = pl.col("count").fill_null(1) if "count" in votes.columns else pl.lit(1)
    counted = votes.filter(pl.col("given") == widest).group_by("clip_id", "label").agg(weight.sum().alias("n"))
    clips = counted.group_by("clip_id").agg(
        pl.col("n").sum().alias("votes"), (pl.col("n") * (pl.col("n") - 1)).sum().alias("same")
    )
    pairs = pl.col("votes") * (pl.col("votes") - 1)
    kept = clips.filter(pl.col("votes") > 1)
    return kept.select("clip_id", (1 - pl.col("same") / pairs).alias("disagreement"), "votes").sort("clip_id")


def _spread(views: Views) -> Figure | None:
    votes = views.run.votes
    if votes is None or views.patterns.is_empty():
        return None
    state = pl.when(pl.col("pattern") == "all agree").then(pl.lit("agree")).otherwise(pl.lit("part")).alias("group")
    joined = vote_disagreement(votes).join(views.patterns.select("clip_id", state), on="clip_id")
    if joined["group"].n_unique() < 2:
        return None
    place = (pl.col("disagreement") * _BINS).floor().clip(0, _BINS - 1).cast(pl.Int64).alias("bin")
    sizes = dict(joined.group_by("group").len().iter_rows())
    means = dict(joined.group_by("group").agg(pl.col("disagreement").mean()).iter_rows())
    counts = joined.group_by("group", place).len().sort("bin", "group").to_dicts()
    rows: list[dict[str, Any]] = [
        {"group": _GROUPS[r["group"]], "from": r["bin"] / _BINS, "to": (r["bin"] + 1) / _BINS, "clips": r["len"], "share": r["len"] / sizes[r["group"]]}
        for r in counts
    ]
    words = (
        f"Two people disagree about a clip with probability {number(means['agree'], 2)} where all models agree "
        f"({plural(sizes['agree'], 'clip')}) and {number(means['part'], 2)} where they part ({plural(sizes['part'], 'clip')})."
    )
    columns = [Column("group", "clips where"), Column("from", "D from", "number"), Column("to", "to", "number"), Column("clips", "clips", "count")]
    return Figure(
        key="people-spread",
        title="People’s disagreement, where models agree and where they part",
        alt=words,
        spec=finish(_bars(rows).to_dict(), alt=words, height=220),
        table=DataTable("people-spread", "Clips by disagreement of their votes", [*columns, Column("share", "share", "share")], rows),
        note=words + " A description: whether it says more than confidence does is a test of its own.",
        key_items=(("var(--c-base)", "square", _GROUPS["agree"]), ("var(--c-misled)", "square", _GROUPS["part"])),
    )


def _bars(rows: list[dict[str, Any]]) -> alt.Chart:
    names = list(_GROUPS.values())
    drawn = [row | {"bin": f"{row['from']:.1f}–{row['to']:.1f}"} for row in rows]
    return (
        alt.Chart(alt.InlineData(values=drawn))
        .mark_bar(cornerRadiusEnd=2)
        .encode(
            x=alt.X("bin:O", title="probability that two votes for the clip differ", axis=alt.Axis(labelAngle=0, labelOverlap=True)),
            xOffset=alt.XOffset("group:N", sort=names),
            y=alt.Y("share:Q", title="share of clips in the group", axis=alt.Axis(format="%", tickCount=4)),
            color=alt.Color("group:N", scale=alt.Scale(domain=names, range=["var(--c-base)", "var(--c-misled)"]), legend=None),
            tooltip=[
                alt.Tooltip("group:N", title="clips where"),
                alt.Tooltip("bin:N", title="D"),
                alt.Tooltip("clips:Q", format=","),
                alt.Tooltip("share:Q", format=".1%"),
            ],
        )
    )
