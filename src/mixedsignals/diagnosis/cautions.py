"""What simulations say against some intervals: these cover less than they claim, and every one of them is told so.

`benchmarks/trust.py` judges intervals on made corpora with known truth. Those that miss stand here once; the notes in
`estimates.method`, which the report shows, come from here, and a test compares them with the figures of the benchmark.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fnmatch import fnmatchcase

from mixedsignals.measures.inference import Estimate

__all__ = ["CAUTIONS", "Caution", "caution"]


@dataclass(frozen=True, kw_only=True)
class Caution:
    """An interval that misses the truth more often than it says.

    Attributes:
        measures: patterns of names in `estimates`.
        simulated: what the benchmark calls them.
        where: on which corpora, as a phrase.
        covers: least and greatest share of made corpora in which a 95 % interval held the truth.
        leans: which way it errs, as a clause.
        below: effective groups under which that holds.
        whole: only the slice `all` is meant.
    """

    measures: tuple[str, ...]
    simulated: tuple[str, ...]
    where: str
    covers: tuple[float, float]
    leans: str
    below: float = math.inf
    whole: bool = False

    def __str__(self) -> str:
        low, high = (round(100 * share) for share in self.covers)
        told = f"{low} %" if low == high else f"{low} to {high} %"
        return f"in simulations {self.where} 95 % intervals held the truth in {told} of corpora, {self.leans}"


CAUTIONS = (
    Caution(
        measures=("delta_auroc:*", "control:delta_auroc:*"),
        simulated=("delta_auroc: disagreement -> error", "delta_auroc, planted, bent"),
        where="with several signals, or with ten speakers and a relation that bends,",
        covers=(0.78, 0.92),
        leans="too low most often with several signals, too high in the other case",
    ),
    Caution(
        measures=("delta_log_loss:*",),
        simulated=("delta_log_loss, planted, linear", "delta_log_loss, planted, bent"),
        where="with 10 to 100 speakers",
        covers=(0.85, 0.92),
        leans="erring on either side",
    ),
    Caution(
        measures=("human_gain",),
        simulated=("human_gain over the best single",),
        where="with 10 or 20 speakers",
        covers=(0.91, 0.92),
        leans="because the best condition is itself chosen on few",
        below=25,
        whole=True,
    ),
    Caution(
        measures=("krippendorff_alpha",),
        simulated=("krippendorff_alpha, nominal", "krippendorff_alpha, ordinal"),
        where="with 20 speakers of whom some are far harder to read than others",
        covers=(0.90, 0.92),
        leans="too low most often",
        below=25,
    ),
    Caution(
        measures=("auroc:*->fused_error", "auroc:*->misled"),
        simulated=("auroc: divergence -> error",),
        where="with 20 speakers and errors on one clip in fifty",
        covers=(0.91, 0.92),
        leans="too high most often",
        below=25,
    ),
)
"""All that is known; each entry is about at least one figure of the benchmark that misses, and no other figure does."""


def caution(measure: str, slice_name: str, found: Estimate) -> str:
    """What is to be said against the interval of a measure; empty where it does what it says."""
    if found.low is None:
        return ""
    for one in CAUTIONS:
        meant = any(fnmatchcase(measure, pattern) for pattern in one.measures)
        if meant and found.effective_groups < one.below and (slice_name == "all" or not one.whole):
            return str(one)
    return ""
