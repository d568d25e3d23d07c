"""Lines over an axis of numbers or of steps, one per modality or source, with an interval at each mark."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt

from mixedsignals.report.theme import drawn, finish, source_scale

__all__ = ["Axis", "lines"]


MOST_UPRIGHT = 4
"""Steps whose names stand upright; of more, names are turned so that every one is read."""


@dataclass(frozen=True)
class Axis:
    """What lies across: the key in the rows, the words under it, and the order of its steps (empty for numbers)."""

    key: str
    title: str
    order: Sequence[str] = ()


def lines(
    rows: Sequence[Mapping[str, Any]],
    series: Sequence[str],
    across: Axis,
    up: str,
    *,
    alt_text: str,
    share: bool = False,
    height: int = 300,
) -> dict[str, Any]:
    """The specification of the figure.

    Args:
        rows: mappings with series, value, low?, high?, n_clips, n_groups and the key of the axis.
        series: names of the lines in their order, each in its own colour and shape.
        across: the axis; steps are told apart by small shifts, so that intervals do not cover each other.
        up: words for the value.
        alt_text: the figure in words.
        share: print values as percentages.
        height: in pixels.
    """
    domain, colours, shapes = source_scale(series)
    own = alt.Color("series:N", scale=alt.Scale(domain=domain, range=colours), legend=None)
    fmt = ".1%" if share else ".3f"
    axis = alt.Axis(format="%" if share else ".2~f", tickCount=5)
    base = alt.Chart(alt.InlineData(values=[dict(row) for row in rows]))
    if across.order:
        turned = -40 if len(across.order) > MOST_UPRIGHT else 0
        x = alt.X(
            f"{across.key}:N",
            sort=list(across.order),
            title=across.title,
            axis=alt.Axis(labelAngle=turned, labelOverlap=False, grid=False),
        )
        base = base.encode(x=x, xOffset=alt.XOffset("series:N", sort=list(series)))
    else:
        scale = alt.Scale(zero=False, nice=True, padding=8)
        base = base.encode(
            x=alt.X(
                f"{across.key}:Q", title=across.title, scale=scale, axis=alt.Axis(format=".2~f", tickCount=5)
            )
        )
    tips = [
        alt.Tooltip("what:N", title="what"),
        alt.Tooltip("value:Q", format=fmt, title="value"),
        alt.Tooltip("low:Q", format=fmt, title="from"),
        alt.Tooltip("high:Q", format=fmt, title="to"),
        alt.Tooltip("n_clips:Q", format=",", title="clips"),
        alt.Tooltip("n_groups:Q", format=",", title="groups"),
    ]
    y = alt.Y("value:Q", title=up, axis=axis, scale=alt.Scale(zero=True, nice=True))
    layers = [
        base.mark_rule(strokeWidth=2, strokeCap="round", opacity=0.8).encode(
            y=alt.Y("low:Q"), y2="high:Q", color=own
        ),
        base.mark_point(filled=True, size=80, opacity=1).encode(
            y=y,
            color=own,
            shape=alt.Shape("series:N", scale=alt.Scale(domain=domain, range=shapes), legend=None),
            tooltip=tips,
        ),
    ]
    if not across.order:
        layers.insert(0, base.mark_line(strokeWidth=1.5, opacity=0.6).encode(y=y, color=own))
    zero = alt.Chart(alt.InlineData(values=[{"zero": 0}]))
    nothing = zero.mark_rule(color="var(--c-base)", strokeDash=[4, 4]).encode(y=alt.Y("zero:Q"))
    return finish(drawn(alt.layer(nothing, *layers)), alt=alt_text, height=height)
