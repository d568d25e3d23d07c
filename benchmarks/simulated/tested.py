"""Every test that is judged: on corpora where there is nothing to find, and where an effect is planted.

A test is a function of a random generator, a number of speakers and an effect, and says whether it claimed one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from benchmarks.simulated.corpora import draw_question
from mixedsignals.measures import humans
from mixedsignals.measures.association import association, residual_test
from mixedsignals.measures.groups import Groups
from mixedsignals.measures.significance import benjamini_hochberg, group_t_test, holm, sign_flip


@dataclass(frozen=True)
class Judged:
    """A test, the effect planted for its power, and whether only an upper bound on false claims is asked."""

    claims: Callable[[np.random.Generator, int, float], bool]
    effect: float
    upper_only: bool = False
    expensive: bool = False


def _residual(bent: bool, kind: str) -> Callable[[np.random.Generator, int, float], bool]:
    def claims(rng: np.random.Generator, speakers: int, effect: float) -> bool:
        made = draw_question(rng, speakers, 15, bent=bent, effect=effect, kind=kind)
        found = residual_test(made.target, made.signal, made.base, made.groups)
        return found is not None and found.p < 0.05

    return claims


def _verdict(rng: np.random.Generator, speakers: int, effect: float) -> bool:
    """Whether the verdict is *yes*."""
    made = draw_question(rng, speakers, 15, bent=True, effect=effect)
    return association(made.target, made.signal, made.base, made.groups).verdict == "yes"


def _two_models(rng: np.random.Generator, speakers: int, effect: float) -> tuple[np.ndarray, np.ndarray]:
    """Sums per speaker of right by the first less right by the second, and clips; speakers favour either model."""
    sizes = 1 + rng.negative_binomial(4, 4 / 18, speakers)
    favour = rng.normal(0, 0.15, speakers)
    chance = np.clip(0.65 + np.stack([favour + effect, -favour]) / 2, 0.02, 0.98)
    right = rng.binomial(sizes, chance)
    return (right[0] - right[1]).astype(np.float64), sizes


def _flip(rng: np.random.Generator, speakers: int, effect: float) -> bool:
    found = sign_flip(_two_models(rng, speakers, effect)[0], draws=999, seed=int(rng.integers(2**31)))
    return found is not None and found <= 0.05


def _t_test(rng: np.random.Generator, speakers: int, effect: float) -> bool:
    found = group_t_test(*_two_models(rng, speakers, effect))
    return found is not None and found[1] < 0.05


def _people(
    rng: np.random.Generator, speakers: int, gains: tuple[float, float], *, raters: int = 20
) -> tuple[np.ndarray, ...]:
    """Single votes under a single and the full condition, with effects of speakers and of raters on the gain."""
    sizes = 1 + rng.negative_binomial(4, 4 / 12, speakers)
    speaker = np.repeat(np.arange(speakers), sizes)
    clip = np.repeat(np.arange(len(speaker)), 6)
    full = np.tile([0, 0, 0, 1, 1, 1], len(speaker))
    rater = rng.integers(0, raters, len(clip))
    effects = rng.uniform(-0.1, 0.1, (speakers, 2))[speaker[clip], full]
    effects = effects + rng.uniform(-0.1, 0.1, (raters, 2))[rater, full]
    chance = 0.6 + effects + np.asarray(gains)[full]
    return speaker, clip, full, rater, (rng.random(len(clip)) < chance).astype(np.float64)


def _gain_two_way(rng: np.random.Generator, speakers: int, effect: float) -> bool:
    speaker, clip, full, rater, right = _people(rng, speakers, (0.0, effect))
    groups = Groups(speaker[clip], speakers)
    found = humans.gain_with_raters(right, full, clip, groups, Groups.of(rater))
    return found.p is not None and found.p < 0.05


def _shares(rng: np.random.Generator, speakers: int, gains: tuple[float, ...]) -> tuple[np.ndarray, Groups]:
    """Share of right votes (conditions, n) with anonymous raters; the last condition is the full one."""
    sizes = 1 + rng.negative_binomial(4, 4 / 12, speakers)
    speaker = np.repeat(np.arange(speakers), sizes)
    ease = rng.normal(0, 0.15, len(speaker))
    effects = rng.normal(0, 0.08, (len(gains), speakers))[:, speaker]
    chance = np.clip(0.6 + np.asarray(gains)[:, None] + effects + ease, 0.01, 0.99)
    return rng.binomial(8, chance) / 8, Groups(speaker, speakers)


def _gain_of(rng: np.random.Generator, speakers: int, gains: tuple[float, ...]) -> str:
    shares, groups = _shares(rng, speakers, gains)
    each = [humans.gain(shares[-1], one, groups) for one in shares[:-1]]
    return humans.gain_verdict(each, humans.gain_over_best(shares[-1], list(shares[:-1]), groups)[0])


def _says_gain(rng: np.random.Generator, speakers: int, effect: float) -> bool:
    return _gain_of(rng, speakers, (-0.15, 0.0, effect)) == "gain"


def _says_no_gain(rng: np.random.Generator, speakers: int, effect: float) -> bool:
    """False claims where the gain is the margin of .05; `effect` lowers it."""
    return _gain_of(rng, speakers, (-0.15, 0.0, 0.05 - effect)) in ("no gain", "equal")


def _hurt(rng: np.random.Generator, speakers: int, effect: float) -> bool:
    n = speakers * 15
    singles = rng.beta(4, 3, (2, n))
    chance = np.clip(singles.max(axis=0) - effect, 0, 1)
    number = rng.integers(4, 10, (3, n))
    right = rng.binomial(number, np.stack([*singles, chance]))
    votes = np.stack([right, number - right], axis=-1)
    found = humans.hurt_by_more(
        votes[2], votes[:2], np.zeros(n, dtype=int), simulations=60, seed=int(rng.integers(2**31))
    )
    return found.share is not None and found.nobody_high is not None and found.share > found.nobody_high


def _family(rng: np.random.Generator, speakers: int, effect: float) -> bool:
    """Any claim of the confirmatory family after Holm's adjustment."""
    found = []
    for kind in ("votes", "error", "error"):
        made = draw_question(rng, speakers, 15, bent=False, effect=effect, kind=kind)
        tested = residual_test(made.target, made.signal, made.base, made.groups)
        found.append(None if tested is None else tested.p)
    found.append(sign_flip(_two_models(rng, speakers, effect)[0], draws=999))
    return any(p is not None and p < 0.05 for p in holm(found))


def _slices(rng: np.random.Generator, speakers: int, effect: float) -> bool:
    """Any claim among ten slices after Benjamini-Hochberg, when none differs (then also a family-wise rate)."""
    found = [group_t_test(*_two_models(rng, speakers, effect)) for _ in range(10)]
    return any(p is not None and p < 0.05 for p in benjamini_hochberg([one and one[1] for one in found]))


JUDGED: dict[str, Judged] = {
    "residual test, error, linear": Judged(_residual(False, "error"), 0.3),
    "residual test, error, bent": Judged(_residual(True, "error"), 0.3),
    "residual test, rater disagreement, linear": Judged(_residual(False, "votes"), 0.3),
    "residual test, rater disagreement, bent": Judged(_residual(True, "votes"), 0.3),
    "verdict yes, error, bent": Judged(_verdict, 0.6, upper_only=True, expensive=True),
    "sign-flip, two models": Judged(_flip, 0.08),
    "t test over groups, two models": Judged(_t_test, 0.08),
    "human gain, speakers and raters": Judged(_gain_two_way, 0.08),
    "verdict gain": Judged(_says_gain, 0.08, upper_only=True),
    "verdict no gain": Judged(_says_no_gain, 0.08, upper_only=True),
    "hurt by more modalities": Judged(_hurt, 0.2, upper_only=True, expensive=True),
    "confirmatory family, Holm": Judged(_family, 0.15, upper_only=True, expensive=True),
    "ten slices, Benjamini-Hochberg": Judged(_slices, 0.08, upper_only=True),
}
