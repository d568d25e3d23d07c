"""Clips on which one modality that no other supports misleads fusion: how often, beside chance and the best single
modality, of what kind, and each of them to be played.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import polars as pl

from mixedsignals.labels import MODALITIES
from mixedsignals.report.dots import Dots, dot_figure
from mixedsignals.report.page import Column, DataTable, Figure, Section, number, plural
from mixedsignals.report.sections.gates import clip_gates
from mixedsignals.report.views import Views, given_size, source_order

__all__ = ["CASE", "CASE_SCORES", "case_clips", "dominated"]

_RATE = "unsupported_dominance_rate"
CASE, _STEADY = "unsupported_dominance", "unsupported_dominance_steady"
CASE_SCORES = (
    CASE,
    _STEADY,
    *(f"{what}:{m}" for what in ("case_shapley", "case_flips_back") for m in MODALITIES),
)
"""Measures of `scores` that the section reads."""

_SHOWN, _KINDS, _FEWEST_GROUPS = 60, 12, 10
_NULL = "the same with modalities dealt out again within speaker and label"


def dominated(views: Views) -> Section | None:
    """The rate, the kinds, what flips cases back, and a table of cases; None where the finder said nothing."""
    figures = [figure for figure in (_rates(views), _kinds(views), _flips(views)) if figure is not None]
    if not figures:
        return None
    tables = [table for source in _sources(views) if (table := _cases(views, source)) is not None]
    return Section(
        key="dominated",
        title="Misled by a dominant signal",
        lead=[
            "A case: the modality that carries the decision of fusion says a wrong label, no other modality says that "
            "label, and fusion is wrong. What a modality carries is its Shapley value over all subsets of modalities. "
            "A rate says something only beside its tick (chance) and beside the best single modality alone."
        ],
        figures=figures,
        tables=tables,
        notes=list(_no_null(views)),
        long=True,
    )


def case_clips(views: Views) -> list[str]:
    """The clips that the tables of cases show, so that they can be played."""
    found = [clip for source in _sources(views) for clip in _ranked(views, source)["clip_id"].head(_SHOWN)]
    return list(dict.fromkeys(found))


def _table(views: Views, name: str) -> pl.DataFrame | None:
    table: pl.DataFrame | None = getattr(views.run, name)
    return None if table is None or table.is_empty() else table


def _sources(views: Views) -> list[str]:
    table = _table(views, "scores")
    if table is None:
        return []
    found = table.filter(pl.col("measure") == CASE)["source"].unique().to_list()
    return sorted(source_order(found, views.run.fusion), key=lambda name: name != views.run.fusion)


def _estimates(views: Views, measure: str) -> dict[tuple[str, str], dict[str, Any]]:
    table = _table(views, "estimates")
    if table is None:
        return {}
    rows = table.filter((pl.col("measure") == measure) & pl.col("value").is_not_null())
    return {(row["source"], row["slice"]): row for row in rows.iter_rows(named=True)}


def _with_null(views: Views, row: Mapping[str, Any], name: str, colour: str) -> dict[str, Any]:
    base = _estimates(views, f"null:{_RATE}").get((row["source"], row["slice"]), {})
    ends = {"base": base.get("value"), "base_low": base.get("low"), "base_high": base.get("high")}
    return {**row, "name": name, "source": colour, **ends}


def _rates(views: Views) -> Figure | None:
    """Each fused source, then each modality that leads it, then the yardstick."""
    rates, best = _estimates(views, _RATE), _estimates(views, f"best_unimodal:{_RATE}")
    rows = []
    for (source, piece), row in rates.items():
        if piece == "all":
            rows.append(_with_null(views, row, source, source))
            for (other, where), led in rates.items():
                if other == source and where.startswith("modality="):
                    modality = where.removeprefix("modality=")
                    rows.append(_with_null(views, led, f"{source}, led by {modality}", modality))
            if (source, "all") in best:
                rows.append({**best[source, "all"], "name": f"best single beside {source}", "source": "best"})
    return dot_figure(
        Dots(
            "dominated",
            "Misled by an unsupported dominant signal",
            "share of clips",
            rows,
            _NULL,
            share=True,
            zero=True,
            note="Best single: how often the best single modality, chosen on other speakers, says a wrong label that "
            "no other says. After ~ stands what fills in for a missing modality.",
        )
    )


def _kinds(views: Views) -> Figure | None:
    found = [
        (row["value"], source, piece, row)
        for (source, piece), row in _estimates(views, _RATE).items()
        if piece.startswith("kind=") and source == views.run.fusion
    ]
    found.sort(key=lambda one: -one[0])
    rows = []
    for _, _, piece, row in found[:_KINDS]:
        modality, _, label = piece.removeprefix("kind=").partition("->")
        rows.append(_with_null(views, row, f"{modality} towards {label}", modality))
    left = len(found) - len(rows)
    return dot_figure(
        Dots(
            "dominated-kinds",
            "Which modality misleads towards which label",
            "share of the clips with another label",
            rows,
            _NULL,
            share=True,
            zero=True,
            width="half",
            note=f"{plural(left, 'rarer kind')} in the table of estimates." if left else "",
        )
    )


def _flips(views: Views) -> Figure | None:
    """None where the cases are of fewer than ten groups: their intervals would say nothing."""
    rows = []
    for (source, piece), row in _estimates(views, "flips_back_rate").items():
        if row["n_groups"] < _FEWEST_GROUPS:
            continue
        modality = piece.removeprefix("without=")
        rows.append({**row, "name": f"{source} without {modality}", "source": modality})
    return dot_figure(
        Dots(
            "dominated-flips",
            "Which modality, left out, brings fusion back to the target",
            "share of the cases",
            rows,
            share=True,
            zero=True,
            width="half",
        )
    )


def _ranked(views: Views, source: str) -> pl.DataFrame:
    """Cases of a source, the steadiest over seeds first: clip_id, steady and a column per score of a case."""
    table = _table(views, "scores")
    assert table is not None
    own = table.filter((pl.col("source") == source) & pl.col("measure").is_in(CASE_SCORES))
    ids = own.filter((pl.col("measure") == CASE) & (pl.col("value") > 0)).select("clip_id")
    wide = own.join(ids, on="clip_id", how="semi").pivot("measure", index="clip_id", values="value")
    carried = [pl.col(name) for name in wide.columns if name.startswith("case_shapley:")]
    top = pl.max_horizontal(carried) if carried else pl.lit(0.0)
    steady = pl.col(_STEADY) if _STEADY in wide.columns else pl.lit(1.0)
    ranked = wide.with_columns(top.alias("top"), steady.alias("steady"))
    return ranked.sort("steady", "top", "clip_id", descending=[True, True, False], nulls_last=True)


def _cases(views: Views, source: str) -> DataTable | None:
    ranked = _ranked(views, source)
    if ranked.is_empty():
        return None
    ids = ranked["clip_id"].head(_SHOWN).to_list()
    said = {name: _decided(views, name, ids) for name in (source, *views.singles)}
    targets = dict(views.targets.filter(pl.col("clip_id").is_in(ids)).iter_rows())
    votes, gates = _votes(views, ids), _gates(views, ids) if source == views.run.fusion else {}
    rows = [
        {
            "clip": row["clip_id"],
            "target": targets.get(row["clip_id"]),
            "says": said[source].get(row["clip_id"]),
            "carried": _carried(row),
            "alone": "; ".join(
                f"{m} {said[m][row['clip_id']]}" for m in views.singles if row["clip_id"] in said[m]
            ),
            "back": _back(row),
            "steady": row["steady"],
            "people": _people(row, votes.get(row["clip_id"], {})),
            "gates": gates.get(row["clip_id"]),
        }
        for row in ranked.head(_SHOWN).iter_rows(named=True)
    ]
    columns = [
        Column("clip", "clip", "clip"),
        Column("target", "target"),
        Column("says", f"{source} says"),
        Column("carried", "what carries it (nats)"),
        Column("alone", "alone they say"),
        Column("back", "target without"),
        Column("steady", "seeds", "share"),
        *([Column("people", "people")] if votes else []),
        *([Column("gates", "weights of the gates")] if gates else []),
    ]
    left = ranked.height - len(rows)
    note = f"The {len(rows)} steadiest over seeds; {left} more among the scores." if left else ""
    caption = f"{source.capitalize()} misled by a signal that no other modality supports"
    return DataTable(f"dominated-cases-{source}", caption, columns, rows, note)


def _carried(row: Mapping[str, Any]) -> str:
    return ", ".join(f"{m} {number(v, 2)}" for v, m in _leaders(row))


def _leaders(row: Mapping[str, Any]) -> list[tuple[float, str]]:
    """Values and modalities, the largest first."""
    values = {m: row.get(f"case_shapley:{m}") for m in MODALITIES}
    return sorted(((v, m) for m, v in values.items() if v is not None), reverse=True)


def _back(row: Mapping[str, Any]) -> str:
    back = [m for m in MODALITIES if row.get(f"case_flips_back:{m}") == 1.0]
    return " or ".join(back) if back else "none"


def _decided(views: Views, source: str, ids: list[str]) -> dict[str, str]:
    """What a source says of each clip, with its probability."""
    own = views.decided(source).filter(pl.col("clip_id").is_in(ids))
    rows = own.select("clip_id", "predicted", "confidence").iter_rows()
    return {clip: f"{label} ({100 * sure:.0f} %)" for clip, label, sure in rows}


def _votes(views: Views, ids: list[str]) -> dict[str, dict[str, str]]:
    """Votes by clip and condition, in words; the fullest condition first."""
    table = _table(views, "votes")
    if table is None:
        return {}
    weight = pl.col("count").fill_null(1) if "count" in table.columns else pl.lit(1)
    own = table.filter(pl.col("clip_id").is_in(ids))
    counts = own.group_by("clip_id", "given", "label").agg(weight.sum().alias("n"))
    order = {label: place for place, label in enumerate(views.run.labels)}
    place = pl.col("label").replace_strict(order, default=len(order), return_dtype=pl.Int64)
    ranked = counts.sort(given_size(pl.col("given")), "given", place, descending=[True, False, False])
    told: dict[str, dict[str, list[str]]] = {}
    for clip, given, label, n in ranked.iter_rows():
        told.setdefault(clip, {}).setdefault(given, []).append(f"{n} {label}")
    return {clip: {given: ", ".join(held) for given, held in by.items()} for clip, by in told.items()}


def _people(row: Mapping[str, Any], votes: Mapping[str, str]) -> str | None:
    """Votes given most, and given the modality that leads alone."""
    if not votes:
        return None
    full, *_ = votes
    leader = _leaders(row)[:1]
    alone = [f"given {one} alone {votes[one]}" for _, one in leader if one in votes and one != full]
    return "; ".join([votes[full], *alone])


def _gates(views: Views, ids: list[str]) -> dict[str, str]:
    own = clip_gates(views).filter(pl.col("clip_id").is_in(ids))
    told: dict[str, list[str]] = {}
    for clip, modality, weight in own.select("clip_id", "modality", "weight").iter_rows():
        told.setdefault(clip, []).append(f"{modality} {number(weight, 2)}")
    return {clip: ", ".join(held) for clip, held in told.items()}


def _no_null(views: Views) -> Iterator[str]:
    if not _estimates(views, f"null:{_RATE}"):
        yield (
            "No tick stands beside the rates: chance takes the trained heads, and nobody has asked them yet "
            "(mixedsignals probe RUN does)."
        )
