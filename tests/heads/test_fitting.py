"""Fitting from outside: what goes in, what tables come out."""

from __future__ import annotations

import polars as pl
import pytest

from mixedsignals.heads import HeadOptions, fit_heads
from mixedsignals.tables import GATES, PREDICTIONS, conform

QUICK = HeadOptions(epochs=3, threads=1, group_size=4)


@pytest.fixture(scope="module")
def fitted(request):
    from .conftest import make

    made = make(missing={"video": 0.3, "audio": 0.2, "text": 0.1})
    return made, fit_heads(*made.arguments, run_id="r", seeds=(1, 2), options=QUICK)


def test_every_clip_with_a_modality_gets_one_out_of_fold_row_per_seed_combination_and_label(fitted):
    made, results = fitted
    conform(PREDICTIONS, results.predictions, labels=made.labels)
    for given, part in results.predictions.partition_by("given", as_dict=True).items():
        have = set().union(*(made.embeddings[m].clip_ids for m in given[0].split("+")))
        assert set(part["clip_id"]) == have
        assert part.height == len(have) * 2 * len(made.labels)
        assert part["source"].unique().to_list() == ["fusion" if "+" in given[0] else given[0]]
    sums = results.predictions.group_by("seed", "clip_id", "given").agg(pl.col("probability").sum())
    assert (sums["probability"] - 1).abs().max() < 1e-12
    assert results.predictions["given"].n_unique() == 7


def test_gates_are_independent_and_weights_sum_to_one_over_what_is_present(fitted):
    made, results = fitted
    conform(GATES, results.gates)
    sums = results.gates.group_by("seed", "clip_id", "given").agg(
        pl.col("weight").sum(), pl.col("modality").sort()
    )
    assert (sums["weight"] - 1).abs().max() < 1e-6
    for clip, given, _, _, modalities in sums.select(
        "clip_id", "given", "seed", "weight", "modality"
    ).iter_rows():
        assert modalities == sorted(m for m in given.split("+") if clip in made.embeddings[m].clip_ids)
    assert results.gates["gate"].is_between(0, 1, closed="none").all()


def test_a_planted_signal_is_found(corpus):
    made = corpus(n=200, signal=2.0)
    results = fit_heads(*made.arguments, run_id="r", seeds=(1,), options=HeadOptions(epochs=8, threads=1))
    truth = dict(made.targets.select("clip_id", "label").iter_rows())
    top = results.predictions.sort("probability").group_by("given", "clip_id").last()
    right = top.with_columns(right=pl.col("label") == pl.col("clip_id").replace_strict(truth))
    assert right.group_by("given").agg(pl.col("right").mean())["right"].min() > 0.85
