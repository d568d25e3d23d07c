"""Cases of unsupported dominance and the yardstick beside them: by their definitions, whatever the numbers are."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mixedsignals.measures.dominance import shapley
from mixedsignals.measures.groups import Groups
from mixedsignals.measures.unsupported import carried, log_odds, unsupported_cases
from mixedsignals.measures.yardstick import alone_and_wrong, best_elsewhere

NO_CASE = ([False], [-1], [-1])


def drawn(seed: int, modalities: int, labels: int, clips: int = 12) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    raw = rng.dirichlet(np.full(labels, 0.6), (1 << modalities, clips))
    return {
        "probability": raw,
        "unimodal": rng.integers(0, labels, (modalities, clips)),
        "target": rng.integers(0, labels, clips),
    }


@settings(deadline=None, max_examples=60)
@given(seed=st.integers(0, 10_000), modalities=st.integers(2, 4), labels=st.integers(2, 5))
def test_a_case_is_what_its_definition_says(seed: int, modalities: int, labels: int) -> None:
    made = drawn(seed, modalities, labels)
    hit, dominant, towards = unsupported_cases(**made)
    said = made["probability"][-1].argmax(axis=1)
    for clip in range(len(hit)):
        worth = shapley(log_odds(made["probability"][:, clip, said[clip]]))
        assert dominant[clip] == worth.argmax()
        alone = made["unimodal"][:, clip]
        assert towards[clip] == alone[dominant[clip]]
        wanted = (
            said[clip] != made["target"][clip]
            and towards[clip] != made["target"][clip]
            and (alone == towards[clip]).sum() == 1
        )
        assert hit[clip] == wanted


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 10_000), modalities=st.integers(2, 3), labels=st.integers(2, 4))
def test_neither_the_order_of_clips_nor_the_names_of_modalities_matter(
    seed: int, modalities: int, labels: int
) -> None:
    made = drawn(seed, modalities, labels)
    hit, dominant, towards = unsupported_cases(**made)
    turned = np.random.default_rng(seed).permutation(len(hit))
    again = unsupported_cases(
        made["probability"][:, turned], made["unimodal"][:, turned], made["target"][turned]
    )
    assert (again[0] == hit[turned]).all()
    assert (again[1] == dominant[turned]).all()
    swap = [subset >> 1 & 1 | (subset & 1) << 1 | subset & ~3 for subset in range(1 << modalities)]
    order = [1, 0, *range(2, modalities)]
    named = unsupported_cases(made["probability"][swap], made["unimodal"][order], made["target"])
    assert (named[0] == hit).all()
    assert (np.asarray(order)[named[1]] == dominant).all()
    assert (named[2] == towards).all()


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 10_000))
def test_values_sum_to_what_everything_says_over_the_prior(seed: int) -> None:
    made = drawn(seed, 3, 3)
    values, said = carried(made["probability"])
    rows = np.arange(len(said))
    whole = log_odds(made["probability"][-1][rows, said]) - log_odds(made["probability"][0][rows, said])
    assert values.sum(axis=0) == pytest.approx(whole)


def test_a_subset_that_is_missing_makes_no_case() -> None:
    made = drawn(3, 2, 2, clips=1)
    made["probability"][1] = np.nan
    assert tuple(part.tolist() for part in unsupported_cases(**made)) == NO_CASE
    values, said = carried(made["probability"])
    assert np.isnan(values).all()
    assert said.tolist() == [-1]


def test_missing_targets_and_unimodal_labels_are_not_counted() -> None:
    misled = np.array([[[0.5, 0.5]], [[0.1, 0.9]], [[0.6, 0.4]], [[0.2, 0.8]]])
    assert unsupported_cases(misled, [[1], [0]], [0])[0].tolist() == [True]
    assert unsupported_cases(misled, [[1], [0]], [-1])[0].tolist() == [False]
    assert unsupported_cases(misled, [[-1], [0]], [0])[0].tolist() == [False]


@settings(deadline=None, max_examples=40)
@given(seed=st.integers(0, 10_000), speakers=st.integers(2, 9))
def test_the_best_is_chosen_without_the_clips_of_the_same_speaker(seed: int, speakers: int) -> None:
    rng = np.random.default_rng(seed)
    groups = Groups(rng.integers(0, speakers, 40), speakers)
    right = rng.integers(0, 2, (3, 40)).astype(float)
    chosen = best_elsewhere(right, groups, folds=speakers, seed=seed)
    speaker = int(groups.codes[0])
    changed = right.copy()
    changed[:, groups.codes == speaker] = rng.integers(0, 2, (3, int((groups.codes == speaker).sum())))
    again = best_elsewhere(changed, groups, folds=speakers, seed=seed)
    assert (chosen[groups.codes == speaker] == again[groups.codes == speaker]).all()


def test_a_best_modality_that_is_really_best_is_chosen_throughout_and_nobody_with_one_speaker() -> None:
    groups = Groups(np.repeat(np.arange(10), 5), 10)
    right = np.stack([np.zeros(50), np.full(50, 0.9), np.full(50, np.nan)])
    assert set(best_elsewhere(right, groups).tolist()) == {1}
    assert set(best_elsewhere(right, Groups(np.zeros(50, dtype=np.int64), 1)).tolist()) == {-1}


def test_alone_and_wrong_needs_a_choice_and_a_target() -> None:
    said = [[1, 1, 1, 1], [0, 1, 0, 0]]
    assert alone_and_wrong(said, [0, 0, 0, -1], [0, 0, 1, 0]).tolist() == [True, False, False, False]
    assert alone_and_wrong(said, [0, 0, 0, 0], [-1, -1, -1, -1]).tolist() == [False] * 4
