"""Views of the saved tables that several sections share: one decision per clip and source, and the pattern of
each clip.

A decision averages a source's probabilities over seeds and takes the most probable label, ties by the order
of labels. Everything stays in Polars expressions and arrays, so that a million clips cost seconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import polars as pl

from mixedsignals.labels import MODALITIES
from mixedsignals.report.decisions import decisions
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
    """Lazy, cached views of one run's tables; a source is looked at alone, so that memory does not grow with
    their number.
    """

    run: ReportInput

    @cached_property
    def widest(self) -> dict[str, str]:
        """Source to the `given` of its fullest input; `NAME~WORD`, a source less some modalities, is not one."""
        frame = self.run.predictions
        if frame is None or frame.is_empty():
            return {}
        ordinary = ~pl.col("source").str.contains("~", literal=True)
        inputs = (
            frame.select("source", "given")
            .unique()
            .filter(ordinary)
            .sort(given_size(pl.col("given")), "given")
        )
        return dict(inputs.iter_rows())

    @cached_property
    def sources(self) -> list[str]:
        """All sources in reading order."""
        return source_order(list(self.widest), self.run.fusion)

    @cached_property
    def singles(self) -> list[str]:
        """Sources that see one modality (or an unknown input) and are not fused."""
        fusion = self.run.fusion
        family = [
            s for s in self.sources if s == fusion or s.startswith(f"{fusion}~") or "+" in self.widest[s]
        ]
        return [source for source in self.sources if source not in family]

    @cached_property
    def targets(self) -> pl.DataFrame:
        """clip_id, target: the label with the largest share of each clip, ties by the order of labels."""
        table = self.run.targets
        if table is None or table.is_empty():
            return pl.DataFrame(schema={"clip_id": pl.String, "target": pl.String})
        share = pl.col("share").fill_null(1.0) if "share" in table.columns else pl.lit(1.0)
        if table["clip_id"].n_unique() == table.height:  # one label each, as nearly always
            return table.select("clip_id", pl.col("label").alias("target"))
        ranked = table.sort([share, self._place("label")], descending=[True, False])
        return ranked.group_by("clip_id", maintain_order=True).agg(pl.col("label").first().alias("target"))

    @cached_property
    def calibrated(self) -> bool:
        """Whether any probability was calibrated."""
        frame = self.run.predictions
        return frame is not None and "calibrated" in frame.columns and frame["calibrated"].count() > 0

    def spoken(self, source: str, ids: Sequence[str] | None = None) -> pl.DataFrame:
        """What a source says under its fullest input, averaged over seeds: clip_id, label, probability,
        calibrated?.

        `ids` keeps these clips only; None keeps all.
        """
        own = self._own(source)
        if ids is not None:
            own = own.filter(pl.col("clip_id").is_in(list(ids)))
        means = own.group_by("clip_id", "label", maintain_order=True).agg(
            pl.col("probability", "calibrated").mean()
        )
        return means.collect()

    def _own(self, source: str) -> pl.LazyFrame:
        """The rows of a source under its fullest input: clip_id, label, probability, calibrated?."""
        schema = {
            "clip_id": pl.String,
            "label": pl.String,
            "probability": pl.Float64,
            "calibrated": pl.Float64,
        }
        frame = self.run.predictions
        if frame is None or source not in self.widest:
            return pl.LazyFrame(schema=schema)
        own = frame.lazy().filter((pl.col("source") == source) & (pl.col("given") == self.widest[source]))
        if "calibrated" not in frame.columns:
            own = own.with_columns(pl.lit(None, pl.Float64).alias("calibrated"))
        return own.select(list(schema))

    def decided(self, source: str) -> pl.DataFrame:
        """One row per clip that a source predicted, by clip_id.

        Columns predicted, confidence, target?, p_target?, c_target? (calibrated) and right?; the most
        probable label is predicted, ties by the order of labels.
        """
        return self._decisions(source).drop_nulls("predicted")

    @cached_property
    def wide(self) -> pl.DataFrame:
        """One row per predicted clip: clip_id, target, and the columns of `decided` for each source S as
        `NAME:S`.
        """
        names = ("predicted", "confidence", "p_target", "c_target", "right")
        clips, targets = self._clips
        columns = [clips]
        for source in self.sources:
            made = self._decisions(source)
            columns += [made[name].alias(f"{name}:{source}") for name in names]
        frame = pl.DataFrame([*columns, targets])
        predicted = [pl.col(f"predicted:{source}").is_not_null() for source in self.sources]
        return frame.filter(pl.any_horizontal(predicted)) if predicted else frame

    @cached_property
    def _clips(self) -> tuple[pl.Series, pl.Series]:
        """Every clip in the predictions, by clip_id, and its target or null."""
        frame = self.run.predictions
        own: pl.Series | list[str] = [] if frame is None else frame["clip_id"].unique().sort()
        clips = pl.DataFrame({"clip_id": own}, schema={"clip_id": pl.String})
        both = clips.join(self.targets, on="clip_id", how="left", maintain_order="left")
        return both["clip_id"], both["target"]

    def _decisions(self, source: str) -> pl.DataFrame:
        clips, targets = self._clips
        said = self._own(source).collect()
        return decisions(said, clips, self.run.labels.names, targets)

    def _place(self, column: str) -> pl.Expr:
        """Position of a label in the list of labels."""
        order = {name: position for position, name in enumerate(self.run.labels)}
        return pl.col(column).replace_strict(order, default=len(order), return_dtype=pl.Int64)

    @cached_property
    def patterns(self) -> pl.DataFrame:
        """One row per clip that fusion and every single source predicted: clip_id, pattern in words, right
        (fusion's).
        """
        fusion, singles = self.run.fusion, self.singles
        if fusion not in self.sources or not singles:
            return pl.DataFrame(schema={"clip_id": pl.String, "pattern": pl.String, "right": pl.Boolean})
        whole = self.wide.drop_nulls([f"predicted:{source}" for source in (*singles, fusion)])
        sides = [pl.col(f"predicted:{s}") == pl.col(f"predicted:{fusion}") for s in singles]
        same = [pl.col(f"predicted:{s}") == pl.col(f"predicted:{singles[0]}") for s in singles]
        with_fusion = pl.sum_horizontal(side.cast(pl.Int64) * 2**bit for bit, side in enumerate(sides))
        alone = (with_fusion == 0) & pl.all_horizontal(same)
        code = pl.when(alone).then(-1).otherwise(with_fusion)
        words = {number: _pattern(number, singles) for number in range(-1, 2 ** len(singles))}
        named = code.replace_strict(words, return_dtype=pl.String)
        return whole.select("clip_id", named.alias("pattern"), pl.col(f"right:{fusion}").alias("right"))


def _pattern(code: int, singles: Sequence[str]) -> str:
    """A pattern in words: the bits of `code` say which single sources fusion sides with; -1, that they agree
    against it.
    """
    if code == 2 ** len(singles) - 1:
        return "all agree"
    if code <= 0:
        return (
            "fusion alone, the others split" if code == 0 and len(singles) > 1 else "fusion alone against all"
        )
    return f"fusion sides with {' and '.join(s for bit, s in enumerate(singles) if code >> bit & 1)}"
