"""Do people gain from more modalities: accuracy per condition, gain, no gain, and who is followed.

A condition is what people could perceive (`audio`, `video`, `audio+video`). Each comparison is within clips that
have votes under both. The best single condition is chosen on other groups than it is scored on, and "hurt by more"
is set beside a simulation in which nobody is hurt, because the best of several noisy numbers always looks good.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from .arrays import BoolArray, FloatArray, IntArray, divided, floats
from .calibration import group_folds
from .crossed import two_way_contrast
from .groups import Groups
from .inference import EXACT_CLIPS, JACKKNIFE, SIGNED, Estimate, Resampling, estimate, mean, ratio
from .votes import majority

__all__ = [
    "Conflict",
    "GainVerdict",
    "Hurt",
    "accuracy_of_people",
    "conflict_clips",
    "follow_rate",
    "gain",
    "gain_over_best",
    "gain_verdict",
    "gain_with_raters",
    "hurt_by_more",
    "loss_where_hurt",
    "right_shares",
]

GainVerdict = Literal["gain", "no gain", "equal", "cannot be told"]

MARGIN = 0.05
"""Accuracy below which a gain does not matter."""

DRAWS = 2_000_000
"""Simulated clips of all kinds together, where there are very many clips."""


def right_shares(counts: ArrayLike, target: ArrayLike) -> FloatArray:
    """Share of a clip's votes that equal its target, (n, C), (n,) → (n,), in [0, 1]; NaN without either.

    >>> right_shares([[3, 1], [0, 0]], [0, 1]).tolist()
    [0.75, nan]
    """
    given, truth = floats(counts), np.asarray(target, dtype=np.int64)
    right = given[np.arange(len(truth)), np.maximum(truth, 0)]
    return np.where(truth >= 0, divided(right, given.sum(axis=1)), np.nan)


def accuracy_of_people(right: ArrayLike, groups: Groups, *, options: Resampling = JACKKNIFE) -> Estimate:
    """Mean over clips of the share of votes that are right, in [0, 1] (every clip weighs the same).

    >>> accuracy_of_people([1.0, 0.5, float("nan")], Groups.each(3)).value
    0.75
    """
    return estimate(ratio(right, np.ones(len(floats(right))), groups), scale="logit", options=options)


def gain(full: ArrayLike, single: ArrayLike, groups: Groups, *, options: Resampling = JACKKNIFE) -> Estimate:
    """Mean over clips of `right_shares` under the full condition less those under a single one, in [−1, 1].

    >>> gain([1.0, 0.5], [0.5, 0.5], Groups.each(2)).value
    0.25
    """
    return mean(floats(full) - floats(single), groups, limits=SIGNED, options=options)


def gain_over_best(
    full: ArrayLike,
    singles: Sequence[ArrayLike],
    groups: Groups,
    *,
    folds: int = 5,
    seed: int = 0,
    options: Resampling = JACKKNIFE,
) -> tuple[Estimate, list[int]]:
    """Gain over the best single condition, chosen by cross-fitting, and which one each fold chose.

    In every fold of groups the single condition with the highest mean on the other folds is compared. `full` (n,)
    and each of `singles` are `right_shares`; only clips with votes under every condition count.

    >>> found, chosen = gain_over_best([1, 1, 1, 0], [[0, 1, 0, 0], [1, 0, 1, 0]], Groups.each(4), folds=2)
    >>> found.value, chosen
    (0.5, [1, 0])
    """
    whole, parts = floats(full), np.stack([floats(single) for single in singles])
    kept = np.asarray(np.isfinite(whole) & np.isfinite(parts).all(axis=0))
    inside = groups.take(kept)
    if inside.distinct < 2:
        return Estimate.absent("fewer than two groups have votes under every condition"), []
    whole, parts = whole[kept], parts[:, kept]
    fold = group_folds(inside, folds=folds, seed=seed)
    chosen, left = [], np.empty(len(whole))
    for held in range(int(fold.max()) + 1):
        scored = np.flatnonzero(fold == held)
        chosen.append(int(np.delete(parts, scored, axis=1).mean(axis=1).argmax()))
        left[scored] = whole[scored] - parts[chosen[-1], scored]
    return mean(left, inside, limits=SIGNED, options=options), chosen


def gain_with_raters(
    right: ArrayLike,
    is_full: ArrayLike,
    clips: ArrayLike,
    speakers: Groups,
    raters: Groups,
    *,
    level: float = 0.95,
) -> Estimate:
    """The gain with variance over speakers and raters, from single votes: `right` 0/1, `is_full` and clips, (v,).

    The same contrast as `gain`, a linear probability: every vote weighs 1/(votes of its clip and condition), over
    clips with votes under both. `speakers` and `raters` group the votes.

    >>> right, full, clip = [1, 1, 1, 0], [1, 1, 0, 0], [0, 1, 0, 1]
    >>> gain_with_raters(right, full, clip, Groups.of("aabb"), Groups.of("xyxy")).value
    0.5
    """
    hit, whole = floats(right), np.asarray(is_full, dtype=bool)
    clip = np.asarray(clips, dtype=np.int64)
    count = int(clip.max()) + 1 if len(clip) else 0
    votes = np.stack([np.bincount(clip[whole == side], minlength=count) for side in (False, True)])
    both = np.asarray((votes > 0).all(axis=0))
    if not both.any():
        return Estimate.absent("no clip has votes under both conditions", level=level)
    kept = both[clip]
    weight = 1.0 / votes[whole[kept].astype(np.int64), clip[kept]] / both.sum()
    hit, whole = hit[kept], whole[kept]
    means = [float((weight * hit)[whole == side].sum()) for side in (False, True)]
    sign = np.where(whole, 1.0, -1.0)
    influence = sign * weight * (hit - np.where(whole, means[1], means[0]))
    return two_way_contrast(
        influence, means[1] - means[0], speakers.take(kept), raters.take(kept), limits=SIGNED, level=level
    )


def gain_verdict(
    against_each: Sequence[Estimate], against_best: Estimate, *, margin: float = MARGIN
) -> GainVerdict:
    """*gain*: the lower bound against each single condition is above 0; *no gain*: the upper bound against the best
    is below `margin`; *equal*: besides, the lower bound is above −margin; else *cannot be told*.

    >>> gain_verdict([Estimate.absent("")], Estimate.absent(""))
    'cannot be told'
    """
    lows = [one.low for one in against_each]
    if lows and all(low is not None and low > 0 for low in lows):
        return "gain"
    if against_best.high is not None and against_best.high < margin:
        return "equal" if against_best.low is not None and against_best.low > -margin else "no gain"
    return "cannot be told"


@dataclass(frozen=True, eq=False)
class Hurt:
    """Share of clips on which people do worse under the full condition than under the clip's best single one.

    The best is picked on half the clip's votes and scored on the other half. `nobody` is the mean of the same
    share in simulations in which the full condition is never worse than any single one, `nobody_low` and
    `nobody_high` hold 95 % of them; it depends on how the clips' chances are spread, so it is a yardstick and no test.
    Values are None without clips. `each` (n,) is how often each clip is worse off over random halves, NaN where not
    used. `looked` (n,) is how often it looks worse off on half of all its votes, and `lost` (n,) the loss that the
    other halves then show, times that: see `loss_where_hurt`.
    """

    share: float | None
    nobody: float | None
    nobody_low: float | None
    nobody_high: float | None
    n_clips: int
    note: str = ""
    each: FloatArray = field(default_factory=lambda: np.empty(0))
    looked: FloatArray = field(default_factory=lambda: np.empty(0))
    lost: FloatArray = field(default_factory=lambda: np.empty(0))


def hurt_by_more(
    full: ArrayLike,
    singles: Sequence[ArrayLike],
    target: ArrayLike,
    *,
    simulations: int = 200,
    seed: int = 0,
) -> Hurt:
    """On how many clips more modalities hurt, beside what chance shows when nobody is hurt; see `Hurt`.

    `full` and each of `singles` are votes (n, C). Clips need a vote under the full condition and two under each
    single one. The simulation draws each clip's chance of a right vote from its posterior (Beta prior by moments,
    per condition), sets the full one to the highest single one, and draws votes at the actual counts. Of more than
    20,000 clips those with the same votes are drawn together: how often a clip of that kind is worse off is simulated
    once, two million times in all, and the clips of the kind follow from it.

    >>> hurt_by_more([[0, 4]] * 9, [[[4, 0]] * 9, [[0, 4]] * 9], [0] * 9).share
    1.0
    """
    truth = np.asarray(target, dtype=np.int64)
    tables = [floats(counts) for counts in (full, *singles)]
    votes = np.stack([table.sum(axis=1) for table in tables])
    kept = (truth >= 0) & (votes[0] >= 1) & (votes[1:] >= 2).all(axis=0)
    if not kept.any():
        return Hurt(None, None, None, None, 0, "no clip has enough votes under every condition")
    rows = np.flatnonzero(kept)
    total = votes[:, rows].astype(np.int64)
    right = np.stack([table[rows, truth[rows]] for table in tables]).astype(np.int64)
    rng = np.random.default_rng(seed)
    each, looked, lost = np.full((3, len(truth)), np.nan)
    if len(rows) > EXACT_CLIPS:
        each[rows], made = _by_kind(right, total, simulations, rng)
    else:
        each[rows] = np.mean([_worse(right, total, rng) for _ in range(20)], axis=0)
        priors = _beta_priors(right, total)
        made = floats([_nobody_hurt(right, total, priors, rng).mean() for _ in range(simulations)])
    low, high = np.quantile(made, [0.025, 0.975])
    looked[rows], lost[rows] = np.mean(
        [_looked_and_lost(right, total, rng) for _ in range(20 if len(rows) <= EXACT_CLIPS else 1)], axis=0
    )
    share = float(each[rows].mean())
    return Hurt(
        share, float(np.mean(made)), float(low), float(high), len(rows), each=each, looked=looked, lost=lost
    )


def loss_where_hurt(found: Hurt, groups: Groups, *, options: Resampling = JACKKNIFE) -> Estimate:
    """Mean loss in accuracy, on held-out halves of the votes, over clips that look worse off on the first halves.

    Where nobody is hurt, no clip's chance under the full condition is below that of any single one, so this is at
    most 0 however the clips' chances are spread, because votes that score had no part in the choice of clip and
    condition. A lower bound above 0 says that people are hurt on some clips. In [−1, 1].

    >>> found = hurt_by_more([[0, 4]] * 9, [[[4, 0]] * 9, [[0, 4]] * 9], [0] * 9)
    >>> loss_where_hurt(found, Groups.each(9)).value
    1.0
    """
    return estimate(ratio(found.lost, found.looked, groups), limits=SIGNED, options=options)


def _looked_and_lost(right: IntArray, total: IntArray, rng: np.random.Generator) -> FloatArray:
    """Per clip (2, n): 1 where half of the votes make it look worse off, and then the loss on the other half."""
    half = total // 2
    first = rng.hypergeometric(right, total - right, half)
    shown = divided(first, half)
    best = (shown[1:] + 1e-6 * rng.random(shown[1:].shape)).argmax(axis=0)
    column = np.arange(total.shape[1])
    left = divided(right - first, total - half)
    hurt = (half[0] > 0) & (shown[1:][best, column] > np.nan_to_num(shown[0], nan=np.inf) + 1e-9)
    return np.stack([hurt, np.where(hurt, left[1:][best, column] - left[0], 0.0)])


def _worse(right: IntArray, total: IntArray, rng: np.random.Generator) -> BoolArray:
    """Whether each clip is worse off under the full condition (row 0) than under the best single one."""
    half = total[1:] // 2
    first = rng.hypergeometric(right[1:], total[1:] - right[1:], half)
    best = (first / half + 1e-6 * rng.random(half.shape)).argmax(axis=0)
    column = np.arange(total.shape[1])
    scored = ((right[1:] - first) / (total[1:] - half))[best, column]
    return np.asarray(right[0] / total[0] < scored - 1e-9)


def _beta_prior(right: IntArray, total: IntArray) -> tuple[float, float]:
    """A Beta prior whose mean and variance fit the clips' shares once the votes' own noise is taken off."""
    share = right / total
    middle = float(np.clip(share.mean(), 0.01, 0.99))
    noise = middle * (1 - middle)
    several = total > 1
    inner = divided((right * (total - right))[several], (total * (total - 1))[several])
    spread = max(noise - float(inner.mean()), 0.0) if several.any() else 0.0
    within = np.clip(spread / noise, 0.02, 0.95)
    strength = (1 - within) / within
    return float(middle * strength), float((1 - middle) * strength)


def _nobody_hurt(
    right: IntArray, total: IntArray, priors: list[tuple[float, float]], rng: np.random.Generator
) -> BoolArray:
    """One simulation of votes when nobody is hurt: whether each clip looks worse off."""
    chance = np.stack(
        [rng.beta(one + a, each - one + b) for one, each, (a, b) in zip(right, total, priors, strict=True)]
    )
    # Not the larger of its own draw and theirs: two noisy draws of the same chance would make it look better.
    chance[0] = chance[1:].max(axis=0)
    return _worse(rng.binomial(total, chance), total, rng)


def _beta_priors(right: IntArray, total: IntArray) -> list[tuple[float, float]]:
    return [_beta_prior(one, each) for one, each in zip(right, total, strict=True)]


def _by_kind(
    right: IntArray, total: IntArray, simulations: int, rng: np.random.Generator
) -> tuple[FloatArray, FloatArray]:
    """How often each clip is worse off, and that share in simulations, from clips of the same votes together."""
    priors = _beta_priors(right, total)
    first, kind, clips = _kinds(np.concatenate([right, total]))
    turns = np.maximum(20, DRAWS * clips // clips.sum())
    worse, nobody = np.zeros(len(clips)), np.zeros(len(clips))
    edges = np.unique(np.searchsorted(np.cumsum(turns), np.arange(0, turns.sum(), 200_000)))
    for start, end in pairwise([*edges.tolist(), len(clips)]):
        drawn = np.repeat(np.arange(start, end), turns[start:end])
        one, each = right[:, first[drawn]], total[:, first[drawn]]
        worse += np.bincount(drawn, weights=_worse(one, each, rng), minlength=len(clips))
        nobody += np.bincount(drawn, weights=_nobody_hurt(one, each, priors, rng), minlength=len(clips))
    made = rng.binomial(clips, nobody / turns, size=(simulations, len(clips))).sum(axis=1) / clips.sum()
    return floats((worse / turns)[kind]), floats(made)


def _kinds(columns: IntArray) -> tuple[IntArray, IntArray, IntArray]:
    """Kinds of equal columns of whole numbers (K, n): a clip of each, the kind of each clip, and clips per kind."""
    code = np.zeros(columns.shape[1], dtype=np.int64)
    for row in columns:
        code = code * (int(row.max()) + 1) + row
        if int(code.max()) > 2**40:
            code = np.unique(code, return_inverse=True)[1].astype(np.int64)
    _, first, kind, clips = np.unique(code, return_index=True, return_inverse=True, return_counts=True)
    return first, kind, clips


@dataclass(frozen=True, eq=False)
class Conflict:
    """`clips` (n,) on which the majorities under single conditions differ; these majorities (M, n), −1 for none."""

    clips: BoolArray
    leaders: IntArray


def conflict_clips(singles: Sequence[ArrayLike]) -> Conflict:
    """Where single conditions lead people to different labels, from votes (n, C) per condition; ties are no majority.

    >>> conflict_clips([[[3, 0]], [[1, 2]]]).clips.tolist()
    [True]
    """
    leaders = np.stack([majority(counts) for counts in singles])
    known = (leaders >= 0).all(axis=0)
    return Conflict(known & (leaders.max(axis=0) != leaders.min(axis=0)), leaders)


def follow_rate(
    full: ArrayLike, conflict: Conflict, source: int, groups: Groups, *, options: Resampling = JACKKNIFE
) -> Estimate:
    """Share of votes under the full condition that go with the majority of one single condition, under conflict.

    Mean over the clips in conflict, in [0, 1]; the rates of two conditions need not sum to 1 (people may say a
    third label). Compare with chance 1/C, and with one another.

    >>> follow_rate([[1, 3]], conflict_clips([[[3, 0]], [[1, 2]]]), 1, Groups.each(1)).value
    0.75
    """
    followed = right_shares(full, np.where(conflict.clips, conflict.leaders[source], -1))
    if not np.isfinite(followed).any():
        return Estimate.absent("no clip on which the single conditions lead people to different labels")
    return estimate(ratio(followed, np.ones(len(followed)), groups), scale="logit", options=options)
