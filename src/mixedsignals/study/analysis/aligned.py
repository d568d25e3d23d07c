"""The answers that count, as aligned arrays: codes of labels and targets, groups of speakers and raters."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from mixedsignals.labels import Labels
from mixedsignals.measures.groups import Groups

__all__ = ["Judged", "align"]


@dataclass(frozen=True, eq=False)
class Judged:
    """Answers to items by people who are not excluded, with what is known of their clips.

    Attributes:
        frame: the answers with `code` (of the label), `target` (code, −1 where none) and `speaker`; one row each.
        labels: what could be answered.
        has_target: whether any clip has a target in these labels.
    """

    frame: pl.DataFrame
    labels: Labels
    has_target: bool

    @property
    def first(self) -> pl.DataFrame:
        """First exposures only: the votes."""
        return self.frame.filter(pl.col("occasion") == 0)

    def pairs(self, later: pl.Expr) -> pl.DataFrame:
        """Second answers that `later` chooses, each beside the same person's first one (columns with `_first`)."""
        first = self.first.select("rater_id", "clip_id", "given", "code", "seconds")
        return self.frame.filter((pl.col("occasion") > 0) & later).join(
            first, on=["rater_id", "clip_id"], how="inner", suffix="_first", maintain_order="left"
        )


def align(answers: pl.DataFrame, clips: pl.DataFrame, targets: pl.DataFrame | None, labels: Labels) -> Judged:
    """Answers that count, aligned; practice, attention checks and excluded people are left out.

    Args:
        answers: an `ANSWERS` table.
        clips: the clips, with their speakers.
        targets: their targets, or None.
        labels: what could be answered.
    """
    kept = answers.filter((pl.col("kind") == "item") & pl.col("excluded").is_null())
    codes = dict(zip(labels.names, range(len(labels)), strict=True))
    truth = _truth(targets, codes)
    frame = (
        kept.join(clips.select("clip_id", "speaker_id"), on="clip_id", how="left", maintain_order="left")
        .join(truth, on="clip_id", how="left", maintain_order="left")
        .with_columns(
            code=pl.col("label").replace_strict(codes, default=-1, return_dtype=pl.Int64),
            target=pl.col("target").fill_null(-1),
            speaker=pl.coalesce("speaker_id", pl.concat_str(pl.lit("clip "), "clip_id")),
        )
    )
    return Judged(frame, labels, bool((frame["target"] >= 0).any()))


def _truth(targets: pl.DataFrame | None, codes: dict[str, int]) -> pl.DataFrame:
    if targets is None or targets.is_empty():
        return pl.DataFrame(schema={"clip_id": pl.String, "target": pl.Int64})
    best = targets.sort("share", descending=True, maintain_order=True).unique(
        "clip_id", keep="first", maintain_order=True
    )
    return best.select(
        "clip_id", target=pl.col("label").replace_strict(codes, default=-1, return_dtype=pl.Int64)
    )


def right(frame: pl.DataFrame, column: str = "code") -> npt.NDArray[np.float64]:
    """1 where an answer is the target, 0 where not, NaN without a target, (v,)."""
    code, target = frame[column].to_numpy(), frame["target"].to_numpy()
    return np.where(target >= 0, (code == target).astype(np.float64), np.nan)


def speakers(frame: pl.DataFrame) -> Groups:
    """Speakers of the answers (the clip itself where no speaker is known)."""
    return Groups.of(frame["speaker"].to_list())


def raters(frame: pl.DataFrame) -> Groups:
    """Raters of the answers."""
    return Groups.of(frame["rater_id"].to_list())
