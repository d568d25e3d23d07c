"""Does a signal say anything about a target beyond what confidence already says?

The target and the signal are both predicted from confidence, each clip by a fit that never saw its group. If
what is left of the one goes with what is left of the other, over groups, the signal adds something (the
generalised covariance measure). How much it adds is described by a gain in AUROC and in log-loss, which
support no test.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from .arrays import BoolArray, FloatArray, IntArray, floats
from .calibration import group_folds
from .groups import Groups
from .inference import JACKKNIFE, Estimate, Resampling, difference, estimate, ratio
from .ranking import auroc_statistic
from .significance import group_t_test, sign_flip
from .splines import cross_fitted, make_basis

__all__ = [
    "DELTA",
    "Association",
    "Verdict",
    "association",
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

SIGN_FLIP_BELOW = 20
"""Effective groups below which the sign-flip replaces the t test."""


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


def _usable(target: FloatArray, signal: FloatArray, base: FloatArray) -> BoolArray:
    return np.asarray(np.isfinite(target) & np.isfinite(signal).all(axis=1) & np.isfinite(base).all(axis=1))


def _refusal(target: FloatArray, signal: FloatArray, groups: Groups) -> str:
    if len(target) < FEWEST_CLIPS:
        return f"{len(target)} clips have target, signal and confidence; {FEWEST_CLIPS} are needed"
    if groups.distinct < FEWEST_GROUPS:
        return f"{groups.distinct} groups; {FEWEST_GROUPS} are needed to fit on some and judge on others"
    if np.ptp(target) == 0:
        return "the target is the same on every clip"
    return "the signal is the same on every clip" if np.ptp(signal) == 0 else ""


def residual_test(
    target: ArrayLike,
    signal: ArrayLike,
    base: ArrayLike,
    groups: Groups,
    *,
    folds: int = 5,
    seed: int = 0,
) -> tuple[float, float, float] | None:
    """p, t and residual correlation that `signal` (n,) adds nothing about `target` (n,) to `base` (n, K).

    `base` holds the fused and every unimodal confidence. Residuals of target and signal on their spline basis,
    cross-fitted by group; R_g = Σ_i∈g e_i s_i; t test over groups, or the sign-flip below 20 effective groups
    (generalised covariance measure, Shah & Peters 2020). Clips with NaN anywhere are left out. None when it
    cannot be done (`association` says why). Two-sided; a positive t means that more signal goes with more
    target.

    >>> rng = np.random.default_rng(0)
    >>> base, signal = rng.random((400, 2)), rng.random(400)
    >>> p, t, r = residual_test(signal > rng.random(400), signal, base, Groups.of(np.arange(400) % 40))
    >>> p < 0.001, t > 0
    (True, True)
    """
    truth, shown, held = floats(target), floats(signal).reshape(len(floats(target)), -1), floats(base)
    held = held.reshape(len(truth), -1)
    kept = _usable(truth, shown, held)
    inside = groups.take(kept)
    if _refusal(truth[kept], shown[kept], inside):
        return None
    fold = group_folds(inside, folds=folds, seed=seed)
    both = np.stack([truth[kept], shown[kept][:, 0]], axis=1)
    left = both - cross_fitted(make_basis(held[kept]), held[kept], both, fold)
    return _judge(left, inside)


def _judge(left: FloatArray, groups: Groups) -> tuple[float, float, float] | None:
    sums = groups.sums(left[:, 0] * left[:, 1])
    tested = group_t_test(sums, groups.sizes)
    if tested is None:
        return None
    t, p = tested
    if groups.effective < SIGN_FLIP_BELOW:
        p = sign_flip(sums) or p
    spread = float(np.sqrt((left[:, 0] ** 2).sum() * (left[:, 1] ** 2).sum()))
    return p, t, float(sums.sum() / spread) if spread > 0 else 0.0


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

    `target` (n,) in [0, 1] (a share weighs as in `auroc`), `base` (n, B) the confidences. Effect sizes compare
    two cross-fitted predictions of the target, from the base with and without splines of the signals, on the same
    folds, with pairs compared within a fold; their intervals are conditional on the fits. Log-loss is on
    predictions held in [.01, .99].

    >>> rng = np.random.default_rng(0)
    >>> base, signal = rng.random((400, 2)), rng.random(400)
    >>> association(signal > rng.random(400), signal, base, Groups.of(np.arange(400) % 40)).verdict
    'yes'
    """
    truth, held = floats(target), floats(base).reshape(len(floats(target)), -1)
    shown = floats(signals).reshape(len(truth), -1)
    kept = _usable(truth, shown, held)
    truth, shown, held, inside = truth[kept], shown[kept], held[kept], groups.take(kept)
    refused = _refusal(truth, shown[:, :1], inside)
    if refused:
        absent = Estimate.absent(refused, n_clips=len(truth), n_groups=inside.distinct, level=options.level)
        return Association(None, None, None, absent, absent, None, None, refused)
    fold = group_folds(inside, folds=folds, seed=seed)
    basis = make_basis(held)
    both = np.stack([truth, shown[:, 0]], axis=1)
    plain = cross_fitted(basis, held, both, fold)
    more = cross_fitted(basis, held, truth[:, None], fold, extra=make_basis(shown, pairwise=False)(shown))[
        :, 0
    ]
    tested = _judge(both - plain, inside)
    gain, gained = _gains(truth, plain[:, 0], more, inside, fold, options)
    p, t, correlation = tested or (None, None, None)
    note = "" if tested else "nothing is left to test once confidence is known"
    found = verdict(p, gain.low, gain.high, delta=delta) if tested else None
    return Association(p, t, correlation, gain.with_p(p), gained, found, smallest_detectable(gain.se), note)


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
    return estimate(difference(*ranked), options=options), estimate(lost, options=options)


def _soft_log_loss(score: FloatArray, truth: FloatArray) -> FloatArray:
    held = np.clip(score, 0.01, 0.99)
    return floats(-(truth * np.log(held) + (1.0 - truth) * np.log(1.0 - held)))
