"""Which clips a fused source gets wrong because one modality, that no other supports, carries its decision.

Of each clip: the Shapley value of every modality on the log-odds of the label that fusion predicts, what each modality
says alone, and whether that makes a case. Everything is kept seed by seed, for rates, and once on the seed mean, for
what is said of single clips. The null comes from `probes`: how often the same rule calls a case when the modalities of
a clip are those of other clips of the same speaker and label.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl

from mixedsignals.diagnosis.attribution import Attribution, attributions
from mixedsignals.diagnosis.codes import codes_of
from mixedsignals.diagnosis.evidence import Bools, Case, Floats, Ints, Source
from mixedsignals.diagnosis.results import NotApplicable
from mixedsignals.diagnosis.words import listed
from mixedsignals.labels import all_combinations
from mixedsignals.measures.dominance import unsupported_dominance
from mixedsignals.measures.unsupported import unsupported_cases
from mixedsignals.measures.yardstick import alone_and_wrong, best_elsewhere

__all__ = ["SHUFFLED", "Dominated", "Null", "dominated", "null_of", "yardstick"]

SHUFFLED = "shuffled"
"""The probe whose rows are the null."""


@dataclass(frozen=True, eq=False)
class Dominated:
    """What the rule says of one fused source under one handling of missing modalities.

    carried holds the Shapley values. target (clips,) codes, −1 where there is none; unimodal (seeds, M, clips) codes of
    what the model of each modality says alone, alone (M, clips, labels) the probabilities behind that, averaged over
    seeds; without (M, clips) is what fusion says, by its seed mean, when that modality is left out.
    """

    source: Source
    carried: Attribution
    target: Ints
    unimodal: Ints
    alone: Floats
    without: Ints

    @property
    def name(self) -> str:
        """As in `estimates.source`."""
        return self.carried.name

    @property
    def modalities(self) -> tuple[str, ...]:
        """Of the source, in canonical order."""
        return self.carried.modalities

    @property
    def seeds(self) -> int:
        """How many."""
        return len(self.unimodal)

    @cached_property
    def known(self) -> Bools:
        """Clips with a target of which every model says something in every seed, (clips,)."""
        result: Bools = self.carried.present & (self.target >= 0) & (self.unimodal >= 0).all(axis=(0, 1))
        return result

    @cached_property
    def by_seed(self) -> tuple[Floats, Ints, Ints]:
        """Hits (seeds, clips), 1, 0 or NaN where not known, the dominant modality and the label that it says alone."""
        prior, shown = self.carried.prior.shares, self.carried.probability
        found = [
            unsupported_cases(np.stack([prior, *(one[seed] for one in shown)]), alone, self.target)
            for seed, alone in enumerate(self.unimodal)
        ]
        hits = np.where(self.known, np.stack([one[0] for one in found]), np.nan)
        dominant, towards = (np.where(self.known, np.stack([one[at] for one in found]), -1) for at in (1, 2))
        return hits, dominant, towards

    @cached_property
    def spoken(self) -> Ints:
        """What each modality says alone, by its seed mean, (M, clips); −1 where missing."""
        return np.stack([_said(one) for one in self.alone])

    @cached_property
    def values(self) -> Floats:
        """Shapley values on the label that the seed mean predicts, averaged over seeds, (M, clips), nats."""
        result: Floats = self.carried.shapley_predicted.mean(axis=1)
        return result

    @cached_property
    def fused(self) -> Ints:
        """What the seed mean of fusion says, (clips,)."""
        return self.carried.said

    @cached_property
    def cases(self) -> Bools:
        """Cases by the seed mean, (clips,)."""
        hits, _ = unsupported_dominance(self.values, self.spoken, self.fused, self.target)
        result: Bools = hits & self.known
        return result

    @cached_property
    def dominant(self) -> Ints:
        """The modality with the largest value of the seed mean, (clips,); −1 where not known."""
        result: Ints = np.where(self.known, self.carried.dominant, -1)
        return result

    @cached_property
    def towards(self) -> Ints:
        """What the dominant modality says alone, by its seed mean, (clips,) codes; −1 where not known."""
        said = self.spoken[np.maximum(self.dominant, 0), np.arange(len(self.dominant))]
        result: Ints = np.where(self.dominant >= 0, said, -1)
        return result

    @cached_property
    def steady(self) -> Floats:
        """Share of seeds in which a clip is a case, (clips,); NaN where not known."""
        result: Floats = self.by_seed[0].mean(axis=0)
        return result

    def hits_of(self, modality: int, label: int | None = None) -> Floats:
        """Hits (seeds, clips) by one modality, towards one label or any; NaN where not known."""
        hits, dominant, towards = self.by_seed
        chosen = dominant == modality
        if label is not None:
            chosen &= towards == label
        return np.where(np.isfinite(hits), hits * chosen, np.nan)


def dominated(case: Case) -> dict[str, Dominated | str]:
    """The rule for every fused source and handling, by its name (`fusion`, `fusion~token`), fusion first.

    For a source of which it cannot be asked there is the reason instead. Computed once per case.

    Raises:
        NotApplicable: when it can be asked of none, or no clip has a target.
    """
    return case.once("dominated", lambda: _all(case))


def _all(case: Case) -> dict[str, Dominated | str]:
    case.need_fusion()
    case.need_target()
    carried = attributions(case)
    found: dict[str, Dominated | str] = {name: _one(case, one) for name, one in carried.items()}
    for source in case.fullest.values():
        if "+" in source.given and source.name not in found:
            found[source.name] = _lacking(case, source)
    reasons = [one for one in found.values() if isinstance(one, str)]
    if len(reasons) == len(found):
        raise NotApplicable(reasons[0])
    return found


def _lacking(case: Case, source: Source) -> str:
    shown = case.handlings(source.name).get("subset", {})
    missing = [given for given in all_combinations(source.given.split("+")) if given not in shown]
    return (
        f"What {source.name} says given {listed(missing)} is not among the predictions, so what carries its decisions "
        "is not known (`mixedsignals probe RUN` asks the trained heads)."
    )


def _one(case: Case, carried: Attribution) -> Dominated | str:
    """The rule for one attribution, or why no clip can be looked at."""
    beside, own = (case.handlings(name).get("subset", {}) for name in (case.options.fusion, carried.source))
    singles = [
        _alone(beside.get(name, own.get(name)), carried, carried.probability[(1 << bit) - 1])
        for bit, name in enumerate(carried.modalities)
    ]
    everything = len(carried.probability)
    fewer = [carried.probability[everything - (1 << bit) - 1] for bit in range(len(singles))]
    found = Dominated(
        source=case.fullest[carried.source],
        carried=carried,
        target=case.target,
        unimodal=np.stack([[_said(seed) for seed in one] for one in singles], axis=1),
        alone=np.stack([one.mean(axis=0) for one in singles]),
        without=np.stack([_said(one.mean(axis=0)) for one in fewer]),
    )
    if not found.known.any():
        return (
            f"No clip with a target was predicted given every subset of {', '.join(found.modalities)}: a clip that "
            "lacks a modality cannot be looked at."
        )
    return found


def _alone(model: Source | None, carried: Attribution, shown: Floats) -> Floats:
    """What a modality says alone, (seeds, clips, labels): its own model, else the fused one `shown` it alone."""
    if model is None:
        return shown
    if carried.seeds and set(carried.seeds) <= set(model.seeds):
        chosen: Floats = model.probability[[model.seeds.index(seed) for seed in carried.seeds]]
        return chosen
    return np.broadcast_to(model.mean, shown.shape)


def _said(probability: Floats) -> Ints:
    """The most probable label of (clips, labels), −1 where absent."""
    absent: Bools = np.any(np.isnan(probability), axis=-1)
    result: Ints = np.where(absent, -1, np.where(absent[:, None], 0.0, probability).argmax(axis=-1))
    return result


@dataclass(frozen=True, eq=False)
class Null:
    """How often the rule calls a case when modalities are dealt out again: share (seeds, M, labels, clips)."""

    share: Floats

    @property
    def total(self) -> Floats:
        """For any modality and label, (seeds, clips); NaN where a clip was not dealt."""
        result: Floats = self.share.sum(axis=(1, 2))
        return result


def null_of(case: Case, found: Dominated) -> Null | None:
    """The null of a source from the rows `shuffled` of `probes`, aligned to `found`; None where there are none.

    A modality and label of which a clip has no row was never called there: its share is 0, if the clip has any row.
    """
    table, seeds = case.evidence.probes, found.carried.seeds
    if table is None or not seeds:
        return None
    own = table.filter(
        (pl.col("run_id") == case.evidence.run_id)
        & (pl.col("probe") == SHUFFLED)
        & (pl.col("source") == found.name)
        & pl.col("seed").is_in(list(seeds))
        & pl.col("modality").is_in(list(found.modalities))
    )
    at = case.at(own["clip_id"])
    if not len(own) or not (at >= 0).any():
        return None
    seed = np.searchsorted(seeds, own["seed"].to_numpy())
    modality = codes_of(own["modality"], pl.Enum(found.modalities)).astype(np.int64)
    label = case.codes(own["label"])
    share = np.full((len(seeds), len(found.modalities), len(case.labels), len(case)), np.nan)
    rows = at >= 0
    share[seed[rows], modality[rows], label[rows], at[rows]] = own["probability"].to_numpy()[rows]
    some = np.isfinite(share).any(axis=(1, 2), keepdims=True)
    return Null(np.where(some & np.isnan(share), 0.0, share))


def yardstick(case: Case, found: Dominated) -> tuple[Ints, Floats]:
    """The best single modality of each clip, chosen on other groups, (clips,), and its hits (seeds, clips).

    A hit is a wrong label that no other modality says; NaN where `found` does not know the clip, or nobody is best.
    """
    right = np.where(found.known, (found.unimodal == found.target).mean(axis=0), np.nan)
    folds, seed = case.options.calibration_folds, case.options.seed
    chosen = best_elsewhere(right, case.groups, folds=folds, seed=seed)
    counted = found.known & (chosen >= 0)
    hits = [np.where(counted, alone_and_wrong(each, chosen, found.target), np.nan) for each in found.unimodal]
    return chosen, np.stack(hits)
