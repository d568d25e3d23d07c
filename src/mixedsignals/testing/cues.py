"""Made cues and training dynamics of a plan, for tests of what is measured in clips and of how they were learned."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

from mixedsignals.labels import MODALITIES, combination
from mixedsignals.tables import CUES, DYNAMICS, conform
from mixedsignals.testing.plan import Plan
from mixedsignals.testing.tables import Made, make_evidence

__all__ = ["make_cues", "make_dynamics"]


def make_cues(plan: Plan | None = None, /, *, noise: int = 6, **changes: Any) -> pl.DataFrame:
    """A `cues` table of a plan: `planted` goes with clips on which a source parts from fusion, `noise1` … do not.

    `planted` is normal with variance 1, and higher by 1 on these clips; `speaker` differs between speakers only.

    Raises:
        UsageError: as `make_evidence`.
    """
    made = make_evidence(plan, **changes)
    truth = made.clips.select("clip_id", "speaker_id").join(
        _parting(made), on="clip_id", maintain_order="left"
    )
    rng = np.random.default_rng(0)
    n, told = truth.height, truth["parts"]
    values = {
        "planted": rng.normal(size=n) + told.cast(pl.Float64).to_numpy(),
        "speaker": truth["speaker_id"].rank("dense").cast(pl.Float64).fill_null(0.0).to_numpy(),
        **{f"noise{at + 1}": rng.normal(size=n) for at in range(noise)},
    }
    parts = [
        truth.select("clip_id").with_columns(
            pl.lit(name).alias("cue"),
            pl.lit("audio").alias("modality"),
            pl.Series("value", held),
            pl.lit("standard deviations").alias("unit"),
        )
        for name, held in values.items()
    ]
    return conform(CUES, pl.concat(parts))


def make_dynamics(plan: Plan | None = None, /, *, epochs: int = 5, **changes: Any) -> pl.DataFrame:
    """A `dynamics` table of a plan: one fold and seed, each modality and fusion; what is predicted right is learned.

    Raises:
        UsageError: as `make_evidence`.
    """
    made = make_evidence(plan, **changes)
    sources = [*(name for name in MODALITIES if name in set(made.predictions["source"])), "fusion"]
    everything = combination(name for name in sources if name != "fusion")
    target = made.targets.select("clip_id", "label")
    said = made.predictions.join(target, on=["clip_id", "label"], how="semi")
    mean = said.group_by("source", "clip_id", maintain_order=True).agg(pl.col("probability").mean())
    rng = np.random.default_rng(0)
    parts = []
    for source in sources:
        own = mean.filter(source=source)
        p = own["probability"].to_numpy()
        for epoch in range(epochs):
            held = np.clip(0.5 + (p - 0.5) * (epoch + 1) / epochs + rng.normal(scale=0.05, size=len(p)), 0, 1)
            parts.append(
                own.select("clip_id", "source").with_columns(
                    pl.lit(made.run_id).alias("run_id"),
                    pl.lit(1).alias("seed"),
                    pl.lit(0).alias("fold"),
                    pl.lit(everything if source == "fusion" else source).alias("given"),
                    pl.lit(epoch).alias("epoch"),
                    pl.Series("p_target", held),
                    pl.Series("right", (held > 0.5).astype(int)),
                )
            )
    return conform(DYNAMICS, pl.concat(parts))


def _parting(made: Made) -> pl.DataFrame:
    """clip_id, parts: whether any source's most probable label is not that of fusion."""
    mean = made.predictions.group_by("clip_id", "source", "label").agg(pl.col("probability").mean())
    top = (
        mean.sort("probability", "label", descending=True)
        .group_by("clip_id", "source")
        .agg(pl.col("label").first())
    )
    fused = top.filter(source="fusion").select("clip_id", pl.col("label").alias("fused"))
    both = top.join(fused, on="clip_id")
    return both.group_by("clip_id").agg((pl.col("label") != pl.col("fused")).any().alias("parts"))
