"""Predictions of several sources seed by seed, and means over seeds of what is computed from them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np

from mixedsignals.diagnosis.evidence import Case, Ints, Source
from mixedsignals.measures.crossed import across_seeds
from mixedsignals.measures.inference import UNBOUNDED, Estimate, Limits, Resampling, Statistic
from mixedsignals.measures.scales import Scale

Seed = TypeVar("Seed")

__all__ = ["mean_over", "seed_wise", "together"]


def seed_wise(sources: Sequence[Source]) -> list[Ints]:
    """Predicted codes (sources, clips) for every seed that all sources have, -1 where a clip lacks a seed.

    Sources without a common seed (models of different makers) are compared once, by their seed-mean labels.
    A source that says nothing about a clip stays -1 there; a clip that some but not all seeds predict is left out.
    """
    shared = sorted(set.intersection(*(set(source.seeds) for source in sources)))
    if not shared:
        return [np.stack([source.voted for source in sources])]
    partial = np.any([source.present & ~source.complete for source in sources], axis=0)
    held = []
    for seed in shared:
        codes = np.stack([source.predicted[source.seeds.index(seed)] for source in sources])
        held.append(np.where(partial, -1, codes))
    return held


def together(case: Case, sources: Sequence[Source]) -> list[Ints]:
    """`seed_wise` on the clips that every one of the sources predicted; the others are -1 throughout."""
    everyone = np.all([source.present for source in sources], axis=0)
    key = "together:" + "|".join(f"{s.name}/{s.given}" for s in sources)
    return case.once(key, lambda: [np.where(everyone, codes, -1) for codes in seed_wise(sources)])


def mean_over(
    case: Case,
    seeds: Sequence[Seed],
    statistic: Callable[[Seed], Statistic],
    *,
    scale: Scale = "identity",
    limits: Limits = UNBOUNDED,
) -> Estimate:
    """The mean over seeds of a statistic of what each seed gives, with its interval over groups and seeds."""
    options = Resampling(level=case.options.level)
    return across_seeds([statistic(one) for one in seeds], scale=scale, limits=limits, options=options)
