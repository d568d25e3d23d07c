"""A model's predictions as dense arrays, and which of them are ordinary sources.

A source `NAME~HANDLING` is the model NAME shown fewer modalities, with the gap filled in the way the word says
(`token`, `resampled`). Such rows, and the subsets that probes add for a fused source, say how a model works inside;
they are no models of their own, so ordinary checks do not see them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from mixedsignals.labels import combination
from mixedsignals.measures.arrays import floats

__all__ = ["HANDLINGS", "SUBSET", "Source", "added_by_probes", "handlings_of", "seed_mean", "width"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

SUBSET = "subset"
"""The handling without a suffix: a model that was trained on exactly the modalities it is given."""

HANDLINGS = (SUBSET, "token", "resampled")
"""How a missing modality is handled: a model trained without it, a learned token, the mean over donors."""


@dataclass(frozen=True, eq=False)
class Source:
    """One model under one combination of modalities.

    name and given as in `predictions`; seeds in ascending order; probability (seeds, clips, labels), NaN where a
    seed has no prediction for a clip.
    """

    name: str
    given: str
    seeds: tuple[int, ...]
    probability: Floats

    @cached_property
    def predicted(self) -> Ints:
        """The label with the largest raw probability, (seeds, clips); the first of equals; −1 where absent."""
        absent = np.isnan(self.probability[..., 0])
        filled = np.where(absent[..., None], 0.0, self.probability)
        result: Ints = np.where(absent, -1, filled.argmax(-1))
        return result

    @cached_property
    def present(self) -> Bools:
        """Which clips at least one seed predicted, (clips,)."""
        result: Bools = np.any(self.predicted >= 0, axis=0)
        return result

    @cached_property
    def complete(self) -> Bools:
        """Which clips every seed predicted, (clips,)."""
        result: Bools = np.all(self.predicted >= 0, axis=0)
        return result

    @cached_property
    def mean(self) -> Floats:
        """Probabilities averaged over the seeds that are there, (clips, labels); NaN where absent."""
        return seed_mean(self.probability)

    @cached_property
    def voted(self) -> Ints:
        """The label of the seed-mean probability, (clips,); −1 where absent."""
        absent = ~self.present
        filled = np.where(absent[:, None], 0.0, self.mean)
        result: Ints = np.where(absent, -1, filled.argmax(-1))
        return result


def seed_mean(probability: Floats) -> Floats:
    """The mean over the first axis of what is there; NaN where nothing is."""
    if len(probability) == 1:
        return floats(probability[0])
    there = ~np.isnan(probability[..., 0])
    total = np.where(there[..., None], probability, 0.0).sum(0)
    count = there.sum(0)[..., None]
    result: Floats = np.divide(total, count, out=np.full_like(total, np.nan), where=count > 0)
    return result


def width(given: str) -> int:
    """How many modalities a `given` has."""
    return len(given.split("+"))


def added_by_probes(
    pairs: Iterable[tuple[str, str]], *, fusion: str, probed: Collection[str]
) -> set[tuple[str, str]]:
    """Which pairs of source and given are no ordinary ones.

    Those are names with `~`; and, of a source that was probed, what it says given fewer modalities than all, except
    that `fusion` is shown given two or more as it is without probes.
    """
    pairs = list(pairs)
    most: dict[str, int] = {}
    for name, given in pairs:
        most[name] = max(most.get(name, 0), width(given))
    return {
        (name, given)
        for name, given in pairs
        if "~" in name
        or (name in probed and width(given) < most[name] and (name != fusion or width(given) == 1))
    }


def handlings_of(
    name: str, sources: Sequence[Source], parts: Sequence[Source]
) -> dict[str, dict[str, Source]]:
    """Handling to given to source, for a fused source `name`, in the order of `HANDLINGS`.

    What it says given all its modalities counts for every handling, for then nothing is missing. Given one modality,
    `subset` falls back on the single source (of `parts`) that was given it, if there is one, by preference the one of
    its name. Empty for a source that was not given two or more modalities.
    """
    own = {source.given: source for source in sources if source.name == name}
    full = max(own, key=width, default="")
    if width(full) < 2:
        return {}
    fallback = {m: one for m in full.split("+") if (one := _alone(m, parts)) is not None}
    found = {SUBSET: {**fallback, **own}}
    for source in sources:
        whose, _, handling = source.name.partition("~")
        if whose == name and handling in HANDLINGS:
            found.setdefault(handling, {full: own[full]})[source.given] = source
    return {handling: _ordered(found[handling]) for handling in HANDLINGS if handling in found}


def _alone(modality: str, parts: Sequence[Source]) -> Source | None:
    given = [part for part in parts if part.given == modality]
    named = [part for part in given if part.name == modality]
    chosen = named or given
    return chosen[0] if len(chosen) == 1 else None


def _ordered(held: dict[str, Source]) -> dict[str, Source]:
    """Singles first, each size in canonical order."""
    order = combination("+".join(held).split("+")).split("+")
    return dict(
        sorted(held.items(), key=lambda item: (width(item[0]), [order.index(m) for m in item[0].split("+")]))
    )
