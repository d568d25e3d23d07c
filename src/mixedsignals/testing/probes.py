"""Made probes of a plan: what its fusion says once a modality comes from another clip, is withheld, or gets noise.

The fusion of a plan adds weighted log-odds, so every probe is exact: following can be planted with `weights`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import polars as pl

from mixedsignals.labels import combination
from mixedsignals.measures.partners import choose_partners
from mixedsignals.tables import PROBES, conform
from mixedsignals.testing.plan import Floats, Ints, Plan, World, build_world, planned
from mixedsignals.testing.tables import predictions_of, softmax, splits_of

__all__ = ["make_probes"]


def make_probes(
    plan: Plan | None = None,
    /,
    *,
    partners: int = 4,
    noise: Sequence[int] = (20, 10, 0),
    media: bool = False,
    **changes: Any,
) -> pl.DataFrame:
    """A `probes` table of a plan: `plain`, `swap`, `mismatch`, `mute` and `noise:DB` of `fusion` for every clip.

    `plain` is what `make_predictions` says of fusion given all modalities. With `media`, also `media:plain` (which
    differs a little from `plain`, as after another encoding), `media:swap`, `media:mute` and `media:freeze` (half of
    the modality).

    Raises:
        UsageError: as `make_evidence`; a plan of one modality has nothing to be probed.
    """
    world = build_world(planned(plan, changes))
    made = _Made(world)
    parts = list(_embedded(made, partners, noise))
    if media:
        parts += _encoded_again(made, partners)
    return conform(PROBES, pl.concat(parts))


class _Made:
    """Log-odds of the fusion of a plan, (seeds, clips, labels), and who may lend whom."""

    def __init__(self, world: World) -> None:
        plan = world.plan
        self.world, self.plan, self.rng = world, plan, np.random.default_rng([plan.seed, 3])
        everything = combination(plan.modalities)
        rows = predictions_of(world).filter(source="fusion", given=everything)
        shape = (len(plan.seeds), -1, len(plan.labels))
        self.plain = np.log(np.maximum(rows["probability"].to_numpy().reshape(shape), 1e-300))
        self.seen = np.any([world.present[m] for m in plan.modalities], axis=0)
        self.everything = everything
        folds = splits_of(world).filter(role="test").sort("clip_id")["fold"]
        self.folds = folds.to_numpy().astype(np.int64)

    def part(self, modality: str) -> Floats:
        """What a modality adds to the log-odds, (clips, labels)."""
        scale = self.plan.weights.get(modality, 1.0) / self.plan.temperature_of("fusion")
        shown: Floats = scale * self.world.logits[modality] * self.world.present[modality][:, None]
        return shown

    def pairs(self, modality: str, count: int, *, same_label: bool = False) -> tuple[Ints, Ints]:
        """Who receives from whom."""
        speakers = np.where(self.world.speakers.is_null().to_numpy(), -1, self.world.speaker_codes)
        chosen = choose_partners(
            self.world.target,
            self.folds,
            speakers,
            present=self.world.present[modality],
            count=count,
            same_label=same_label,
            seed=self.plan.seed,
        )
        return chosen.clip, chosen.donor

    def rows(self, probe: str, modality: str, clip: Ints, donor: Ints | None, logits: Floats) -> pl.DataFrame:
        """The rows of one probe, from log-odds (seeds, trials, labels)."""
        plan, classes = self.plan, len(self.plan.labels)
        seeds = len(plan.seeds)
        each = np.tile(np.repeat(clip, classes), seeds)
        lent = (
            pl.Series([None], dtype=pl.String).new_from_index(0, len(each))
            if donor is None
            else self.world.clip_ids.gather(np.tile(np.repeat(donor, classes), seeds))
        )
        return pl.DataFrame(
            {
                "run_id": pl.Series([plan.run_id]).new_from_index(0, len(each)),
                "seed": np.repeat(np.asarray(plan.seeds, dtype=np.int64), len(clip) * classes),
                "clip_id": self.world.clip_ids.gather(each),
                "source": pl.Series(["fusion"]).new_from_index(0, len(each)),
                "probe": pl.Series([probe]).new_from_index(0, len(each)),
                "modality": pl.Series([modality]).new_from_index(0, len(each)),
                "donor_id": lent,
                "label": pl.Series(list(plan.labels)).gather(np.tile(np.arange(classes), seeds * len(clip))),
                "probability": softmax(logits).ravel(),
            }
        )

    def changed(self, clip: Ints, by: Floats) -> Floats:
        """Log-odds of clips with something added, (seeds, trials, labels)."""
        place = np.cumsum(self.seen) - 1
        found: Floats = self.plain[:, place[clip]] + by
        return found


def _embedded(made: _Made, partners: int, noise: Sequence[int]) -> Iterator[pl.DataFrame]:
    clips = np.flatnonzero(made.seen)
    yield made.rows("plain", made.everything, clips, None, made.plain)
    for modality in made.plan.modalities:
        part, has = made.part(modality), np.flatnonzero(made.world.present[modality])
        for probe, count, same in (("swap", partners, False), ("mismatch", 1, True)):
            clip, donor = made.pairs(modality, count, same_label=same)
            yield made.rows(probe, modality, clip, donor, made.changed(clip, part[donor] - part[clip]))
        yield made.rows("mute", modality, has, None, made.changed(has, -part[has]))
        for level in noise:
            yield made.rows(
                f"noise:{level}", modality, has, None, made.changed(has, _noise(made, part[has], level))
            )


def _noise(made: _Made, part: Floats, level: int) -> Floats:
    """Noise so many dB below the signal."""
    size = float(np.sqrt((part**2).mean())) * 10.0 ** (-level / 20.0)
    return made.rng.normal(scale=max(size, 1e-12), size=part.shape)


def _encoded_again(made: _Made, partners: int) -> Iterator[pl.DataFrame]:
    clips = np.flatnonzero(made.seen)
    drift = np.zeros((len(made.world.target), len(made.plan.labels)))
    drift[clips] = made.rng.normal(scale=0.05, size=(len(clips), drift.shape[1]))
    yield made.rows("media:plain", made.everything, clips, None, made.changed(clips, drift[clips]))
    probes: dict[str, Callable[[Floats], Floats]] = {
        "media:mute": lambda p: -p,
        "media:freeze": lambda p: -p / 2,
    }
    for modality in made.plan.modalities:
        part, has = made.part(modality), np.flatnonzero(made.world.present[modality])
        clip, donor = made.pairs(modality, max(partners // 2, 1))
        moved = part[donor] - part[clip] + drift[clip]
        yield made.rows("media:swap", modality, clip, donor, made.changed(clip, moved))
        for probe, change in probes.items():
            yield made.rows(probe, modality, has, None, made.changed(has, change(part[has]) + drift[has]))
