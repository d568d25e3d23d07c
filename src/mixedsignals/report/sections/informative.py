"""Whether disagreement tells more than plain confidence does: how each signal ranks clips, and what signals
add.

The verdict belongs to the residual test, whose p stands in the table; gains in AUROC are effect sizes.
"""

from __future__ import annotations

from typing import Any

from mixedsignals.report.dots import Dots, dot_figure
from mixedsignals.report.names import estimate_rows
from mixedsignals.report.page import Figure, Section, number, percent
from mixedsignals.report.theme import colour, shape
from mixedsignals.report.views import Views

__all__ = ["TARGETS", "informative"]

TARGETS = {
    "annotator_uncertainty": "people disagree",
    "fused_error": "fusion is wrong",
    "misled": "fusion is misled",
}
_SIGNALS = {
    "jsd": ("divergence of models", "disagreement"),
    "mean_total_variation": ("total variation", "disagreement"),
    "collision_disagreement": ("collision", "disagreement"),
    "fusion_gap": ("fusion from their mean", "disagreement"),
    "fused_doubt": ("1 − fused confidence", "confidence"),
    "fused_entropy": ("fused entropy", "confidence"),
    "mean_unimodal_entropy": ("mean entropy of models", "confidence"),
    "seed_disagreement": ("other seeds", "seeds"),
}
_KINDS = {"disagreement": "disagreement of models", "confidence": "plain confidence", "seeds": "other seeds"}


def informative(views: Views) -> Section | None:
    """A figure per target that has been tested, and the gain beyond confidence; None where nothing was."""
    figures = [figure for target in TARGETS if (figure := _ranking(views, target)) is not None]
    gain = _gain(views)
    if not figures and gain is None:
        return None
    return Section(
        key="informative",
        title="Does disagreement tell more than confidence does",
        lead=[
            "A signal ranks clips; its AUROC is the chance that it ranks a clip where the thing named "
            "happened above one where it did not. Disagreement is worth its trouble only where it beats the "
            "plain confidence of fusion, or adds to it.",
        ],
        figures=[*figures, *([gain] if gain else [])],
        key_items=tuple((colour(kind), shape(kind), words) for kind, words in _KINDS.items()),
    )


def _ranking(views: Views, target: str) -> Figure | None:
    rows: list[dict[str, Any]] = []
    for signal, (words, kind) in _SIGNALS.items():
        found = estimate_rows(views, f"auroc:{signal}->{target}")
        rows += [row | {"name": words, "source": kind, "base": 0.5} for row in found[:1]]
    if not rows:
        return None
    rows.sort(key=lambda row: -row["value"])
    rate = estimate_rows(views, f"base_rate:{target}")
    note = f"This is so for {percent(rate[0]['value'])} of the clips." if rate else ""
    title = f"Finding clips where {TARGETS[target]}"
    return dot_figure(
        Dots(f"auroc-{target.replace('_', '-')}", title, "AUROC", rows, width="half", note=note)
    )


def _gain(views: Views) -> Figure | None:
    """What all signals add to confidence, per target, with the p of the test of the headline signal."""
    rows = [
        row | {"name": words, "source": "disagreement", "base": 0.0}
        for target, words in TARGETS.items()
        for row in estimate_rows(views, f"delta_auroc:{target}")[:1]
    ]
    if not rows:
        return None
    told = "; ".join(f"{row['name']} {number(row['value'])}{_p(row)}" for row in rows)
    return dot_figure(
        Dots(
            "beyond-confidence",
            "What disagreement adds to confidence",
            "gain in AUROC",
            rows,
            baseline="no gain",
            width="half",
            note=f"Residual test of the divergence, beyond every confidence: {told}." if told else "",
        )
    )


def _p(row: dict[str, Any]) -> str:
    """The p value, after adjustment where there is one, in brackets."""
    p = row.get("p_adjusted") if row.get("p_adjusted") is not None else row.get("p")
    if p is None:
        return ""
    adjusted = ", adjusted" if row.get("p_adjusted") is not None else ""
    return " (p < .001" + adjusted + ")" if p < 0.001 else f" (p = {number(p)}{adjusted})"
