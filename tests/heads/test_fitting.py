"""Fitting from outside: what goes in, what tables come out, and what they may depend on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from contextlib import contextmanager

import numpy as np
import polars as pl
import pytest
import torch

from mixedsignals.embeddings import Embeddings
from mixedsignals.heads import HeadOptions, fit_heads
from mixedsignals.heads.outcome import Choice
from mixedsignals.tables import DYNAMICS, GATES, PREDICTIONS, conform

from .conftest import make

QUICK = HeadOptions(epochs=3, threads=1, group_size=4)


@pytest.fixture(scope="module")
def fitted():
    made = make(missing={"video": 0.3, "audio": 0.2, "text": 0.1})
    return made, fit_heads(*made.arguments, run_id="r", seeds=(1, 2), options=QUICK)


def test_every_clip_with_a_modality_gets_one_out_of_fold_row_per_seed_combination_and_label(fitted):
    made, results = fitted
    conform(PREDICTIONS, results.predictions, labels=made.labels)
    for (given,), part in results.predictions.partition_by("given", as_dict=True).items():
        have = set().union(*(made.embeddings[m].clip_ids for m in given.split("+")))
        assert set(part["clip_id"]) == have
        assert part.height == len(have) * 2 * len(made.labels)
        assert part["source"].unique().to_list() == ["fusion" if "+" in given else given]
    sums = results.predictions.group_by("seed", "clip_id", "given").agg(pl.col("probability").sum())
    assert (sums["probability"] - 1).abs().max() < 1e-12
    assert results.predictions["given"].n_unique() == 7


def test_gates_are_independent_and_weights_sum_to_one_over_what_is_present(fitted):
    made, results = fitted
    conform(GATES, results.gates)
    assert results.gates["gate"].is_between(0, 1, closed="none").all()
    parts = results.gates.group_by("seed", "clip_id", "given").agg(
        pl.col("weight").sum(), pl.col("gate").sum(), pl.col("modality").sort()
    )
    assert (parts["weight"] - 1).abs().max() < 1e-6
    full = parts.filter(pl.col("modality").list.len() == 3)
    assert full["gate"].std() > 0.01
    for clip, given, modalities in parts.select("clip_id", "given", "modality").iter_rows():
        assert modalities == sorted(m for m in given.split("+") if clip in made.embeddings[m].clip_ids)


def test_a_planted_signal_is_found():
    made = make(n=200, signal=2.0)
    results = fit_heads(*made.arguments, run_id="r", seeds=(1,), options=HeadOptions(epochs=8, threads=1))
    truth = dict(made.targets.select("clip_id", "label").iter_rows())
    top = results.predictions.sort("probability").group_by("given", "clip_id").last()
    right = top.with_columns(right=pl.col("label") == pl.col("clip_id").replace_strict(truth))
    assert right.group_by("given").agg(pl.col("right").mean())["right"].min() > 0.85


def test_test_clips_have_no_part_in_the_model_of_their_fold():
    made = make(n=80)
    test = set(made.splits.filter(fold=0, role="test")["clip_id"])
    other = {}
    for modality, one in made.embeddings.items():
        values = one.values.copy()
        values[[clip in test for clip in one.clip_ids]] *= -50
        other[modality] = Embeddings(one.clip_ids, values, one.card)
    flipped = made.targets.with_columns(
        label=pl.when(pl.col("clip_id").is_in(list(test)))
        .then(pl.col("label").replace({"label0": "label1", "label1": "label0"}))
        .otherwise("label")
    )
    before = fit_heads(*made.arguments, run_id="r", seeds=(1,), options=QUICK)
    after = fit_heads(other, flipped, made.splits, made.labels, run_id="r", seeds=(1,), options=QUICK)
    for one, two in zip(before.models.heads, after.models.heads, strict=True):
        same = all(np.array_equal(value, two.arrays()[name]) for name, value in one.arrays().items())
        assert same == (one.head.fold == 0)


def test_the_epoch_with_the_best_tuning_accuracy_is_kept_then_the_lowest_loss_then_the_first():
    choice = Choice(2, patience=2)
    train = np.zeros(2)
    told = [
        choice.judge(train, np.array(loss), np.array(accuracy))
        for loss, accuracy in (
            ([0.5, 0.5], [0.6, 0.6]),
            ([0.4, 0.9], [0.6, 0.7]),
            ([0.4, 0.1], [0.6, 0.6]),
            ([0.1, 0.8], [0.5, 0.7]),
            ([0.1, 0.1], [0.9, 0.9]),
        )
    ]
    assert told == [[0, 1], [0, 1], [], [1], [1]]
    assert choice.best.tolist() == [1, 4]
    assert [len(one) for one in choice.history] == [4, 5]
    assert not choice.all_stopped


def test_history_shows_that_the_kept_epoch_is_the_best_on_the_tuning_part(fitted):
    for model in fitted[1].models.heads:
        best = max(model.history, key=lambda epoch: (epoch.tune_accuracy, -epoch.tune_loss))
        assert model.history[model.best] == best


def test_early_stopping_ends_before_all_epochs_and_keeps_the_same_best():
    made = make(n=120, signal=0.0)
    patient = HeadOptions(epochs=12, threads=1, patience=2)
    results = fit_heads(*made.arguments, run_id="r", seeds=(1, 2), combinations=["text"], options=patient)
    for model in results.models.heads:
        assert len(model.history) == min(model.best + 3, 12)
    assert min(len(model.history) for model in results.models.heads) < 12


def test_dynamics_follow_every_training_clip_through_every_epoch():
    made = make(n=60, signal=3.0)
    options = HeadOptions(epochs=6, threads=1, dynamics=True)
    results = fit_heads(*made.arguments, run_id="r", seeds=(1,), combinations=["text"], options=options)
    conform(DYNAMICS, results.dynamics)
    train = made.splits.filter(role="train").select("clip_id", "fold").sort("clip_id", "fold")
    for _, part in results.dynamics.partition_by("epoch", as_dict=True).items():
        assert part.select("clip_id", "fold").sort("clip_id", "fold").equals(train)
    means = results.dynamics.group_by("epoch").agg(pl.col("p_target").mean()).sort("epoch")["p_target"]
    assert means[5] > means[0]
    sure = results.dynamics.filter(pl.col("p_target") > 0.5)
    assert (sure["right"] == 1).all()
    assert set(results.dynamics["right"]) == {0, 1}


def test_dynamics_are_of_single_modalities_and_of_all_of_them():
    made = make(n=40, widths={"text": 5, "audio": 4, "video": 3}, signal=3.0)
    options = HeadOptions(epochs=2, threads=1, dynamics=True)
    results = fit_heads(*made.arguments, run_id="r", seeds=(1,), options=options)
    assert set(results.dynamics["given"]) == {"text", "audio", "video", "text+audio+video"}


def test_soft_targets_teach_shares():
    made = make(n=160, n_labels=2, signal=0.0)
    shares = pl.concat(
        made.targets.select("clip_id", label=pl.lit(name), share=pl.lit(share))
        for name, share in (("label0", 0.8), ("label1", 0.2))
    )
    options = HeadOptions(epochs=12, threads=1, soft_targets=True)
    results = fit_heads(
        made.embeddings, shares, made.splits, made.labels,
        run_id="r", seeds=(1,), combinations=["text"], options=options,
    )  # fmt: skip
    mean = results.predictions.filter(label="label0")["probability"].mean()
    assert mean == pytest.approx(0.8, abs=0.08)


def test_class_weights_lift_the_rare_label():
    made = make(n=240, n_labels=2, signal=0.0)
    rare = [clip for i, clip in enumerate(made.targets["clip_id"]) if i % 8 == 1]
    targets = made.targets.with_columns(
        label=pl.when(pl.col("clip_id").is_in(rare)).then(pl.lit("label1")).otherwise(pl.lit("label0"))
    )
    means = [
        fit_heads(
            made.embeddings, targets, made.splits, made.labels,
            run_id="r", seeds=(1,), combinations=["text"],
            options=HeadOptions(epochs=6, threads=1, class_weights=weigh),
        ).predictions.filter(label="label1")["probability"].mean()
        for weigh in (False, True)
    ]  # fmt: skip
    assert means[0] < means[1] - 0.08


def test_same_seed_same_numbers_and_no_global_state_is_touched():
    made = make(n=60)
    torch.manual_seed(5)
    np.random.seed(5)
    threads = torch.get_num_threads()
    before = torch.get_rng_state(), np.random.get_state()[1].copy()
    first = fit_heads(*made.arguments, run_id="r", seeds=(3, 1), options=QUICK)
    assert torch.equal(before[0], torch.get_rng_state())
    assert np.array_equal(before[1], np.random.get_state()[1])
    assert torch.get_num_threads() == threads
    torch.manual_seed(6)
    again = fit_heads(*made.arguments, run_id="r", seeds=(1, 3), options=QUICK)
    assert first.predictions.sort(PREDICTIONS.key).equals(again.predictions.sort(PREDICTIONS.key))
    seeds = again.predictions.filter(given="text", label="label0").partition_by("seed")
    assert not np.array_equal(seeds[0]["probability"], seeds[1]["probability"])
    assert again.models.environment["threads"] == 1


class Watcher:
    """A `Progress` that counts, and may act at a count."""

    def __init__(self, at: int | None = None, act=lambda: None) -> None:
        self.count, self.total, self.said, self._at, self._act = 0, 0, [], at, act

    @contextmanager
    def task(self, name, total=None):
        self.total = total
        yield self

    def advance(self, n=1):
        self.count += n
        if self._at is not None and self.count >= self._at:
            self._act()

    def say(self, text):
        self.said.append(text)


def test_progress_counts_every_head_and_epoch(fitted):
    made, _ = fitted
    watcher = Watcher()
    fit_heads(*made.arguments, run_id="r", seeds=(1,), combinations=["text"], options=QUICK, progress=watcher)
    assert watcher.count == watcher.total == 2 * 3
    assert "Training 2 heads, 2 at a time on 1 thread." in watcher.said


STRUCK = """
    import os, sys, threading
    from pathlib import Path
    sys.path.insert(0, {tests!r})
    from heads.conftest import make
    from heads.test_fitting import Watcher
    from mixedsignals.heads import HeadOptions, fit_heads
    folder, struck = Path({folder!r}), []
    def strike():
        if not struck and len(list(folder.glob("*.safetensors"))) >= 4:
            struck.append(True)
            os.kill(os.getpid(), {signal})
    made, options = make(n=60), HeadOptions(epochs=3, threads={threads}, group_size=4)
    try:
        fit_heads(*made.arguments, run_id="r", seeds=(1, 2), options=options, checkpoint=folder,
                  progress=Watcher(1, strike))
    except KeyboardInterrupt:
        sys.exit(f"interrupted with {{threading.active_count()}} thread alive")
    sys.exit("was not struck")
"""


def struck(folder, by, threads=1):
    """A process of its own that fits heads and gets one signal once four of its 28 heads are on disk."""
    tests = os.path.dirname(os.path.dirname(__file__))  # noqa: PTH120
    code = textwrap.dedent(STRUCK).format(tests=tests, folder=str(folder), signal=int(by), threads=threads)
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)


def test_a_killed_fit_resumes_to_the_same_numbers(tmp_path):
    folder = tmp_path / "heads"
    done = struck(folder, signal.SIGKILL)
    assert done.returncode == -signal.SIGKILL, done.stderr
    finished = {path: path.stat().st_mtime_ns for path in folder.glob("*.safetensors")}
    assert 4 <= len(finished) < 28
    made, watcher = make(n=60), Watcher()
    options = HeadOptions(epochs=3, threads=2, group_size=3)
    resumed = fit_heads(
        *made.arguments, run_id="r", seeds=(1, 2), options=options, checkpoint=folder, progress=watcher
    )
    assert watcher.total == (28 - len(finished)) * 3
    assert f"{len(finished)} heads were finished before" in watcher.said[0]
    assert all(path.stat().st_mtime_ns == at for path, at in finished.items())
    whole = fit_heads(*made.arguments, run_id="r", seeds=(1, 2), options=QUICK)
    assert resumed.predictions.equals(whole.predictions)
    assert resumed.gates.equals(whole.gates)
    for one, two in zip(resumed.models.heads, whole.models.heads, strict=True):
        assert (one.head, one.best, one.history) == (two.head, two.best, two.history)
        assert all(np.array_equal(value, two.arrays()[name]) for name, value in one.arrays().items())


def test_a_checkpoint_of_other_inputs_or_options_is_not_taken(tmp_path):
    made = make(n=60)
    few = {"run_id": "r", "seeds": (1,), "combinations": ["text"], "checkpoint": tmp_path}
    fit_heads(*made.arguments, options=QUICK, **few)
    longer = HeadOptions(epochs=4, threads=1, group_size=4)
    other = make(n=60, seed=1)
    for arguments, options in ((made.arguments, longer), (other.arguments, longer)):
        watcher = Watcher()
        results = fit_heads(*arguments, options=options, progress=watcher, **few)
        assert watcher.total == 2 * 4
        clean = fit_heads(*arguments, options=options, run_id="r", seeds=(1,), combinations=["text"])
        assert results.predictions.equals(clean.predictions)


def test_a_damaged_checkpoint_file_is_trained_again(tmp_path):
    made = make(n=60)
    few = {"run_id": "r", "seeds": (1,), "combinations": ["text"], "options": QUICK, "checkpoint": tmp_path}
    first = fit_heads(*made.arguments, **few)
    path = sorted(tmp_path.glob("*.safetensors"))[0]
    path.write_bytes(path.read_bytes()[:1000])
    assert fit_heads(*made.arguments, **few).predictions.equals(first.predictions)
    assert path.stat().st_size > 1000


def test_an_interrupt_stops_all_threads_and_keeps_what_was_finished(tmp_path):
    done = struck(tmp_path, signal.SIGINT, threads=2)
    assert (done.returncode, done.stderr.strip()) == (1, "interrupted with 1 thread alive")
    assert 4 <= len(list(tmp_path.glob("*.safetensors"))) < 28
