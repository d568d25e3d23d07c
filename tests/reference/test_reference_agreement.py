"""Agreement and votes agree with krippendorff, scipy and counting by hand."""

from __future__ import annotations

from itertools import combinations, permutations

import krippendorff
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import stats

from mixedsignals.measures.agreement import alpha_statistic
from mixedsignals.measures.ceiling import disjoint_pairs
from mixedsignals.measures.groups import Groups
from mixedsignals.measures.inference import bootstrap_weights, value_of
from mixedsignals.measures.votes import rarefied_entropy, rater_disagreement

counts_of_votes = hnp.arrays(
    np.int64, st.tuples(st.integers(2, 8), st.integers(2, 5)), elements=st.integers(0, 4)
)


def single_votes(row):
    return [label for label, count in enumerate(row) for _ in range(int(count))]


@pytest.mark.parametrize("metric", ["nominal", "ordinal", "interval"])
@given(counts=counts_of_votes)
@settings(deadline=None, max_examples=60)
def test_alpha_equals_krippendorff_on_ragged_votes(metric, counts):
    pairable = counts[counts.sum(axis=1) >= 2]
    assume(len(pairable) and (pairable.sum(axis=0) > 0).sum() > 1)
    theirs = krippendorff.alpha(
        value_counts=counts, value_domain=list(range(counts.shape[1])), level_of_measurement=metric
    )
    assert value_of(alpha_statistic(counts, Groups.each(len(counts)), metric=metric)) == pytest.approx(theirs)


def test_alpha_of_a_resample_equals_krippendorff_on_repeated_clips():
    rng = np.random.default_rng(0)
    counts, speakers = rng.integers(0, 4, size=(60, 3)), Groups.of(rng.integers(0, 12, size=60))
    weights = bootstrap_weights(speakers, 5, seed=1)
    ours = alpha_statistic(counts, speakers).at(weights)
    for row, found in zip(weights, ours, strict=True):
        repeated = np.repeat(counts, row[speakers.codes].astype(int), axis=0)
        theirs = krippendorff.alpha(value_counts=repeated, level_of_measurement="nominal")
        assert found == pytest.approx(theirs)


def test_leaving_a_speaker_out_equals_krippendorff_without_that_speaker():
    rng = np.random.default_rng(0)
    counts, speakers = rng.integers(0, 4, size=(40, 3)), Groups.of(rng.integers(0, 5, size=40))
    for speaker, found in enumerate(alpha_statistic(counts, speakers, metric="ordinal").without_each()):
        left = counts[speakers.codes != speaker]
        assert found == pytest.approx(krippendorff.alpha(value_counts=left, level_of_measurement="ordinal"))


@given(row=hnp.arrays(np.int64, st.integers(2, 4), elements=st.integers(0, 3)))
@settings(deadline=None, max_examples=60)
def test_pairwise_disagreement_is_the_share_of_pairs_that_differ(row):
    votes = single_votes(row)
    assume(len(votes) >= 2)
    by_hand = np.mean([first != second for first, second in combinations(votes, 2)])
    assert rater_disagreement(row[None])[0] == pytest.approx(by_hand)


@pytest.mark.parametrize("row", [[2, 2, 0], [3, 1, 1], [1, 1, 2], [4, 0, 0]])
def test_disjoint_pairs_are_counted_over_all_orders_of_four_votes(row):
    by_hand = np.mean([(a != b) and (c != d) for a, b, c, d in permutations(single_votes(row), 4)])
    assert disjoint_pairs([row])[0] == pytest.approx(by_hand)


@pytest.mark.parametrize("votes", [1, 2, 4])
def test_rarefied_entropy_is_the_mean_over_all_draws(votes):
    row = [3, 2, 1]
    draws = [np.bincount(drawn, minlength=3) for drawn in combinations(single_votes(row), votes)]
    by_hand = np.mean([stats.entropy(drawn, base=2) for drawn in draws])
    assert rarefied_entropy([row], votes)[0] == pytest.approx(by_hand)
