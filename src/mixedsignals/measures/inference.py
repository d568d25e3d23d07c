"""One number with its interval: the delete-one-group jackknife, and the group bootstrap for many groups.

A measure arrives as a `Statistic`, a function of one weight per group. The jackknife sets one weight to zero
at a time and the bootstrap draws whole-number weights, so neither looks at the clips again.
`estimate` turns any statistic into an `Estimate`, the record that every number of a report comes in.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal, Protocol

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from .arrays import FloatArray, divided, floats, number
from .groups import Groups
from .scales import Scale, clopper_pearson, forward, inverse, slope

__all__ = [
    "EXACT_CLIPS",
    "SIGNED",
    "UNBOUNDED",
    "UNIT",
    "ByClip",
    "Combination",
    "Estimate",
    "Limits",
    "Resampling",
    "Statistic",
    "Totals",
    "bootstrap_weights",
    "difference",
    "estimate",
    "jackknife_variance",
    "mean",
    "rate",
    "ratio",
    "square_root",
    "value_of",
    "within",
]

Limits = tuple[float, float]
"""The least and the largest value that a measure can have."""

UNBOUNDED: Limits = (-math.inf, math.inf)
UNIT: Limits = (0.0, 1.0)
SIGNED: Limits = (-1.0, 1.0)
"""The limits of a difference of two shares."""

FEWEST_TRUSTED = 10
"""Effective groups below which an interval is shown as not to be trusted."""

FEWEST_FOR_BOOTSTRAP = 40
"""Groups below which the percentile bootstrap covers too little, so that the jackknife is used instead."""

EXACT_CLIPS, EXACT_WORK = 20_000, 4_000_000
"""Clips, and clips times groups, up to which a measure that needs the order of clips leaves out every group exactly."""

CHUNK = 4_000_000
"""Most numbers held at once while a statistic is computed under many weightings."""


@dataclass(frozen=True)
class Estimate:
    """A value, its interval and what stands behind both.

    `value`, `low`, `high`, `se` and `p` are None where they do not exist, and `note` then says why; they are
    never NaN. `trusted` is False below ten effective groups, or without an interval.

    >>> Estimate.absent("no clip has two votes").value is None
    True
    """

    value: float | None
    low: float | None
    high: float | None
    level: float
    method: str
    n_clips: int
    n_groups: int
    effective_groups: float
    trusted: bool
    se: float | None = None
    p: float | None = None
    note: str = ""

    def __post_init__(self) -> None:
        numbers = (self.value, self.low, self.high, self.se, self.p)
        if any(number is not None and not math.isfinite(number) for number in numbers):
            raise ValueError(f"an estimate holds finite numbers or None, not {numbers}")

    @classmethod
    def absent(cls, note: str, *, n_clips: int = 0, n_groups: int = 0, level: float = 0.95) -> Estimate:
        """A number that is not applicable, with the reason."""
        return cls(None, None, None, level, "none", n_clips, n_groups, 0.0, False, note=note)

    def with_p(self, p: float | None) -> Estimate:
        """The same estimate with the p-value of its test."""
        return replace(self, p=p)


@dataclass(frozen=True)
class Resampling:
    """How an interval is made: `level`, `method`, and for the bootstrap `resamples` and `seed`."""

    level: float = 0.95
    method: Literal["jackknife", "bootstrap"] = "jackknife"
    resamples: int = 2000
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 < self.level < 1:
            raise ValueError(f"level must lie between 0 and 1, not {self.level}")
        if self.method == "bootstrap" and self.resamples < 2000:
            raise ValueError(f"a percentile interval needs 2,000 resamples or more, not {self.resamples}")


JACKKNIFE = Resampling()


class Statistic(Protocol):
    """A measure as a function of one weight per group. NaN stands for "undefined under these weights"."""

    @property
    def groups(self) -> Groups:
        """The groups of the clips that count."""

    def at(self, weights: FloatArray) -> FloatArray:
        """The values (R,) under the group weights (R, G)."""

    def without_each(self) -> FloatArray:
        """The values (G,) with each group left out in turn."""


@dataclass(frozen=True, eq=False)
class Totals:
    """A function of sums over groups: means, rates, F1, alpha, Mantel-Haenszel.

    `parts` (G, …) are the sums per group; `function` maps totals (R, …) to values (R,).
    """

    parts: FloatArray
    function: Callable[[FloatArray], FloatArray]
    groups: Groups

    def at(self, weights: FloatArray) -> FloatArray:
        """See `Statistic`."""
        flat = weights @ self.parts.reshape(len(self.parts), -1)
        return self.function(flat.reshape(len(weights), *self.parts.shape[1:]))

    def without_each(self) -> FloatArray:
        """See `Statistic`: the total less each part, so the cost is one pass."""
        return self.function(self.parts.sum(axis=0) - self.parts)


@dataclass(frozen=True, eq=False)
class ByClip:
    """A function of one weight per clip, for measures that need the order of the clips (AURC, Spearman).

    `function` maps clip weights (R, n) to values (R,). `slope`, where a measure has it, gives the derivative of the
    value by each clip's weight (n,), all weights being one: with very many clips and groups, leaving a group out
    then costs the sum of its slopes (the influence function) instead of a pass over all clips.
    """

    function: Callable[[FloatArray], FloatArray]
    groups: Groups
    slope: Callable[[], FloatArray] | None = None

    @classmethod
    def merged(
        cls,
        function: Callable[[FloatArray], FloatArray],
        groups: Groups,
        *,
        slope: Callable[[], FloatArray] | None = None,
    ) -> ByClip:
        """The statistic, on blocks of groups where leaving out every group is not affordable without slopes.

        Slopes are used above 20,000 clips, from the 21st group on, where clips times groups exceed four million.
        """
        clips = max(len(groups), 1)
        if slope is not None and clips > EXACT_CLIPS and groups.count > max(20, EXACT_WORK // clips):
            return cls(function, groups, slope)
        return cls(function, groups.blocks(max(50, min(2000, 200_000_000 // clips))))

    @property
    def linear(self) -> bool:
        """Whether leaving a group out is approximated by its influence."""
        return self.slope is not None

    def at(self, weights: FloatArray) -> FloatArray:
        """See `Statistic`."""
        if len(weights) == 1 and (weights == 1.0).all():
            return self.function(np.ones((1, len(self.groups))))
        rows = max(1, CHUNK // max(len(self.groups), 1))
        chunks = [weights[at : at + rows] for at in range(0, len(weights), rows)]
        return np.concatenate([self.function(chunk[:, self.groups.codes]) for chunk in chunks])

    def without_each(self) -> FloatArray:
        """See `Statistic`."""
        if self.slope is not None:
            sizes = self.groups.sizes
            influence = self.groups.sums(self.slope()) * sizes.sum() / np.maximum(sizes.sum() - sizes, 1.0)
            return floats(self.at(np.ones((1, self.groups.count))) - influence)
        rows = max(1, CHUNK // max(len(self.groups), 1))
        values = []
        for start in range(0, self.groups.count, rows):
            left_out = np.arange(start, min(start + rows, self.groups.count))
            values.append(self.function((left_out[:, None] != self.groups.codes[None, :]).astype(np.float64)))
        return np.concatenate(values) if values else np.empty(0)


@dataclass(frozen=True, eq=False)
class Combination:
    """A linear combination of statistics on the same groups: differences, means over sources."""

    statistics: Sequence[Statistic]
    coefficients: Sequence[float]

    @property
    def groups(self) -> Groups:
        """The groups of the first statistic."""
        return self.statistics[0].groups

    def at(self, weights: FloatArray) -> FloatArray:
        """See `Statistic`."""
        values = np.stack([statistic.at(weights) for statistic in self.statistics])
        return np.asarray(self.coefficients, dtype=np.float64) @ values

    def without_each(self) -> FloatArray:
        """See `Statistic`."""
        values = np.stack([statistic.without_each() for statistic in self.statistics])
        return np.asarray(self.coefficients, dtype=np.float64) @ values


def difference(first: Statistic, second: Statistic) -> Combination:
    """The paired difference first − second of two statistics on the same clips and groups."""
    if first.groups.count != second.groups.count:
        raise ValueError("a paired difference needs both statistics on the same groups")
    return Combination((first, second), (1.0, -1.0))


def _share(totals: FloatArray) -> FloatArray:
    return divided(totals[..., 0], totals[..., 1])


def ratio(numerator: ArrayLike, denominator: ArrayLike, groups: Groups) -> Totals:
    """Σ numerator / Σ denominator over clips, both (n,); clips where either is NaN are left out."""
    both = np.stack(
        [np.asarray(numerator, dtype=np.float64), np.asarray(denominator, dtype=np.float64)], axis=1
    )
    kept = np.isfinite(both).all(axis=1)
    inside = groups.take(kept)
    return Totals(inside.sums(both[kept]), _share, inside)


def mean(
    values: ArrayLike,
    groups: Groups,
    *,
    weights: ArrayLike | None = None,
    limits: Limits = UNBOUNDED,
    options: Resampling = JACKKNIFE,
) -> Estimate:
    """Mean of `values` (n,) over clips, with the interval of its groups; NaN clips are left out.

    `limits` are those of the values: the interval is cut there.

    >>> found = mean([0.0, 1.0, 2.0, 3.0], Groups.of("aabb"))
    >>> found.value, found.n_groups, found.trusted
    (1.5, 2, False)
    """
    return estimate(_mean(values, groups, weights), limits=limits, options=options)


def rate(
    hits: ArrayLike, groups: Groups, *, weights: ArrayLike | None = None, options: Resampling = JACKKNIFE
) -> Estimate:
    """Share of hits among clips, `hits` (n,) in [0, 1]; the interval is made on the logit, inside [0, 1].

    At 0 or 1 exactly the jackknife sees no variation: the bound is then Clopper-Pearson's with one trial per
    effective group, which is cautious and says so in `method`.

    >>> rate([True, False, False, True], Groups.each(4)).value
    0.5
    """
    return estimate(_mean(hits, groups, weights), scale="logit", options=options)


def _mean(values: ArrayLike, groups: Groups, weights: ArrayLike | None) -> Totals:
    given = np.asarray(values, dtype=np.float64)
    each = np.ones(len(given)) if weights is None else np.asarray(weights, dtype=np.float64)
    return ratio(given * each, each + 0.0 * given, groups)


def value_of(statistic: Statistic) -> float | None:
    """The value with every group counted once; None where undefined."""
    return number(statistic.at(np.ones((1, statistic.groups.count)))[0])


def jackknife_variance(left_out: FloatArray) -> float:
    """(G−1)/G Σ (θ₍g₎ − θ̄)² from the G leave-one-out values (Quenouille-Tukey)."""
    count = len(left_out)
    return float((count - 1) / count * ((left_out - left_out.mean()) ** 2).sum())


def spread_on(left_out: FloatArray, scale: Scale, steep: float) -> float:
    """Standard error on `scale` from leave-one-out values (G,).

    By the delta method (`steep` is the slope there) where one of them is at an end of the range, for instance when
    all errors were made with one speaker.
    """
    moved = forward(left_out, scale)
    if np.isfinite(moved).all():
        return math.sqrt(jackknife_variance(moved))
    return steep * math.sqrt(jackknife_variance(left_out))


def bootstrap_weights(groups: Groups, resamples: int, *, seed: int = 0) -> FloatArray:
    """Group weights (resamples, G) of a bootstrap that draws as many groups as have clips, with replacement."""
    chance = groups.present / groups.present.sum()
    drawn = np.random.default_rng(seed).multinomial(int(groups.present.sum()), chance, size=resamples)
    return drawn.astype(np.float64)


def estimate(
    statistic: Statistic,
    *,
    scale: Scale = "identity",
    limits: Limits = UNBOUNDED,
    options: Resampling = JACKKNIFE,
) -> Estimate:
    """A statistic with its interval, counted over groups.

    `scale` is where the interval is symmetric: `logit` for shares, F1 and AUROC, `fisher` for correlations and alpha,
    `log` for what lies above 0, `identity` for differences. With few groups an interval can reach beyond what the
    measure can be: it is cut at `limits`, which takes nothing from its coverage.
    The jackknife uses the t quantile with Kish's effective groups − 1 degrees of freedom; where a measure that needs
    the order of very many clips sums the influence of a group instead of leaving it out, `method` says "influence".
    The bootstrap is used only where asked for and from 40 groups on.
    """
    groups = statistic.groups
    behind = {"n_clips": len(groups), "n_groups": groups.distinct, "level": options.level}
    if not len(groups):
        return Estimate.absent("no clip to compute it on", level=options.level)
    value = value_of(statistic)
    if value is None:
        return Estimate.absent("undefined on these clips (nothing to divide by)", **behind)  # type: ignore[arg-type]
    bare = Estimate(
        value, None, None, options.level, "none", len(groups), groups.distinct, groups.effective, False
    )
    if groups.distinct < 2:
        return replace(bare, note="one group only: no interval can be given")
    if options.method == "bootstrap" and groups.distinct >= FEWEST_FOR_BOOTSTRAP:
        return _percentile(statistic, bare, options)
    left_out = statistic.without_each()[groups.present]
    if not np.isfinite(left_out).all():
        return replace(bare, note="rests on a single group (undefined without it): no interval can be given")
    found = within(_symmetric(bare, left_out, scale), limits)
    if isinstance(statistic, ByClip) and statistic.linear:
        return replace(found, method=found.method.replace("jackknife", "influence"))
    return found


def within(found: Estimate, limits: Limits) -> Estimate:
    """The estimate with its interval cut at `limits`.

    >>> within(Estimate(0.9, 0.6, 1.2, 0.95, "jackknife", 9, 9, 9.0, False), UNIT).high
    1.0
    """
    if found.low is None or found.high is None:
        return found
    return replace(found, low=max(found.low, limits[0]), high=min(found.high, limits[1]))


def _symmetric(bare: Estimate, left_out: FloatArray, scale: Scale) -> Estimate:
    """The jackknife t interval on `scale`."""
    value, effective = float(bare.value or 0.0), bare.effective_groups
    raw = math.sqrt(jackknife_variance(left_out))
    trusted = effective >= FEWEST_TRUSTED
    steep = slope(value, scale)
    if scale == "logit" and steep is None:
        low, high = clopper_pearson(value, effective, bare.level)
        return replace(bare, low=low, high=high, se=raw, method="clopper-pearson-groups", trusted=trusted)
    if steep is None:
        return replace(
            bare, low=value, high=value, se=raw, method="jackknife", note="at the end of its range"
        )
    spread = spread_on(left_out, scale, steep)
    quantile = float(stats.t.ppf(0.5 + bare.level / 2, max(effective - 1.0, 1.0)))
    centre = float(forward(np.asarray([value]), scale)[0])
    low, high = inverse(np.asarray([centre - quantile * spread, centre + quantile * spread]), scale)
    return replace(
        bare, low=float(low), high=float(high), se=raw, method=f"jackknife-{scale}", trusted=trusted
    )


def square_root(found: Estimate, *, most: float = float("inf")) -> Estimate:
    """The root of an estimate of something that cannot be negative but whose unbiased estimate can, held in [0, most].

    The interval is made before the root is taken, where the estimate is smooth, and carried over with it.

    >>> square_root(Estimate(-0.01, -0.1, 0.04, 0.95, "jackknife", 9, 9, 9.0, False)).high
    0.2
    """

    def root(value: float | None) -> float | None:
        return None if value is None else min(math.sqrt(max(value, 0.0)), most)

    value = root(found.value)
    se = found.se / (2.0 * value) if found.se is not None and value else None
    return replace(
        found, value=value, low=root(found.low), high=root(found.high), se=se, method=f"{found.method}-root"
    )


def _percentile(statistic: Statistic, bare: Estimate, options: Resampling) -> Estimate:
    """The percentile interval of the group bootstrap; resamples in which the statistic is undefined drop out."""
    values = statistic.at(bootstrap_weights(statistic.groups, options.resamples, seed=options.seed))
    kept = values[np.isfinite(values)]
    if len(kept) < 0.95 * len(values):
        return replace(bare, note="undefined in more than one resample of twenty: no interval can be given")
    low, high = np.quantile(kept, [0.5 - options.level / 2, 0.5 + options.level / 2])
    return replace(
        bare,
        low=float(low),
        high=float(high),
        se=float(kept.std(ddof=1)),
        method="bootstrap",
        trusted=bare.effective_groups >= FEWEST_TRUSTED,
    )
