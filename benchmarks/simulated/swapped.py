"""Swaps of one modality on drawn corpora: a fusion that adds log-odds with weights that differ between seeds.

Speakers differ in how clearly they show a label in each modality, both where they receive and where they lend, so an
interval that counts only who receives is too narrow.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from scipy.special import ndtri, softmax

from benchmarks.simulated.corpora import Corpus
from mixedsignals.measures.crossed import across_seeds
from mixedsignals.measures.divergence import entropy
from mixedsignals.measures.following import (
    Pairs,
    against_zero,
    follow_statistic,
    relative_entropy,
    slope_statistic,
)
from mixedsignals.measures.groups import Groups
from mixedsignals.measures.inference import SIGNED, Combination, Estimate
from mixedsignals.measures.partners import Partners, choose_partners

WEIGHTS = (1.0, 0.7, 0.4)
LUCK = 0.2
"""Standard deviation, between seeds, of a weight of fusion relative to its size."""

POOL = 5
"""Speakers who may lend to each other, as in a test fold."""

PARTNERS = 6
ENOUGH = (8_000, 8)
"""Speakers and seeds of an endless corpus that are enough for its value."""

MARGIN = 0.02


@dataclass(frozen=True, eq=False)
class Shown:
    """What fusion adds up, log-odds (modalities, clips, labels) and weights (seeds, modalities); speakers, targets."""

    speaker: np.ndarray
    target: np.ndarray
    logits: np.ndarray
    weights: np.ndarray
    groups: Groups

    @cached_property
    def fused(self) -> np.ndarray:
        """What fusion says of every clip, probabilities (seeds, clips, labels)."""
        return softmax(np.tensordot(self.weights, self.logits, 1), axis=-1)

    @cached_property
    def entropies(self) -> np.ndarray:
        """Entropy of every modality alone, (modalities, clips)."""
        return entropy(softmax(self.logits, axis=-1))

    @lru_cache(maxsize=2)  # noqa: B019 - these few are dropped with their corpora
    def pairs(self, same_label: bool) -> Partners:
        """Who receives from whom."""
        return choose_partners(
            self.target, self.speaker // POOL, self.speaker, count=PARTNERS, same_label=same_label
        )


@dataclass(frozen=True, eq=False)
class Swapped:
    """Swaps of one modality: who receives and lends, and the probability moved to the donor's label (seeds, pairs).

    `changed` is 1 where the decision is another, `against` the relative entropy of the donor's modality, (pairs,).
    """

    clip: np.ndarray
    lender: np.ndarray
    label: np.ndarray
    moved: np.ndarray
    changed: np.ndarray
    against: np.ndarray


def swap(shown: Shown, modality: int, *, same_label: bool = False) -> Swapped:
    """Ask the fusion again with that modality lent by up to six partners, of the same speaker first."""
    chosen = shown.pairs(same_label)
    clip, lender = chosen.clip, chosen.donor
    label, rows = shown.target[lender], np.arange(len(clip))
    borrowed = shown.logits[modality, lender] - shown.logits[modality, clip]
    moved, changed = [], []
    for weights, said in zip(shown.weights, shown.fused, strict=True):
        before = said[clip]
        after = before * np.exp(weights[modality] * borrowed)
        after /= after.sum(axis=1, keepdims=True)
        moved.append(after[rows, label] - before[rows, label])
        changed.append(after.argmax(axis=1) != before.argmax(axis=1))
    sure = shown.entropies
    others = [sure[at, clip] for at in range(len(sure)) if at != modality]
    against = relative_entropy(sure[modality, lender], others)
    return Swapped(clip, lender, label, np.stack(moved), np.stack(changed).astype(float), against)


@lru_cache(maxsize=2)
def shown_by(made: Corpus) -> Shown:
    """The fusion of a drawn corpus; the first of its seeds stands for one fitted model and is left out."""
    rng = np.random.default_rng(zlib.crc32(np.ascontiguousarray(made.unimodal[:, :50]).tobytes()))
    endless = made.groups.members is not None
    kept = made.speaker < min(ENOUGH[0], made.speaker.max() // 4) if endless else slice(None)
    seeds = ENOUGH[1] if endless else len(made.fusion) - 1
    luck = rng.normal(size=(seeds, 3))
    if endless:
        spread = ndtri((np.arange(seeds) + 0.5) / seeds)
        luck = np.stack([rng.permutation(spread) for _ in range(3)], axis=1)
    weights = np.asarray(WEIGHTS) * (1.0 + LUCK * luck)
    logits = np.log(np.maximum(made.unimodal[:, kept], 1e-300))
    return Shown(made.speaker[kept], made.target[kept], logits, weights, made.groups.take(kept))


@lru_cache(maxsize=6)
def _swapped(made: Corpus, modality: int, *, same_label: bool = False) -> Swapped:
    return swap(shown_by(made), modality, same_label=same_label)


def rates(groups: Groups, swaps: Swapped, values: np.ndarray) -> list[Pairs]:
    """One statistic per seed of values (seeds, pairs)."""
    return [follow_statistic(one, swaps.clip, swaps.lender, groups) for one in values]


def more(first: Sequence[Pairs], second: Sequence[Pairs]) -> Estimate:
    """How much more the first is followed, with p."""
    pairs = [Combination(pair, (1.0, -1.0)) for pair in zip(first, second, strict=True)]
    return against_zero(across_seeds(pairs))


def follow(made: Corpus) -> Estimate:
    """The follow rate of the first modality."""
    found = _swapped(made, 0)
    return across_seeds(rates(shown_by(made).groups, found, found.moved), limits=SIGNED)


def follow_more(made: Corpus) -> Estimate:
    """How much more the first modality is followed than the second."""
    groups = shown_by(made).groups
    each = [rates(groups, found, found.moved) for found in (_swapped(made, 0), _swapped(made, 1))]
    return more(*each)


def follow_towards(made: Corpus) -> Estimate:
    """The follow rate of the first modality towards the first label."""
    found, groups = _swapped(made, 0), shown_by(made).groups
    return across_seeds(rates(groups, found, np.where(found.label == 0, found.moved, np.nan)), limits=SIGNED)


def follow_slope(made: Corpus, *, within: bool = False) -> Estimate:
    """How following the first modality changes with its relative entropy."""
    found, groups = _swapped(made, 0), shown_by(made).groups
    return across_seeds(
        [
            slope_statistic(one, found.against, found.clip, found.lender, groups, within=within)
            for one in found.moved
        ]
    )


def mismatch(made: Corpus) -> Estimate:
    """Decisions that change when the first modality comes from a clip of the same label."""
    found = _swapped(made, 0, same_label=True)
    return across_seeds(rates(shown_by(made).groups, found, found.changed), scale="logit")


def _drawn(rng: np.random.Generator, speakers: int, strengths: Sequence[float]) -> Shown:
    """Three labels, about 15 clips a speaker, four seeds; each modality of its own strength and all of one weight."""
    sizes = 1 + rng.negative_binomial(4, 4 / 18, speakers)
    speaker = np.repeat(np.arange(speakers), sizes)
    target = rng.integers(0, 3, len(speaker))
    ease = 0.5 * rng.normal(size=(len(strengths), speakers, 1))[:, speaker]
    clear = np.asarray(strengths)[:, None, None] + ease * (np.asarray(strengths)[:, None, None] > 0)
    logits = clear * np.eye(3)[target] + rng.normal(size=(len(strengths), len(speaker), 3))
    weights = 0.7 * (1.0 + LUCK * rng.normal(size=(4, len(strengths))))
    return Shown(speaker, target, logits, weights, Groups(speaker, speakers))


def claims_more(rng: np.random.Generator, speakers: int, effect: float) -> bool:
    """Whether one of two modalities is said to be followed more; its strength is greater by the effect."""
    shown = _drawn(rng, speakers, (1.2 + effect, 1.2, 0.8))
    each = [rates(shown.groups, found, found.moved) for found in (swap(shown, 0), swap(shown, 1))]
    p = more(*each).p
    return p is not None and p < 0.05


def claims_followed(rng: np.random.Generator, speakers: int, effect: float) -> bool:
    """Whether a modality that carries nothing (or as much as the effect) is said to be followed beyond the margin."""
    low = _idle(rng, speakers, effect).low
    return low is not None and low > MARGIN


def claims_idle(rng: np.random.Generator, speakers: int, effect: float) -> bool:
    """Whether a modality that is followed by .03 (or not at all, with the effect) is said to stay within the margin."""
    found = _idle(rng, speakers, 0.2 + effect)
    return found.low is not None and found.high is not None and found.low >= -MARGIN and found.high <= MARGIN


def _idle(rng: np.random.Generator, speakers: int, strength: float) -> Estimate:
    shown = _drawn(rng, speakers, (strength, 1.2, 1.2))
    found = swap(shown, 0)
    return across_seeds(rates(shown.groups, found, found.moved), limits=SIGNED)
