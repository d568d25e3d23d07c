"""No number and no end of an interval ever leaves the range that its name promises, on any small corpus."""

from __future__ import annotations

import math
import re
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mixedsignals.diagnosis import CHECKS, DiagnosisOptions, Evidence, diagnose
from mixedsignals.diagnosis.names import ESTIMATE_NAMES, expanded
from mixedsignals.testing import make_evidence, make_probes

QUICK = DiagnosisOptions(permutations=99)
RANGES = {name: declared.range for pattern, declared in ESTIMATE_NAMES.items() for name in expanded(pattern)}
DISTANCES = {
    "brier_to_votes": "0 to 2",
    "manhattan_to_votes": "0 to 2",
    "wasserstein_to_votes": "0 to C − 1",
    "entropy_calibration_error": "−log₂ C to log₂ C",
    "distribution_calibration_error": "0 to 1",
    "cross_entropy_to_votes": "0 up",
}
UNBOUNDED = {"delta_log_loss", "gain_over_vote_shares"}
UNBOUNDED |= {"cue_difference", "cue_difference_within_label", "cue_weight"}
UNBOUNDED |= {"follow_by_entropy"}
UNBOUNDED |= {"shapley_true", "shapley_predicted", "shapley_predicted_difference"}


def limits(name: str, labels: int) -> tuple[float, float]:
    """The range in words of a measure, as two numbers."""
    words = RANGES[name]
    words = DISTANCES.get(name.removeprefix("chance:"), words)
    if not words:
        assert name.partition(":")[0] in UNBOUNDED | {"vote_entropy_difference"}, f"{name} has no range"
        return -math.inf, math.inf
    words = words.replace("log₂ C", str(math.log2(labels))).replace("C − 1", str(labels - 1))
    if words.startswith("up to "):
        return -math.inf, float(words.removeprefix("up to "))
    if words.endswith(" up"):
        return float(words.removesuffix(" up")), math.inf
    low, high = re.fullmatch(r"(\S+) to (\S+)", words).groups()
    return float(low.replace("−", "-")), float(high)


def out_of_range(estimates: pl.DataFrame, labels: int) -> list[dict[str, Any]]:
    """Rows whose value or interval leaves the range, or whose interval does not hold the value."""
    wrong = []
    for row in estimates.iter_rows(named=True):
        low, high = limits(row["measure"], labels)
        ends = [end for end in (row["low"], row["value"], row["high"]) if end is not None]
        if not all(low - 1e-9 <= end <= high + 1e-9 for end in ends):
            wrong.append(row)
        if row["low"] is not None and not row["low"] - 1e-9 <= row["value"] <= row["high"] + 1e-9:
            wrong.append(row)
    return wrong


def test_every_range_can_be_read_as_numbers():
    assert all(low < high for low, high in (limits(name, 3) for name in RANGES))


@settings(deadline=None, max_examples=15)
@given(
    plan=st.fixed_dictionaries(
        {
            "n_clips": st.integers(4, 70),
            "n_speakers": st.sampled_from([None, 2, 3, 5, 9]),
            "labels": st.sampled_from([("a", "b"), ("a", "b", "c", "d")]),
            "kind": st.sampled_from(["nominal", "ordinal"]),
            "seeds": st.sampled_from([(1,), (1, 2), (3, 4, 5)]),
            "n_raters": st.sampled_from([None, 40]),
            "votes_per_clip": st.sampled_from([2, 5, (1, 8)]),
            "seed": st.integers(0, 200),
        }
    )
)
def test_no_estimate_of_a_small_corpus_leaves_its_range(plan: dict[str, Any]) -> None:
    made = diagnose(Evidence(**make_evidence(**plan).evidence()), options=QUICK)
    assert made.estimates.height
    assert not out_of_range(made.estimates, len(plan["labels"]))


@settings(deadline=None, max_examples=8)
@given(
    n_clips=st.integers(4, 40),
    n_speakers=st.sampled_from([None, 2, 5]),
    labels=st.sampled_from([("a", "b"), ("a", "b", "c", "d")]),
    seed=st.integers(0, 200),
)
def test_no_estimate_of_probes_leaves_its_range(n_clips, n_speakers, labels, seed):
    plan = {
        "n_clips": n_clips,
        "n_speakers": n_speakers,
        "labels": labels,
        "seed": seed,
        "missing": {"text": 0.3},
    }
    probes = make_probes(partners=2, noise=(0,), media=True, **plan)
    checks = [check for check in CHECKS if "MS912" <= check.code <= "MS915"]
    evidence = Evidence(**make_evidence(**plan).evidence(), probes=probes)
    assert not out_of_range(diagnose(evidence, options=QUICK, checks=checks).estimates, len(labels))


@pytest.mark.parametrize("speakers", [2, 3])
def test_few_speakers_who_differ_wholly_keep_every_interval_inside(speakers):
    """One speaker everybody agrees on and one nobody does: the widest intervals that there are."""
    made = make_evidence(n_clips=24, n_speakers=speakers, labels=("a", "b"), votes_per_clip=6, n_raters=24)
    tables = made.evidence()
    first = tables["clips"].filter(pl.col("speaker_id") == tables["clips"]["speaker_id"][0])["clip_id"]
    votes = tables["votes"].with_columns(
        label=pl.when(pl.col("clip_id").is_in(first.implode())).then(pl.lit("a")).otherwise(pl.col("label"))
    )
    found = diagnose(Evidence(**{**tables, "votes": votes}), options=QUICK).estimates
    assert not out_of_range(found, 2)
    assert found.filter(pl.col("low").is_not_null()).height > 20
