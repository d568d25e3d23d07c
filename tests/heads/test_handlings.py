"""Every subset of modalities under three handlings of what is missing; tokens learned for heads that stay frozen."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from mixedsignals.errors import CannotFinish, UsageError
from mixedsignals.heads import TOKEN, Asking, HeadOptions, fit_heads, subset_rows
from mixedsignals.labels import all_combinations

from .conftest import make

FULL = "text+audio+video"
KEYS = ["seed", "clip_id", "source", "given", "label"]


def fitted(made, name="gated", combinations=None, seeds=(1, 2), bases=None, **options):
    chosen = HeadOptions(fusion=name, epochs=5, threads=1, group_size=4, **options)
    return fit_heads(
        *made.arguments,
        run_id="r",
        seeds=seeds,
        options=chosen,
        combinations=combinations,
        source="fusion",
        bases=bases,
    )


def asked(made, results):
    return Asking(results.models, made.embeddings, made.splits)


@pytest.fixture(scope="module")
def ragged():
    """Half the clips have no video."""
    made = make(n=150, folds=2, n_labels=3, missing={"video": 0.5})
    results = fitted(made)
    asking = asked(made, results)
    asking.learn_tokens(made.targets)
    return made, results, asking, subset_rows(asking)


def of(rows: pl.DataFrame, source: str, given: str) -> pl.DataFrame:
    return rows.filter(pl.col("source") == source, pl.col("given") == given).drop("source", "given")


def test_models_trained_on_a_subset_say_what_they_said_in_the_run(ragged) -> None:
    _, results, _, rows = ragged
    run = results.predictions.with_columns(pl.lit("fusion").alias("source")).select(*KEYS, "probability")
    found = rows.filter(pl.col("source") == "fusion").select(run.columns)
    assert found.sort(KEYS).equals(run.sort(KEYS))


def test_given_everything_every_handling_says_what_fusion_says(ragged) -> None:
    _, _, _, rows = ragged
    plain = of(rows, "fusion", FULL)
    for handling in ("token", "resampled"):
        assert of(rows, f"fusion~{handling}", FULL).equals(plain)


def test_each_handling_has_rows_for_the_same_clips_and_probabilities_sum_to_one(ragged) -> None:
    _, _, asking, rows = ragged
    for name in all_combinations(asking.modalities):
        has = np.any([asking.has(modality) for modality in name.split("+")], axis=0)
        for source in ("fusion", "fusion~token", "fusion~resampled"):
            part = of(rows, source, name)
            assert part.height == 2 * 3 * has.sum()
            sums = part.group_by("seed", "clip_id").agg(pl.col("probability").sum())["probability"].to_numpy()
            np.testing.assert_allclose(sums, 1.0, atol=1e-12)


def test_a_modality_that_a_clip_lacks_is_never_filled_in(ragged) -> None:
    _, _, asking, rows = ragged
    lacking = [clip for clip, has in zip(asking.clip_ids, asking.has("video"), strict=True) if not has]
    for source in ("fusion~token", "fusion~resampled"):
        with_it, without = (
            of(rows, source, name).filter(pl.col("clip_id").is_in(lacking)) for name in ("text+video", "text")
        )
        assert with_it.equals(without)


def test_resampling_is_the_mean_over_training_clips_of_the_fold_that_have_what_they_lend(ragged) -> None:
    _, _, asking, rows = ragged
    complete = np.all([asking.has(modality) for modality in asking.modalities], axis=0)
    clip = int(np.flatnonzero(asking.has("video") & (asking.folds == 0))[0])
    train = asking.members_of(0, "train")
    said = []
    order = np.random.default_rng([0, 0]).permutation(train)
    for donor in [row for row in order if complete[row]][:20]:
        said.append(asking.ask(asking.plain([clip]).showing("audio", donor).showing("video", donor))[:, 0])
    assert len(said) == 20
    part = of(rows, "fusion~resampled", "text").filter(pl.col("clip_id") == asking.clip_ids[clip])
    np.testing.assert_allclose(
        part["probability"].to_numpy().reshape(2, 3), np.mean(said, axis=0), atol=1e-12
    )


def test_other_donors_for_another_seed_and_the_same_for_the_same(ragged) -> None:
    _, _, asking, rows = ragged
    again = subset_rows(asking, handlings=["resampled"])
    assert again.equals(rows.filter(pl.col("source") == "fusion~resampled"))
    other = subset_rows(asking, handlings=["resampled"], seed=1)
    assert (other["probability"] - again["probability"]).abs().max() > 1e-4


def test_tokens_are_worth_more_than_the_mean_on_the_clips_they_were_learned_from(ragged) -> None:
    made, results, learned, _ = ragged
    shares = learned.target_shares(made.targets)

    def loss(asking: Asking) -> float:
        found = []
        for fold in (0, 1):
            train = asking.members_of(fold, "train")
            train = train[asking.has("video")[train]]
            # Ask the heads of this fold about the clips that they were trained on.
            asking.folds[train] = fold
            for shown in ("text", "audio", "video"):
                items = asking.plain(train)
                for modality in set(asking.modalities) - {shown}:
                    items = items.showing(modality, TOKEN)
                found.append(-(np.log(asking.ask(items)) * shares[train]).sum(axis=-1).mean())
        return float(np.mean(found))

    start = asked(made, results)
    for fold in (0, 1):
        heads = start.heads(FULL, fold)
        heads.tokens = {m: one * 0 for m, one in learned.heads(FULL, fold).tokens.items()}
    fresh = asked(made, results)
    fresh.learn_tokens(made.targets)
    assert loss(fresh) < loss(start) - 0.001


def test_tokens_depend_on_their_seed_only(ragged) -> None:
    made, results, _, rows = ragged
    again, other = asked(made, results), asked(made, results)
    again.learn_tokens(made.targets)
    other.learn_tokens(made.targets, seed=5)
    expected = rows.filter(pl.col("source") == "fusion~token")
    assert subset_rows(again, handlings=["token"]).equals(expected)
    assert not subset_rows(other, handlings=["token"]).equals(expected)


def test_heads_trained_with_tokens_use_their_own() -> None:
    made = make(n=80, folds=2)
    asking = asked(made, fitted(made, "gated", [FULL], seeds=(1,), missing="tokens"))
    before = subset_rows(asking, handlings=["token"])
    asking.learn_tokens(made.targets)
    assert subset_rows(asking, handlings=["token"]).equals(before)
    masked = subset_rows(asking, handlings=["subset"])
    assert masked["probability"].equals(before["probability"])


@pytest.mark.parametrize("name", ["mean", "product"])
def test_a_pool_that_does_without_a_modality_is_the_model_trained_without_it(name) -> None:
    made, bases = make(n=80, folds=2), {}
    trained, pooled = (
        subset_rows(asked(made, fitted(made, name, only, seeds=(1,), bases=bases)), handlings=["subset"])
        for only in (None, [FULL])
    )
    np.testing.assert_allclose(trained["probability"], pooled["probability"], atol=1e-6)


def test_two_modalities_have_three_subsets() -> None:
    made = make(n=60, folds=2, widths={"text": 4, "audio": 3})
    asking = asked(made, fitted(made, "conflict", ["text+audio"], seeds=(1,)))
    asking.learn_tokens(made.targets)
    rows = subset_rows(asking)
    assert rows["given"].unique(maintain_order=True).to_list() == ["text", "audio", "text+audio"]
    assert rows.height == 3 * 3 * 60 * 2


def test_one_modality_has_no_subsets_and_an_unknown_handling_is_refused() -> None:
    made = make(n=60, folds=2, widths={"audio": 3})
    asking = asked(made, fitted(made, "gated", seeds=(1,)))
    asking.learn_tokens(made.targets)
    with pytest.raises(CannotFinish, match="the only modality is audio"):
        subset_rows(asking)
    with pytest.raises(UsageError, match="legal are subset, token, resampled"):
        subset_rows(asking, handlings=["zeros"])
