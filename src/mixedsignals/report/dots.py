"""The figure that most sections use: a value with its interval per row, and the baseline that it must beat.

One row per source or slice; the value is a mark in the source's colour and shape on its interval, the
baseline a tick with its own interval behind it. The table of the same rows travels with the figure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt

from mixedsignals.report.page import Column, DataTable, Figure, number, percent
from mixedsignals.report.theme import drawn, finish, source_scale

__all__ = ["Dots", "dot_figure"]

_FEW_GROUPS = 10


@dataclass(frozen=True)
class Dots:
    """What a dot-and-interval figure shows.

    Attributes:
        key: name of the figure in the page.
        title: heading; with the values of the rows it is also what those hear who cannot see the figure.
        axis: what the value is, with its unit.
        rows: mappings with name, source, value, low?, high?, base?, base_low?, base_high?, n_clips, n_groups,
            method.
        baseline: what the baseline is, such as `chance`; empty where there is none.
        share: print values as percentages.
        zero: begin the axis at zero.
    """

    key: str
    title: str
    axis: str
    rows: Sequence[Mapping[str, Any]]
    baseline: str = "chance"
    share: bool = False
    zero: bool = False
    width: Any = "full"
    note: str = ""


def dot_figure(dots: Dots) -> Figure | None:
    """The figure and the table behind it; None where there are no rows."""
    rows = [dict(row) for row in dots.rows]
    if not rows:
        return None
    has_base = any(row.get("base") is not None for row in rows)
    few = [
        row["name"] for row in rows if (row.get("n_groups") or 0) < _FEW_GROUPS and row.get("low") is not None
    ]
    notes = [dots.note] if dots.note else []
    if few:
        notes.append(f"Fewer than ten groups: the intervals of {', '.join(few)} are not to be trusted.")
    notes += _cautions(rows)
    words = _words(dots, rows)
    return Figure(
        key=dots.key,
        title=dots.title,
        alt=words,
        spec=finish(_chart(dots, rows, has_base), alt=words, height={"step": 34}),
        table=DataTable(dots.key, dots.title, _columns(dots, rows, has_base), rows),
        note=" ".join(notes),
        width=dots.width,
        key_items=(("var(--c-base)", "tick", dots.baseline),) if has_base else (),
    )


def _cautions(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """What simulations hold against intervals of these rows, each said once."""
    parts = [part for row in rows for part in str(row.get("method") or "").split("; ")]
    told = dict.fromkeys(part for part in parts if part.startswith("in simulations"))
    return [f"{part[0].upper()}{part[1:]}." for part in told]


def _words(dots: Dots, rows: Sequence[Mapping[str, Any]]) -> str:
    """The figure in one sentence: every row with its value, interval and baseline."""
    show = percent if dots.share else number
    told = []
    for row in rows:
        interval = f" ({show(row['low'])} to {show(row['high'])})" if row.get("low") is not None else ""
        base = f", {dots.baseline} {show(row['base'])}" if row.get("base") is not None else ""
        told.append(f"{row['name']} {show(row['value'])}{interval}{base}")
    return f"{dots.title}; {dots.axis}: {'; '.join(told)}."


def _columns(dots: Dots, rows: Sequence[Mapping[str, Any]], has_base: bool) -> list[Column]:
    kind: Any = "share" if dots.share else "number"
    columns = [
        Column("name", "what"),
        Column("value", dots.axis, kind),
        Column("low", "from", kind),
        Column("high", "to", kind),
    ]
    if has_base:
        columns.append(Column("base", dots.baseline, kind))
    if any(row.get("base_low") is not None for row in rows):
        columns += [
            Column("base_low", f"{dots.baseline} from", kind),
            Column("base_high", f"{dots.baseline} to", kind),
        ]
    return [
        *columns,
        Column("n_clips", "clips", "count"),
        Column("n_groups", "groups", "count"),
        Column("method", "interval"),
    ]


def _chart(dots: Dots, rows: list[dict[str, Any]], has_base: bool) -> dict[str, Any]:
    sources = list(dict.fromkeys(row["source"] for row in rows))
    domain, colours, shapes = source_scale(sources)
    fmt = ".1%" if dots.share else ".3f"
    base = alt.Chart(alt.InlineData(values=rows)).encode(
        y=alt.Y("name:N", sort=[row["name"] for row in rows], title=None, axis=alt.Axis(labelLimit=200)),
    )
    scale = alt.Scale(zero=True, nice=True) if dots.zero else alt.Scale(zero=False, nice=True, padding=6)
    if dots.zero and all(row["value"] == 0 and not row.get("high") for row in rows):
        scale = alt.Scale(domain=[0, 0.1])  # an axis of nothing but zero has no width
    axis = alt.Axis(format="%" if dots.share else ".2~f", tickCount=5)
    x = alt.X("value:Q", title=dots.axis, scale=scale, axis=axis)
    own = alt.Color("source:N", scale=alt.Scale(domain=domain, range=colours), legend=None)
    tips = [
        alt.Tooltip("name:N", title="what"),
        alt.Tooltip("value:Q", format=fmt, title="value"),
        *(
            alt.Tooltip(f"{key}:Q", format=fmt, title=title)
            for key, title in (("low", "from"), ("high", "to"))
        ),
        *([alt.Tooltip("base:Q", format=fmt, title=dots.baseline)] if has_base else []),
        alt.Tooltip("n_clips:Q", format=",", title="clips"),
        alt.Tooltip("n_groups:Q", format=",", title="groups"),
    ]
    layers = []
    if has_base:
        quiet = "var(--c-base)"
        layers += [
            base.mark_rule(strokeWidth=10, opacity=0.3, color=quiet).encode(
                x=alt.X("base_low:Q"), x2="base_high:Q"
            ),
            base.mark_tick(thickness=2.5, size=20, color=quiet).encode(x=alt.X("base:Q"), tooltip=tips),
        ]
    layers += [
        base.mark_rule(strokeWidth=2.5, strokeCap="round").encode(x=alt.X("low:Q"), x2="high:Q", color=own),
        base.mark_point(filled=True, size=110, opacity=1).encode(
            x=x,
            color=own,
            shape=alt.Shape("source:N", scale=alt.Scale(domain=domain, range=shapes), legend=None),
            tooltip=tips,
        ),
    ]
    return drawn(alt.layer(*layers))
