"""What each modality carries over a whole corpus: means of Shapley values with intervals over groups and seeds, how two
modalities compare, and whether one can be said to carry more than every other.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np

from mixedsignals.diagnosis.attribution import Attribution
from mixedsignals.diagnosis.evidence import Case, Floats
from mixedsignals.diagnosis.seeds import mean_over
from mixedsignals.measures.inference import SIGNED, UNBOUNDED, Estimate, Limits, ratio
from mixedsignals.measures.significance import holm, sign_flip

__all__ = ["NOTHING", "Carried", "Contrast", "carried", "mean_of_clips"]

NOTHING = 1e-9
"""What is nearer to zero than this came from rounding: a modality that a model ignores altogether."""


@dataclass(frozen=True, eq=False)
class Contrast:
    """How much more `first` carries than `second`; p of no difference by flipping whole groups, Holm over all pairs."""

    first: str
    second: str
    found: Estimate
    p_adjusted: float | None

    def shown(self, alpha: float) -> bool:
        """Whether the first is shown to carry more: interval above zero, and p after Holm below `alpha`."""
        above = self.found.low is not None and self.found.low > NOTHING
        return above and self.p_adjusted is not None and self.p_adjusted < alpha


@dataclass(frozen=True, eq=False)
class Carried:
    """Corpus numbers of one attribution, by modality.

    predicted and true are mean Shapley values in nats, right those on the share of clips that are right; last is what
    the modality adds to that share when all others are there; flips is the share of clips whose label changes when it
    is left out. gaps and gaps_right hold every pair both ways.
    """

    predicted: Mapping[str, Estimate]
    true: Mapping[str, Estimate]
    right: Mapping[str, Estimate]
    last: Mapping[str, float]
    flips: Mapping[str, Estimate]
    gaps: Mapping[tuple[str, str], Contrast]
    gaps_right: Mapping[tuple[str, str], Contrast]

    @property
    def order(self) -> list[str]:
        """Modalities from the one that carries most of what is said to the one that carries least."""
        return sorted(self.predicted, key=lambda m: -(self.predicted[m].value or 0.0))

    @property
    def harmful(self) -> list[str]:
        """Modalities that surely take from the share of clips right, on the whole and added to all others as well."""
        return [
            m
            for m, found in self.right.items()
            if found.high is not None and found.high < -NOTHING > self.last[m]
        ]

    def leader(self, alpha: float) -> str | None:
        """The modality that is shown to carry more of what is said than every other; None where it cannot be told."""
        first, *others = self.order
        return first if all(self.gaps[first, other].shown(alpha) for other in others) else None


def carried(case: Case, one: Attribution) -> Carried:
    """The corpus numbers of an attribution, once per case."""
    return case.once(f"carried:{one.name}", lambda: _carried(case, one))


def mean_of_clips(case: Case, values: Floats, *, limits: Limits = UNBOUNDED) -> Estimate:
    """Mean over clips and seeds of values (seeds, clips), with an interval over groups and seeds."""
    return mean_over(case, list(values), lambda v: ratio(v, np.ones(len(v)), case.groups), limits=limits)


def _carried(case: Case, one: Attribution) -> Carried:
    def means(values: Floats, limits: Limits = UNBOUNDED) -> dict[str, Estimate]:
        return {m: mean_of_clips(case, values[at], limits=limits) for at, m in enumerate(one.modalities)}

    right = one.values("right")
    everything = len(right) - 1
    return Carried(
        last={m: _gain(right[-1] - right[everything & ~(1 << at)]) for at, m in enumerate(one.modalities)},
        predicted=means(one.shapley_own),
        true=means(one.shapley_true),
        right=means(one.shapley_right, SIGNED),
        flips={modality: _flips(case, one, modality) for modality in one.modalities},
        gaps=_contrasts(case, one, one.shapley_own, UNBOUNDED),
        gaps_right=_contrasts(case, one, one.shapley_right, (-2.0, 2.0)),
    )


def _gain(values: Floats) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else 0.0


def _flips(case: Case, one: Attribution, modality: str) -> Estimate:
    full = one.predicted((1 << len(one.modalities)) - 1)
    changed = np.where(full >= 0, full != one.without(modality), np.nan)
    return mean_over(case, list(changed), lambda v: ratio(v, np.ones(len(v)), case.groups), scale="logit")


def _contrasts(
    case: Case, one: Attribution, values: Floats, limits: Limits
) -> dict[tuple[str, str], Contrast]:
    """Every pair of modalities both ways; values (M, seeds, clips)."""
    pairs = list(combinations(range(len(one.modalities)), 2))
    found, p_values = [], []
    for first, second in pairs:
        apart = values[first] - values[second]
        p = _flipped(case, apart)
        found.append(mean_of_clips(case, apart, limits=limits).with_p(p))
        p_values.append(p)
    contrasts = {}
    for (first, second), estimate, p in zip(pairs, found, holm(p_values), strict=True):
        one_way = Contrast(one.modalities[first], one.modalities[second], estimate, p)
        contrasts[one_way.first, one_way.second] = one_way
        contrasts[one_way.second, one_way.first] = Contrast(
            one_way.second, one_way.first, _turned(estimate), p
        )
    return contrasts


def _turned(found: Estimate) -> Estimate:
    def minus(value: float | None) -> float | None:
        return None if value is None else -value

    return replace(found, value=minus(found.value), low=minus(found.high), high=minus(found.low))


def _flipped(case: Case, apart: Floats) -> float | None:
    """p of no difference, by flipping the sign of whole groups; values (seeds, clips)."""
    mean = apart.mean(axis=0)
    known = np.isfinite(mean)
    if not known.any():
        return None
    return sign_flip(case.groups.take(known).sums(mean[known]), seed=case.options.seed)
