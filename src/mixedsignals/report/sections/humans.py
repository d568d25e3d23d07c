"""People under withheld modalities: how often they are right, what more modalities give them, whom they
follow.
"""

from __future__ import annotations

from typing import Any

from mixedsignals.report.dots import Dots, dot_figure
from mixedsignals.report.names import estimate_rows
from mixedsignals.report.page import Figure, Section, number
from mixedsignals.report.views import Views, given_order

__all__ = ["humans", "of_people"]


def humans(views: Views) -> Section | None:
    """None where nobody judged under two conditions."""
    found = (_right(views), _beside(views), _gain(views), _hurt(views), _follow(views))
    figures = [figure for figure in found if figure is not None]
    if not figures:
        return None
    return Section(
        key="humans",
        title="People given less",
        lead=[
            "Accuracy of single votes against a target that does not come from these votes. The best single "
            "modality is chosen on other speakers, never clip by clip: the best of several noisy numbers "
            "always looks better than any."
        ],
        figures=figures,
    )


def of_people(views: Views, measure: str, *slices: str) -> list[dict[str, Any]]:
    """Estimates of a measure whose source is `people`."""
    return [row for row in estimate_rows(views, measure, slices=slices) if row["source"] == "people"]


def _right(views: Views) -> Figure | None:
    rows = [row | {"base": 1 / len(views.run.labels)} for row in of_people(views, "accuracy", "given=")]
    title, axis = "Accuracy of votes, per condition", "share of votes that equal the target"
    return dot_figure(
        Dots("people-accuracy", title, axis, rows, baseline="a guess", share=True, width="half")
    )


def _beside(views: Views) -> Figure | None:
    """People and models under the same conditions, on the same clips."""
    people = {row["slice"]: row for row in of_people(views, "accuracy", "given=")}
    models = {row["slice"]: row for row in estimate_rows(views, "accuracy_beside_people", slices=("given=",))}
    rows = [
        row | {"name": f"{given.replace('+', ' + ')}, {who}", "base": None}
        for given in given_order([piece.removeprefix("given=") for piece in models])
        for who, row in (("people", people.get(f"given={given}")), ("model", models[f"given={given}"]))
        if row is not None
    ]
    title = "People beside models, on the same clips"
    return dot_figure(Dots("people-beside-models", title, "accuracy", rows, share=True, width="half"))


def _gain(views: Views) -> Figure | None:
    """What people gain from all modalities over each single one, and over the best of them."""
    rows = [
        row | {"base": 0.0, "name": f"over {row['slice'].removeprefix('over=')}"}
        for row in of_people(views, "human_gain", "over=")
    ]
    rows += [
        row | {"base": 0.0, "name": "over the best single one"}
        for row in of_people(views, "human_gain", "all")
    ]
    models = estimate_rows(views, "model_gain", slices=("over=",))
    rows += [
        row | {"base": 0.0, "name": f"models over {row['slice'].removeprefix('over=')}"} for row in models
    ]
    title = (
        "What people and models gain from more modalities"
        if models
        else "What people gain from more modalities"
    )
    return dot_figure(Dots("human-gain", title, "gain in accuracy", rows, baseline="no gain", width="half"))


def _hurt(views: Views) -> Figure | None:
    """Clips on which people do worse given everything, beside the simulation in which nobody is hurt."""
    rows = [row | {"name": "worse given all"} for row in of_people(views, "hurt_by_more", "all")]
    loss = of_people(views, "loss_where_hurt", "all")
    told = (
        f"On the clips that look so by half of their votes, the other half shows a loss in accuracy of "
        f"{number(loss[0]['value'])} [{number(loss[0]['low'])}, {number(loss[0]['high'])}]; zero or less is what "
        "nobody hurt would show."
        if loss
        else ""
    )
    title = "Clips on which more modalities seem to hurt"
    baseline = "a simulation in which nobody is hurt"
    axis = "share of clips worse than with the best single modality"
    return dot_figure(
        Dots("hurt-by-more", title, axis, rows, baseline, share=True, zero=True, width="half", note=told)
    )


def _follow(views: Views) -> Figure | None:
    """Whose majority people follow where single modalities lead them to different labels."""
    rows = []
    for row in of_people(views, "follow_rate", "given="):
        modality = row["slice"].removeprefix("given=")
        rows.append(row | {"source": modality, "name": modality, "base": 1 / len(views.run.labels)})
    title = "Whom people follow under conflict"
    return dot_figure(
        Dots(
            "follow-rate",
            title,
            "share of votes",
            rows,
            baseline="a guess",
            share=True,
            zero=True,
            width="half",
        )
    )
