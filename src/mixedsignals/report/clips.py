"""The clips worth looking at: which, in what order and why, and everything the page tells about each.

The order is by how far the single modalities' probabilities lie apart, clips on which models part first; the
page says how many of how many are listed. What is told is for reading: probabilities are rounded to three
digits.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from mixedsignals.report.playback import Player
from mixedsignals.report.sections.gates import clip_gates
from mixedsignals.report.views import Views, given_order, source_order

__all__ = ["ORDERS", "ClipList", "choose", "describe"]

ORDERS: Mapping[str, str] = {
    "challenge": "the challenge score of the diagnosis",
    "jsd": "the Jensen-Shannon divergence of the single models’ calibrated probabilities",
    "total_variation": "how far the single models’ probabilities lie apart",
}
"""Measures of `scores` by which clips are ordered, the first that a run has, in words."""


@dataclass(frozen=True)
class ClipList:
    """The listed clips.

    Attributes:
        ids: clip ids in order.
        scores: what they are ordered by, per clip.
        order: the words for it.
        total: clips that could have been listed.
    """

    ids: list[str]
    scores: Mapping[str, float]
    order: str
    total: int


def choose(views: Views, limit: int) -> ClipList:
    """The first `limit` clips in the order of the page; every clip of `clips` and of `predictions` is a
    candidate.
    """
    known = views.wide.select("clip_id")
    if views.run.clips is not None:
        known = pl.concat([known, views.run.clips.select("clip_id")]).unique()
    ranked, words = _ranking(views)
    part = views.patterns.select("clip_id", (pl.col("pattern") != "all agree").alias("part"))
    frame = known.join(ranked, on="clip_id", how="left").join(part, on="clip_id", how="left")
    ordered = frame.sort(
        [pl.col("part").fill_null(False), pl.col("score"), "clip_id"],
        descending=[True, True, False],
        nulls_last=True,
    )
    top = ordered.head(limit)
    scores = dict(top.drop_nulls("score").select("clip_id", "score").iter_rows())
    return ClipList(ids=top["clip_id"].to_list(), scores=scores, order=words, total=frame.height)


def _ranking(views: Views) -> tuple[pl.DataFrame, str]:
    table = views.run.scores
    if table is not None:
        for measure, words in ORDERS.items():
            own = table.filter(pl.col("measure") == measure)
            if own.height:
                return own.group_by("clip_id").agg(pl.col("value").max().alias("score")), words
    return _total_variation(views), ORDERS["total_variation"]


def _total_variation(views: Views) -> pl.DataFrame:
    """Mean total variation between pairs of single sources, per clip."""
    own = views.fullest.filter(pl.col("source").is_in(views.singles)).select(
        "clip_id", "source", "label", "probability"
    )
    pairs = own.join(own, on=["clip_id", "label"], suffix="_other").filter(
        pl.col("source") < pl.col("source_other")
    )
    gaps = pairs.group_by("clip_id", "source", "source_other").agg(
        ((pl.col("probability") - pl.col("probability_other")).abs().sum() / 2).alias("gap")
    )
    return gaps.group_by("clip_id").agg(pl.col("gap").mean().alias("score"))


def describe(views: Views, chosen: ClipList, players: Mapping[str, Sequence[Player]]) -> dict[str, Any]:
    """What the page's script needs: labels, sources, conditions, and one record per listed clip."""
    ids = chosen.ids
    votes, conditions = _votes(views, ids)
    modalities, gates = _gates(views, ids)
    told: dict[str, dict[str, Any]] = {
        "rows": _rows(views, ids),
        "said": _said(views, ids),
        "why": _why(views, ids),
    }
    records = []
    for clip_id in ids:
        row = told["rows"].get(clip_id, {})
        records.append(
            {
                "id": clip_id,
                "speaker": row.get("speaker_id"),
                "words": row.get("transcript"),
                "target": told["said"]["targets"].get(clip_id),
                "score": chosen.scores.get(clip_id),
                "p": told["said"]["p"].get(clip_id, {}),
                "why": told["why"].get(clip_id, []),
                "votes": votes.get(clip_id, {}),
                "gates": gates.get(clip_id, {}),
                "media": [player.to_dict() for player in players.get(clip_id, ())],
            }
        )
    return {
        "labels": list(views.run.labels),
        "sources": views.sources,
        "fusion": views.run.fusion,
        "conditions": conditions,
        "modalities": modalities,
        "clips": records,
    }


def _rows(views: Views, ids: Sequence[str]) -> dict[str, dict[str, Any]]:
    clips = views.run.clips
    if clips is None:
        return {}
    return {row["clip_id"]: row for row in clips.filter(pl.col("clip_id").is_in(ids)).iter_rows(named=True)}


def _said(views: Views, ids: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Probabilities per clip and source in the order of labels, and targets."""
    own = views.fullest.filter(pl.col("clip_id").is_in(ids))
    place = {label: position for position, label in enumerate(views.run.labels)}
    told: dict[str, dict[str, list[float | None]]] = defaultdict(dict)
    for clip_id, source, label, value in own.select("clip_id", "source", "label", "probability").iter_rows():
        values = told[clip_id].setdefault(source, [None] * len(place))
        values[place[label]] = round(value, 3)
    targets = views.targets.filter(pl.col("clip_id").is_in(ids))
    return {"p": dict(told), "targets": dict(targets.select("clip_id", "target").iter_rows())}


def _why(views: Views, ids: Sequence[str]) -> dict[str, list[str]]:
    """Short words for what is notable about a clip, also the page's filters."""
    why: dict[str, list[str]] = defaultdict(list)
    fusion = views.run.fusion
    own = views.wide.filter(pl.col("clip_id").is_in(ids))
    if fusion in views.sources and views.singles:
        right = [pl.col(f"right:{source}") for source in views.singles]
        fused = pl.col(f"right:{fusion}")
        tests = {
            "misled": ~fused & pl.any_horizontal(right),
            "rescued": fused & ~pl.any_horizontal(right),
            "all wrong": ~fused & ~pl.any_horizontal(right),
        }
        for word, test in tests.items():
            for clip_id in own.filter(test.fill_null(False))["clip_id"]:
                why[clip_id].append(word)
    for clip_id, pattern in (
        views.patterns.filter(pl.col("clip_id").is_in(ids)).select("clip_id", "pattern").iter_rows()
    ):
        why[clip_id].append("models agree" if pattern == "all agree" else "models part")
    table = views.run.findings
    if table is not None and table.height:
        named = table.filter(pl.col("clip_id").is_in(ids) & pl.col("status").is_in(["issue", "tip"]))
        for clip_id, code in named.select("clip_id", "code").unique(maintain_order=True).iter_rows():
            why[clip_id].append(code)
    return dict(why)


def _votes(views: Views, ids: Sequence[str]) -> tuple[dict[str, dict[str, list[int]]], list[str]]:
    """Counts per clip and condition in the order of labels."""
    votes = views.run.votes
    if votes is None or votes.is_empty():
        return {}, []
    weight = pl.col("count").fill_null(1) if "count" in votes.columns else pl.lit(1)
    own = (
        votes.filter(pl.col("clip_id").is_in(ids))
        .group_by("clip_id", "given", "label")
        .agg(weight.sum().alias("n"))
        .sort("clip_id", "given", "label")
    )
    place = {label: position for position, label in enumerate(views.run.labels)}
    told: dict[str, dict[str, list[int]]] = defaultdict(dict)
    for clip_id, given, label, n in own.iter_rows():
        if label in place:
            told[clip_id].setdefault(given, [0] * len(place))[place[label]] = n
    return dict(told), given_order(own["given"].unique().to_list())


def _gates(views: Views, ids: Sequence[str]) -> tuple[list[str], dict[str, dict[str, list[float]]]]:
    """Gate and weight per clip and modality."""
    own = clip_gates(views).filter(pl.col("clip_id").is_in(ids))
    told: dict[str, dict[str, list[float]]] = defaultdict(dict)
    for clip_id, modality, gate, weight in own.select("clip_id", "modality", "gate", "weight").iter_rows():
        told[clip_id][modality] = [round(gate, 3), round(weight, 3)]
    return source_order(own["modality"].unique().to_list()), dict(told)
