"""What simulations say against some intervals: these cover less than they claim, and every one of them is told so.

`benchmarks/trust.py` judges intervals on made corpora with known truth. Those that miss stand here once; the notes in
`estimates.method`, which the report shows, come from here, and a test compares them with the figures of the benchmark.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from mixedsignals.measures.inference import Estimate

__all__ = ["CAUTIONS", "Caution", "caution"]


@dataclass(frozen=True, kw_only=True)
class Caution:
    """An interval that misses the truth more often than it says.

    Attributes:
        measures: names in `estimates`, without what follows the first colon.
        simulated: what the benchmark calls them.
        below: effective groups under which that holds.
        covers: least and greatest share of made corpora in which a 95 % interval held the truth.
        whole: only the slice `all` is meant.
        leans: which way it errs, as a clause.
    """

    measures: tuple[str, ...]
    simulated: tuple[str, ...]
    covers: tuple[float, float]
    leans: str
    below: float = math.inf
    whole: bool = False

    def __str__(self) -> str:
        low, high = (round(100 * share) for share in self.covers)
        told = f"{low} %" if low == high else f"{low} to {high} %"
        return f"in simulations a 95 % interval held the truth in {told} of corpora like this, {self.leans}"


CAUTIONS = (
    Caution(
        measures=("delta_auroc", "control"),
        simulated=(
            "delta_auroc: disagreement -> error",
            "delta_auroc, planted, linear",
            "delta_auroc, planted, bent",
        ),
        covers=(0.78, 0.91),
        leans="most often too low with several signals, and too high with ten speakers and a bent relation",
    ),
    Caution(
        measures=("delta_log_loss",),
        simulated=("delta_log_loss, planted, linear", "delta_log_loss, planted, bent"),
        covers=(0.87, 0.93),
        leans="on either side",
    ),
    Caution(
        measures=("human_gain",),
        simulated=("human_gain over the best single",),
        covers=(0.89, 0.92),
        leans="because the best condition is itself chosen on few speakers",
        below=25,
        whole=True,
    ),
)
"""All that is known; each entry is about at least one figure of the benchmark that misses, and no other figure does."""


def caution(measure: str, slice_name: str, found: Estimate) -> str:
    """What is to be said against the interval of a measure; empty where it does what it says."""
    if found.low is None:
        return ""
    for one in CAUTIONS:
        meant = measure.partition(":")[0] in one.measures and (slice_name == "all" or not one.whole)
        if meant and found.effective_groups < one.below:
            return str(one)
    return ""
