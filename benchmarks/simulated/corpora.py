"""Corpora drawn from a stated model, so that the truth behind every number is known.

Speakers differ in which labels they show, in how hard they are for each model and for people; clips differ within
speakers; raters have habits; seeds have luck. Speakers, raters and seeds are drawn anew for every corpus.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import expit, ndtri, softmax

from mixedsignals.measures.groups import Groups

PLANTED = 0.45
"""The effect in a corpus's questions: it adds about .02 to the AUROC."""


@dataclass(frozen=True)
class Setting:
    """How a corpus is drawn: its size, labels, raters, how strongly speakers differ, and how easy it is.

    `ease` is added to the logit of the true label for models and people alike: rates then lie near their bounds.
    """

    speakers: int
    clips: int = 15
    labels: int = 2
    fewest_votes: int = 2
    most_votes: int = 12
    raters: int = 24
    seeds: int = 5
    speaker_effect: float = 0.5
    ease: float = 0.0
    endless: bool = False

    @property
    def name(self) -> str:
        """What a table calls it."""
        told = [
            f"{self.speakers} speakers",
            f"{self.labels} labels",
            f"{self.fewest_votes}-{self.most_votes} votes",
        ]
        return ", ".join(
            told + ["unlike speakers"] * (self.speaker_effect > 0.5) + ["easy"] * (self.ease > 0)
        )


@dataclass(frozen=True, eq=False)
class Question:
    """A target, a signal and confidences (n, 4): does the signal say anything beyond confidence?"""

    target: np.ndarray
    signal: np.ndarray
    base: np.ndarray
    groups: Groups


@dataclass(frozen=True, eq=False)
class Corpus:
    """Arrays over clips: `speaker` and `target` (n,), `unimodal` (3, n, C), `fusion` (seeds, n, C), votes (3, n, C).

    Single votes of the first and the last condition, with raters: `vote_clip`, `vote_rater`, `vote_full`,
    `vote_right`, (v,). `linear` and `bent` are questions with an effect, on clips of their own.
    """

    groups: Groups
    labels: int
    speaker: np.ndarray
    target: np.ndarray
    unimodal: np.ndarray
    fusion: np.ndarray
    votes: np.ndarray
    vote_clip: np.ndarray
    vote_rater: np.ndarray
    vote_full: np.ndarray
    vote_right: np.ndarray
    linear: Question
    bent: Question


def _speakers(rng: np.random.Generator, setting: Setting) -> np.ndarray:
    """Speaker of each clip; speakers have uneven numbers of clips."""
    sizes = 1 + rng.negative_binomial(4, 4 / (4 + setting.clips - 1), setting.speakers)
    return np.repeat(np.arange(setting.speakers), sizes)


def draw_corpus(rng: np.random.Generator, setting: Setting) -> Corpus:
    """One corpus."""
    speaker, labels, effect = _speakers(rng, setting), setting.labels, setting.speaker_effect
    n = len(speaker)
    habit = effect * rng.normal(size=(setting.speakers, labels))
    target = (habit[speaker] + rng.gumbel(size=(n, labels))).argmax(axis=1)
    shown = np.eye(labels)[target]
    ease = rng.normal(0, effect, (4, setting.speakers, 1))[:, speaker]
    noise = rng.normal(0, 1, (3, n, labels))
    logits = (np.array([1.4, 1.0, 0.6])[:, None, None] + setting.ease + ease[:3]) * shown + noise
    luck = 0.25 * _luck(rng, setting)[:, None, None]
    fused = (
        (1.6 + setting.ease + ease[3] + luck) * shown
        + 0.5 * noise.sum(axis=0)
        + 0.6 * rng.normal(size=(setting.seeds, n, labels))
    )
    votes = np.stack(
        [_votes(rng, setting, speaker, shown, strength + setting.ease) for strength in (0.8, 1.2, 1.5)]
    )
    clip, rater, full, right = _single_votes(rng, setting, speaker)
    linear, bent = (
        draw_question(rng, setting.speakers, setting.clips, bent=bent, effect=PLANTED)
        for bent in (False, True)
    )
    return Corpus(
        Groups(speaker, setting.speakers),
        labels,
        speaker,
        target,
        softmax(logits, axis=-1),
        softmax(fused, axis=-1),
        votes,
        clip,
        rater,
        full,
        right,
        linear,
        bent,
    )


def _luck(rng: np.random.Generator, setting: Setting) -> np.ndarray:
    """Luck of each seed: none for the first, which stands for one fitted model; evenly spread in an endless corpus."""
    rest = setting.seeds - 1
    drawn = ndtri((np.arange(rest) + 0.5) / rest) if setting.endless else rng.normal(size=rest)
    return np.concatenate([[0.0], drawn])


def _votes(
    rng: np.random.Generator, setting: Setting, speaker: np.ndarray, shown: np.ndarray, strength: float
) -> np.ndarray:
    """Anonymous votes (n, C) whose number differs between clips."""
    ease = strength + rng.normal(0, setting.speaker_effect, (setting.speakers, 1))
    chance = softmax(ease[speaker] * shown + rng.normal(0, 0.8, shown.shape), axis=1)
    return rng.multinomial(rng.integers(setting.fewest_votes, setting.most_votes + 1, len(shown)), chance)


def _single_votes(rng: np.random.Generator, setting: Setting, speaker: np.ndarray) -> tuple[np.ndarray, ...]:
    """Votes with raters under one single and the full condition: right or wrong, gain .08, effects of both ways."""
    n, each = len(speaker), 3
    clip = np.repeat(np.arange(n), 2 * each)
    full = np.tile(np.repeat([0, 1], each), n)
    rater = rng.integers(0, setting.raters, len(clip))
    of_speaker = rng.uniform(-0.12, 0.12, (setting.speakers, 2))[speaker[clip], full]
    of_rater = rng.uniform(-0.12, 0.12, (setting.raters, 2))[rater, full]
    right = rng.random(len(clip)) < 0.55 + 0.08 * full + of_speaker + of_rater
    return clip, rater, full, right.astype(np.float64)


def draw_question(
    rng: np.random.Generator, speakers: int, clips: int, *, bent: bool, effect: float, kind: str = "error"
) -> Question:
    """With `effect` 0 the signal says nothing beyond confidence, though both follow the same function of it.

    `bent`: that function has waves, a square and a product. `kind`: `error` is 0 or 1, `votes` the pairwise
    disagreement of two to eight raters. Target and signal have speaker effects of their own.
    """
    speaker = _speakers(rng, Setting(speakers, clips))
    n = len(speaker)
    common = 0.7 * rng.normal(size=(n, 1)) + 0.5 * rng.normal(size=(speakers, 1))[speaker]
    latent = common + rng.normal(size=(n, 4))
    noise = rng.normal(size=n) + 0.5 * rng.normal(size=speakers)[speaker]
    if bent:
        shape = np.sin(2 * latent[:, 0]) + 0.5 * latent[:, 1] * latent[:, 2] + 0.5 * latent[:, 3] ** 2 - 0.7
    else:
        shape = -0.8 * latent[:, 0] - 0.4 * latent[:, 1]
    chance = expit(shape - 0.4 + effect * noise + 0.5 * rng.normal(size=speakers)[speaker])
    if kind == "error":
        target = (rng.random(n) < chance).astype(np.float64)
    else:
        number = rng.integers(2, 9, n)
        split = rng.binomial(number, 0.5 * chance)
        target = 2.0 * split * (number - split) / (number * (number - 1))
    return Question(target, shape + noise, expit(latent), Groups(speaker, speakers))
