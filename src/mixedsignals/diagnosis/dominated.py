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

from mixedsignals.diagnosis.codes import codes_of
from mixedsignals.diagnosis.evidence import Bools, Case, Floats, Ints, Source
from mixedsignals.diagnosis.results import NotApplicable
from mixedsignals.diagnosis.words import listed
from mixedsignals.labels import combination
from mixedsignals.measures.dominance import shapley, unsupported_dominance
from mixedsignals.measures.yardstick import alone_and_wrong, best_elsewhere

__all__ = ["SHUFFLED", "Dominated", "Null", "dominated", "fused_sources", "null_of", "yardstick"]

SHUFFLED = "shuffled"
"""The probe whose rows are the null."""

_REMEDY = "`mixedsignals probe RUN` asks the trained heads"


@dataclass(frozen=True, eq=False)
class Dominated:
    """What the rule says of one fused source under one handling of missing modalities.

    values (seeds, M, clips) are Shapley values in nats on the label that fusion predicts in that seed; unimodal
    (seeds, M, clips), fused (seeds, clips) codes, −1 missing. mean_values (M, clips) are of the label that the seed
    mean predicts, averaged over seeds, and spread (M, clips) their standard deviation; mean_unimodal and mean_fused
    are codes of seed means. without (M, clips) is what fusion says, by its seed mean, when that modality is left out.
    """

    source: Source
    handling: str
    modalities: tuple[str, ...]
    seeds: tuple[int, ...]
    target: Ints
    values: Floats
    unimodal: Ints
    fused: Ints
    mean_values: Floats
    spread: Floats
    mean_unimodal: Ints
    mean_fused: Ints
    without: Ints

    @property
    def name(self) -> str:
        """The source as `estimates` names it: the handling is part of it, but for models trained on each subset."""
        return self.source.name if self.handling == "subset" else f"{self.source.name}~{self.handling}"

    @cached_property
    def known(self) -> Bools:
        """Clips of which everything is known in every seed, (clips,)."""
        whole = np.isfinite(self.values).all(axis=(0, 1)) & (self.unimodal >= 0).all(axis=(0, 1))
        result: Bools = whole & (self.fused >= 0).all(axis=0) & (self.target >= 0)
        return result

    @cached_property
    def by_seed(self) -> tuple[Floats, Ints]:
        """Hits (seeds, clips), 1, 0 or NaN where not known, and the dominant modality (seeds, clips), −1 where not."""
        both = [
            unsupported_dominance(values, alone, fused, self.target)
            for values, alone, fused in zip(self.values, self.unimodal, self.fused, strict=True)
        ]
        hits = np.where(self.known, np.stack([hit for hit, _ in both]), np.nan)
        return hits, np.where(self.known, np.stack([dominant for _, dominant in both]), -1)

    @cached_property
    def cases(self) -> Bools:
        """Cases by the seed mean, (clips,)."""
        hits, _ = unsupported_dominance(self.mean_values, self.mean_unimodal, self.mean_fused, self.target)
        result: Bools = hits & self.known
        return result

    @cached_property
    def dominant(self) -> Ints:
        """The modality with the largest mean value, (clips,); −1 where not known."""
        filled = np.where(self.known, self.mean_values, 0.0)
        result: Ints = np.where(self.known, filled.argmax(axis=0), -1)
        return result

    @cached_property
    def towards(self) -> Ints:
        """What the dominant modality says alone, (clips,) codes; −1 where not known."""
        said = self.mean_unimodal[np.maximum(self.dominant, 0), np.arange(len(self.dominant))]
        result: Ints = np.where(self.dominant >= 0, said, -1)
        return result

    def hits_of(self, seed: int, modality: int, label: int | None = None) -> Floats:
        """Hits (clips,) of one seed (its place) by one modality, towards one label or any; NaN where not known."""
        hits, dominant = self.by_seed
        chosen = dominant[seed] == modality
        if label is not None:
            chosen &= self.unimodal[seed, modality] == label
        return np.where(self.known, (hits[seed] == 1) & chosen, np.nan)


def fused_sources(case: Case) -> list[Source]:
    """Fusion first, then every other source that was given the same modalities.

    Raises:
        NotApplicable: there is no fusion, or it was given one modality only.
    """
    fusion = case.need_fusion()
    if "+" not in fusion.given:
        raise NotApplicable(
            f"{fusion.name} was given {fusion.given} alone: what dominates takes two modalities or more."
        )
    others = [
        one
        for one in case.fullest.values()
        if one is not fusion and combination_of(one) == combination_of(fusion)
    ]
    return [fusion, *others]


def combination_of(source: Source) -> str:
    """What a source was given, in canonical order."""
    return combination(source.given.split("+"))


def dominated(case: Case, source: Source, handling: str = "subset") -> Dominated:
    """The rule applied to a fused source, once per case.

    Raises:
        NotApplicable: a subset of its modalities was not predicted under this handling, or no clip has all of it.
    """
    return case.once(f"dominated:{source.name}~{handling}", lambda: _dominated(case, source, handling))


def _dominated(case: Case, source: Source, handling: str) -> Dominated:
    case.need_target()
    names = tuple(combination_of(source).split("+"))
    subsets = [
        "+".join(m for bit, m in enumerate(names) if code >> bit & 1) for code in range(1, 1 << len(names))
    ]
    shown = case.handlings(source.name).get(handling, {})
    if lacking := [subset for subset in subsets if subset not in shown]:
        raise NotApplicable(
            f"What {source.name} says given {listed(lacking)} alone is not among the predictions, so what carries its "
            f"decisions is not known ({_REMEDY})."
        )
    alone = _alone(case, names, shown)
    seeds = sorted(set.intersection(*(set(shown[s].seeds) for s in subsets), *(set(a.seeds) for a in alone)))
    if not seeds:
        raise NotApplicable(f"The predictions of {source.name} and of its parts have no seed in common.")
    stacked = np.stack([_of_seeds(shown[subset], seeds) for subset in subsets])
    log_odds = _log_odds(np.concatenate([np.broadcast_to(case.prior.shares, stacked[:1].shape), stacked]))
    every = shapley(log_odds)  # (M, seeds, clips, labels)
    full = shown[subsets[-1]]
    fused = full.predicted[[full.seeds.index(seed) for seed in seeds]]
    mean_fused = _spoken(stacked[-1])
    of_mean = _of_label(every, np.broadcast_to(mean_fused, fused.shape))
    found = Dominated(
        source=source,
        handling=handling,
        modalities=names,
        seeds=tuple(seeds),
        target=case.target,
        values=_of_label(every, fused).swapaxes(0, 1),
        unimodal=np.stack([[a.predicted[a.seeds.index(seed)] for a in alone] for seed in seeds]),
        fused=fused,
        mean_values=of_mean.mean(axis=1),
        spread=of_mean.std(axis=1, ddof=1) if len(seeds) > 1 else np.zeros_like(of_mean[:, 0]),
        mean_unimodal=np.stack([_spoken(_of_seeds(a, seeds)) for a in alone]),
        mean_fused=mean_fused,
        without=np.stack([_spoken(stacked[len(subsets) - 1 - (1 << bit)]) for bit in range(len(names))]),
    )
    if not found.known.any():
        raise NotApplicable(
            f"No clip with a target was predicted given every subset of {', '.join(names)}: a clip that lacks a "
            "modality cannot be looked at."
        )
    return found


def _alone(case: Case, names: tuple[str, ...], shown: dict[str, Source]) -> list[Source]:
    """The model of each modality: the one beside fusion where there is one, else the source shown it alone."""
    beside = case.handlings(case.options.fusion).get("subset", {})
    return [beside.get(name, shown[name]) for name in names]


def _of_seeds(source: Source, seeds: list[int]) -> Floats:
    chosen: Floats = source.probability[[source.seeds.index(seed) for seed in seeds]]
    return chosen


def _log_odds(probability: Floats) -> Floats:
    inside = np.clip(probability, 1e-6, 1 - 1e-6)
    result: Floats = np.log(inside / (1 - inside))
    return result


def _spoken(probability: Floats) -> Ints:
    """The label of the seed mean of (seeds, clips, labels), −1 where a seed is missing."""
    mean = probability.mean(axis=0)
    absent = np.isnan(mean).any(axis=-1)
    result: Ints = np.where(absent, -1, np.where(absent[:, None], 0.0, mean).argmax(axis=-1))
    return result


def _of_label(values: Floats, label: Ints) -> Floats:
    """Values (M, seeds, clips, labels) of one label per seed and clip, (M, seeds, clips); NaN where that is −1."""
    chosen = np.take_along_axis(values, np.maximum(label, 0)[None, ..., None], axis=-1)[..., 0]
    return np.where(label >= 0, chosen, np.nan)


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
    table = case.evidence.probes
    if table is None:
        return None
    own = table.filter(
        (pl.col("run_id") == case.evidence.run_id)
        & (pl.col("probe") == SHUFFLED)
        & (pl.col("source") == found.name)
        & pl.col("seed").is_in(list(found.seeds))
        & pl.col("modality").is_in(list(found.modalities))
    )
    at = case.at(own["clip_id"])
    if not len(own) or not (at >= 0).any():
        return None
    seed = np.searchsorted(found.seeds, own["seed"].to_numpy())
    modality = codes_of(own["modality"], pl.Enum(found.modalities)).astype(np.int64)
    label = case.codes(own["label"])
    share = np.full((len(found.seeds), len(found.modalities), len(case.labels), len(case)), np.nan)
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
