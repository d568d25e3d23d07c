"""Made rows `shuffled` of probes: how often the fusion of a plan is misled once modalities are dealt out again.

The fusion of a plan adds weighted log-odds, so clips can be put together from others and asked what a run's heads
would be asked; where modalities are independent given label and speaker, the result is an honest null.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import polars as pl

from mixedsignals.measures.unsupported import unsupported_cases
from mixedsignals.tables import PROBES, conform
from mixedsignals.testing.plan import Floats, Ints, Plan, World, build_world, planned
from mixedsignals.testing.tables import softmax

__all__ = ["make_shuffled", "shuffled_of"]


def make_shuffled(plan: Plan | None = None, /, *, repeats: int = 20, **changes: Any) -> pl.DataFrame:
    """The rows `shuffled` of `probes` of a plan: for every clip, seed, modality and label the share of repeats in which
    the clip put together in its place is a case. Clips that lack a modality, or that no other clip of their speaker and
    label could lend to, have no rows.

    Raises:
        UsageError: as `make_evidence`.
    """
    return shuffled_of(build_world(planned(plan, changes)), repeats=repeats)


def shuffled_of(world: World, *, repeats: int = 20) -> pl.DataFrame:
    """The same of a drawn world."""
    made = world.plan
    rng = np.random.default_rng([made.seed, 4])
    groups = _groups(world)
    whole = np.all([world.present[m] for m in made.modalities], axis=0)
    size = np.bincount(groups[whole], minlength=groups.max() + 1)[groups]
    clips = np.flatnonzero(whole & (size > 1))
    share = np.zeros((len(made.seeds), len(clips), len(made.modalities), len(made.labels)))
    for _ in range(repeats):
        dealt = {m: world.logits[m][_dealt(clips, groups, rng)] for m in made.modalities}
        for seed in range(len(made.seeds)):
            hit, dominant, towards = _asked(world, dealt, clips, rng)
            rows = np.flatnonzero(hit)
            share[seed, rows, dominant[rows], towards[rows]] += 1 / repeats
    return conform(PROBES, pl.concat(_rows(world, clips, share)))


def _groups(world: World) -> Ints:
    """A number for each speaker and label; unknown speakers are one."""
    speaker = np.where(world.speakers.is_null().to_numpy(), 0, world.speaker_codes)
    return speaker * len(world.plan.labels) + world.target


def _dealt(clips: Ints, groups: Ints, rng: np.random.Generator) -> Ints:
    """Who lends each clip one modality: a permutation within groups, (clips,)."""
    own = groups[clips]
    lent = np.empty_like(clips)
    lent[np.argsort(own, kind="stable")] = clips[np.lexsort((rng.random(len(clips)), own))]
    return lent


def _asked(
    world: World, dealt: dict[str, Floats], clips: Ints, rng: np.random.Generator
) -> tuple[Any, Ints, Ints]:
    """Cases among the clips that were put together, as one seed of fusion sees them."""
    plan = world.plan
    names, classes = plan.modalities, len(plan.labels)
    target = world.target[clips]
    prior = np.broadcast_to(
        np.bincount(world.target, minlength=classes) / len(world.target), (len(clips), classes)
    )
    said = [prior]
    for subset in range(1, 1 << len(names)):
        shown = [m for at, m in enumerate(names) if subset >> at & 1]
        weight = [1.0 if len(shown) == 1 else plan.weights.get(m, 1.0) for m in shown]
        logits = np.sum([w * dealt[m] for w, m in zip(weight, shown, strict=True)], axis=0)
        logits = logits + rng.normal(0, plan.seed_noise, logits.shape)
        source = shown[0] if len(shown) == 1 else "fusion"
        said.append(softmax(logits / plan.temperature_of(source)))
    unimodal = np.stack([said[1 << at].argmax(axis=1) for at in range(len(names))])
    return unsupported_cases(np.stack(said), unimodal, target)


def _rows(world: World, clips: Ints, share: Floats) -> Iterator[pl.DataFrame]:
    plan, classes = world.plan, len(world.plan.labels)
    for at, modality in enumerate(plan.modalities):
        for row, seed in enumerate(plan.seeds):
            count = len(clips) * classes
            constant = {"run_id": plan.run_id, "source": "fusion", "probe": "shuffled", "modality": modality}
            yield pl.DataFrame(
                {
                    "clip_id": world.clip_ids.gather(np.repeat(clips, classes)),
                    "label": pl.Series(list(plan.labels), dtype=pl.String).gather(
                        np.tile(np.arange(classes), len(clips))
                    ),
                    "probability": np.clip(share[row, :, at].ravel(), 0.0, 1.0),
                    "seed": np.full(count, seed, dtype=np.int64),
                    "donor_id": pl.Series([None], dtype=pl.String).new_from_index(0, count),
                    **{name: pl.Series([value]).new_from_index(0, count) for name, value in constant.items()},
                }
            )
