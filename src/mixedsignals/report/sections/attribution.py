"""Who carries the decision: Shapley values of each modality with intervals, by label, and beside the gates."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

import altair as alt
import polars as pl

from mixedsignals.labels import MODALITIES
from mixedsignals.report.dots import Dots, dot_figure
from mixedsignals.report.page import Column, DataTable, Figure, Section, number
from mixedsignals.report.sections.gate_truth import gate_figures
from mixedsignals.report.theme import drawn, finish, source_scale
from mixedsignals.report.views import Views, source_order

__all__ = ["attribution"]

_KEPT = ("value", "low", "high", "n_clips", "n_groups", "method")
_HANDLINGS = {"": "given the subset", "~token": "learned token", "~resampled": "lent"}
_WAYS = {"subset": "per subset", "token": "token", "resampled": "lent"}
_MOST_LABELS = 12

_Maker = Callable[[pl.DataFrame, str, str], Figure | None]


def attribution(views: Views, points: int) -> Section | None:
    """Figures of every fused source that could be taken apart; None where none could."""
    table = views.run.estimates
    if table is None or table.is_empty():
        return None
    own = table.filter(pl.col("measure").str.starts_with("shapley_predicted:"), pl.col("slice") == "all")
    sources = source_order([s for s in own["source"].unique() if "~" not in s], views.run.fusion)
    sources.sort(key=lambda name: name != views.run.fusion)
    if not sources:
        return None
    figures = [*_figures(table, sources), *gate_figures(views, table, sources, points)]
    return Section(
        key="attribution",
        title="Who carries the decision",
        lead=[
            "What each modality adds, by its exact Shapley value: the mean, over all orders in which modalities could "
            "be shown, of what changes when it is shown. On the log-odds of the label that fusion predicts it says "
            "what moves the decision; on the share of clips right, what makes it right. Values can be negative, so "
            "they are no shares.",
            "What a model says without a modality depends on how the gap is handled, so every way stands beside the "
            "others: what is said given the subset (by fusion, a model trained on it), the model itself with a "
            "learned token in the gap, and the model itself with the modality lent by other clips.",
        ],
        figures=figures,
    )


def _figures(table: pl.DataFrame, sources: list[str]) -> Iterator[Figure]:
    """Kind by kind, so that the fused sources stand side by side."""
    makers: tuple[tuple[str, _Maker], ...] = (
        ("predicted", partial(_values, measure="shapley_predicted", what="what moves its decisions")),
        ("right", partial(_values, measure="shapley", what="what makes it right")),
        ("labels", _by_label),
        ("pairs", _pairs),
        ("handlings", _agreement),
    )
    for kind, make in makers:
        for at, source in enumerate(sources):
            figure = make(table, source, f"attribution-{kind}-{at}" if at else f"attribution-{kind}")
            if figure is not None:
                yield figure


def _values(table: pl.DataFrame, source: str, key: str, *, measure: str, what: str) -> Figure | None:
    found = {(r["measure"], r["source"]): r for r in table.filter(slice="all").iter_rows(named=True)}
    rows = [
        _row(found[place], f"{modality}, {words}", modality)
        for modality in MODALITIES
        for handling, words in _HANDLINGS.items()
        if (place := (f"{measure}:{modality}", f"{source}{handling}")) in found
    ]
    unit = "nats" if measure != "shapley" else "share of clips right"
    return dot_figure(
        Dots(
            key=key,
            title=f"{source}: {what}",
            axis=f"mean Shapley value, {unit}",
            rows=rows,
            baseline="adds nothing",
            width="half",
        )
    )


def _row(row: Mapping[str, Any], name: str, source: str, base: float | None = 0.0) -> dict[str, Any]:
    return {
        **{key: row[key] for key in _KEPT},
        "name": name,
        "source": source,
        "base": base,
        "base_low": None,
        "base_high": None,
    }


def _pairs(table: pl.DataFrame, source: str, key: str) -> Figure | None:
    own = table.filter(pl.col("measure").str.starts_with("interaction:"), pl.col("slice") == "all")
    rows = [
        _row(row, f"{pair}, {words.split()[-1]}", source)
        for pair in own["measure"].str.strip_prefix("interaction:").unique(maintain_order=True)
        for handling, words in _HANDLINGS.items()
        for row in own.filter(measure=f"interaction:{pair}", source=f"{source}{handling}").iter_rows(
            named=True
        )
    ]
    return dot_figure(
        Dots(
            key=key,
            title=f"{source}: what two modalities add together beyond each by itself",
            axis="interaction, share of clips right",
            rows=rows,
            baseline="nothing",
            width="half",
            note="Below nothing: they partly say the same.",
        )
    )


def _agreement(table: pl.DataFrame, source: str, key: str) -> Figure | None:
    chances = {
        row["measure"].removeprefix("chance:"): row["value"]
        for row in table.filter(
            pl.col("measure").str.starts_with("chance:imputation"), source=source
        ).iter_rows(named=True)
    }
    own = table.filter(pl.col("measure").str.starts_with("imputation_agreement:"), source=source)
    rows = []
    for row in own.iter_rows(named=True):
        ways = row["measure"].removeprefix("imputation_agreement:").split("~")
        name = " and ".join(_WAYS.get(way, way) for way in ways)
        rows.append(_row(row, name, source, chances.get(row["measure"])))
    return dot_figure(
        Dots(
            key=key,
            title=f"{source}: how often two handlings name the same modality",
            axis="share of clips",
            rows=rows,
            share=True,
            width="half",
        )
    )


def _by_label(table: pl.DataFrame, source: str, key: str) -> Figure | None:
    """Values by target label, one mark per modality; None with a single label or very many."""
    own = table.filter(
        pl.col("measure").str.starts_with("shapley_predicted:"),
        pl.col("slice").str.starts_with("label="),
        source=source,
    )
    labels = own["slice"].str.strip_prefix("label=").unique(maintain_order=True).to_list()
    if not 2 <= len(labels) <= _MOST_LABELS:
        return None
    rows = [
        {
            **{name: row[name] for name in (*_KEPT, "p_adjusted")},
            "label": row["slice"].removeprefix("label="),
            "modality": row["measure"].removeprefix("shapley_predicted:"),
        }
        for row in own.iter_rows(named=True)
    ]
    rows.sort(key=lambda row: (labels.index(row["label"]), MODALITIES.index(row["modality"])))
    title = f"{source}: what moves its decisions, by true label"
    words = f"{title}, in nats: " + "; ".join(
        f"{r['label']}, {r['modality']} {number(r['value'], 2)}" for r in rows
    )
    columns = [
        Column("label", "true label"),
        Column("modality", "modality"),
        *(
            Column(name, title_, "number")
            for name, title_ in (("value", "nats"), ("low", "from"), ("high", "to"))
        ),
        Column("p_adjusted", "p, other than elsewhere", "number"),
        Column("n_clips", "clips", "count"),
    ]
    present = [m for m in MODALITIES if any(row["modality"] == m for row in rows)]
    _, colours, shapes = source_scale(present)
    return Figure(
        key=key,
        title=title,
        alt=f"{words}.",
        spec=finish(_label_chart(rows, present), alt=f"{words}.", height={"step": 18}),
        table=DataTable(key, title, columns, rows),
        note="By what is said given each subset where that is there. p after Benjamini-Hochberg over all slices.",
        width="half",
        key_items=tuple(zip(colours, shapes, present, strict=True)),
    )


def _label_chart(rows: list[dict[str, Any]], present: list[str]) -> dict[str, Any]:
    domain, colours, shapes = source_scale(present)
    base = alt.Chart(alt.InlineData(values=rows)).encode(
        y=alt.Y(
            "label:N",
            sort=None,
            title=None,
            axis=alt.Axis(labelLimit=140),
            scale=alt.Scale(paddingInner=0.35),
        ),
        yOffset=alt.YOffset("modality:N", sort=present),
        color=alt.Color("modality:N", scale=alt.Scale(domain=domain, range=colours), legend=None),
    )
    x = alt.X("value:Q", title="mean Shapley value, nats", axis=alt.Axis(format=".2~f", tickCount=5))
    tips = [
        alt.Tooltip("label:N", title="true label"),
        alt.Tooltip("modality:N"),
        *(
            alt.Tooltip(f"{k}:Q", format=".3f", title=t)
            for k, t in (("value", "nats"), ("low", "from"), ("high", "to"))
        ),
        alt.Tooltip("n_clips:Q", format=",", title="clips"),
    ]
    marks = base.mark_point(filled=True, size=70, opacity=1).encode(
        x=x,
        shape=alt.Shape("modality:N", scale=alt.Scale(domain=domain, range=shapes), legend=None),
        tooltip=tips,
    )
    zero = alt.Chart(alt.InlineData(values=[{"zero": 0}])).mark_rule(color="var(--c-base)", strokeDash=[4, 4])
    spans = base.mark_rule(strokeWidth=2, strokeCap="round").encode(x=alt.X("low:Q"), x2="high:Q")
    return drawn(alt.layer(zero.encode(x="zero:Q"), spans, marks))
