"""Votes, agreement, ceilings, raters and people under withheld modalities."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from mixedsignals.errors import CannotFinish
from mixedsignals.measures import humans, votes
from mixedsignals.measures.agreement import alpha_statistic, krippendorff_alpha, vote_accuracy
from mixedsignals.measures.ceiling import fit_dirichlet, noise_ceiling, rank_ceiling
from mixedsignals.measures.groups import Groups
from mixedsignals.measures.inference import Estimate, value_of
from mixedsignals.measures.raters import rater_agreement, rater_models

ragged_counts = hnp.arrays(
    np.int64, st.tuples(st.integers(1, 8), st.integers(2, 5)), elements=st.integers(0, 4)
)
PER_CLIP = (
    votes.rater_disagreement,
    votes.vote_entropy,
    votes.majority_margin,
    votes.top_share,
)


@given(counts=ragged_counts, data=st.data())
@settings(deadline=None)
def test_the_order_of_labels_and_clips_does_not_matter(counts, data):
    columns = data.draw(st.permutations(range(counts.shape[1])))
    rows = data.draw(st.permutations(range(len(counts))))
    for measure in PER_CLIP:
        np.testing.assert_allclose(measure(counts[rows][:, columns]), measure(counts)[rows], atol=1e-12)
    turned = value_of(alpha_statistic(counts[rows][:, columns], Groups.each(len(counts))))
    plain = value_of(alpha_statistic(counts, Groups.each(len(counts))))
    assert turned == (None if plain is None else pytest.approx(plain))


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 2)), min_size=1, max_size=30), st.randoms())
@settings(deadline=None)
def test_the_order_of_raters_does_not_matter(single, shuffler):
    shuffled = list(single)
    shuffler.shuffle(shuffled)
    tables = [votes.count_votes(*np.array(each).T, 5, 3) for each in (single, shuffled)]
    assert np.array_equal(*tables)
    assert tables[0].sum() == len(single)


@given(counts=ragged_counts)
@settings(deadline=None)
def test_unanimous_clips_are_certain_and_ranges_hold(counts):
    n = counts.sum(axis=1)
    disagreement, entropy = votes.rater_disagreement(counts), votes.vote_entropy(counts)
    assert np.array_equal(np.isnan(disagreement), n < 2)
    assert np.array_equal(np.isnan(entropy), n < 1)
    unanimous = (counts.max(axis=1) == n) & (n >= 2)
    assert (disagreement[unanimous] == 0).all()
    assert (entropy[unanimous] == 0).all()
    assert (votes.majority_margin(counts)[unanimous] == 1).all()
    assert (disagreement[n >= 2] >= 0).all()
    assert (disagreement[n >= 2] <= 1).all()
    assert (entropy[n >= 1] <= np.log2(counts.shape[1]) + 1e-12).all()


def test_pairwise_disagreement_is_unbiased_whatever_the_number_of_votes():
    rng = np.random.default_rng(0)
    p = np.array([0.6, 0.3, 0.1])
    for number in (2, 3, 12):
        drawn = rng.multinomial(number, p, size=40_000)
        assert votes.rater_disagreement(drawn).mean() == pytest.approx(1 - (p**2).sum(), abs=0.01)


def test_entropy_of_few_votes_is_comparable_only_when_rarefied():
    rng = np.random.default_rng(0)
    p = np.array([0.5, 0.2, 0.2, 0.1])
    few, many = rng.multinomial(4, p, size=20_000), rng.multinomial(12, p, size=20_000)
    assert abs(votes.vote_entropy(few).mean() - votes.vote_entropy(many).mean()) > 0.05
    rarefied = votes.rarefied_entropy(many, 4).mean()
    assert rarefied == pytest.approx(votes.rarefied_entropy(few, 4).mean(), abs=0.01)
    assert np.isnan(votes.rarefied_entropy(few, 5)).all()
    with pytest.raises(ValueError, match="at least one"):
        votes.rarefied_entropy(few, 0)


@given(counts=ragged_counts, share=st.floats(0, 1))
@settings(deadline=None)
def test_split_votes_are_disjoint_and_all_there(counts, share):
    first, second = votes.split_votes(counts, share=share)
    assert np.array_equal(first + second, counts)
    assert (first >= 0).all()
    assert (second >= 0).all()
    assert np.array_equal(first.sum(axis=1), np.rint(counts.sum(axis=1) * share))


def test_a_tie_has_no_majority():
    assert votes.majority([[2, 2, 1], [0, 0, 0], [0, 3, 2]]).tolist() == [-1, -1, 1]
    assert np.isnan(votes.soft_labels([[0, 0]])).all()


def test_alpha_of_perfect_random_and_opposed_raters():
    rng = np.random.default_rng(0)
    groups = Groups.of(np.arange(400) % 20)
    perfect = 5 * np.eye(3)[rng.integers(0, 3, 400)]
    assert krippendorff_alpha(perfect, groups).value == 1
    found = krippendorff_alpha(rng.multinomial(5, [1 / 3] * 3, size=400), groups)
    assert found.low < 0 < found.high
    assert krippendorff_alpha(np.ones((400, 2)), groups).value < -0.4


def test_alpha_of_one_label_only_is_not_applicable():
    found = krippendorff_alpha(np.tile([3, 0], (10, 1)), Groups.each(10))
    assert found.value is None
    assert found.note
    assert krippendorff_alpha([[1, 0], [0, 1]], Groups.each(2)).value is None


def test_alpha_metrics_tell_near_from_far_labels():
    near, far = [[3, 3, 0], [0, 3, 3]] * 10, [[3, 0, 3], [0, 6, 0]] * 10
    for metric in ("ordinal", "interval"):
        assert value_of(alpha_statistic(near, Groups.each(20), metric=metric)) > value_of(
            alpha_statistic(far, Groups.each(20), metric=metric)
        )
    with pytest.raises(ValueError, match="nominal"):
        alpha_statistic(near, Groups.each(20), metric="ratio")


def test_vote_accuracy_weighs_clips_by_votes_and_needs_targets():
    assert value_of(vote_accuracy([[3, 1], [2, 0]], [1, 0], Groups.each(2))) == 0.5
    assert value_of(vote_accuracy([[3, 1]], [-1], Groups.each(1))) is None


def simulated_votes(rng, strength, clips=4000, fewest=4, most=8):
    true = rng.dirichlet(np.full(3, strength), size=clips)
    return true, rng.multinomial(rng.integers(fewest, most + 1, clips), true)


@pytest.mark.parametrize("strength", [0.3, 1.0])
def test_the_ceiling_is_the_correlation_that_the_truth_has(strength):
    true, counts = simulated_votes(np.random.default_rng(0), strength)
    reached = np.corrcoef(1 - (true**2).sum(axis=1), votes.rater_disagreement(counts))[0, 1]
    found = noise_ceiling(counts, Groups.each(len(counts)))
    assert found.value == pytest.approx(reached, abs=0.05)
    assert found.low < reached < found.high


def test_the_rank_ceiling_is_what_the_truth_reaches():
    from scipy import stats

    true, counts = simulated_votes(np.random.default_rng(1), 0.5)
    reached = stats.spearmanr(1 - (true**2).sum(axis=1), votes.rater_disagreement(counts)).statistic
    found = rank_ceiling(counts, simulations=5)
    assert found.spearman == pytest.approx(reached, abs=0.03)
    assert 0.5 < found.auroc < 1
    np.testing.assert_allclose(fit_dirichlet(counts), 0.5, rtol=0.08)


def test_a_ceiling_is_zero_when_clips_do_not_differ_and_absent_without_four_votes():
    rng = np.random.default_rng(0)
    alike = noise_ceiling(rng.multinomial(5, [0.5, 0.5], size=3000), Groups.each(3000))
    assert alike.value < 0.25
    assert noise_ceiling(rng.multinomial(3, [0.5, 0.5], size=300), Groups.each(300)).value is None
    assert noise_ceiling(np.tile([5, 0], (50, 1)), Groups.each(50)).value is None
    assert rank_ceiling(rng.multinomial(3, [0.5, 0.5], size=300)).note


def simulated_raters(seed=0, clips=300, raters=12, careless=2):
    rng = np.random.default_rng(seed)
    target = rng.integers(0, 3, clips)
    clip = np.repeat(np.arange(clips), 6)
    rater = np.concatenate([rng.choice(raters, 6, replace=False) for _ in range(clips)])
    right = rng.random(len(clip)) < np.where(rater < careless, 1 / 3, 0.85)
    wrong = (target[clip] + rng.integers(1, 3, len(clip))) % 3
    return target, clip, rater, np.where(right, target[clip], wrong)


def test_careless_raters_agree_with_the_others_as_by_chance():
    _, clip, rater, label = simulated_raters()
    found = rater_agreement(clip, rater, label, 3)
    assert (np.abs(found.kappa[:2]) < 0.15).all()
    assert (found.kappa[2:] > 0.4).all()
    assert found.votes.sum() == len(label)


def test_a_rater_who_shares_no_clip_has_no_kappa():
    found = rater_agreement([0, 0, 1], [0, 1, 2], [0, 0, 1], 2)
    assert np.isnan(found.kappa[2])
    assert np.isnan(found.agreement[2])


@pytest.mark.parametrize("model", ["dawid-skene", "mace", "glad"])
def test_models_of_raters_find_the_careless_and_the_truth(model):
    pytest.importorskip("crowdkit")
    target, clip, rater, label = simulated_raters(clips=120)
    found = rater_models(clip, rater, label, 3, model=model)
    assert found.quality[:2].max() < found.quality[2:].min()
    assert (found.distribution.argmax(axis=1) == target).mean() > 0.95
    assert found.votes_used == len(clip)


def test_models_of_raters_do_not_confuse_sparse_codes():
    pytest.importorskip("crowdkit")
    _, clip, rater, label = simulated_raters(clips=100)
    plain = rater_models(clip, rater, label, 3)
    apart = rater_models(clip * 2, rater * 3, label, 4)
    np.testing.assert_allclose(apart.quality[::3], plain.quality)
    np.testing.assert_allclose(apart.distribution[::2, :3], plain.distribution)
    assert np.isnan(apart.quality[1::3]).all()
    assert np.isnan(apart.distribution[1::2]).all()


def test_very_many_votes_are_sampled_by_clip_and_said(monkeypatch):
    pytest.importorskip("crowdkit")
    from mixedsignals.measures import raters as module

    monkeypatch.setitem(module.MOST_VOTES, "dawid-skene", 300)
    _, clip, rater, label = simulated_raters(clips=100)
    found = rater_models(clip, rater, label, 3)
    assert found.votes_used == 300
    assert "50 clips drawn at random of 100" in found.note


def test_without_crowd_kit_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "crowdkit.aggregation", None)
    pytest.importorskip("pandas")
    with pytest.raises(CannotFinish, match=r"mixedsignals\[raters\]"):
        rater_models([0], [0], [0], 2)
    with pytest.raises(ValueError, match="dawid-skene"):
        rater_models([0], [0], [0], 2, model="ds")


def people(seed=0, clips=400, gain=0.0, number=6):
    """Votes under audio, video and both, on clips whose difficulty varies; two labels, target 0."""
    rng = np.random.default_rng(seed)
    audio = rng.beta(4, 3, clips)
    video = rng.beta(4, 2, clips)
    both = np.clip(np.maximum(audio, video) + gain, 0, 1)
    draw = [
        np.stack([k, number - k], axis=1) for k in (rng.binomial(number, p) for p in (audio, video, both))
    ]
    return draw, np.zeros(clips, dtype=int), Groups.of(np.arange(clips) % 25)


def test_gain_is_found_where_it_is_and_not_where_it_is_not():
    (audio, video, both), target, groups = people()
    right = [humans.right_shares(each, target) for each in (audio, video, both)]
    each = [humans.gain(right[2], one, groups) for one in right[:2]]
    best, chosen = humans.gain_over_best(right[2], right[:2], groups)
    assert humans.gain_verdict(each, best) == "gain"
    assert set(chosen) == {1}
    same, _ = humans.gain_over_best(right[1], right[:2], groups)
    assert same.value == 0
    assert humans.gain_verdict([humans.gain(right[1], one, groups) for one in right[:2]], same) == "equal"


def test_the_verdict_on_gain_follows_its_bounds():
    def one(low, high):
        return Estimate((low + high) / 2, low, high, 0.95, "x", 9, 9, 9.0, False)

    assert humans.gain_verdict([one(0.01, 0.1), one(-0.01, 0.1)], one(0.0, 0.1)) == "cannot be told"
    assert humans.gain_verdict([one(-0.3, 0.01)], one(-0.3, 0.01)) == "no gain"
    assert humans.gain_verdict([one(-0.03, 0.01)], one(-0.03, 0.01)) == "equal"
    assert humans.gain_verdict([], one(0.2, 0.3)) == "cannot be told"


def test_more_modalities_seem_to_hurt_where_they_do_not_and_the_simulation_says_so():
    (audio, video, both), target, _ = people()
    found = humans.hurt_by_more(both, [audio, video], target)
    assert found.share > 0.15
    assert found.nobody_low <= found.share <= found.nobody_high + 0.03
    (audio, video, both), target, _ = people(gain=-0.35)
    hurt = humans.hurt_by_more(both, [audio, video], target)
    assert hurt.share > hurt.nobody_high + 0.1


def test_without_enough_votes_hurt_is_not_applicable():
    found = humans.hurt_by_more([[1, 0]], [[[1, 0]]], [0])
    assert found.share is None
    assert found.note


def test_gain_with_raters_is_the_same_number_with_a_wider_interval():
    rng = np.random.default_rng(0)
    clip = np.repeat(np.arange(200), 12)
    rater = rng.integers(0, 10, len(clip))
    full = np.tile([0, 1] * 6, 200)
    habit = rng.normal(0, 0.2, (10, 2))[rater, full]
    right = (rng.random(len(clip)) < 0.6 + 0.1 * full + habit).astype(float)
    speakers = Groups.of(clip % 20)
    found = humans.gain_with_raters(right, full, clip, speakers, Groups.of(rater))
    shares = [np.bincount(clip, (full == side) * right) / 6 for side in (0, 1)]
    plain = humans.gain(shares[1], shares[0], Groups.of(np.arange(200) % 20))
    assert found.value == pytest.approx(plain.value)
    assert found.se > 1.3 * plain.se
    assert found.n_groups == 10
    nobody = humans.gain_with_raters([1.0], [1], [0], Groups.of("a"), Groups.of("x"))
    assert nobody.value is None


def test_gain_over_best_needs_clips_under_every_condition():
    found, chosen = humans.gain_over_best([np.nan, 1.0], [[1.0, np.nan]], Groups.each(2))
    assert found.value is None
    assert chosen == []


def test_under_conflict_it_is_seen_who_is_followed():
    audio, video = [[4, 0, 0]] * 20, [[0, 4, 0]] * 10 + [[4, 0, 0]] * 10
    both = [[1, 3, 0]] * 20
    conflict = humans.conflict_clips([audio, video])
    assert conflict.clips.sum() == 10
    groups = Groups.each(20)
    assert humans.follow_rate(both, conflict, 0, groups).value == 0.25
    assert humans.follow_rate(both, conflict, 1, groups).value == 0.75
    nobody = humans.follow_rate(both, humans.conflict_clips([audio, audio]), 0, groups)
    assert nobody.value is None
    assert nobody.note
