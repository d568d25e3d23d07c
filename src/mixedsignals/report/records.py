"""Everything the page tells about a listed clip: words, media, probabilities, gates, votes and why it is
worth a look.

What is told is for reading: probabilities are rounded to three digits.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import polars as pl

from mixedsignals.report.clips import ClipList
from mixedsignals.report.playback import Player
from mixedsignals.report.sections.dominated import CASE
from mixedsignals.report.sections.gate_truth import clip_values
from mixedsignals.report.sections.gates import clip_gates
from mixedsignals.report.sections.trouble import KINDS
from mixedsignals.report.views import Views, given_order

__all__ = ["describe"]

_BESIDE = {
    "gate": ["gate", "how far its gate is open, 0 to 1"],
    "weight": ["weight", "its share of the attention"],
    "value": [
        "adds",
        "its Shapley value: nats that it adds to the log-odds of the label that fusion predicts",
    ],
}


def describe(views: Views, chosen: ClipList, players: Mapping[str, Sequence[Player]]) -> dict[str, Any]:
    """What the page's script needs: labels, sources, conditions, and one record per listed clip."""
    ids = chosen.ids
    votes, conditions = _votes(views, ids)
    beside, extras = _beside(views, ids)
    rows, said, targets, why = _rows(views, ids), _said(views, ids), _targets(views, ids), _why(views, ids)
    told = _told(views, ids)
    records = []
    for clip_id in ids:
        row = rows.get(clip_id, {})
        records.append(
            {
                "id": clip_id,
                "speaker": row.get("speaker_id"),
                "words": row.get("transcript"),
                "target": targets.get(clip_id),
                "score": chosen.scores.get(clip_id),
                "p": said.get(clip_id, {}),
                "why": why.get(clip_id, []),
                "told": told.get(clip_id, []),
                "votes": votes.get(clip_id, {}),
                "beside": extras.get(clip_id, {}),
                "media": [player.to_dict() for player in players.get(clip_id, ())],
            }
        )
    return {
        "labels": list(views.run.labels),
        "sources": views.sources,
        "fusion": views.run.fusion,
        "conditions": conditions,
        "beside": beside,
        "clips": records,
    }


def _rows(views: Views, ids: Sequence[str]) -> dict[str, dict[str, Any]]:
    clips = views.run.clips
    if clips is None:
        return {}
    return {row["clip_id"]: row for row in clips.filter(pl.col("clip_id").is_in(ids)).iter_rows(named=True)}


def _said(views: Views, ids: Sequence[str]) -> dict[str, dict[str, list[float | None]]]:
    """Probabilities per clip and source in the order of labels."""
    place = {label: position for position, label in enumerate(views.run.labels)}
    told: dict[str, dict[str, list[float | None]]] = defaultdict(dict)
    for source in views.sources:
        own = views.spoken(source, ids).select("clip_id", "label", "probability")
        for clip_id, label, value in own.iter_rows():
            told[clip_id].setdefault(source, [None] * len(place))[place[label]] = round(value, 3)
    return dict(told)


def _targets(views: Views, ids: Sequence[str]) -> dict[str, str]:
    return dict(views.targets.filter(pl.col("clip_id").is_in(ids)).select("clip_id", "target").iter_rows())


def _why(views: Views, ids: Sequence[str]) -> dict[str, list[str]]:
    """Short words for what is notable about each clip, also the page's filters."""
    why: dict[str, list[str]] = defaultdict(list)
    for words, those in (*_errors(views), *_patterns(views), *_kinds(views)):
        for clip_id in those.filter(pl.col("clip_id").is_in(ids))["clip_id"].unique(maintain_order=True):
            why[clip_id].append(words)
    return dict(why)


def _errors(views: Views) -> Iterator[tuple[str, pl.DataFrame]]:
    """Clips by what fusion made of them."""
    fusion = views.run.fusion
    if fusion not in views.sources or not views.singles:
        return
    right = pl.any_horizontal([pl.col(f"right:{source}") for source in views.singles])
    fused = pl.col(f"right:{fusion}")
    for words, test in (
        ("misled", ~fused & right),
        ("rescued", fused & ~right),
        ("all wrong", ~fused & ~right),
    ):
        yield words, views.wide.filter(test.fill_null(False))


def _patterns(views: Views) -> Iterator[tuple[str, pl.DataFrame]]:
    agree = pl.col("pattern") == "all agree"
    yield "models agree", views.patterns.filter(agree)
    yield "models part", views.patterns.filter(~agree)


def _kinds(views: Views) -> Iterator[tuple[str, pl.DataFrame]]:
    """Kinds of challenging clips, and those that a dominant signal misleads on, as the diagnosis saved them."""
    table = views.run.scores
    if table is None:
        return
    for kind, words in KINDS.items():
        yield words, table.filter((pl.col("measure") == f"kind:{kind}") & (pl.col("value") > 0))
    yield "dominant signal misleads", table.filter((pl.col("measure") == CASE) & (pl.col("value") > 0))


def _told(views: Views, ids: Sequence[str]) -> dict[str, list[str]]:
    """What issues and tips say of each clip, in their words."""
    told: dict[str, list[str]] = defaultdict(list)
    table = views.run.findings
    if table is not None and table.height:
        about = table.filter(pl.col("clip_id").is_in(ids) & pl.col("status").is_in(["issue", "tip"]))
        for clip_id, message in about.select("clip_id", "message").unique(maintain_order=True).iter_rows():
            told[clip_id].append(message)
    return dict(told)


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


def _beside(
    views: Views, ids: Sequence[str]
) -> tuple[list[list[str]], dict[str, dict[str, list[float | None]]]]:
    """What stands beside a modality on a clip: columns as name and words, and their values by clip and modality."""
    gates, values = clip_gates(views), clip_values(views)
    names = [name for name in ("gate", "weight") if gates.height] + ["value"] * bool(values.height)
    listed = pl.col("clip_id").is_in(ids)
    own = gates.filter(listed).join(
        values.filter(listed), on=["clip_id", "modality"], how="full", coalesce=True
    )
    told: dict[str, dict[str, list[float | None]]] = defaultdict(dict)
    for row in own.iter_rows(named=True):
        numbers = [row[name] for name in names]
        told[row["clip_id"]][row["modality"]] = [None if n is None else round(n, 3) for n in numbers]
    return [_BESIDE[name] for name in names], dict(told)
