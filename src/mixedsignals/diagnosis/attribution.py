"""Which modality carries a fused decision: exact Shapley values from what a model says given each subset.

One `Attribution` per fused source and per way of filling a gap (a model trained on the subset, a learned missing
token, donors). Values are log-odds in nats, of the label that the source predicts and of the target, and right or
wrong. They come per seed, and are NaN for a clip that lacks a modality or a subset.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np

from mixedsignals.diagnosis.evidence import Case
from mixedsignals.diagnosis.prior import Prior
from mixedsignals.diagnosis.results import NotApplicable
from mixedsignals.diagnosis.sources import SUBSET, Bools, Floats, Ints, Source
from mixedsignals.labels import all_combinations
from mixedsignals.measures.arrays import floats
from mixedsignals.measures.dominance import interactions, shapley
from mixedsignals.measures.unsupported import log_odds

__all__ = ["Attribution", "Kind", "attributions", "first_of_each", "largest"]

Kind = Literal["predicted", "own", "true", "right"]

_SPOKEN = {
    "subset": "models trained on each subset",
    "token": "a learned missing token",
    "resampled": "modalities lent by other clips",
}
_AS_GIVEN = "what it says given each subset"


@dataclass(frozen=True, eq=False)
class Attribution:
    """What a fused source says given each subset of its modalities, under one handling of what is missing.

    Attributes:
        source, handling: the fused source, and `subset`, `token` or `resampled`.
        modalities: M of them in canonical order; bit m of a subset's number stands for modality m, 0 is none of them.
        seeds: those that every subset has; empty where there is no common one, and the means over seeds are taken.
        probability: for each of the 2^M − 1 subsets in the order of its number (seeds, clips, labels).
        prior: what is said given nothing, (clips, labels).
        target: (clips,), −1 where there is none.
        lacking: (clips,), which predicted clips lack a modality or a subset, so that they have no values.
    """

    source: str
    handling: str
    modalities: tuple[str, ...]
    seeds: tuple[int, ...]
    probability: tuple[Floats, ...]
    prior: Prior
    target: Ints
    lacking: Bools

    @property
    def name(self) -> str:
        """As in `estimates.source`: `fusion` for models trained on each subset, else `fusion~token`."""
        return self.source if self.handling == SUBSET else f"{self.source}~{self.handling}"

    @property
    def handled(self) -> str:
        """How the gaps are filled, in words: only `fusion` is known to be a model trained on each subset."""
        unknown = self.handling == SUBSET and self.source != "fusion"
        return _AS_GIVEN if unknown else _SPOKEN[self.handling]

    @cached_property
    def present(self) -> Bools:
        """Which clips have values, (clips,)."""
        given = np.all([np.isfinite(p[..., 0]).all(axis=0) for p in self.probability], axis=0)
        result: Bools = given & ~self.lacking
        return result

    @cached_property
    def said(self) -> Ints:
        """The label that the source predicts given everything, of the mean over seeds, (clips,); −1 where absent."""
        mean = self.probability[-1].mean(axis=0)
        return np.where(self.present, np.nan_to_num(mean).argmax(axis=-1), -1).astype(np.int64)

    def predicted(self, given: int) -> Ints:
        """The label given a subset (by number), (seeds, clips); −1 where the clip has no values."""
        best = np.nan_to_num(self.probability[given - 1]).argmax(axis=-1)
        return np.where(self.present, best, -1).astype(np.int64)

    def without(self, modality: str) -> Ints:
        """The label given all but one modality, (seeds, clips); −1 where the clip has no values."""
        everything = (1 << len(self.modalities)) - 1
        return self.predicted(everything & ~(1 << self.modalities.index(modality)))

    def values(self, kind: Kind) -> Floats:
        """v(S) for every subset, (2^M, seeds, clips), NaN where there is none.

        Log-odds (nats) of the label said given everything: of the mean over seeds (`predicted`), or of each seed by
        itself (`own`); of the target (`true`); `right` is 1 where the label given S is the target. Given nothing, the
        prior is asked: its log-odds, and for `right` the share of its most frequent labels that are the target.
        """
        code = self._asked(kind)
        known = self.present & (code >= 0)
        first = self._right_by_prior() if kind == "right" else self._log_odds(self.prior.shares, code)
        shape = self.probability[-1].shape[:2]
        values = [np.broadcast_to(first, shape)]
        for number in range(1, len(self.probability) + 1):
            if kind == "right":
                values.append((self.predicted(number) == self.target).astype(np.float64))
            else:
                values.append(self._log_odds(self.probability[number - 1], code))
        return np.where(known, np.stack(values), np.nan)

    def _asked(self, kind: Kind) -> Ints:
        """The label in question, (clips,) or (seeds, clips)."""
        if kind == "own":
            return self.predicted(len(self.probability))
        return self.said if kind == "predicted" else self.target

    def _right_by_prior(self) -> Floats:
        tops = self.prior.shares >= self.prior.shares.max(axis=1, keepdims=True) - 1e-12
        hit = tops[np.arange(len(tops)), np.maximum(self.target, 0)]
        return floats(hit / tops.sum(axis=1))

    def _log_odds(self, probability: Floats, code: Ints) -> Floats:
        if code.ndim > 1:
            wide = np.broadcast_to(probability, (*code.shape, probability.shape[-1]))
            chosen = np.take_along_axis(wide, np.maximum(code, 0)[..., None], axis=-1)[..., 0]
        else:
            chosen = probability[..., np.arange(len(code)), np.maximum(code, 0)]
        return log_odds(chosen)

    @cached_property
    def shapley_predicted(self) -> Floats:
        """Shapley values on the log-odds of the label that the mean over seeds predicts, (M, seeds, clips), nats."""
        return shapley(self.values("predicted"))

    @cached_property
    def shapley_own(self) -> Floats:
        """The same on the label that each seed predicts by itself, (M, seeds, clips), nats.

        For means over clips: seeds that agree on a label beforehand are no independent witnesses, and an interval over
        them would be too narrow.
        """
        return shapley(self.values("own"))

    @cached_property
    def shapley_true(self) -> Floats:
        """Shapley values on the log-odds of the target, (M, seeds, clips), nats."""
        return shapley(self.values("true"))

    @cached_property
    def shapley_right(self) -> Floats:
        """Shapley values on right or wrong, (M, seeds, clips), in [−1, 1]: only their means over clips say much."""
        return shapley(self.values("right"))

    @cached_property
    def interactions_right(self) -> Floats:
        """Interactions of pairs on right or wrong, (M, M, seeds, clips)."""
        return interactions(self.values("right"))

    @cached_property
    def dominant(self) -> Ints:
        """The modality with the largest value on the predicted label, mean over seeds, (clips,); −1 where none."""
        return largest(self.shapley_predicted.mean(axis=1))

    @cached_property
    def spread(self) -> Floats:
        """SD over seeds of the values on the predicted label, (M, clips); NaN with a single seed."""
        values = self.shapley_predicted
        if values.shape[1] < 2:
            return np.full((values.shape[0], values.shape[2]), np.nan)
        return floats(values.std(axis=1, ddof=1))


def attributions(case: Case) -> Mapping[str, Attribution]:
    """Every attribution of the case by its name (`fusion`, `fusion~token`, …), the fused source first, once per case.

    Raises:
        NotApplicable: nobody was asked given every subset, or there is one modality only; with the remedy.
    """
    found = case.once("attributions", lambda: _attributions(case))
    if isinstance(found, str):
        raise NotApplicable(found)
    return found


def largest(values: Floats) -> Ints:
    """The modality with the largest value, (…, clips), from values (M, …, clips); −1 where one of them is NaN."""
    known = np.isfinite(values).all(axis=0)
    return np.where(known, np.nan_to_num(values).argmax(axis=0), -1).astype(np.int64)


def first_of_each(found: Mapping[str, Attribution]) -> dict[str, Attribution]:
    """One attribution of each fused source: by models trained on each subset where there are, else the first."""
    chosen: dict[str, Attribution] = {}
    for one in found.values():
        chosen.setdefault(one.source, one)
    return chosen


def _attributions(case: Case) -> dict[str, Attribution] | str:
    if case.predictions is None:
        return "There are no predictions, so nobody's decision can be taken apart."
    fused = _fused(case)
    if not fused:
        return _no_fusion(case)
    found: dict[str, Attribution] = {}
    reasons = []
    for source in fused:
        modalities = source.given.split("+")
        wanted = all_combinations(modalities)
        for handling, held in case.handlings(source.name).items():
            missing = [given for given in wanted if given not in held]
            if not missing:
                made = _one(case, source, handling, tuple(modalities), held)
                if made.present.any():
                    found[made.name] = made
                else:
                    reasons.append(f"no clip that {made.name} predicted has every modality")
            elif handling == SUBSET:
                reasons.append(f"there are no predictions of {source.name} given {', '.join(missing)}")
    if found:
        return found
    return (
        f"A Shapley value needs what fusion says given every subset of modalities, and {'; '.join(reasons)}: run "
        "`mixedsignals probe RUN`, or add rows whose `given` is the subset."
    )


def _fused(case: Case) -> list[Source]:
    """Sources that were given two modalities or more, the fused one first."""
    several = [source for source in case.fullest.values() if "+" in source.given]
    return sorted(several, key=lambda source: source is not case.fusion)


def _no_fusion(case: Case) -> str:
    fusion = case.fusion
    if fusion is not None and fusion.given != "unknown":
        return f"{fusion.name} was given {fusion.given} alone, which carries all of its decisions."
    if fusion is not None:
        return f"It is not known which modalities {fusion.name} was given (say so in the column `given`)."
    names = ", ".join(sorted(case.fullest))
    return f"No source was given two modalities or more, so there is nothing to divide (the sources are {names})."


def _one(
    case: Case, source: Source, handling: str, modalities: tuple[str, ...], held: Mapping[str, Source]
) -> Attribution:
    subsets = list(_by_number(modalities, held))
    shared = sorted(set.intersection(*(set(one.seeds) for one in subsets)))
    if shared:
        probability = tuple(one.probability[[one.seeds.index(seed) for seed in shared]] for one in subsets)
    else:
        probability = tuple(one.mean[None] for one in subsets)
    alone = case.handlings(source.name)[SUBSET]
    lacking = np.zeros(len(case), dtype=np.bool_)
    for modality in modalities:
        if modality in alone:
            lacking |= ~alone[modality].present
    return Attribution(
        source.name,
        handling,
        modalities,
        tuple(shared),
        probability,
        case.prior,
        case.target,
        source.present & lacking,
    )


def _by_number(modalities: tuple[str, ...], held: Mapping[str, Source]) -> Iterator[Source]:
    """The source of every subset but the empty one, by the number of the subset."""
    for number in range(1, 1 << len(modalities)):
        yield held["+".join(m for at, m in enumerate(modalities) if number >> at & 1)]
