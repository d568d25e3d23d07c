"""Believe or ask a person: how sure a model must be for its errors to stay below a wanted rate.

A threshold is taken only where the upper limit of the error among the clips above it, counted over groups, is at most
the wanted risk. Thresholds are tested in a fixed order from strict to lax, from several starts that share the error of
the test, so that choosing among them costs no promise (fixed-sequence testing within Learn then Test, Angelopoulos et
al. 2021, arXiv 2110.01052; with an upper limit that knows groups in place of their binomial one).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from .arrays import FloatArray, floats
from .groups import Groups
from .inference import Estimate, Resampling, rate

__all__ = ["RiskRule", "risk_rule"]

STARTS = (0.2, 0.4, 0.6, 0.8, 1.0)
"""Shares of clips, the surest first, from which a walk to laxer thresholds begins: few clips prove little, however good
they are, so that a single walk from the strictest end would often end at once."""

STEP = 0.05
"""Share of clips by which the walk grows."""


@dataclass(frozen=True)
class RiskRule:
    """When to believe a model.

    Attributes:
        risk: highest share of wrong predictions that is wanted among those believed.
        level: with which confidence that holds (over draws of the groups on which the rule was set).
        threshold: believe at this confidence and above; None where no threshold keeps the risk.
        coverage: share of the clips on which the rule was set that it believes; 0 without a threshold.
        error: share of wrong predictions among those, with its two-sided interval at `level`; without a threshold,
            among all clips.
        n_clips, n_groups: on which the rule was set.
        lowest: without a threshold, the lowest risk in whole hundredths that some threshold would keep, if any does.
    """

    risk: float
    level: float
    threshold: float | None
    coverage: float
    error: Estimate
    n_clips: int
    n_groups: int
    lowest: float | None = None

    def believes(self, confidence: float) -> bool:
        """Whether a prediction of that confidence is to be believed."""
        return self.threshold is not None and confidence >= self.threshold


def risk_rule(
    confidence: ArrayLike, wrong: ArrayLike, groups: Groups, *, risk: float = 0.1, level: float = 0.95
) -> RiskRule:
    """The laxest threshold of confidence above which at most `risk` of predictions are wrong, with that certainty.

    The rule speaks of clips like those it was set on; for others (a missing modality, another population) it
    promises nothing.

    Args:
        confidence: (n,), larger is surer; clips where it or `wrong` is NaN are left out.
        wrong: (n,) in [0, 1], made out of fold.
        groups: whose speakers the clips are; errors within one are not independent.
        risk: wanted share of errors, between 0 and 1.
        level: certainty of the promise, between 0 and 1.

    Raises:
        ValueError: a risk or level outside (0, 1).

    >>> sure = [0.9] * 40 + [0.4] * 40
    >>> found = risk_rule(sure, [0] * 40 + [1, 0] * 20, Groups.each(80), risk=0.2)
    >>> found.threshold, found.coverage
    (0.9, 0.5)
    """
    if not 0 < risk < 1 or not 0 < level < 1:
        raise ValueError(f"risk and level lie between 0 and 1, not {risk} and {level}")
    sure, lost = floats(confidence), floats(wrong)
    kept = np.isfinite(sure) & np.isfinite(lost)
    sure, lost, groups = sure[kept], lost[kept], groups.take(kept)
    taken = _laxest(sure, lost, groups, risk, level)
    lowest: float | None = None
    if taken is None:
        higher = (percent / 100 for percent in range(1, 100) if percent / 100 > risk)
        lowest = next((one for one in higher if _laxest(sure, lost, groups, one, level) is not None), None)
    believed = sure >= taken if taken is not None else np.ones(len(sure), bool)
    return RiskRule(
        risk=risk,
        level=level,
        threshold=taken,
        coverage=float(believed.mean()) if taken is not None else 0.0,
        error=rate(lost[believed], groups.take(believed), options=Resampling(level=level)),
        n_clips=len(sure),
        n_groups=groups.distinct,
        lowest=lowest,
    )


def _laxest(sure: FloatArray, lost: FloatArray, groups: Groups, risk: float, level: float) -> float | None:
    """The lowest threshold that some walk reaches while the upper limit of the error stays within the risk."""
    options = Resampling(level=1 - 2 * (1 - level) / len(STARTS))
    taken: float | None = None
    for start in STARTS:
        for threshold in _walk(sure, start):
            above = sure >= threshold
            limit = rate(lost[above], groups.take(above), options=options).high
            if limit is None or limit > risk:
                break
            taken = threshold if taken is None else min(taken, threshold)
    return taken


def _walk(sure: FloatArray, start: float) -> list[float]:
    """Thresholds that accept `start`, `start` + a step, … and all clips, from strict to lax, each once."""
    if not len(sure):
        return []
    ordered = np.sort(sure)[::-1]
    shares = np.arange(start, 1 + STEP / 2, STEP)
    places = np.clip(np.ceil(shares * len(sure) - 1e-9).astype(int) - 1, 0, len(sure) - 1)
    return [float(value) for value in dict.fromkeys(ordered[places])]
