"""What retraining alone changes: disagreement among the seeds of one source, apart from that among sources.

If two seeds of the same source part as often as two sources do, what looks like a conflict of modalities is noise of
training. Beyond seeds is what is left: disagreement of two sources over all pairs of seeds, less that of two seeds of
the noisier one.
"""

from __future__ import annotations

import numpy as np

from mixedsignals.diagnosis.evidence import Case, Floats, Source
from mixedsignals.diagnosis.results import NotApplicable, Outcome
from mixedsignals.diagnosis.words import count, listed, sentence, with_interval
from mixedsignals.measures.inference import SIGNED, UNIT, Estimate, Resampling, mean
from mixedsignals.measures.votes import rater_disagreement

__all__ = ["beyond_seeds"]


def beyond_seeds(case: Case) -> Outcome:
    """MS303: fires for a source whose disagreement with fusion is not more than that of their own seeds."""
    fusion, parts = case.need_fusion(), case.need_parts()
    several = [s for s in (*parts, fusion) if len(s.seeds) > 1]
    if fusion not in several or len(several) < 2:
        raise NotApplicable(
            "There are no two seeds of fusion and of a part, so seeds cannot be told from modalities."
        )
    outcome = Outcome()
    own = {source.name: _own(case, outcome, source) for source in several}
    for part in several[:-1]:
        between = 1.0 - (_shares(part) * _shares(fusion)).sum(1)
        noisier = max((part, fusion), key=lambda s: own[s.name].value or 0.0)
        inner = rater_disagreement(_counts(noisier))
        options = Resampling(level=case.options.level)
        beyond = mean(between - inner, case.groups, limits=SIGNED, options=options)
        outcome.estimate("beyond_seeds", part.name, beyond)
        told = (
            f"two seeds of {part.name} part on {with_interval(own[part.name])} of {count(beyond.n_clips, 'clip')}, two "
            f"of fusion on {with_interval(own[fusion.name])}; beyond the larger of these, {part.name} and fusion part "
            f"on {with_interval(beyond)}"
        )
        if beyond.low is not None and beyond.low > 0:
            outcome.find("passed", sentence(told), source=part.name, measure="beyond_seeds")
        else:
            message = sentence(
                f"{part.name} parts from fusion no more than seeds part from each other: {told}"
            )
            outcome.find("issue", message, source=part.name, measure="beyond_seeds")
    missing = [part.name for part in parts if part not in several]
    if missing:
        message = f"Only one seed of {listed(missing)}: what retraining alone would change is not known."
        outcome.find("not_applicable", message)
    return outcome


def _own(case: Case, outcome: Outcome, source: Source) -> Estimate:
    options = Resampling(level=case.options.level)
    found = mean(rater_disagreement(_counts(source)), case.groups, limits=UNIT, options=options)
    outcome.estimate("seed_disagreement_rate", source.name, found)
    return found


def _counts(source: Source) -> Floats:
    """How many seeds predict each label, (clips, labels)."""
    clips, classes = source.probability.shape[1:]
    counts = np.zeros((clips, classes))
    rows = np.arange(clips)
    for predicted in source.predicted:
        there = predicted >= 0
        counts[rows[there], predicted[there]] += 1
    return counts


def _shares(source: Source) -> Floats:
    counts = _counts(source)
    total = counts.sum(1, keepdims=True)
    shares: Floats = np.divide(counts, total, out=np.full_like(counts, np.nan), where=total > 0)
    return shares
