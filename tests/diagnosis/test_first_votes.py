"""Who judges a clip again counts once: repeats and second looks change nothing."""

from __future__ import annotations

import polars as pl

from mixedsignals.diagnosis import DiagnosisOptions, Evidence, diagnose
from mixedsignals.testing import make_evidence


def test_later_occasions_change_no_estimate() -> None:
    made = make_evidence(n_clips=80, n_speakers=10, seed=3)
    given = made.evidence()
    votes = given["votes"]
    again = votes.head(60).with_columns(occasion=pl.lit(1, dtype=pl.Int64), label=pl.lit(votes["label"][0]))
    again = again.unique(["clip_id", "rater_id", "given", "label"], maintain_order=True)
    options = DiagnosisOptions(permutations=99)
    once = diagnose(Evidence(**given), options=options)
    twice = diagnose(Evidence(**{**given, "votes": pl.concat([votes, again])}), options=options)
    assert once.estimates.equals(twice.estimates)
    assert once.scores.equals(twice.scores)
