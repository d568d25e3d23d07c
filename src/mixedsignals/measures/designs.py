"""When one person judges the same clip twice: first with less to perceive, then with more.

Such an order design compares a person with themself, so it needs fewer votes than comparing strangers; but the second
answer remembers the first, so it is analysed as a change of mind and never pooled with first answers. For
counterfactual clips (one modality taken from another clip) use `dominance.swap_follow_rate` on the shares of votes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from .arrays import FloatArray, floats
from .crossed import two_way_contrast
from .groups import Groups
from .inference import Estimate, Resampling, mean

__all__ = ["Revision", "added_gain", "mean_with_raters", "revisions"]


@dataclass(frozen=True)
class Revision:
    """What second answers do to first ones, each a mean over pairs of answers, in [0, 1] (`gain` in [−1, 1]).

    `changed` over all pairs; over those with a target `to_right`, `to_wrong`, and `gain` = to_right − to_wrong, the
    change in accuracy.
    """

    changed: Estimate
    to_right: Estimate
    to_wrong: Estimate
    gain: Estimate


def revisions(
    first: ArrayLike,
    second: ArrayLike,
    target: ArrayLike,
    speakers: Groups,
    raters: Groups | None,
    *,
    level: float = 0.95,
) -> Revision:
    """Changes of mind from first and second answers and the clip's target, codes (v,); −1 is missing.

    `speakers` and `raters` group the pairs of answers; without raters they are taken as fixed, and the notes say so.

    >>> found = revisions([1, 0, 1, 1], [0, 0, 0, 1], [0, 0, 1, -1], Groups.of("aabb"), Groups.of("xyxy"))
    >>> round(found.to_right.value, 3), round(found.gain.value, 3), found.changed.value
    (0.333, 0.0, 0.5)
    """
    before, after, truth = (np.asarray(codes, dtype=np.int64) for codes in (first, second, target))
    both = (before >= 0) & (after >= 0)
    known = both & (truth >= 0)
    right, was = (after == truth).astype(np.float64), (before == truth).astype(np.float64)
    each = {
        "changed": np.where(both, before != after, np.nan),
        "to_right": np.where(known, right * (1 - was), np.nan),
        "to_wrong": np.where(known, was * (1 - right), np.nan),
        "gain": np.where(known, right - was, np.nan),
    }
    found = {name: mean_with_raters(values, speakers, raters, level=level) for name, values in each.items()}
    return Revision(**found)


def added_gain(
    change: ArrayLike,
    is_added: ArrayLike,
    speakers: Groups,
    raters: Groups | None,
    *,
    level: float = 0.95,
) -> Estimate:
    """What an added modality gives beyond a second look: mean change where one was added less that where none was.

    The counterfactual contrast (A→A+B) − (A→A), a difference of two means of `change` (v,), one value per pair of
    answers such as the second being right less the first (in [−1, 1]; the result in [−2, 2]); NaN pairs are left
    out. `is_added` (v,) marks the pairs with a modality added. Variance over speakers and raters (Cameron et al.
    2011); without raters these are their own groups, which takes raters as fixed, and the note says so.

    >>> added_gain([1, 1, 0, 0], [1, 1, 0, 0], Groups.of("abab"), Groups.of("xyyx")).value
    1.0
    """
    given, added = floats(change), np.asarray(is_added, dtype=bool)
    kept = np.isfinite(given)
    sides = [kept & added, kept & ~added]
    if not all(side.any() for side in sides):
        return Estimate.absent("no pair of answers in one of the arms", level=level)
    means = [float(given[side].mean()) for side in sides]
    influence = np.zeros(len(given))
    for side, middle, sign in zip(sides, means, (1.0, -1.0), strict=True):
        influence[side] = sign * (given[side] - middle) / int(side.sum())
    people = Groups.each(len(given)) if raters is None else raters
    found = two_way_contrast(
        influence[kept], means[0] - means[1], speakers.take(kept), people.take(kept), level=level
    )
    return replace(found, note=found.note or "raters taken as fixed") if raters is None else found


def mean_with_raters(
    values: ArrayLike, speakers: Groups, raters: Groups | None, *, level: float = 0.95
) -> Estimate:
    """Mean of one value per vote (v,) with variance over speakers and raters; NaN votes are left out.

    >>> mean_with_raters([0.0, 1.0], Groups.of("ab"), Groups.of("xy")).value
    0.5
    """
    given = floats(values)
    kept = np.isfinite(given)
    if not kept.any():
        return Estimate.absent("no vote to compute it on", level=level)
    if raters is None:
        found = mean(given, speakers, options=Resampling(level=level))
        return replace(found, note=found.note or "raters taken as fixed")
    chosen: FloatArray = given[kept]
    middle = float(chosen.mean())
    influence = (chosen - middle) / len(chosen)
    return two_way_contrast(influence, middle, speakers.take(kept), raters.take(kept), level=level)
