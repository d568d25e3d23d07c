"""What is planted in made data, and the cues that follow from it.

A `Plan` says how strong each modality is, on which share of the clips a modality points to the wrong label,
how many clips are ambiguous, and who judges them. `build_world` draws the cues once; predictions, votes and
media made from the same plan then belong together.

The model behind it: a clip with label y shows, in modality m, the cue vector `d_m * S[y] + noise`, where `S` is
the identity for nominal labels and falls off with distance for ordinal ones. A model that sees the cue and
knows `d_m` has the posterior log-odds that Gaussian noise implies, so with temperature 1, no conflict and no
ambiguity the made probabilities are calibrated.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from mixedsignals.errors import UsageError
from mixedsignals.labels import Labels, combination

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


def _default_strength() -> dict[str, float]:
    return {"text": 1.2, "audio": 1.5, "video": 1.8}


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Everything that made data can be told; every field has a default that gives a small, sensible corpus.

    Attributes:
        n_clips, n_speakers: how many; `n_speakers=None` leaves speakers unknown.
        labels, kind, prior: the label names, `nominal` or `ordinal`, and their shares (default equal).
        strength: per modality the distance d between two labels in units of noise; 0 is a source at chance.
        conflict: per modality the share of clips on which its cue points to another label.
        ambiguous: the share of clips whose cues are all weak (15 % of their strength).
        missing: per modality the share of clips that lack it: no prediction rows of that source there.
        speaker_effect: standard deviation of a speaker's own shift of every cue.
        weights: per modality the weight in fusion; above 1 makes a modality dominate, 0 ignores it.
        pairs: also predictions of fusion given each pair of modalities.
        seeds, seed_noise: the training seeds, and the standard deviation (in log-odds) by which they differ.
        temperature: divides the log-odds; below 1 is overconfident. A number, or one per source.
        conditions: the `given` of the votes; default each modality alone and all of them.
        n_raters: raters with ids, or None for anonymous counts.
        votes_per_clip: votes of a clip under each condition, or (fewest, most) for ragged votes.
        careless: share of raters who vote at random.
        rater_bias: sd of a rater's own liking for each label.
        sharpness: how closely votes follow the cues; 0 is a vote at random.
        shared_cues: False makes people judge cues of their own, so that their doubt has nothing to do with the models.
        folds: speaker-disjoint folds written to `splits`.
        run_id, seed: the name of the made run, and the seed of every draw.
    """

    n_clips: int = 600
    n_speakers: int | None = 24
    labels: Sequence[str] = ("neutral", "empathetic")
    kind: str = "nominal"
    prior: Sequence[float] | None = None
    strength: Mapping[str, float] = field(default_factory=_default_strength)
    conflict: Mapping[str, float] = field(default_factory=dict)
    ambiguous: float = 0.0
    missing: Mapping[str, float] = field(default_factory=dict)
    speaker_effect: float = 0.2
    weights: Mapping[str, float] = field(default_factory=dict)
    pairs: bool = False
    seeds: Sequence[int] = (42, 43)
    seed_noise: float = 0.2
    temperature: float | Mapping[str, float] = 1.0
    conditions: Sequence[str] | None = None
    n_raters: int | None = 32
    votes_per_clip: int | tuple[int, int] = 6
    careless: float = 0.0
    rater_bias: float = 0.2
    sharpness: float = 1.0
    shared_cues: bool = True
    folds: int = 5
    run_id: str = "made"
    seed: int = 0

    @property
    def modalities(self) -> tuple[str, ...]:
        """The modalities in canonical order."""
        return tuple(combination(self.strength).split("+"))

    @property
    def label_list(self) -> Labels:
        """The labels as the rest of the package takes them."""
        return Labels(tuple(self.labels), "ordinal" if self.kind == "ordinal" else "nominal")

    def temperature_of(self, source: str) -> float:
        """The temperature of one source (1 where the plan names none)."""
        if isinstance(self.temperature, Mapping):
            return float(self.temperature.get(source, 1.0))
        return float(self.temperature)


def planned(plan: Plan | None, changes: Mapping[str, Any]) -> Plan:
    """`plan` (or the default one) with the named fields changed.

    Raises:
        UsageError: for a field that `Plan` does not have, or numbers that cannot be (all of them named at once).
    """
    known = {f.name for f in fields(Plan)}
    unknown = sorted(set(changes) - known)
    if unknown:
        raise UsageError(f"A plan has no {', '.join(unknown)}. It has: {', '.join(sorted(known))}.")
    made = replace(plan or Plan(), **changes)
    faults = list(_faults(made))
    if faults:
        raise UsageError("This plan cannot be made: " + "; ".join(faults) + ".")
    return made


def _faults(plan: Plan) -> list[str]:
    faults = []
    if plan.n_clips < 1:
        faults.append(f"n_clips is {plan.n_clips}, at least 1 is needed")
    if plan.n_speakers is not None and plan.n_speakers < 1:
        faults.append(f"n_speakers is {plan.n_speakers}, at least 1 is needed (None for unknown)")
    if len(plan.labels) < 2:
        faults.append("fewer than two labels")
    if not plan.strength:
        faults.append("no modality in strength")
    if plan.prior is not None and len(plan.prior) != len(plan.labels):
        faults.append(f"{len(plan.prior)} prior shares for {len(plan.labels)} labels")
    for name in ("conflict", "missing", "weights"):
        strange = sorted(set(getattr(plan, name)) - set(plan.strength))
        if strange:
            faults.append(f"{name} names {', '.join(strange)}, which strength does not")
    return faults


@dataclass(frozen=True)
class World:
    """The drawn truth of a plan, one row per clip in order.

    clip_ids and speakers are Series (speakers null where unknown); target (n,) codes; conflicted names the
    modality whose cue was turned, null where none; ambiguous (n,) bool; logits maps each modality to the
    posterior log-odds (n, C) that its cue supports; people holds the same for the cues that raters perceive;
    present maps each modality to (n,) bool.
    """

    plan: Plan
    clip_ids: pl.Series
    speakers: pl.Series
    speaker_codes: Ints
    target: Ints
    conflicted: pl.Series
    ambiguous: npt.NDArray[np.bool_]
    logits: dict[str, Floats]
    people: dict[str, Floats]
    present: dict[str, npt.NDArray[np.bool_]]


def numbered(prefix: str, count: int) -> pl.Series:
    """`count` ids such as `c0007`, zero-padded so that they sort."""
    width = max(4, len(str(count - 1)))
    numbers = pl.Series(np.arange(count)).cast(pl.String).str.zfill(width)
    return pl.Series([prefix]).new_from_index(0, count) + numbers


def build_world(plan: Plan) -> World:
    """Draw labels, speakers, conflicts and cues of a plan; the same plan always gives the same world."""
    rng = np.random.default_rng([plan.seed, 0])
    n, classes = plan.n_clips, len(plan.labels)
    target = rng.choice(classes, size=n, p=_shares(plan.prior, classes)).astype(np.int64)
    speaker_codes = rng.permutation(np.arange(n) % (plan.n_speakers or n)).astype(np.int64)
    shift = rng.normal(0, plan.speaker_effect, (speaker_codes.max() + 1, classes))
    ambiguous = rng.random(n) < plan.ambiguous
    conflicted, pointed = _conflicts(plan, target, rng)
    draw = _Cues(plan, ambiguous, shift[speaker_codes], rng)
    logits = {m: draw(m, pointed[m]) for m in plan.modalities}
    people = logits if plan.shared_cues else {m: draw(m, target) for m in plan.modalities}
    present = {m: rng.random(n) >= plan.missing.get(m, 0.0) for m in plan.modalities}
    ids = numbered("c", n)
    unknown = plan.n_speakers is None
    speakers = pl.Series([None], dtype=pl.String).new_from_index(0, n) if unknown else None
    if speakers is None:
        speakers = numbered("s", plan.n_speakers or n).gather(speaker_codes)
    return World(plan, ids, speakers, speaker_codes, target, conflicted, ambiguous, logits, people, present)


def _shares(prior: Sequence[float] | None, classes: int) -> Floats:
    shares = np.asarray(prior if prior is not None else np.ones(classes), dtype=np.float64)
    result: Floats = shares / shares.sum()
    return result


def _conflicts(plan: Plan, target: Ints, rng: np.random.Generator) -> tuple[pl.Series, dict[str, Ints]]:
    """Which modality of each clip is turned (at most one), and the label that each modality points to."""
    classes = len(plan.labels)
    edges = np.cumsum([plan.conflict.get(m, 0.0) for m in plan.modalities])
    chosen = np.searchsorted(edges, rng.random(len(target)), side="right")
    wrong = (target + rng.integers(1, classes, len(target))) % classes
    pointed = {m: np.where(chosen == i, wrong, target) for i, m in enumerate(plan.modalities)}
    names = pl.Series([*plan.modalities, None], dtype=pl.String)
    return names.gather(chosen), pointed


class _Cues:
    """Draws the posterior log-odds of one modality after another from one generator."""

    def __init__(
        self, plan: Plan, ambiguous: npt.NDArray[np.bool_], shift: Floats, rng: np.random.Generator
    ) -> None:
        self.plan, self.rng, self.shift = plan, rng, shift
        self.scale = np.where(ambiguous, 0.15, 1.0)[:, None]
        classes = len(plan.labels)
        steps = np.abs(np.subtract.outer(np.arange(classes), np.arange(classes)))
        self.signature = 1 - steps / (classes - 1) if plan.kind == "ordinal" else np.eye(classes)

    def __call__(self, modality: str, pointed: Ints) -> Floats:
        d = self.plan.strength[modality]
        cue = d * self.scale * self.signature[pointed] + self.shift + self.rng.normal(size=self.shift.shape)
        logits: Floats = d * cue @ self.signature.T - d**2 / 2 * (self.signature**2).sum(1)
        centred: Floats = logits - logits.mean(1, keepdims=True)
        return centred
