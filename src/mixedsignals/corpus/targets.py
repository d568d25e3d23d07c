"""What a clip's target is, and where it comes from.

A `targets` table wins over the `label` column of `clips`, and that over the votes. A majority needs a rule for
ties; the rule has a name, and the clips that it leaves out are listed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import polars as pl

from mixedsignals.errors import UsageError
from mixedsignals.labels import Labels
from mixedsignals.tables import TARGETS, conform

__all__ = ["TIE_RULES", "Targets", "fullest_condition", "make_targets"]

Source = Literal["targets", "label", "votes"]

TIE_RULES: dict[str, str] = {
    "exclude": "a clip on which labels tie has no target, and is counted and listed",
    "first": "of tied labels, the one that comes first in the list of labels wins",
    "last": "of tied labels, the one that comes last in the list of labels wins",
}
"""Names of the tie rules, and what each does."""


@dataclass(frozen=True)
class Targets:
    """The targets of a corpus, and how they came about.

    Attributes:
        table: a `targets` table. One row per clip with share 1; several rows per clip, the winner first, only where a
            user's own targets are soft and have a winner.
        source: `targets`, `label` or `votes`.
        tie_rule: the rule in force; it has nothing to decide where the source is `label`.
        excluded: clips that the tie rule leaves out, sorted.
        missing: clips without a target for want of a label or vote, sorted.
        given: the condition whose votes were counted; None where the source is not votes.
    """

    table: pl.DataFrame
    source: Source
    tie_rule: str
    excluded: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    given: str | None = None

    @property
    def labels_by_clip(self) -> dict[str, str]:
        """The winning label of every clip that has a target."""
        top = self.table.unique("clip_id", keep="first", maintain_order=True)
        return dict(zip(top["clip_id"], top["label"], strict=True))

    @property
    def sentence(self) -> str:
        """How the targets came about, for people."""
        told = {
            "targets": "Targets come from the corpus's own table of targets",
            "label": "Targets are the labels of the clips",
            "votes": f"Targets are majority labels of the votes given {self.given} (ties: {self.tie_rule})",
        }[self.source]
        parts = [f"{self.table['clip_id'].n_unique()} clips have one"]
        if self.excluded:
            parts.append(f"{len(self.excluded)} are left out because labels tie")
        if self.missing:
            parts.append(f"{len(self.missing)} have no {'label' if self.source == 'label' else 'entry'}")
        return f"{told}: {', '.join(parts)}."


def make_targets(
    clips: pl.DataFrame,
    votes: pl.DataFrame | None,
    targets: pl.DataFrame | None,
    labels: Labels,
    *,
    tie_rule: str = "exclude",
) -> Targets:
    """Decide the target of every clip.

    Args:
        clips: a `clips` table.
        votes: a `votes` table, if there is one. The order of votes does not matter; ragged numbers of votes are normal.
        targets: a `targets` table, if there is one; it then decides alone.
        labels: the labels of the corpus, in order.
        tie_rule: one of `TIE_RULES`.

    Returns:
        The targets. Clips without a label, or without a vote under the fullest condition, are in `missing` and never
        guessed. A corpus with neither labels nor votes has an empty table.

    Raises:
        UsageError: an unknown tie rule.
        InputError: a label outside the list.
    """
    if tie_rule not in TIE_RULES:
        raise UsageError(f"The tie rule is {tie_rule!r}; legal are {', '.join(TIE_RULES)}.")
    source, given, shares = _shares(clips, votes, targets)
    names = shares["label"].unique()
    order = pl.DataFrame(
        {"label": names, "order": labels.codes(names)}, schema_overrides={"label": pl.String}
    )
    ranked = (
        shares.join(order, on="label", how="left", maintain_order="left")
        .with_columns(pl.col("order") * (-1 if tie_rule == "last" else 1))
        # Two steps: nested in one expression, the inner window would be computed anew within every clip.
        .with_columns(largest=pl.col("share") == pl.col("share").max().over("clip_id"))
        .with_columns(tied=pl.col("largest").sum().over("clip_id") > 1)
        .sort("clip_id", "share", "order", descending=[False, True, False])
    )
    excluded = ranked.filter(pl.col("tied") & (tie_rule == "exclude"))["clip_id"].unique().sort()
    kept = ranked.filter(~pl.col("clip_id").is_in(excluded.implode()))
    winner = pl.struct("clip_id").is_first_distinct()
    if source == "votes":
        kept = kept.filter(winner).with_columns(share=pl.lit(1.0))
    else:  # soft targets stay soft, but for ties that the rule has broken
        broken = pl.when("tied").then(1.0).otherwise("share")
        kept = kept.filter(winner | ~pl.col("tied")).with_columns(share=broken)
    return Targets(
        table=conform(TARGETS, kept.select("clip_id", "label", "share"), source="targets", labels=labels),
        source=source,
        tie_rule=tie_rule,
        excluded=tuple(excluded),
        missing=tuple(clips.join(shares, on="clip_id", how="anti")["clip_id"].sort()),
        given=given,
    )


def fullest_condition(votes: pl.DataFrame) -> str:
    """The `given` with the most modalities; of several, the one with the most votes, then the first by name."""
    counted = votes.group_by("given").agg(pl.col("count").fill_null(1).sum().alias("votes"))
    size = pl.col("given").str.count_matches("+", literal=True)
    return str(counted.sort(size, "votes", "given", descending=[True, True, False])["given"][0])


def _shares(
    clips: pl.DataFrame, votes: pl.DataFrame | None, targets: pl.DataFrame | None
) -> tuple[Source, str | None, pl.DataFrame]:
    """Where targets come from, and a share for each clip and label there (counts, for votes)."""
    if targets is not None:
        return "targets", None, targets.filter(pl.col("share") > 0).select("clip_id", "label", "share")
    labelled = clips.filter(pl.col("label").is_not_null())
    if not labelled.is_empty() or votes is None or votes.is_empty():
        return "label", None, labelled.select("clip_id", "label", share=pl.lit(1.0))
    given = fullest_condition(votes)
    known = votes.filter((pl.col("given") == given) & pl.col("clip_id").is_in(clips["clip_id"].implode()))
    counted = known.group_by("clip_id", "label").agg(
        pl.col("count").fill_null(1).sum().cast(pl.Float64).alias("share")
    )
    return "votes", given, counted.filter(pl.col("share") > 0)
