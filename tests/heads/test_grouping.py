"""Heads in a group are the heads one after another, and those are what plain torch would have trained."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mixedsignals.heads import HeadOptions, fit_heads
from mixedsignals.heads.data import prepare
from mixedsignals.heads.grid import HeadId, buckets_of, split_evenly, steps_per_epoch
from mixedsignals.heads.schedule import one_cycle
from mixedsignals.heads.training import train_group
from mixedsignals.progress import SILENT

from .conftest import make
from .reference import PaperFusion

RAGGED = {"text": 0.1, "audio": 0.3, "video": 0.4}


def ready(made, seeds=(1, 2)):
    return prepare(*made.arguments, seeds=seeds, soft=False, progress=SILENT)


def test_groups_equal_one_after_another_in_float64_over_20_steps():
    made = make(n=150, folds=3, missing=RAGGED, signal=0.5)
    data = ready(made)
    options = HeadOptions(epochs=10, batch_size=64, dtype="float64", dynamics=True)
    (bucket,) = buckets_of(data, ["text+audio+video"], (1,), options.batch_size)
    assert bucket.steps == 2
    assert len({len(data.part(bucket.heads[0].modalities, h.fold, "train")) for h in bucket.heads}) > 1
    together = train_group(data, bucket.heads, options)
    for one in together:
        (alone,) = train_group(data, [one.head], options)
        assert alone.best == one.best
        for name, value in one.arrays.items():
            np.testing.assert_allclose(value, alone.arrays[name], atol=1e-9, rtol=0, err_msg=name)
        np.testing.assert_allclose(one.p_target, alone.p_target, atol=1e-9)
        np.testing.assert_allclose(one.test.probabilities, alone.test.probabilities, atol=1e-9)
        np.testing.assert_allclose(
            [epoch.train_loss for epoch in one.history],
            [epoch.train_loss for epoch in alone.history],
            atol=1e-9,
        )


def _macro_f1(results, made):
    truth = dict(made.targets.select("clip_id", "label").iter_rows())
    found = {}
    for (seed, shown), part in results.predictions.partition_by("seed", "given", as_dict=True).items():
        top = part.sort("probability").group_by("clip_id").last()
        said, true = top["label"].to_numpy(), np.array([truth[clip] for clip in top["clip_id"]])
        scores = []
        for label in made.labels:
            hit = ((said == label) & (true == label)).sum()
            scores.append(2 * hit / max((said == label).sum() + (true == label).sum(), 1))
        found.setdefault(shown, {})[seed] = np.mean(scores)
    return found


def test_in_float32_group_size_and_threads_change_no_metric_beyond_the_spread_of_seeds():
    made = make(n=90, missing=RAGGED, signal=0.4)
    results = [
        fit_heads(
            *made.arguments,
            run_id="r",
            seeds=(1, 2, 3, 4),
            combinations=["audio", "text+video"],
            options=HeadOptions(epochs=6, group_size=size, threads=threads),
        )
        for size, threads in ((1, 1), (3, 1), (8, 2))
    ]
    alone, *others = [_macro_f1(one, made) for one in results]
    for other in others:
        for shown, scores in alone.items():
            spread = max(np.std(list(scores.values())), 1e-3)
            assert all(abs(scores[seed] - other[shown][seed]) <= spread for seed in scores)
    if torch.backends.mkl.is_available():
        assert all(one.predictions.equals(results[0].predictions) for one in results[1:])
        assert all(one.gates.equals(results[0].gates) for one in results[1:])


def test_training_equals_a_plain_torch_loop_over_20_steps():
    """Our batches and starting values, torch's own layers, Adam and one-cycle schedule."""
    widths = {"text": 6, "audio": 5, "video": 4}
    data = ready(make(n=150, widths=widths, folds=3))
    options = HeadOptions(epochs=10, dropout=0.0, modality_dropout=0.0, dtype="float64", class_weights=True)
    head = HeadId("text+audio+video", 1, 7)
    train = data.part(head.modalities, 1, "train")
    steps = steps_per_epoch(len(train), 64)
    assert steps * 10 == 20

    plain, orders = _start(data, head, options, widths)
    adam = torch.optim.Adam(plain.parameters(), lr=1e-4, weight_decay=1e-3)
    cycle = torch.optim.lr_scheduler.OneCycleLR(adam, max_lr=1e-3, total_steps=20, div_factor=10)
    counts = data.targets[train].sum(axis=0)
    loss_of = torch.nn.CrossEntropyLoss(torch.tensor(counts.sum() / (len(counts) * counts)))
    inputs = {
        m: torch.tensor((v.values[v.rows] - data.standardisers[m, 1].mean) / data.standardisers[m, 1].scale)
        for m, v in data.inputs.items()
    }
    truth = torch.tensor(data.targets.argmax(axis=1))
    plain.train()
    after = []
    for order in orders:
        for step in range(steps):
            rows = torch.tensor(order[step * 64 : (step + 1) * 64])
            adam.zero_grad()
            loss_of(plain({m: x[rows] for m, x in inputs.items()})[0], truth[rows]).backward()
            adam.step()
            if cycle.last_epoch < 19:
                cycle.step()
        after.append(plain.arrays())
    (ours,) = train_group(data, [head], options)
    for name, value in after[ours.best].items():
        np.testing.assert_allclose(ours.arrays[name], value.numpy(), atol=1e-9, rtol=0, err_msg=name)


def _start(data, head, options, widths):
    """The plain network with our starting values, and our shuffles of the training clips."""
    from mixedsignals.heads.fusion import fusion_of
    from mixedsignals.heads.noise import Streams

    member, streams = fusion_of(options), Streams(head.combination, head.fold, head.seed)
    starts = {}
    for shapes in (member.parameters(widths, 2), member.statistics(widths, 2)):
        starts |= {name: torch.tensor(one.start(streams.start)) for name, one in shapes.items()}
    plain = PaperFusion(widths, 2, dropout=0.0).double()
    plain.take(starts)
    train = data.part(head.modalities, head.fold, "train")
    return plain, [streams.order.permutation(train) for _ in range(options.epochs)]


@pytest.mark.parametrize("steps", [1, 2, 3, 4, 7, 20, 240])
def test_one_cycle_is_torchs(steps):
    adam = torch.optim.Adam([torch.zeros(1, requires_grad=True)], lr=1e-4)
    cycle = torch.optim.lr_scheduler.OneCycleLR(adam, max_lr=1e-3, total_steps=steps, div_factor=10)
    rates, betas = one_cycle(steps, 1e-4, 1e-3)
    for step in range(steps):
        group = adam.param_groups[0]
        assert (rates[step], betas[step]) == pytest.approx((group["lr"], group["betas"][0]), rel=1e-12)
        adam.step()
        if step < steps - 1:
            cycle.step()


@settings(deadline=None)
@given(st.integers(1, 40), st.integers(1, 20), st.integers(1, 8))
def test_groups_hold_every_head_once_within_the_size_and_are_enough_for_all_threads(n, size, threads):
    heads = [HeadId("text", 0, seed) for seed in range(n)]
    groups = split_evenly(heads, size, threads)
    assert [head for group in groups for head in group] == heads
    assert max(map(len, groups)) <= size
    assert max(map(len, groups)) - min(map(len, groups)) <= 1
    assert len(groups) >= min(threads, n)


def test_a_last_batch_of_one_clip_is_left_out_and_returns_by_the_shuffle():
    assert [steps_per_epoch(n, 64) for n in (2, 63, 64, 65, 66, 128, 129)] == [1, 1, 1, 1, 2, 2, 2]
    made = make(n=9, folds=2)
    roles = ["train"] * 5 + ["tune"] * 2 + ["test"] * 2
    splits = pl.DataFrame({"clip_id": made.targets["clip_id"], "fold": 0, "role": roles})
    results = fit_heads(
        made.embeddings,
        made.targets,
        splits,
        made.labels,
        run_id="r",
        seeds=(1,),
        options=HeadOptions(epochs=2, batch_size=4, threads=1, dynamics=True),
    )
    assert results.dynamics.filter(given="text")["clip_id"].n_unique() == 5
    assert results.predictions["clip_id"].n_unique() == 2
