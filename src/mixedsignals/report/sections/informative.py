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
_RATES = {
    "annotator_uncertainty": "Two people disagree about a clip with a probability of {} on average",
    "fused_error": "Fusion is wrong on {} of the clips",
    "misled": "Fusion is misled on {} of the clips on which it parts from a source",
}
_SIGNALS = {
    "jsd": ("divergence of models", "disagreement"),
    "mean_total_variation": ("total variation", "disagreement"),
    "collision_disagreement": ("collision", "disagreement"),
    "fusion_gap": ("fusion from their mean", "disagreement"),
    "conflict": ("conflict of models", "disagreement"),
    "fused_doubt": ("1 − fused confidence", "confidence"),
    "fused_entropy": ("fused entropy", "confidence"),
    "mean_unimodal_entropy": ("mean entropy of models", "confidence"),
    "seed_disagreement": ("other seeds", "seeds"),
}
_KINDS = {"disagreement": "disagreement of models", "confidence": "plain confidence", "seeds": "other seeds"}


def informative(views: Views) -> Section | None:
    """A figure per target that has been tested, and the gain beyond confidence; None where nothing was."""
    figures = [figure for target in TARGETS if (figure := _ranking(views, target)) is not None]
    figures += [figure for figure in (_gain(views), _risk(views)) if figure is not None]
    if not figures:
        return None
    return Section(
        key="informative",
        title="Does disagreement tell more than confidence does",
        lead=[
            "A signal ranks clips; its AUROC is the chance that it ranks a clip where the thing named "
            "happened above one where it did not. Disagreement is worth its trouble only where it beats the "
            "plain confidence of fusion, or adds to it.",
        ],
        figures=figures,
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
    note = f"{_RATES[target].format(percent(rate[0]['value']))}." if rate else ""
    title = f"Finding clips where {TARGETS[target]}"
    return dot_figure(
        Dots(f"auroc-{target.replace('_', '-')}", title, "AUROC", rows, width="half", note=note)
    )


def _gain(views: Views) -> Figure | None:
    """What all signals add to confidence, per target, with the p of the test of the headline signal and the control."""
    gains = {
        target: row | {"name": words, "source": "disagreement", "base": 0.0}
        for target, words in TARGETS.items()
        for row in estimate_rows(views, f"delta_auroc:{target}")[:1]
    }
    if not gains:
        return None
    rows = []
    for target, gain in gains.items():
        control = estimate_rows(views, f"control:delta_auroc:{target}")[:1]
        named = {"name": f"{TARGETS[target]}, control", "source": "seeds", "base": 0.0}
        rows += [gain, *(row | named for row in control)]
    told = "; ".join(f"{row['name']}, {_way(views, target)}{_p(row)}" for target, row in gains.items())
    return dot_figure(
        Dots(
            "beyond-confidence",
            "What disagreement adds to confidence",
            "gain in AUROC",
            rows,
            baseline="no gain",
            width="half",
            note=f"Residual test of the divergence, beyond every confidence: {told}. The control pairs modalities of "
            "different clips of one label and speaker, and should show nothing.",
        )
    )


def _way(views: Views, target: str) -> str:
    """In which direction the residual test points, with its correlation."""
    found = estimate_rows(views, f"residual_correlation:{target}")[:1]
    if not found:
        return ""
    value = found[0]["value"]
    return f"{'more' if value >= 0 else 'less'} with more disagreement, r = {number(value)}"


def _risk(views: Views) -> Figure | None:
    """Errors of fusion among the clips kept, when the doubtful or the divergent ones are left out."""
    orders = {"fused_doubt": ("doubt", "confidence"), "jsd": ("divergence", "disagreement")}
    rate = estimate_rows(views, "base_rate:fused_error")
    base = rate[0]["value"] if rate else None
    rows = [
        row | {"name": f"{share} % kept, by {words}", "source": kind, "base": base}
        for share in (90, 80, 70)
        for order, (words, kind) in orders.items()
        for row in estimate_rows(views, f"risk_at_{share}:{order}")[:1]
    ]
    title = "Errors among the clips kept"
    axis = "share of the kept clips on which fusion errs"
    return dot_figure(
        Dots("risk-coverage", title, axis, rows, "all clips kept", share=True, zero=True, width="half")
    )


def _p(row: dict[str, Any]) -> str:
    """The p value, after adjustment where there is one, in brackets."""
    p = row.get("p_adjusted") if row.get("p_adjusted") is not None else row.get("p")
    if p is None:
        return ""
    adjusted = ", adjusted" if row.get("p_adjusted") is not None else ""
    return " (p < .001" + adjusted + ")" if p < 0.001 else f" (p = {number(p)}{adjusted})"
