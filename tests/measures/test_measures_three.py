"""Measures of several sources on perfect, constant and random ones: disagreement, outcomes, signals and what they add.

Performance, ranking, calibration and distances to votes are tried on such predictors in `test_measures_predictors.py`.
"""

from __future__ import annotations

import numpy as np
import pytest

from mixedsignals.measures import disagreement as hard
from mixedsignals.measures import divergence as soft
from mixedsignals.measures.agreement import krippendorff_alpha, vote_accuracy
from mixedsignals.measures.association import association
from mixedsignals.measures.dominance import shapley
from mixedsignals.measures.groups import Groups
from mixedsignals.measures.humans import accuracy_of_people, gain, right_shares
from mixedsignals.measures.inference import estimate, value_of
from mixedsignals.measures.votes import count_votes, rater_disagreement, vote_entropy

RNG = np.random.default_rng(0)
N, LABELS = 3000, 4
TARGET = RNG.integers(0, LABELS, N)
GROUPS = Groups.of(np.arange(N) % 30)
KINDS = ("perfect", "constant", "random")


def labels_of(kind: str, seed: int = 1) -> np.ndarray:
    guess = np.random.default_rng(seed).integers(0, LABELS, N)
    return {"perfect": TARGET, "constant": np.zeros(N, dtype=int), "random": guess}[kind]


def probabilities_of(kind: str, seed: int = 1) -> np.ndarray:
    """Certain and right, the same for every clip, or drawn at random."""
    if kind == "perfect":
        return np.eye(LABELS)[TARGET]
    if kind == "constant":
        return np.full((N, LABELS), 1 / LABELS)
    return np.random.default_rng(seed).dirichlet(np.ones(LABELS), N)


@pytest.mark.parametrize(
    ("first", "second", "rate"),
    [
        ("perfect", "perfect", 0.0),
        ("constant", "constant", 0.0),
        ("perfect", "constant", 0.75),
        ("perfect", "random", 0.75),
        ("constant", "random", 0.75),
        ("random", "random", 0.75),
    ],
)
def test_two_sources_part_as_often_as_chance_has_it(first, second, rate):
    one, other = labels_of(first), labels_of(second, seed=2)
    found = estimate(hard.disagreement_rate(one, other, GROUPS), scale="logit")
    assert found.value == pytest.approx(rate, abs=0.03)
    seen, expected = hard.disagreement_statistics(one, other, TARGET, GROUPS, LABELS)
    assert value_of(seen) == pytest.approx(value_of(expected), abs=0.03), "none of them agree beyond chance"
    assert hard.expected_disagreement(one, other, TARGET, LABELS) == pytest.approx(rate, abs=0.03)


@pytest.mark.parametrize(
    ("fusion", "parts", "outcome"),
    [
        ("perfect", ("perfect", "constant"), {"right": 1, "misled": 0, "rescued": 0}),
        ("constant", ("perfect", "constant"), {"right": 0.25, "misled": 0.75, "lost": 0}),
        ("random", ("perfect", "perfect"), {"right": 0.25, "misled": 0.75, "lost": 0}),
        ("perfect", ("constant", "random"), {"rescued": 0.75**2, "misled": 0}),
        ("random", ("constant", "random"), {"misled": 0.75 * (1 - 0.75**2), "lost": 0.75**3}),
    ],
)
def test_outcomes_of_fusion_beside_its_parts(fusion, parts, outcome):
    each = np.stack([labels_of(kind, seed=5) for kind in parts])
    found = hard.outcomes(each, labels_of(fusion), TARGET)
    for name, share in outcome.items():
        assert np.mean(getattr(found, name)) == pytest.approx(share, abs=0.03), name
    table = hard.two_by_two(each[0], labels_of(fusion), TARGET, GROUPS).sum(axis=0)
    assert table.sum() == N


@pytest.mark.parametrize("kind", KINDS)
def test_sources_that_say_the_same_show_no_soft_disagreement(kind):
    same = np.stack([probabilities_of(kind)] * 3)
    for signal in (soft.jensen_shannon, soft.mean_total_variation, soft.seed_disagreement):
        np.testing.assert_allclose(signal(same), 0, atol=1e-9)
    np.testing.assert_allclose(soft.fusion_gap(same[0], same), 0, atol=1e-9)
    np.testing.assert_allclose(soft.true_class_gap(same[0], same[0], TARGET), 0, atol=1e-12)
    assert (soft.collision_disagreement(same) >= -1e-12).all()


def test_soft_signals_of_sure_unsure_and_random_sources():
    sure, unsure, random = (probabilities_of(kind) for kind in KINDS)
    np.testing.assert_allclose(soft.entropy(sure), 0, atol=1e-9)
    np.testing.assert_allclose(soft.entropy(unsure), 2)
    assert 0.5 < soft.entropy(random).mean() < 1.9
    np.testing.assert_allclose(soft.confidence(sure), 1)
    np.testing.assert_allclose(soft.confidence(unsure), 0.25)
    opposite = np.stack([sure, np.roll(sure, 1, axis=1)])
    np.testing.assert_allclose(soft.jensen_shannon(opposite), 1)
    np.testing.assert_allclose(soft.mean_total_variation(opposite), 1)
    np.testing.assert_allclose(soft.collision_disagreement(opposite), 1)
    np.testing.assert_allclose(soft.conflict(opposite), 1)
    assert soft.conflict(np.stack([unsure, sure])).max() < 1e-9, "who does not know contradicts nobody"


def test_what_a_perfect_a_constant_and_a_random_signal_add_to_confidence():
    base = RNG.random((N, 3))
    wrong = (RNG.random(N) < 0.2 + 0.3 * base[:, 0]).astype(float)
    perfect = association(wrong, wrong + 1e-3 * RNG.random(N), base, GROUPS)
    assert perfect.verdict == "yes"
    assert perfect.delta_auroc.value > 0.3
    assert perfect.delta_log_loss.value > 0.3
    constant = association(wrong, np.ones(N), base, GROUPS)
    assert constant.verdict is None
    assert "same on every clip" in constant.note
    random = association(wrong, RNG.random(N), base, GROUPS)
    assert random.p > 0.05
    assert random.delta_auroc.low < 0.005
    assert random.verdict == "no"


def test_constant_and_repeated_signals_beside_the_first_change_little():
    base = RNG.random((N, 2))
    signal = RNG.random(N)
    wrong = (RNG.random(N) < 0.1 + 0.6 * signal).astype(float)
    alone = association(wrong, signal, base, GROUPS)
    more = association(wrong, np.stack([signal, np.ones(N), signal], axis=1), base, GROUPS)
    assert more.p == pytest.approx(alone.p)
    assert more.delta_auroc.value == pytest.approx(alone.delta_auroc.value, abs=0.01)


def test_a_signal_that_bends_as_the_target_does_adds_nothing_however_few_the_clips():
    """What few clips cannot teach the base must not be counted for the signal."""
    gains = []
    for seed in range(30):
        rng = np.random.default_rng(seed)
        base = rng.normal(size=(300, 3))
        shape = np.sin(2 * base[:, 0]) + 0.5 * base[:, 1] ** 2
        target = (rng.random(300) < 1 / (1 + np.exp(0.5 - 1.5 * shape))).astype(float)
        found = association(target, shape + rng.normal(size=300), base, Groups.of(np.arange(300) % 20))
        gains.append(found.delta_auroc.value)
    assert np.mean(gains) == pytest.approx(0, abs=0.012)


def test_votes_of_people_who_know_who_always_say_the_same_and_who_guess():
    def votes(kind: str) -> np.ndarray:
        said = np.concatenate([labels_of(kind, seed) for seed in range(1, 7)])
        return count_votes(np.tile(np.arange(N), 6), said, N, LABELS)

    perfect, constant, random = (votes(kind) for kind in KINDS)
    assert krippendorff_alpha(perfect, GROUPS).value == 1
    assert krippendorff_alpha(constant, GROUPS).value is None
    found = krippendorff_alpha(random, GROUPS)
    assert found.low < 0 < found.high
    for counts, share in ((perfect, 1.0), (constant, 0.25), (random, 0.25)):
        assert value_of(vote_accuracy(counts, TARGET, GROUPS)) == pytest.approx(share, abs=0.02)
        known = accuracy_of_people(right_shares(counts, TARGET), GROUPS)
        assert known.value == pytest.approx(share, abs=0.02)
    assert rater_disagreement(perfect).max() == rater_disagreement(constant).max() == 0
    assert rater_disagreement(random).mean() == pytest.approx(0.75, abs=0.01)
    assert vote_entropy(random).mean() > 1.5
    helped = gain(right_shares(perfect, TARGET), right_shares(random, TARGET), GROUPS)
    assert helped.value == pytest.approx(0.75, abs=0.02)
    assert helped.low > 0.7


def test_the_modality_that_knows_has_all_the_value_and_a_constant_one_none():
    right = {"perfect": 1.0, "constant": 0.25}
    # Subsets of (perfect, constant): none, the first, the second, both.
    values = shapley([0.25, right["perfect"], right["constant"], right["perfect"]])
    assert values.tolist() == pytest.approx([0.75, 0.0])
