"""Made tables: clips, votes, targets, splits and predictions of a plan, any size, in the package's own schemas.

Everything is drawn with whole arrays: a million clips take seconds. The tables of one plan agree with each
other whichever of them is made, because each kind has its own seeded stream.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import gcd
from typing import Any

import numpy as np
import polars as pl

from mixedsignals.errors import UsageError
from mixedsignals.labels import Labels, combination
from mixedsignals.testing.plan import Floats, Ints, Plan, World, build_world, numbered, planned


@dataclass(frozen=True)
class Made:
    """The tables of one plan, and `truth`: what was planted, one row per clip.

    `truth` has clip_id, label, conflicted (the modality turned, or null), ambiguous, and one column
    `strength_<modality>`: the log-odds that the modality's cue gives the target over the best other label.
    `Evidence(**made.evidence())` is what `diagnose` takes.
    """

    labels: Labels
    clips: pl.DataFrame
    votes: pl.DataFrame
    targets: pl.DataFrame
    splits: pl.DataFrame
    predictions: pl.DataFrame
    truth: pl.DataFrame
    run_id: str

    def evidence(self) -> dict[str, Any]:
        """The arguments of `diagnosis.Evidence`: everything but the truth."""
        names = ("labels", "clips", "votes", "targets", "splits", "predictions", "run_id")
        return {name: getattr(self, name) for name in names}


def make_evidence(plan: Plan | None = None, /, **changes: Any) -> Made:
    """All tables of a plan, for instance `make_evidence(n_clips=200, strength={"text": 0, "audio": 2})`.

    Raises:
        UsageError: for fields that a `Plan` does not have or numbers that cannot be.
    """
    world = build_world(planned(plan, changes))
    return Made(
        labels=world.plan.label_list,
        clips=clips_of(world),
        votes=votes_of(world),
        targets=targets_of(world),
        splits=splits_of(world),
        predictions=predictions_of(world),
        truth=truth_of(world),
        run_id=world.plan.run_id,
    )


def make_clips(plan: Plan | None = None, /, **changes: Any) -> pl.DataFrame:
    """The `clips` table of a plan: clip_id, speaker_id and label. Raises UsageError."""
    return clips_of(build_world(planned(plan, changes)))


def make_votes(plan: Plan | None = None, /, **changes: Any) -> pl.DataFrame:
    """The `votes` table of a plan: one row per vote, or counts where `n_raters=None`. Raises UsageError."""
    return votes_of(build_world(planned(plan, changes)))


def make_targets(plan: Plan | None = None, /, **changes: Any) -> pl.DataFrame:
    """The `targets` table of a plan: the planted label with share 1. Raises UsageError."""
    return targets_of(build_world(planned(plan, changes)))


def make_splits(plan: Plan | None = None, /, **changes: Any) -> pl.DataFrame:
    """The `splits` table of a plan: speaker-disjoint folds with roles test, tune and train. Raises UsageError."""
    return splits_of(build_world(planned(plan, changes)))


def make_predictions(plan: Plan | None = None, /, **changes: Any) -> pl.DataFrame:
    """The `predictions` table of a plan: every modality alone and `fusion`, for every seed. Raises UsageError."""
    return predictions_of(build_world(planned(plan, changes)))


def clips_of(world: World) -> pl.DataFrame:
    """The `clips` table of a drawn world."""
    return pl.DataFrame(
        {"clip_id": world.clip_ids, "speaker_id": world.speakers, "label": _names(world, world.target)}
    )


def targets_of(world: World) -> pl.DataFrame:
    """The `targets` table of a drawn world."""
    share = np.ones(len(world.target))
    return pl.DataFrame({"clip_id": world.clip_ids, "label": _names(world, world.target), "share": share})


def truth_of(world: World) -> pl.DataFrame:
    """What was planted in a drawn world, one row per clip (see `Made`)."""
    columns: dict[str, Any] = {
        "clip_id": world.clip_ids,
        "label": _names(world, world.target),
        "conflicted": world.conflicted,
        "ambiguous": world.ambiguous,
    }
    rows = np.arange(len(world.target))
    for modality, logits in world.logits.items():
        others = logits.copy()
        others[rows, world.target] = -np.inf
        columns[f"strength_{modality}"] = logits[rows, world.target] - others.max(1)
    return pl.DataFrame(columns)


def splits_of(world: World) -> pl.DataFrame:
    """Folds over speakers: each fold tests a share of them, tunes on the next share and trains on the rest."""
    folds = max(3, world.plan.folds)
    home = world.speaker_codes % folds
    parts = []
    for fold in range(folds):
        code = np.where(home == fold, 0, np.where(home == (fold + 1) % folds, 1, 2))
        roles = pl.Series(["test", "tune", "train"]).gather(code)
        parts.append(
            pl.DataFrame({"clip_id": world.clip_ids, "fold": np.full(len(home), fold), "role": roles})
        )
    return pl.concat(parts)


def predictions_of(world: World) -> pl.DataFrame:
    """Rows of every source of a drawn world: modalities, `fusion` of all, and of the pairs where planned."""
    plan = world.plan
    rng = np.random.default_rng([plan.seed, 1])
    wanted: list[tuple[str, tuple[str, ...]]] = [(m, (m,)) for m in plan.modalities]
    if plan.pairs and len(plan.modalities) > 2:
        wanted += [
            ("fusion", (a, b)) for i, a in enumerate(plan.modalities) for b in plan.modalities[i + 1 :]
        ]
    if len(plan.modalities) > 1:
        wanted.append(("fusion", plan.modalities))
    parts = [_source_rows(world, source, shown, seed, rng) for source, shown in wanted for seed in plan.seeds]
    return pl.concat(parts)


def _source_rows(
    world: World, source: str, shown: tuple[str, ...], seed: int, rng: np.random.Generator
) -> pl.DataFrame:
    plan = world.plan
    seen = np.stack([world.present[m] for m in shown])
    weight = np.array([1.0 if len(shown) == 1 else plan.weights.get(m, 1.0) for m in shown])
    logits = np.einsum("m,mn,mnc->nc", weight, seen, np.stack([world.logits[m] for m in shown]))
    logits = logits + rng.normal(0, plan.seed_noise, logits.shape)
    probability = softmax(logits / plan.temperature_of(source))
    kept = np.flatnonzero(seen.any(0))
    classes = len(plan.labels)
    constant = {"run_id": plan.run_id, "source": source, "given": combination(shown)}
    frame = pl.DataFrame(
        {
            "clip_id": world.clip_ids.gather(np.repeat(kept, classes)),
            "label": _names(world, np.tile(np.arange(classes), len(kept))),
            "probability": probability[kept].ravel(),
        }
    ).with_columns(
        pl.lit(seed, dtype=pl.Int64).alias("seed"),
        *(pl.lit(value).alias(name) for name, value in constant.items()),
        pl.lit(None, dtype=pl.Float64).alias("calibrated"),
    )
    return frame.select("run_id", "seed", "clip_id", "source", "given", "label", "probability", "calibrated")


def softmax(logits: Floats) -> Floats:
    """Probabilities of the last axis; safe for large logits."""
    raised = np.exp(logits - logits.max(-1, keepdims=True))
    result: Floats = raised / raised.sum(-1, keepdims=True)
    return result


def votes_of(world: World) -> pl.DataFrame:
    """Votes of a drawn world under every condition of its plan; nobody judges a clip twice.

    Raises:
        UsageError: when a clip needs more raters than there are.
    """
    plan = world.plan
    rng = np.random.default_rng([plan.seed, 2])
    conditions = conditions_of(plan)
    low, high = _vote_range(plan)
    pool = plan.n_raters if plan.n_raters is not None else max(64, high * len(conditions))
    if high * len(conditions) > pool:
        raise UsageError(
            f"{high} votes under each of {len(conditions)} conditions need {high * len(conditions)} raters, "
            f"but n_raters is {pool}: nobody judges a clip twice."
        )
    raters = _Raters(plan, pool, rng)
    parts = []
    for place, given in enumerate(conditions):
        counts = rng.integers(low, high + 1, plan.n_clips)
        clip = np.repeat(np.arange(plan.n_clips), counts)
        turn = np.arange(len(clip)) - np.repeat(np.cumsum(counts) - counts, counts)
        who = raters.assigned(clip, turn + place * high)
        felt = np.sum([world.people[m] for m in given.split("+")], axis=0)
        label = raters.vote(felt[clip], who)
        parts.append(_vote_rows(world, given, clip, who, label))
    return pl.concat(parts)


def conditions_of(plan: Plan) -> tuple[str, ...]:
    """The conditions under which people vote in a plan: as named, else each modality and all of them."""
    if plan.conditions is not None:
        return tuple(combination(c.split("+")) for c in plan.conditions)
    return tuple(dict.fromkeys([*plan.modalities, combination(plan.modalities)]))


def _vote_range(plan: Plan) -> tuple[int, int]:
    if isinstance(plan.votes_per_clip, int):
        return plan.votes_per_clip, plan.votes_per_clip
    return plan.votes_per_clip


class _Raters:
    """A pool of raters: who judges which clip, and how each of them votes."""

    def __init__(self, plan: Plan, pool: int, rng: np.random.Generator) -> None:
        self.plan, self.pool, self.rng = plan, pool, rng
        steps = np.array([s for s in range(1, pool + 1) if gcd(s, pool) == 1])
        self.start = rng.integers(0, pool, plan.n_clips)
        self.step = rng.choice(steps, plan.n_clips)
        self.careless = rng.random(pool) < plan.careless
        self.bias = rng.normal(0, plan.rater_bias, (pool, len(plan.labels)))

    def assigned(self, clip: Ints, turn: Ints) -> Ints:
        """Rater of each vote; steps prime to the pool never meet the same rater twice within a clip."""
        result: Ints = (self.start[clip] + turn * self.step[clip]) % self.pool
        return result

    def vote(self, logits: Floats, who: Ints) -> Ints:
        """One label per vote, drawn from the rater's own probabilities (Gumbel's trick)."""
        felt = np.where(self.careless[who][:, None], 0.0, self.plan.sharpness * logits + self.bias[who])
        result: Ints = (felt + self.rng.gumbel(size=felt.shape)).argmax(1).astype(np.int64)
        return result


def _vote_rows(world: World, given: str, clip: Ints, who: Ints, label: Ints) -> pl.DataFrame:
    names = numbered("r", int(who.max(initial=0)) + 1)
    frame = pl.DataFrame(
        {
            "clip_id": world.clip_ids.gather(clip),
            "rater_id": names.gather(who),
            "label": _names(world, label),
        }
    ).with_columns(pl.lit(given).alias("given"), pl.lit(0, dtype=pl.Int64).alias("occasion"))
    columns = ("clip_id", "rater_id", "given", "occasion", "label", "count")
    if world.plan.n_raters is not None:
        return frame.with_columns(pl.lit(1, dtype=pl.Int64).alias("count")).select(columns)
    counted = frame.group_by("clip_id", "given", "occasion", "label", maintain_order=True).agg(
        pl.len().cast(pl.Int64).alias("count")
    )
    return counted.with_columns(pl.lit(None, dtype=pl.String).alias("rater_id")).select(columns)


def _names(world: World, codes: Ints) -> pl.Series:
    return pl.Series(list(world.plan.labels), dtype=pl.String).gather(codes)
