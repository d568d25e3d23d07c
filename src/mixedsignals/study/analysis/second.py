"""Second answers: what an added modality changes beyond a second look, and whether people repeat themselves."""

from __future__ import annotations

import numpy as np
import polars as pl

from mixedsignals.measures.agreement import krippendorff_alpha
from mixedsignals.measures.designs import added_gain, mean_with_raters, revisions
from mixedsignals.measures.inference import Resampling
from mixedsignals.study.analysis.aligned import Judged, raters, right, speakers
from mixedsignals.study.analysis.results import Results, spoken

__all__ = ["gain_by_adding", "retest"]

ADDING, RETEST = "gain by adding", "test-retest"


def gain_by_adding(judged: Judged, results: Results, *, level: float = 0.95) -> None:
    """Per arm that adds something: (A→A+B) − (A→A) in accuracy, and in how often people change their mind."""
    pairs = judged.pairs(pl.col("arm").str.contains(">", literal=True).fill_null(value=False))
    if pairs.is_empty():
        return
    arms = pairs["arm"].unique().sort().to_list()
    for arm in arms:
        first, _, second = arm.partition(">")
        control = f"{first}>{first}"
        _revised(pairs.filter(arm=arm), arm, results, level)
        if first == second:
            continue
        if control not in arms:
            results.note(ADDING, f"{arm}: nobody has answered in its control arm {control} yet")
            continue
        _against_control(pairs.filter(pl.col("arm").is_in([arm, control])), arm, results, level)


def _revised(pairs: pl.DataFrame, arm: str, results: Results, level: float) -> None:
    """What second answers do to first ones in one arm."""
    found = revisions(
        pairs["code_first"].to_numpy(),
        pairs["code"].to_numpy(),
        pairs["target"].to_numpy(),
        speakers(pairs),
        raters(pairs),
        level=level,
    )
    for name in ("changed", "to_right", "to_wrong", "gain"):
        what = getattr(found, name)
        results.estimate(f"revision_{name}", what, where=f"arm={arm}", tested=name == "gain")


def _against_control(pairs: pl.DataFrame, arm: str, results: Results, level: float) -> None:
    added = (pairs["arm"] == arm).to_numpy()
    who, spoke = raters(pairs), speakers(pairs)
    gained = added_gain(right(pairs) - right(pairs, "code_first"), added, spoke, who, level=level)
    changed = (pairs["code"] != pairs["code_first"]).to_numpy().astype(np.float64)
    moved = added_gain(changed, added, spoke, who, level=level)
    results.estimate("added_gain", gained, where=f"arm={arm}")
    results.estimate("added_change", moved, where=f"arm={arm}")
    text = (
        f"{arm}: beyond a second look, what is added changes accuracy by {spoken(gained)}, and makes "
        f"{spoken(moved)} more people change their answer ({int(added.sum())} pairs of answers against "
        f"{int((~added).sum())} in the control arm)"
    )
    results.note(ADDING, text)


def retest(judged: Judged, results: Results, *, level: float = 0.95) -> None:
    """How often people repeat their answer when a clip comes again in the same condition, and beyond chance."""
    pairs = judged.pairs((pl.col("arm") == "repeat").fill_null(value=False))
    pairs = pairs.filter(pl.col("given") == pl.col("given_first"))
    if pairs.is_empty():
        results.note(RETEST, "no clip was shown again, so the reliability of single raters is not known")
        return
    same = (pairs["code"] == pairs["code_first"]).to_numpy().astype(np.float64)
    agreed = mean_with_raters(same, speakers(pairs), raters(pairs), level=level)
    results.estimate("retest_agreement", agreed, tested=False)
    counts = np.zeros((pairs.height, len(judged.labels)))
    for column in ("code", "code_first"):
        counts[np.arange(pairs.height), pairs[column].to_numpy()] += 1
    alpha = krippendorff_alpha(
        counts,
        raters(pairs),
        metric="ordinal" if judged.labels.kind == "ordinal" else "nominal",
        options=Resampling(level=level),
    )
    results.estimate("retest_alpha", alpha, method=f"{alpha.method}, over raters")
    for given in pairs["given"].unique().sort():
        part = pairs.filter(given=given)
        share = (part["code"] == part["code_first"]).to_numpy().astype(np.float64)
        found = mean_with_raters(share, speakers(part), raters(part), level=level)
        results.estimate("retest_agreement", found, where=f"given={given}", tested=False)
    text = (
        f"people repeat their own answer with a share of {spoken(agreed)}; beyond chance (Krippendorff's alpha of "
        f"both answers) {spoken(alpha)} ({pairs.height} repeats of {pairs['rater_id'].n_unique()} people)"
    )
    results.note(RETEST, text)
