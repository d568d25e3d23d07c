"""Every test that is judged: on corpora where there is nothing to find, and where an effect is planted.

A test is a function of a random generator, a number of speakers and an effect, and says whether it claimed one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from benchmarks.simulated import swapped
from benchmarks.simulated.corpora import draw_question
from mixedsignals.diagnosis.chance import chance_levels
from mixedsignals.measures import humans
from mixedsignals.measures.association import association, residual_test
from mixedsignals.measures.groups import Groups
from mixedsignals.measures.performance import macro_f1
from mixedsignals.measures.significance import benjamini_hochberg, group_t_test, holm, sign_flip


@dataclass(frozen=True)
class Judged:
    """A test, the effect planted for its power, and whether only an upper bound on false claims is asked.

    `headline` tests carry a verdict of the report and are judged on more corpora.
    """

    claims: Callable[[np.random.Generator, int, float], bool]
    effect: float
    upper_only: bool = False
    headline: bool = True


def _residual(bent: bool, kind: str) -> Callable[[np.random.Generator, int, float], bool]:
    def claims(rng: np.random.Generator, speakers: int, effect: float) -> bool:
        made = draw_question(rng, speakers, 15, bent=bent, effect=effect, kind=kind)
        found = residual_test(made.target, made.signal, made.base, made.groups)
        return found is not None and found.p < 0.05

    return claims


def _verdict(
    wanted: str, *, bent: bool, start: float = 0.0, alike: bool = False
) -> Callable[[np.random.Generator, int, float], bool]:
    """Whether the verdict is the wanted one, where the effect is `start` and a further one.

    `alike`: three signals more that are the first one bent or with noise, as signals of disagreement are.
    """

    def claims(rng: np.random.Generator, speakers: int, effect: float) -> bool:
        made = draw_question(rng, speakers, 15, bent=bent, effect=start + effect)
        signals = made.signal[:, None]
        if alike:
            noise = 0.3 * rng.normal(size=(2, len(made.signal)))
            more = (made.signal + noise[0], np.tanh(made.signal), np.exp(made.signal / 3) + noise[1])
            signals = np.stack([made.signal, *more], axis=1)
        return association(made.target, signals, made.base, made.groups).verdict == wanted

    return claims


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


def _hurt(world: str) -> Callable[[np.random.Generator, int, float], bool]:
    """Chances of a right vote spread evenly, equally good under both single conditions, or plain and hopeless.

    Given everything people are as good as with the better single condition; `effect` is lost on one clip in five.
    """

    def claims(rng: np.random.Generator, speakers: int, effect: float) -> bool:
        speaker = np.repeat(np.arange(speakers), 15)
        n = len(speaker)
        singles = {
            "even": lambda: rng.beta(4, 3, (2, n)),
            "equal": lambda: np.tile(rng.beta(4, 3, n), (2, 1)),
            "plain or hopeless": lambda: np.where(rng.random((2, n)) < 0.5, 0.95, 0.2),
        }[world]()
        singles = np.clip(singles + rng.normal(0, 0.08, speakers)[speaker], 0.02, 0.98)
        chance = np.clip(singles.max(axis=0) - effect * (rng.random(n) < 0.2), 0.0, 1.0)
        number = rng.integers(4, 10, (3, n))
        right = rng.binomial(number, np.stack([*singles, chance]))
        votes = np.stack([right, number - right], axis=-1)
        found = humans.hurt_by_more(
            votes[2], votes[:2], np.zeros(n, dtype=int), simulations=1, seed=int(rng.integers(2**31))
        )
        low = humans.loss_where_hurt(found, Groups(speaker, speakers)).low
        return low is not None and low > 0

    return claims


def _above_chance(rng: np.random.Generator, speakers: int, effect: float) -> bool:
    """Five seeds of a source that knows each speaker's habits; with `effect` it knows that share of the targets."""
    sizes = 1 + rng.negative_binomial(4, 4 / 18, speakers)
    speaker = np.repeat(np.arange(speakers), sizes)
    habits = rng.normal(size=(speakers, 3))[speaker]
    target = (habits + rng.gumbel(size=habits.shape)).argmax(axis=1)
    guess = (habits + rng.gumbel(size=(5, *habits.shape))).argmax(axis=2)
    guess = np.where(rng.random(len(speaker)) < effect, target, guess)
    found = chance_levels(
        target, speaker, [guess], 3, {"macro_f1": macro_f1}, draws=199, seed=int(rng.integers(2**31))
    )
    return found[0]["macro_f1"].p < 0.05


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
    "verdict yes where nothing adds, bent": Judged(
        _verdict("yes", bent=True), 0.9, upper_only=True, headline=False
    ),
    "verdict yes where .009 of AUROC adds, linear": Judged(
        _verdict("yes", bent=False, start=0.3), 0.6, upper_only=True, headline=False
    ),
    "verdict yes where .009 of AUROC adds, bent": Judged(
        _verdict("yes", bent=True, start=0.3), 0.6, upper_only=True, headline=False
    ),
    "verdict no where .034 of AUROC adds, linear": Judged(
        _verdict("no", bent=False, start=0.6), -0.6, upper_only=True, headline=False
    ),
    "verdict no where .034 of AUROC adds, bent": Judged(
        _verdict("no", bent=True, start=0.6), -0.6, upper_only=True, headline=False
    ),
    "verdict no where .034 of AUROC adds, four signals": Judged(
        _verdict("no", bent=False, start=0.6, alike=True), -0.6, upper_only=True, headline=False
    ),
    "sign-flip, two models": Judged(_flip, 0.08),
    "t test over groups, two models": Judged(_t_test, 0.08),
    "human gain, speakers and raters": Judged(_gain_two_way, 0.08),
    "verdict gain": Judged(_says_gain, 0.08, upper_only=True),
    "verdict no gain": Judged(_says_no_gain, 0.08, upper_only=True),
    "hurt by more, chances even": Judged(_hurt("even"), 0.3, upper_only=True, headline=False),
    "hurt by more, conditions equal": Judged(_hurt("equal"), 0.3, upper_only=True),
    "hurt by more, plain or hopeless": Judged(
        _hurt("plain or hopeless"), 0.3, upper_only=True, headline=False
    ),
    "one modality followed more than another": Judged(swapped.claims_more, 0.6),
    "idle modality said to be followed": Judged(
        swapped.claims_followed, 0.8, upper_only=True, headline=False
    ),
    "verdict idle where it is followed": Judged(swapped.claims_idle, -0.2, upper_only=True, headline=False),
    "source above chance, permuted within speakers": Judged(_above_chance, 0.1, headline=False),
    "confirmatory family, Holm": Judged(_family, 0.15, upper_only=True, headline=False),
    "ten slices, Benjamini-Hochberg": Judged(_slices, 0.08, upper_only=True, headline=False),
}
