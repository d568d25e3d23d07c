"""Whether numbers are probabilities: between zero and one, and summing to one over the labels of a clip.

Logits and percentages are the usual mistakes; each is recognised and named, with the worst rows.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import polars as pl

from mixedsignals.errors import Problem
from mixedsignals.tables import hashes_of

__all__ = ["amounts_faults", "renormalised"]

TOLERANCE = 1e-3
_SHOWN = 5


def amounts_faults(part: pl.DataFrame, *, file: str, renormalise: bool) -> Iterable[Problem]:
    """The fault of a file's `probability` column, if it has one; rows with null or NaN are left to other checks.

    `part` has `_row` (line in the file), clip_id, source, label, probability and, if given, run_id, seed, given.
    """
    held = part.filter(pl.col("probability").is_finite())
    if not len(held) or (not renormalise and _all_fine(held)):
        return
    sums = _sums(held)
    low, high = _range(held)
    if low < 0:
        yield _logits(held, file, low, high)
    elif ((sums["total"] - 100).abs() < 1.5).mean() == 1 and not renormalise:
        yield Problem(
            code="percentages",
            message=f"the probabilities of every clip sum to about 100 (largest {high:g}): these are percentages",
            remedy="Divide them by 100, or ask for --renormalise.",
            file=file,
        )
    elif high > 1 + TOLERANCE and not renormalise:
        row = held.filter(pl.col("probability") == high).row(0, named=True)
        yield Problem(
            code="not-a-probability",
            message=f"probability is {high:g} for {row['label']!r}; legal is 0 to 1",
            remedy="Give probabilities; for scores that are not, apply softmax first.",
            file=file,
            row=row["_row"],
            clip_id=row["clip_id"],
        )
    elif not renormalise or (sums["total"] <= 0).any():
        yield from _off(sums, file, renormalise=renormalise)


def _logits(held: pl.DataFrame, file: str, low: float, high: float) -> Problem:
    row = held.filter(pl.col("probability") == low).row(0, named=True)
    negative = int((held["probability"] < 0).sum())
    return Problem(
        code="logits",
        message=f"{negative} values are below zero (they run from {low:g} to {high:g}): these look like logits",
        remedy="Apply softmax over the labels of each clip, and give the probabilities.",
        file=file,
        row=row["_row"],
        clip_id=row["clip_id"],
    )


def _off(sums: pl.DataFrame, file: str, *, renormalise: bool) -> Iterable[Problem]:
    wrong = (
        sums.filter(pl.col("total") <= 0)
        if renormalise
        else sums.filter((pl.col("total") - 1).abs() > TOLERANCE)
    )
    if not len(wrong):
        return
    worst = wrong.sort((pl.col("total") - 1).abs(), descending=True, maintain_order=True)
    named = "; ".join(
        f"{r['total']:.4g} for clip {r['clip_id']!r} ({r['source']}, from row {r['first']})"
        for r in worst.head(_SHOWN).iter_rows(named=True)
    )
    furthest = worst.row(0, named=True)
    yield Problem(
        code="not-summing-to-one",
        message=f"the probabilities of {len(wrong)} of {len(sums)} clips do not sum to one: {named}",
        remedy="Give a probability for every label"
        + (", above zero for one." if renormalise else ", or ask for --renormalise."),
        file=file,
        row=furthest["first"],
        clip_id=furthest["clip_id"],
    )


def _keys(part: pl.DataFrame) -> list[str]:
    return [name for name in ("run_id", "seed", "clip_id", "source", "given") if name in part.columns]


def _sums(held: pl.DataFrame) -> pl.DataFrame:
    total = pl.col("probability").sum().alias("total")
    return held.group_by(_keys(held), maintain_order=True).agg(total, pl.col("_row").min().alias("first"))


def _all_fine(held: pl.DataFrame) -> bool:
    """Whether nothing can be wrong, without naming clips: their keys are compared by hash, which is much quicker.

    Clips that share a hash would seem to sum to two, and are then looked at one by one.
    """
    low, high = _range(held)
    if low < 0 or high > 1 + TOLERANCE:
        return False
    hashes, amounts = hashes_of(held.select(_keys(held))), held["probability"].to_numpy()
    width = int(np.argmax(hashes != hashes[0])) or len(hashes)
    if len(hashes) % width == 0 and (hashes.reshape(-1, width) == hashes[::width, None]).all():
        totals = amounts.reshape(-1, width).sum(axis=1)  # the usual order, the labels of a clip together
    else:
        order = np.argsort(hashes)
        starts = np.flatnonzero(np.diff(hashes[order], prepend=~hashes[order[:1]]))
        totals = np.add.reduceat(amounts[order], starts)
    return bool((np.abs(totals - 1) <= TOLERANCE).all())


def _range(held: pl.DataFrame) -> tuple[float, float]:
    low, high = held.select(low=pl.col("probability").min(), high=pl.col("probability").max()).row(0)
    return float(low), float(high)


def renormalised(part: pl.DataFrame) -> pl.DataFrame:
    """The same rows with each clip's probabilities divided by their sum (within source, seed and given)."""
    total = pl.col("probability").sum().over(_keys(part))
    return part.with_columns(pl.col("probability") / total)
