"""Views of the saved tables that several sections share: one decision per clip and source, and the pattern of
each clip.

A decision averages a source's probabilities over seeds and takes the most probable label, ties by the order
of labels. Everything stays in Polars expressions, so that a million clips cost seconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import polars as pl

from mixedsignals.labels import MODALITIES
from mixedsignals.report.inputs import ReportInput

__all__ = ["Views", "given_order", "given_size", "source_order"]


def source_order(sources: Sequence[str], fusion: str = "fusion") -> list[str]:
    """Text, audio, video, then others by name, the fused source and its family last, people at the very end."""

    def rank(source: str) -> tuple[int, int, str]:
        if source in MODALITIES:
            return (0, MODALITIES.index(source), "")
        if "|" in source:
            first, _, second = source.partition("|")
            return (
                1,
                0,
                " ".join(f"{MODALITIES.index(s) if s in MODALITIES else s}" for s in (first, second)),
            )
        if source == "people":
            return (4, 0, "")
        if source == fusion:
            return (2, 0, "")
        return (3 if source.startswith(f"{fusion}~") else 1, 0, source)

    return sorted(set(sources), key=rank)


def given_size(given: pl.Expr) -> pl.Expr:
    """Number of modalities in a `given`."""
    return given.str.count_matches("+", literal=True) + 1


def given_order(given: Sequence[str]) -> list[str]:
    """Single modalities first, then pairs and more, each in reading order."""
    return sorted(
        set(given),
        key=lambda g: (
            g.count("+"),
            [source_order(MODALITIES).index(m) if m in MODALITIES else 9 for m in g.split("+")],
            g,
        ),
    )


@dataclass(frozen=True)
class Views:
    """Lazy, cached views of one run's tables."""

    run: ReportInput

    @cached_property
    def fullest(self) -> pl.DataFrame:
        """Predictions of each source under its fullest input, averaged over seeds.

        Columns clip_id, source, given, label, probability, calibrated (null where there is none).
        """
        frame = self.run.predictions
        empty = {"clip_id": pl.String, "source": pl.String, "given": pl.String, "label": pl.String}
        if frame is None or frame.is_empty():
            return pl.DataFrame(schema=empty | {"probability": pl.Float64, "calibrated": pl.Float64})
        if "calibrated" not in frame.columns:
            frame = frame.with_columns(pl.lit(None, pl.Float64).alias("calibrated"))
        size = given_size(pl.col("given"))
        widest = (
            frame.select("source", "given")
            .unique()
            .group_by("source")
            .agg(pl.col("given").sort_by(size, "given").last())
        )
        kept = frame.join(widest, on=["source", "given"], how="semi")
        keys = ["clip_id", "source", "given", "label"]
        return kept.group_by(keys, maintain_order=True).agg(pl.col("probability", "calibrated").mean())

    @cached_property
    def sources(self) -> list[str]:
        """All sources in reading order."""
        return source_order(self.fullest["source"].unique().to_list(), self.run.fusion)

    @cached_property
    def singles(self) -> list[str]:
        """Sources that see one modality (or an unknown input) and are not fused."""
        given = dict(self.fullest.select("source", "given").unique().iter_rows())
        family = (self.run.fusion, f"{self.run.fusion}~")
        return [
            s for s in self.sources if "+" not in given[s] and s != family[0] and not s.startswith(family[1])
        ]

    @cached_property
    def targets(self) -> pl.DataFrame:
        """clip_id, target: the label with the largest share of each clip."""
        table = self.run.targets
        if table is None or table.is_empty():
            return pl.DataFrame(schema={"clip_id": pl.String, "target": pl.String})
        share = pl.col("share") if "share" in table.columns else pl.lit(1.0)
        order = pl.col("label").replace_strict(
            {n: i for i, n in enumerate(self.run.labels)}, default=len(self.run.labels)
        )
        best = table.sort([share.fill_null(1.0), order], descending=[True, False]).group_by(
            "clip_id", maintain_order=True
        )
        return best.agg(pl.col("label").first().alias("target"))

    @cached_property
    def decisions(self) -> pl.DataFrame:
        """One row per clip and source: clip_id, source, predicted, confidence, target?, p_target?, c_target?
        (calibrated), right?.
        """
        order = {name: position for position, name in enumerate(self.run.labels)}
        ranked = self.fullest.with_columns(
            pl.col("label").replace_strict(order, default=len(order), return_dtype=pl.Int64).alias("order")
        )
        top = ranked.sort(["probability", "order"], descending=[True, False]).group_by(
            ["clip_id", "source"], maintain_order=True
        )
        chosen = top.agg(
            pl.col("label").first().alias("predicted"), pl.col("probability").first().alias("confidence")
        )
        truth = self.fullest.join(
            self.targets, left_on=["clip_id", "label"], right_on=["clip_id", "target"], how="semi"
        )
        truth = truth.select(
            "clip_id",
            "source",
            pl.col("probability").alias("p_target"),
            pl.col("calibrated").alias("c_target"),
        )
        return (
            chosen.join(self.targets, on="clip_id", how="left")
            .join(truth, on=["clip_id", "source"], how="left")
            .with_columns((pl.col("predicted") == pl.col("target")).alias("right"))
            .sort("clip_id", "source")
        )

    @cached_property
    def wide(self) -> pl.DataFrame:
        """One row per clip: clip_id, target, and `predicted:S`, `p_target:S`, `confidence:S`, `right:S` for
        each source S.
        """
        frame = self.decisions.select("clip_id", "target").unique()
        for source in self.sources:
            part = self.decisions.filter(pl.col("source") == source).select(
                "clip_id",
                *(
                    pl.col(c).alias(f"{c}:{source}")
                    for c in ("predicted", "p_target", "c_target", "confidence", "right")
                ),
            )
            frame = frame.join(part, on="clip_id", how="left")
        return frame.sort("clip_id")

    @cached_property
    def patterns(self) -> pl.DataFrame:
        """One row per clip that every source predicted: clip_id, parts (single sources that part from
        fusion), pattern.
        """
        fusion = self.run.fusion
        if fusion not in self.sources or not self.singles:
            return pl.DataFrame(schema={"clip_id": pl.String, "pattern": pl.String, "right": pl.Boolean})
        whole = self.wide.drop_nulls([f"predicted:{s}" for s in (*self.singles, fusion)])
        own = pl.col(f"predicted:{fusion}")
        sides = [pl.when(pl.col(f"predicted:{s}") == own).then(pl.lit(s)) for s in self.singles]
        with_fusion = pl.concat_list(sides).list.drop_nulls()
        count = with_fusion.list.len()
        same = pl.all_horizontal(
            [pl.col(f"predicted:{s}") == pl.col(f"predicted:{self.singles[0]}") for s in self.singles]
        )
        words = (
            pl.when(count == len(self.singles))
            .then(pl.lit("all agree"))
            .when((count == 0) & same & pl.lit(len(self.singles) > 1))
            .then(pl.lit("fusion alone against all"))
            .when(count == 0)
            .then(pl.lit("fusion alone, the others split"))
            .otherwise(pl.format("fusion sides with {}", with_fusion.list.join(" and ")))
        )
        return whole.select("clip_id", words.alias("pattern"), pl.col(f"right:{fusion}").alias("right"))
