"""The paper's network: its layers, its size, and its numbers against plain torch modules."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mixedsignals.heads.gated import Gated
from mixedsignals.heads.member import Batch
from mixedsignals.heads.noise import Noise, Streams
from mixedsignals.heads.stack import Stack

from .reference import PaperFusion

WIDTHS = {"text": 12, "audio": 9, "video": 7}
EXACT = Gated(dropout=0.0, modality_dropout=0.0)


def stacks(member: Gated, widths: dict[str, int], n_labels: int, heads: int) -> tuple[Stack, Stack]:
    streams = [Streams("text", 0, seed) for seed in range(heads)]
    made = []
    for shapes in (member.parameters(widths, n_labels), member.statistics(widths, n_labels)):
        starts = [{name: one.start(stream.start) for name, one in shapes.items()} for stream in streams]
        made.append(Stack(shapes, starts, torch.float64, learned=not made))
    return made[0], made[1]


def batch_of(heads: int, rows: int, widths: dict[str, int], seed: int = 0) -> Batch:
    torch_free = np.random.default_rng(seed)
    inputs = {m: torch.tensor(torch_free.normal(size=(heads, rows, d))) for m, d in widths.items()}
    everything = torch.ones(heads, rows, dtype=torch.bool)
    return Batch(inputs, {m: everything.clone() for m in widths}, everything)


def noise(heads: int, rows: int) -> Noise:
    return Noise([Streams("text", 1, seed) for seed in range(heads)], rows, torch.float64)


def test_layer_list_and_parameter_count_are_the_papers():
    widths = {"text": 768, "audio": 768, "video": 768}
    shapes = {name: one.shape for name, one in Gated().parameters(widths, 2).items()}
    expected = {
        "attention.projection.weight": (256, 128),
        "attention.projection.bias": (1, 128),
        "attention.vector": (128, 1),
        "labels.weight": (512, 2),
        "labels.bias": (1, 2),
    }
    for m in widths:
        expected |= {
            f"{m}.projection.weight": (768, 256),
            f"{m}.projection.bias": (1, 256),
            f"{m}.norm.weight": (1, 256),
            f"{m}.norm.bias": (1, 256),
            f"{m}.gate.weight": (256, 1),
            f"{m}.gate.bias": (1, 1),
        }
    for block, width in enumerate((256, 512, 512)):
        expected |= {
            f"block{block}.linear.weight": (width, 512),
            f"block{block}.linear.bias": (1, 512),
            f"block{block}.norm.weight": (1, 512),
            f"block{block}.norm.bias": (1, 512),
        }
    assert shapes == expected
    per_modality = 768 * 256 + 256 + 2 * 256 + 256 + 1
    attention = 256 * 128 + 128 + 128
    classifier = (256 * 512 + 512 + 2 * 512) + 2 * (512 * 512 + 512 + 2 * 512) + 512 * 2 + 2
    assert (
        sum(one.size for one in Gated().parameters(widths, 2).values())
        == 3 * per_modality + attention + classifier
    )
    plain = PaperFusion(widths, 2)
    assert (
        sum(p.numel() for p in plain.parameters()) == 3 * per_modality + attention + classifier == 1_286_917
    )


@pytest.mark.parametrize("modalities", [("text",), ("text", "video"), ("text", "audio", "video")])
def test_outputs_gradients_and_running_statistics_equal_plain_torch(modalities):
    widths = {m: WIDTHS[m] for m in modalities}
    weights, statistics = stacks(EXACT, widths, 3, heads=2)
    batch = batch_of(2, 11, widths)
    plain = []
    for head in range(2):
        one = PaperFusion(widths, 3, dropout=0.0).double()
        one.take({k: torch.tensor(v) for k, v in {**weights.arrays(head), **statistics.arrays(head)}.items()})
        plain.append(one)
    for training in (True, False):
        fused = EXACT.forward(weights.views(), statistics.views(), batch, noise(2, 11) if training else None)
        for head, one in enumerate(plain):
            one.train(training)
            logits, gates, attention = one({m: x[head] for m, x in batch.inputs.items()})
            for ours, theirs in ((fused.logits, logits), (fused.gates, gates), (fused.weights, attention)):
                torch.testing.assert_close(ours[head], theirs, atol=1e-11, rtol=0)
            if training:
                logits.square().sum().backward()
        if training:
            fused.logits.square().sum().backward()
    for head, one in enumerate(plain):
        ours = {**weights.views(), **statistics.views()}
        for name, theirs in one.pairs().items():
            if "mean" in name or "variance" in name:
                torch.testing.assert_close(ours[name][head].reshape(-1), theirs, atol=1e-12, rtol=0)
            elif not (len(modalities) == 1 and name.startswith("attention")):
                gradient = weights.leaves[name].grad[head].reshape(-1)[: theirs.numel()]
                expected = theirs.grad.mT.reshape(-1) if theirs.ndim == 2 else theirs.grad
                torch.testing.assert_close(gradient, expected, atol=1e-9, rtol=1e-9)


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 2**31 - 1), st.sampled_from([1.0, -1e6, 1e30]))
def test_a_missing_modality_leaves_no_trace_whatever_stands_in_its_place(seed, rubbish):
    chance = np.random.default_rng(seed)
    present = {m: torch.tensor(chance.random((2, 9)) < 0.6) for m in WIDTHS}
    rows = torch.tensor(np.arange(9) < 8).expand(2, 9)
    present = {m: (there | (m == "text")) & rows for m, there in present.items()}
    results = []
    for filling in (0.0, rubbish):
        whole = batch_of(2, 9, WIDTHS, seed)
        inputs = {m: torch.where(present[m][..., None], x, filling) for m, x in whole.inputs.items()}
        weights, statistics = stacks(Gated(), WIDTHS, 3, heads=2)
        fused = Gated().forward(
            weights.views(), statistics.views(), Batch(inputs, present, rows), noise(2, 9)
        )
        (fused.logits * rows[..., None]).square().sum().backward()
        seen = {
            "logits": fused.logits[rows],
            **{f"weight {m}": fused.weights[..., i] * rows for i, m in enumerate(WIDTHS)},
            **{f"gradient {name}": leaf.grad for name, leaf in weights.leaves.items()},
            **statistics.views(),
        }
        assert all(bool((fused.weights[..., i][~present[m]] == 0).all()) for i, m in enumerate(WIDTHS))
        results.append(seen)
    for name, value in results[0].items():
        assert torch.equal(value, results[1][name]), name


def test_modality_dropout_withholds_at_its_rate_and_never_everything():
    widths = {"text": 3, "audio": 3}
    member = Gated(dropout=0.0, modality_dropout=0.4)
    weights, statistics = stacks(member, widths, 2, heads=1)
    batch = batch_of(1, 4000, widths)
    lacking = torch.zeros(1, 4000, dtype=torch.bool)
    lacking[0, :1000] = True
    batch.present["audio"] &= ~lacking
    fused = member.forward(weights.views(), statistics.views(), batch, noise(1, 4000))
    kept = fused.weights[0] > 0
    assert bool(kept.any(dim=1).all())
    assert bool((kept[:1000] == torch.tensor([True, False])).all())
    withheld = (~kept[1000:]).double().mean(dim=0)
    # Each is withheld with .4, and of the .16 in which both would go, one stays: .4 − .08.
    assert withheld.tolist() == pytest.approx([0.32, 0.32], abs=0.03)


def test_a_modality_that_one_clip_of_a_batch_has_is_normalised_by_the_running_statistics():
    weights, statistics = stacks(EXACT, WIDTHS, 2, heads=1)
    batch = batch_of(1, 5, WIDTHS)
    batch.present["video"][0, 1:] = False
    before = {name: view.clone() for name, view in statistics.views().items()}
    fused = EXACT.forward(weights.views(), statistics.views(), batch, noise(1, 5))
    assert bool(torch.isfinite(fused.logits).all())
    for name in ("video.norm.mean", "video.norm.variance"):
        assert torch.equal(statistics.views()[name], before[name])
    assert not torch.equal(statistics.views()["text.norm.mean"], before["text.norm.mean"])
