"""Does a signal say anything about a target beyond what confidence already says?

What confidence explains, by a basis that bends, is taken out of the target and of the signal; the test asks whether
what is left of the one goes with what is left of the other, and leaves each group out in turn to see how sure that is.
How much the signal adds is described by a gain in AUROC and in log-loss, which support no test: predictions from what
confidence says of the target, with and without what it leaves of the signal.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from .arrays import BoolArray, FloatArray, IntArray, divided, floats
from .calibration import group_folds
from .crossfit import Design, cross_products, fitted, predicted
from .groups import Groups
from .inference import JACKKNIFE, SIGNED, Estimate, Resampling, Totals, difference, estimate, ratio
from .ranking import auroc_statistic
from .splines import make_basis

__all__ = [
    "DELTA",
    "Association",
    "Verdict",
    "association",
    "associations",
    "residual_test",
    "smallest_detectable",
    "verdict",
]

DELTA = 0.02
"""The gain in AUROC that matters, fixed beforehand."""

Verdict = Literal["yes", "a little", "no", "cannot be told"]

FEWEST_CLIPS = 50
"""Clips with target, signal and confidence below which nothing is fitted."""

FEWEST_GROUPS = 5
"""Groups below which nothing is fitted."""

SHRUNK = 0.25
"""Ridge penalty of several signals together, as a share of the mean of what is left of them: they are much alike."""

MOST_BLOCKS = 500
"""Groups that the test leaves out one at a time; more are merged into so many blocks."""


@dataclass(frozen=True)
class Association:
    """What a signal adds to confidence: the p-value of the test, the effect sizes and the verdict.

    `delta_auroc` and `delta_log_loss` (nats; above 0 the signal helps) describe; only `p` tests. `detectable` is
    the smallest gain in AUROC that these clips could have shown. With `verdict` None the question is not
    applicable, and `note` says why.
    """

    p: float | None
    t: float | None
    correlation: float | None
    delta_auroc: Estimate
    delta_log_loss: Estimate
    verdict: Verdict | None
    detectable: float | None
    note: str = ""


def verdict(p: float | None, low: float | None, high: float | None, *, delta: float = DELTA) -> Verdict:
    """The rule: *yes* p < .05 and low ≥ δ; *a little* p < .05 otherwise; *no* p ≥ .05 and high < δ; else untold.

    >>> verdict(0.01, 0.03, 0.08), verdict(0.01, 0.0, 0.08), verdict(0.4, -0.01, 0.01), verdict(0.4, -0.1, 0.1)
    ('yes', 'a little', 'no', 'cannot be told')
    """
    if p is not None and p < 0.05:
        return "yes" if low is not None and low >= delta else "a little"
    if p is not None and high is not None and high < delta:
        return "no"
    return "cannot be told"


def smallest_detectable(se: float | None) -> float | None:
    """2.8 standard errors: the effect found four times of five at the 5 % level; None without one.

    >>> round(smallest_detectable(0.01), 3)
    0.028
    """
    return None if se is None else 2.8 * se


def _table(values: ArrayLike) -> FloatArray:
    """One column or several as (n, K)."""
    given = floats(values)
    return given[:, None] if given.ndim == 1 else given


def _usable(target: FloatArray, signal: FloatArray, base: FloatArray) -> BoolArray:
    return np.asarray(np.isfinite(target) & np.isfinite(signal).all(axis=1) & np.isfinite(base).all(axis=1))


def _refusal(target: FloatArray, signal: FloatArray, groups: Groups) -> str:
    if len(target) < FEWEST_CLIPS:
        return f"too few clips have target, signal and confidence ({len(target)}; {FEWEST_CLIPS} are needed)"
    if groups.distinct < FEWEST_GROUPS:
        return f"too few groups to fit on some and judge on others ({groups.distinct}; {FEWEST_GROUPS} are needed)"
    if np.ptp(target) == 0:
        return "the target is the same on every clip"
    return "the signal is the same on every clip" if np.ptp(signal) == 0 else ""


@dataclass(frozen=True)
class Tested:
    """The residual test: p, t, the correlation of what is left of target and signal, and the degrees of freedom."""

    p: float
    t: float
    correlation: float
    freedom: float


def residual_test(target: ArrayLike, signal: ArrayLike, base: ArrayLike, groups: Groups) -> Tested | None:
    """Test that `signal` (n,) says nothing about `target` (n,) beyond `base` (n, K), the confidences; two-sided.

    t = γ / se with γ the coefficient of the signal beside the spline basis of the base, and se from leaving out one
    group at a time and fitting everything again; t quantile with Kish's effective groups − 1. A positive t means that
    more signal goes with more target. γ is the generalised covariance measure of Shah & Peters (2020) with series
    regressions on all clips: cross-fitted residuals share the error of their fit within a fold, which summing per group
    does not see, and rejected 7 to 12 % of true nulls where this rejects 3 to 6 % (see the decision on the
    residual test). Clips with NaN anywhere are left out. Above 500 groups, blocks of groups are left out. None when it
    cannot be done (`association` says why).

    >>> rng = np.random.default_rng(0)
    >>> base, signal = rng.random((400, 2)), rng.random(400)
    >>> found = residual_test(signal > rng.random(400), signal, base, Groups.of(np.arange(400) % 40))
    >>> found.p < 0.001, found.t > 0
    (True, True)
    """
    truth, shown, held = floats(target), floats(signal)[:, None], _table(base)
    kept = _usable(truth, shown, held)
    inside = groups.take(kept)
    if _refusal(truth[kept], shown[kept], inside):
        return None
    blocks = inside.blocks(MOST_BLOCKS)
    design, one_fold = Design.of(make_basis(held[kept]), held[kept]), np.zeros(len(inside), dtype=np.int64)
    outcomes = np.stack([_standardised(shown[kept, 0]), truth[kept]], axis=1)
    return _tested(cross_products(design, outcomes, one_fold, blocks).by_block, blocks, inside)


def _standardised(values: FloatArray) -> FloatArray:
    return floats((values - values.mean()) / (values.std() or 1.0))


def _tested(parts: FloatArray, blocks: Groups, groups: Groups) -> Tested | None:
    """The test from cross-products per block (B, q, q) of [1, basis, signal, target]."""
    found = estimate(Totals(parts, lambda totals: _left_over(totals)[0], blocks))
    if found.value is None or not found.se:
        return None
    correlation = float(_left_over(parts.sum(axis=0)[None])[1][0])
    freedom = max(groups.effective - 1.0, 1.0)
    t = found.value / found.se
    return Tested(float(2 * stats.t.sf(abs(t), freedom)), t, correlation, freedom)


def _left_over(totals: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Coefficient of the signal and residual correlation, (R,), from cross-products [1, basis, signal, target]."""
    left = _products_left(totals, totals.shape[-1] - 2)
    enough = np.where(left[:, 0, 0] > 1e-6 * totals[:, 0, 0], left[:, 0, 0], 0.0)
    return divided(left[:, 0, 1], enough), divided(
        left[:, 0, 1], np.sqrt(np.maximum(enough * left[:, 1, 1], 0.0))
    )


def _products_left(totals: FloatArray, width: int) -> FloatArray:
    """Products (R, k, k) of what the first `width` of q columns leave of the other k, from (R, q, q)."""
    penalty = np.zeros((len(totals), width, width))
    penalty[:, range(1, width), range(1, width)] = 1e-6 * totals[:, :1, 0]
    between = totals[:, :width, width:]
    explained = np.linalg.solve(totals[:, :width, :width] + penalty, between)
    return floats(totals[:, width:, width:] - between.transpose(0, 2, 1) @ explained)


def association(
    target: ArrayLike,
    signals: ArrayLike,
    base: ArrayLike,
    groups: Groups,
    *,
    folds: int = 5,
    seed: int = 0,
    delta: float = DELTA,
    options: Resampling = JACKKNIFE,
) -> Association:
    """The residual test of the first column of `signals` (n, K), and what all of them add, with the verdict.

    `target` (n,) in [0, 1] (a share weighs as in `auroc`), `base` (n, B) the confidences. Effect sizes compare two
    out-of-fold predictions of the target on the same folds, with pairs compared within a fold: the base's, and the same
    plus γ times what the base leaves of the signals. γ is the coefficient of the test, fitted on the other folds, for
    several signals with a small ridge penalty; so a base that few clips could not teach enough is not mistaken for a
    signal that adds (see the decision on what a signal adds). Log-loss is on predictions held in [.01, .99].

    >>> rng = np.random.default_rng(0)
    >>> base, signal = rng.random((400, 2)), rng.random(400)
    >>> association(signal > rng.random(400), signal, base, Groups.of(np.arange(400) % 40)).verdict
    'yes'
    """
    found = associations(
        [target], signals, base, groups, folds=folds, seed=seed, delta=delta, options=options
    )
    return found[0]


def associations(
    targets: Sequence[ArrayLike],
    signals: ArrayLike,
    base: ArrayLike,
    groups: Groups,
    *,
    folds: int = 5,
    seed: int = 0,
    delta: float = DELTA,
    options: Resampling = JACKKNIFE,
) -> list[Association]:
    """`association` for several targets (n,) of the same signals and base; those known on the same clips share fits.

    >>> rng = np.random.default_rng(0)
    >>> base, signal = rng.random((400, 2)), rng.random(400)
    >>> groups, targets = Groups.of(np.arange(400) % 40), [signal > rng.random(400), rng.random(400) > 0.5]
    >>> [found.verdict for found in associations(targets, signal, base, groups)]
    ['yes', 'no']
    """
    held, shown = _table(base), _table(signals)
    truths = [floats(target) for target in targets]
    known = [_usable(truth, shown, held) for truth in truths]
    alike: dict[bytes, list[int]] = {}
    for at, kept in enumerate(known):
        alike.setdefault(np.packbits(kept).tobytes(), []).append(at)
    found: dict[int, Association] = {}
    for places in alike.values():
        kept = known[places[0]]
        together = np.stack([truths[at][kept] for at in places], axis=1)
        how = _How(groups.take(kept), folds, seed, delta, options)
        found |= zip(places, _associated(together, shown[kept], held[kept], how), strict=True)
    return [found[at] for at in range(len(truths))]


@dataclass(frozen=True, eq=False)
class _How:
    """The groups of the clips, and the options of `association`."""

    groups: Groups
    folds: int
    seed: int
    delta: float
    options: Resampling


def _associated(truths: FloatArray, shown: FloatArray, held: FloatArray, how: _How) -> list[Association]:
    """Targets (n, T) that are known on all of these clips."""
    refused = [_refusal(truth, shown[:, :1], how.groups) for truth in truths.T]
    fitted_ones = np.flatnonzero([not reason for reason in refused])
    found = [_not_applicable(reason, how) for reason in refused]
    if not len(fitted_ones):
        return found
    fold, blocks = group_folds(how.groups, folds=how.folds, seed=how.seed), how.groups.blocks(MOST_BLOCKS)
    design = Design.of(make_basis(held), held)
    signals = np.stack([_standardised(column) for column in shown.T], axis=1)
    outcomes = np.concatenate([signals, truths[:, fitted_ones]], axis=1)
    products = cross_products(design, outcomes, fold, blocks)
    plain, more = _predictions(design, products.by_fold, signals, fold)
    start, targets = list(range(design.width + 1)), design.width + signals.shape[1]
    for place, at in enumerate(fitted_ones.tolist()):
        rows = [*start, targets + place]
        tested = _tested(products.by_block[:, rows][:, :, rows], blocks, how.groups)
        found[at] = _judged(truths[:, at], plain[:, place], more[:, place], fold, tested, how)
    return found


def _predictions(
    design: Design, by_fold: FloatArray, signals: FloatArray, fold: IntArray
) -> tuple[FloatArray, FloatArray]:
    """Out-of-fold predictions (n, T) of the T targets from the base alone, and with signals (n, K)."""
    count = signals.shape[1]
    known = predicted(design, fitted(by_fold, design.width), fold)
    plain, more = known[:, count:], known[:, count:].copy()
    gamma = _gamma(_products_left(by_fold.sum(axis=0) - by_fold, design.width), by_fold, count)
    for held, slopes in enumerate(gamma):
        rows = np.flatnonzero(fold == held)
        more[rows] += (signals[rows] - known[rows, :count]) @ slopes
    return plain, more


def _gamma(left: FloatArray, by_fold: FloatArray, count: int) -> FloatArray:
    """Coefficients (F, K, T) of K = `count` signals beside the base, on all folds but one, from products left over."""
    others = (by_fold[:, 0, 0].sum() - by_fold[:, 0, 0])[:, None]
    spread = np.diagonal(left, axis1=1, axis2=2)[:, :count]
    enough = spread > 1e-6 * others
    ridge = (SHRUNK if count > 1 else 0.0) * spread.mean(axis=1, keepdims=True)
    inner, between = (
        left[:, :count, :count].copy(),
        np.where(enough[:, :, None], left[:, :count, count:], 0.0),
    )
    inner[:, range(count), range(count)] += np.where(enough, ridge, np.maximum(others, 1.0))
    return floats(np.linalg.solve(inner, between))


def _not_applicable(reason: str, how: _How) -> Association:
    absent = Estimate.absent(
        reason, n_clips=len(how.groups), n_groups=how.groups.distinct, level=how.options.level
    )
    return Association(None, None, None, absent, absent, None, None, reason)


def _judged(
    truth: FloatArray, plain: FloatArray, more: FloatArray, fold: IntArray, tested: Tested | None, how: _How
) -> Association:
    gain, gained = _gains(truth, plain, more, how.groups, fold, how.options)
    if tested is None:
        note = "nothing of the signal is left to test once confidence is known"
        return Association(None, None, None, gain, gained, None, None, note)
    found = verdict(tested.p, gain.low, gain.high, delta=how.delta)
    gain = gain.with_p(tested.p)
    return Association(
        tested.p, tested.t, tested.correlation, gain, gained, found, smallest_detectable(gain.se)
    )


def _gains(
    truth: FloatArray,
    plain: FloatArray,
    more: FloatArray,
    groups: Groups,
    strata: IntArray,
    options: Resampling,
) -> tuple[Estimate, Estimate]:
    """Gain in AUROC and in log-loss (nats) of `more` over `plain`, with grouped intervals."""
    ranked = [auroc_statistic(score, truth, groups, strata=strata) for score in (more, plain)]
    before, after = (_soft_log_loss(score, truth) for score in (plain, more))
    lost = ratio(before - after, np.ones(len(truth)), groups)
    return estimate(difference(*ranked), limits=SIGNED, options=options), estimate(lost, options=options)


def _soft_log_loss(score: FloatArray, truth: FloatArray) -> FloatArray:
    held = np.clip(score, 0.01, 0.99)
    return floats(-(truth * np.log(held) + (1.0 - truth) * np.log(1.0 - held)))
