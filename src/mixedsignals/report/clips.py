"""Which clips the page lists, in what order, and the words for that order.

Where the diagnosis ranked clips, its score decides; otherwise clips on which the models part come first, then
those on which the single modalities' probabilities lie farthest apart.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import polars as pl

from mixedsignals.report.views import Views

__all__ = ["ORDERS", "ClipList", "choose"]

ORDERS: Mapping[str, str] = {
    "challenge": "the challenge score of the diagnosis",
    "jsd": "the Jensen-Shannon divergence of the single models’ calibrated probabilities",
    "rater_disagreement": "how much people disagree about them",
}
"""Measures of `scores` by which clips are ordered, the first that a run has, in words."""
_OTHERWISE = "the distance between the single models’ probabilities, clips on which models part first"


@dataclass(frozen=True)
class ClipList:
    """The listed clips.

    Attributes:
        ids: clip ids in order.
        scores: what they are ordered by, per clip.
        order: the words for it.
        total: clips that could have been listed.
        further: how many at the end are there for another reason than that order.
    """

    ids: list[str]
    scores: Mapping[str, float]
    order: str
    total: int
    further: int = 0

    def making_room(self, ids: Sequence[str]) -> ClipList:
        """The list with further clips at its end, in place of the last others; at least half of it stays."""
        wanted, held = dict.fromkeys(ids), set(self.ids)
        further = [one for one in wanted if one not in held][: len(self.ids) // 2]
        others = [one for one in self.ids if one not in wanted]
        dropped = set(others[len(others) - len(further) :])
        kept = [one for one in self.ids if one not in dropped]
        room = further[: len(self.ids) - len(kept)]
        return replace(self, ids=[*kept, *room], further=len(room))


def choose(views: Views, limit: int) -> ClipList:
    """The first `limit` clips in order; every clip of `clips` and of `predictions` is a candidate, unranked
    ones last.
    """
    known = views.wide.select("clip_id")
    if views.run.clips is not None:
        known = pl.concat([known, views.run.clips.select("clip_id")]).unique()
    saved = _saved(views)
    ranked, words = saved or (_apart(views), _OTHERWISE)
    frame = known.join(ranked, on="clip_id", how="left")
    if saved is None:
        part = views.patterns.select("clip_id", (pl.col("pattern") != "all agree").alias("part"))
        frame = frame.join(part, on="clip_id", how="left")
        frame = frame.sort(
            pl.col("part").fill_null(False),
            "score",
            "clip_id",
            descending=[True, True, False],
            nulls_last=True,
        )
    else:
        frame = frame.sort("score", "clip_id", descending=[True, False], nulls_last=True)
    top = frame.head(limit)
    scores = dict(top.drop_nulls("score").select("clip_id", "score").iter_rows())
    return ClipList(ids=top["clip_id"].to_list(), scores=scores, order=words, total=frame.height)


def _saved(views: Views) -> tuple[pl.DataFrame, str] | None:
    """The first known ranking in `scores`, with its words."""
    table = views.run.scores
    if table is None:
        return None
    for measure, words in ORDERS.items():
        own = table.filter(pl.col("measure") == measure)
        if own.height:
            return own.group_by("clip_id").agg(pl.col("value").max().alias("score")), words
    return None


def _apart(views: Views) -> pl.DataFrame:
    """Mean total variation between pairs of single sources, per clip: clip_id, score."""
    gaps = [pl.DataFrame(schema={"clip_id": pl.String, "gap": pl.Float64})]
    for first, second in combinations(views.singles, 2):
        both = views.spoken(first).join(views.spoken(second), on=["clip_id", "label"], suffix="_other")
        gap = (pl.col("probability") - pl.col("probability_other")).abs().sum() / 2
        gaps.append(both.group_by("clip_id", maintain_order=True).agg(gap.alias("gap")))
    return pl.concat(gaps).group_by("clip_id").agg(pl.col("gap").mean().alias("score"))
