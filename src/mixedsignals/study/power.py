"""What a study can find before anybody has taken part: power, and the smallest effect that it is likely to show.

Votes are simulated under the study's own numbers of clips, speakers, people and votes per cell, with speakers, clips,
conditions of a clip and raters that differ as below, and are analysed as `analyse` will: a difference in accuracy with
variance over speakers and raters. The result is as good as these assumptions, which are printed beside it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy import optimize, special

from mixedsignals.measures.designs import added_gain
from mixedsignals.measures.groups import Groups
from mixedsignals.measures.humans import gain_with_raters
from mixedsignals.measures.inference import Estimate
from mixedsignals.progress import SILENT, Progress
from mixedsignals.study.settings import StudySettings

__all__ = ["Power", "PowerOptions", "simulate_power"]

Floats = npt.NDArray[np.float64]
Whole = npt.NDArray[np.int64]

_EFFECTS = (0.0, 0.02, 0.05, 0.10, 0.15, 0.20, 0.30)
_WANTED = 0.80
_NODES = np.polynomial.hermite_e.hermegauss(31)


@dataclass(frozen=True)
class PowerOptions:
    """The assumptions of a simulation.

    Attributes:
        simulations: studies simulated per effect, 1 or more.
        most_votes: votes simulated per effect; of large studies fewer are simulated, 50 at least.
        base: accuracy under the single condition, in (0, 1); None for halfway between chance and 1.
        speaker, clip, condition, rater: standard deviations, in logits, of speakers, clips, clips within a condition,
            and raters.
        remembered: share of second looks that repeat the first answer (counterfactual designs).
        level: level of the interval; an effect is found where the interval leaves out 0.
        seed: of the simulation.
    """

    simulations: int = 300
    most_votes: int = 2_000_000
    base: float | None = None
    speaker: float = 0.3
    clip: float = 0.8
    condition: float = 0.5
    rater: float = 0.4
    remembered: float = 0.5
    level: float = 0.95
    seed: int = 0


@dataclass(frozen=True)
class Power:
    """What a simulation found.

    Attributes:
        effects: gains in accuracy that were simulated, the first of them 0.
        power: how often each was found, in [0, 1]; for 0 this is the rate of false claims.
        smallest: the gain that is found four times in five; None where none of `effects` is found so often.
        n_clips, n_speakers, n_people, n_votes: the size of the simulated study.
        base: accuracy under the single condition.
        contrast: what is compared.
        options: the assumptions.
    """

    effects: tuple[float, ...]
    power: tuple[float, ...]
    smallest: float | None
    n_clips: int
    n_speakers: int
    n_people: int
    n_votes: int
    base: float
    contrast: str
    options: PowerOptions


def simulate_power(
    settings: StudySettings,
    speakers: Sequence[str | None],
    *,
    options: PowerOptions | None = None,
    effects: Sequence[float] = _EFFECTS,
    progress: Progress = SILENT,
) -> Power | None:
    """Power of the study's main contrast, by simulation.

    For balanced and latin designs it is the gain of one condition over another on the same clips (the verdict *gain*
    takes this against every single condition, so its power is lower); for counterfactual designs it is the change
    when a modality is added less the change at a mere second look.

    Args:
        settings: the study's.
        speakers: the speaker of every clip that is judged (n,); None for a clip of nobody known.
        options: the assumptions; `PowerOptions()` where absent.
        effects: gains in accuracy, ascending.
        progress: where to say how far it is.

    Returns:
        None where a single condition leaves nothing to compare.
    """
    chosen = options or PowerOptions()
    if len(settings.cells) < 2:
        return None
    base = chosen.base if chosen.base is not None else (1 + 1 / len(settings.answers)) / 2
    plan = _plan(settings, len(speakers), Groups.of(speakers), np.random.default_rng(chosen.seed))
    affordable = max(50, chosen.most_votes // max(len(plan.clip), 1))
    chosen = replace(chosen, simulations=min(chosen.simulations, affordable))
    study = _Counterfactual if settings.arms else _Crossed
    possible = tuple(effect for effect in effects if base + effect < 0.995)
    found = []
    with progress.task("Simulating power", len(possible)) as task:
        for effect in possible:
            found.append(_rate(study(plan, chosen, base, effect).estimate, chosen))
            task.advance()
    return Power(
        effects=possible,
        power=tuple(found),
        smallest=_smallest(possible, found),
        n_clips=len(speakers),
        n_speakers=plan.speakers.distinct,
        n_people=plan.people,
        n_votes=len(plan.clip) * (2 if settings.arms else 1),
        base=base,
        contrast=_contrast(settings),
        options=chosen,
    )


def _contrast(settings: StudySettings) -> str:
    arms = settings.arms
    if arms:
        return f"({arms[0].name}) - ({next(arm.name for arm in arms if arm.is_control)})"
    fullest = max(settings.conditions, key=lambda condition: condition.count("+"))
    return f"{fullest} against {next(c for c in settings.conditions if c != fullest)}"


@dataclass(frozen=True)
class _Plan:
    """Who judges which clip in which cell, one entry per vote or pair of votes (v,)."""

    clip: Whole
    cell: Whole
    person: Whole
    speakers: Groups
    n_clips: int
    people: int


def _plan(settings: StudySettings, n_clips: int, speakers: Groups, rng: np.random.Generator) -> _Plan:
    """Every clip is judged once per pass, by people who take the next clips of a shuffled order; cells rotate."""
    n_cells, size = len(settings.cells), min(settings.items_per_participant, n_clips)
    clips, cells, people, first = [], [], [], 0
    for number in range(settings.raters_per_cell * n_cells):
        order = rng.permutation(n_clips)
        person = np.arange(n_clips) // size
        clips.append(order)
        cells.append((order + number) % n_cells)
        people.append(first + person)
        first += int(person[-1]) + 1
    return _Plan(
        np.concatenate(clips), np.concatenate(cells), np.concatenate(people), speakers, n_clips, first
    )


class _Study:
    """Simulated studies of one plan and one true gain."""

    def __init__(self, plan: _Plan, options: PowerOptions, base: float, effect: float) -> None:
        spread = math.hypot(options.speaker, options.clip, options.condition, options.rater)
        self.plan, self.options = plan, options
        self.low, self.high = (_logit_of(accuracy, spread) for accuracy in (base, base + effect))

    def chances(self, rng: np.random.Generator, cells: int) -> tuple[Floats, Floats]:
        """What clips in each cell (n, cells) and each person (people,) add to a logit."""
        plan, options = self.plan, self.options
        own = rng.normal(0, options.speaker, plan.speakers.count)[plan.speakers.codes]
        clip = own + rng.normal(0, options.clip, plan.n_clips)
        within = rng.normal(0, options.condition, (plan.n_clips, cells))
        return clip[:, None] + within, rng.normal(0, options.rater, plan.people)


class _Crossed(_Study):
    """Each vote by another condition; cell 1 has the gain over cell 0, further cells are not compared."""

    def estimate(self, rng: np.random.Generator) -> Estimate:
        plan = self.plan
        clips, people = self.chances(rng, 2)
        kept = plan.cell < 2
        clip, cell, person = plan.clip[kept], plan.cell[kept], plan.person[kept]
        logit = np.where(cell == 1, self.high, self.low) + clips[clip, cell] + people[person]
        right = rng.random(len(logit)) < special.expit(logit)
        return gain_with_raters(
            right,
            cell == 1,
            clip,
            plan.speakers.take(clip),
            Groups(person, plan.people),
            level=self.options.level,
        )


class _Counterfactual(_Study):
    """Each person judges a clip twice; in cell 0 a modality is added, in cell 1 the same is shown again."""

    def estimate(self, rng: np.random.Generator) -> Estimate:
        plan = self.plan
        clips, people = self.chances(rng, 2)
        kept = plan.cell < 2
        clip, cell, person = plan.clip[kept], plan.cell[kept], plan.person[kept]
        first = self._right(rng, self.low + clips[clip, 0] + people[person])
        added = cell == 0
        again = np.where(added, self.high + clips[clip, 1], self.low + clips[clip, 0]) + people[person]
        second = self._right(rng, again)
        same = ~added & (rng.random(len(second)) < self.options.remembered)
        change = np.where(same, 0.0, second - first)
        speakers, raters = plan.speakers.take(clip), Groups(person, plan.people)
        return added_gain(change, added, speakers, raters, level=self.options.level)

    @staticmethod
    def _right(rng: np.random.Generator, logit: Floats) -> Floats:
        right: Floats = (rng.random(len(logit)) < special.expit(logit)).astype(np.float64)
        return right


def _logit_of(accuracy: float, spread: float) -> float:
    """The logit around which chances with this standard deviation have the mean `accuracy`."""
    nodes, weights = _NODES
    weights = weights / weights.sum()

    def off(middle: float) -> float:
        return float(weights @ special.expit(middle + spread * nodes)) - accuracy

    return float(optimize.brentq(off, -30, 30))


def _rate(estimate: Callable[[np.random.Generator], Estimate], options: PowerOptions) -> float:
    """How often the interval leaves out 0; every effect sees the same draws."""
    found = 0
    for stream in np.random.SeedSequence(options.seed).spawn(options.simulations):
        one = estimate(np.random.default_rng(stream))
        found += one.low is not None and one.high is not None and not one.low <= 0 <= one.high
    return found / options.simulations


def _smallest(effects: Sequence[float], power: Sequence[float]) -> float | None:
    """Where power passes .80, between the two simulated effects around it."""
    for at in range(1, len(effects)):
        if power[at] >= _WANTED:
            if power[at - 1] >= _WANTED:
                return effects[at]
            share = (_WANTED - power[at - 1]) / (power[at] - power[at - 1])
            return effects[at - 1] + share * (effects[at] - effects[at - 1])
    return None
