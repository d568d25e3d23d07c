"""Training through `Trainer`: what it reaches, what it keeps, how it goes on after a kill, and how it fails."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch
from encoder_fakes import Listener
from safetensors.torch import load_file
from tuning_lessons import broken_forward, plan, roberta

from mixedsignals.encoders.tuning import load_tuned, tune_modalities
from mixedsignals.encoders.tuning.choice import TunedEpoch, best_of, out_of_patience
from mixedsignals.encoders.tuning.clips import Buckets
from mixedsignals.encoders.tuning.huggingface import TextNetwork
from mixedsignals.encoders.tuning.pace import Pace, advice, in_words
from mixedsignals.encoders.tuning.training import fitting_batch
from mixedsignals.errors import CannotFinish, InputError, UsageError


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return roberta(tmp_path_factory.mktemp("model") / "roberta")


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Without dropout: the same numbers however many processes share a batch."""
    return roberta(tmp_path_factory.mktemp("model") / "plain", dropout=0.0)


def tuned(given: Any, model: Path, progress: Any = None) -> Any:
    found = tune_modalities(given, {"text": str(model)}, progress=progress or Listener())
    return found["text"]


@pytest.fixture(scope="module")
def usual(model: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any]:
    """Where the training of `plan` without further options lies, and what it gave; tests do not change it."""
    folder = tmp_path_factory.mktemp("usual")
    return folder, tuned(plan(folder), model)


def losses(one: Any) -> list[tuple[float, float]]:
    return [(entry.train_loss, entry.tune_loss) for entry in one.history]


def test_it_learns_and_the_best_epoch_is_kept(model: Path, tmp_path: Path) -> None:
    found = tuned(plan(tmp_path, epochs=6), model)
    one = found.chosen[0, 7].tuned
    assert one.history[one.best].tune_accuracy > 0.8
    assert one.best == best_of(one.history)
    clips, probabilities = found.spoken(0, 7)
    assert sorted(clips) == [f"c{at:02d}" for at in range(8)]
    np.testing.assert_allclose(probabilities.sum(axis=1), 1.0)
    right = [row.argmax() == int(clip[1:]) % 2 for clip, row in zip(clips, probabilities, strict=True)]
    assert np.mean(right) > 0.7


def test_only_what_learned_is_saved(usual: tuple[Path, Any]) -> None:
    one = usual[1].chosen[0, 7].tuned
    tensors = load_file(one.folder / "tuned.safetensors")
    assert {name.split("/")[0] for name in tensors} == {"backbone", "head"}
    assert all("encoder.layer." in name for name in tensors if name.startswith("backbone/"))
    assert not list(one.folder.parent.glob("*.training")), "checkpoints go when the model is done"


def test_embeddings_carry_fold_and_seed(model: Path, tmp_path: Path) -> None:
    found = tuned(plan(tmp_path, folds=2, seeds=(7, 8)), model)
    one, other, third = (found.embeddings(*where).embeddings for where in ((0, 7), (1, 7), (0, 8)))
    assert (one.card.fold, one.card.seed) == (0, 7)
    assert (other.card.fold, third.card.seed) == (1, 8)
    assert len({one.card.digest(), other.card.digest(), third.card.digest()}) == 3
    assert np.abs(one.values - other.values).max() > 1e-4


def test_training_clips_are_embedded_by_models_that_never_saw_them(
    model: Path, usual: tuple[Path, Any], tmp_path: Path
) -> None:
    given = plan(tmp_path, inner=2)
    found = tuned(given, model)
    chosen = found.chosen[0, 7]
    assert set(chosen.inner) == {0, 1}
    held = dict(given.inner.select("clip_id", "inner").iter_rows())
    record = json.loads((chosen.inner[0].folder / "tuned.json").read_text())
    assert record["n_train"] == sum(part != 0 for part in held.values())
    joined = found.embeddings(0, 7).embeddings
    assert joined.clip_ids == tuple(given.clips["clip_id"])
    whole = usual[1].embeddings(0, 7).embeddings
    differs = np.abs(joined.values - whole.values).max(axis=1) > 1e-5
    assert {clip for clip, other in zip(joined.clip_ids, differs, strict=True) if other} == set(held)


class TestTheChoice:
    def test_each_fold_takes_the_candidate_that_its_tuning_clips_like_best(
        self, model: Path, plain: Path, tmp_path: Path
    ) -> None:
        given = plan(tmp_path, folds=2, epochs=2)
        found = tune_modalities(given, {"text": f"{model}, {plain}"}, progress=Listener())["text"]
        for one in found.chosen.values():
            assert set(one.scores) == {str(model), str(plain)}
            assert one.scores[one.tuned.request["name"]] == max(one.scores.values())

    def test_no_test_clip_has_a_say(self, model: Path, usual: tuple[Path, Any], tmp_path: Path) -> None:
        """With all test labels turned round, the same epochs are kept and the same tensors come out."""
        turned = plan(tmp_path)
        test = turned.splits.filter(role="test")["clip_id"]
        other = pl.col("label").replace({"neutral": "empathetic", "empathetic": "neutral"})
        labels = turned.targets.with_columns(
            pl.when(pl.col("clip_id").is_in(test.to_list())).then(other).otherwise("label").alias("label")
        )
        object.__setattr__(turned, "targets", labels)
        one, two = (found.chosen[0, 7].tuned for found in (usual[1], tuned(turned, model)))
        np.testing.assert_allclose(losses(one), losses(two), atol=1e-6)
        for name, value in one.tensors().items():
            torch.testing.assert_close(value, two.tensors()[name], atol=1e-5, rtol=1e-4, msg=name)


def test_one_of_several_devices_is_the_environments_to_say(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mixedsignals.encoders.tuning.bench.pick_device", lambda name: name)
    with pytest.raises(UsageError, match="CUDA_VISIBLE_DEVICES=1 and --device cuda"):
        tuned(plan(tmp_path, device="cuda:1"), model)


def test_a_finished_model_is_taken_as_it_is(model: Path, usual: tuple[Path, Any], tmp_path: Path) -> None:
    shutil.copytree(usual[0], tmp_path, dirs_exist_ok=True)
    listener = Listener()
    tuned(plan(tmp_path), model, listener)
    assert not any("Tuning" in name for name in listener.tasks)
    again = Listener()
    tuned(plan(tmp_path, label_smoothing=0.1), model, again)
    assert any("Tuning" in name for name in again.tasks), "other options are another training"


@pytest.mark.parametrize("options", [{"tune": "lora"}, {"tune": "full"}, {"precision": "bf16"}])
def test_every_way_of_tuning_trains(model: Path, tmp_path: Path, options: dict[str, Any]) -> None:
    found = tuned(plan(tmp_path, **options), model)
    history = found.chosen[0, 7].tuned.history
    assert history[-1].train_loss < history[0].train_loss
    assert len(found.embeddings(0, 7).embeddings) == 48


def test_replaying_changes_no_loss(model: Path, usual: tuple[Path, Any], tmp_path: Path) -> None:
    one = usual[1].chosen[0, 7].tuned
    two = tuned(plan(tmp_path, replay=False), model).chosen[0, 7].tuned
    np.testing.assert_allclose(losses(one), losses(two), atol=1e-4)


def test_accumulated_steps_are_one_large_step(plain: Path, tmp_path: Path) -> None:
    one = tuned(plan(tmp_path / "a", batch_size=8), plain).chosen[0, 7].tuned
    two = tuned(plan(tmp_path / "b", batch_size=4, accumulate=2), plain).chosen[0, 7].tuned
    assert one.history[-1].step == two.history[-1].step
    assert two.history[-1].train_loss < two.history[0].train_loss


def test_soft_targets_weights_and_smoothing_change_the_training(model: Path, tmp_path: Path) -> None:
    found = [
        losses(tuned(plan(tmp_path / str(at), epochs=1, **options), model).chosen[0, 7].tuned)
        for at, options in enumerate(({}, {"label_smoothing": 0.2}, {"frozen_dropout": True}))
    ]
    assert len({tuple(one) for one in found}) == 3


def test_soft_targets_are_the_shares() -> None:
    given = plan(Path("/nowhere"), soft_targets=True)
    shares = pl.DataFrame(
        {"clip_id": ["c00", "c00"], "label": ["neutral", "empathetic"], "share": [0.25, 0.75]}
    )
    object.__setattr__(given, "targets", shares)
    assert given.shares["c00"].tolist() == [0.25, 0.75]


def test_class_weights_are_inverse_to_frequency_with_a_mean_of_one() -> None:
    given = plan(Path("/nowhere"), class_weights=True)
    train = ["c00", "c02", "c04", "c01"]  # three neutral, one empathetic
    weights = given.weights(train)
    assert weights == pytest.approx({"c00": 2 / 3, "c02": 2 / 3, "c04": 2 / 3, "c01": 2.0})


def test_patience_ends_a_training() -> None:
    def epoch(at: int, accuracy: float, loss: float) -> TunedEpoch:
        return TunedEpoch(at, at, 1.0, loss, accuracy, accuracy)

    history = [
        epoch(0, 0.5, 1.0),
        epoch(1, 0.6, 1.0),
        epoch(2, 0.6, 0.9),
        epoch(3, 0.6, 0.9),
        epoch(4, 0.5, 0.1),
    ]
    assert best_of(history) == 2, "highest accuracy, then lowest loss, then the first"
    assert not out_of_patience(history[:4], 2)
    assert out_of_patience(history, 2)
    assert not out_of_patience(history, None)


def test_patience_stops_trainer(model: Path, tmp_path: Path) -> None:
    found = tuned(plan(tmp_path, learning_rate=1e-9, head_learning_rate=1e-9, epochs=8, patience=1), model)
    assert len(found.chosen[0, 7].tuned.history) < 8


def test_the_tracker_is_named(model: Path, tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    given = plan(tmp_path, tracker="tensorboard", epochs=1)
    tuned(given, model)
    assert list((tmp_path / "tuned").rglob("events.out.tfevents.*"))
    with pytest.raises(UsageError, match="no tracker 'nothing'"):
        tuned(plan(tmp_path, tracker="nothing"), model)


def test_a_tracker_that_is_not_installed_is_refused_before_training(model: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="tracker neptune is not installed"):
        tuned(plan(tmp_path, tracker="neptune"), model)


class TestTheEstimate:
    def test_it_is_said_before_it_starts(self, model: Path, tmp_path: Path) -> None:
        listener = Listener()
        tuned(plan(tmp_path, folds=2, inner=2), model, listener)
        assert listener.said[0].startswith("Tuning roberta (text): 2 models, 24 steps, about ")
        assert "Inner folds add 4 smaller ones" in listener.said[0]

    def test_a_cpu_user_is_told_what_to_do_instead(self) -> None:
        long = Pace("hubert", "audio", "cpu", models=20, steps=9000, seconds=9e5, frozen=600.0)
        said = advice([long])
        assert said is not None
        for way in ("10 days", "GPU", "--tune frozen", "10 minutes", "--preset lite", "--folds"):
            assert way in said
        assert advice([Pace("m", "text", "cpu", 1, 10, 60.0, 1.0)]) is None
        assert advice([Pace("m", "text", "cuda", 1, 10, 9e5, 1.0)]) is None

    def test_words(self) -> None:
        assert [in_words(x) for x in (0.2, 40, 300, 7200, 260_000)] == [
            "1 seconds",
            "40 seconds",
            "5 minutes",
            "2 hours",
            "3 days",
        ]


class TestFaults:
    def test_a_loss_that_is_not_a_number_stops_and_names_the_step(self, model: Path, tmp_path: Path) -> None:
        steps = []

        def poison(network: Any, _: Any, logits: torch.Tensor) -> torch.Tensor:
            if network.training and logits.requires_grad:
                steps.append(1)
            return logits * float("nan") if len(steps) > 6 else logits

        with broken_forward(TextNetwork, poison), pytest.raises(CannotFinish) as caught:
            tuned(plan(tmp_path), model)
        said = str(caught.value)
        assert "fold0, seed7: the loss is nan at step" in said
        assert "--tune-learning-rate" in said

    def test_out_of_memory_names_the_batch_that_fits(self, model: Path, tmp_path: Path) -> None:
        def little(network: Any, inputs: Any, logits: torch.Tensor) -> torch.Tensor:
            if network.training and len(logits) > 2:
                raise RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB")
            return logits

        with broken_forward(TextNetwork, little), pytest.raises(CannotFinish) as caught:
            tuned(plan(tmp_path, batch_size=8, accumulate=1), model)
        assert "a batch of 8 does not fit into memory; 2 does" in str(caught.value)
        assert "--tune-batch-size 2 --tune-accumulate 4" in str(caught.value)

    def test_not_even_one_clip_fits(self) -> None:
        def never(_: int) -> None:
            raise MemoryError

        assert fitting_batch(never, 8) is None

    def test_other_errors_are_not_taken_for_memory(self) -> None:
        def wrong(_: int) -> None:
            raise RuntimeError("shapes differ")

        with pytest.raises(RuntimeError, match="shapes differ"):
            fitting_batch(wrong, 8)

    def test_a_corpus_too_small_for_the_folds(self, model: Path, tmp_path: Path) -> None:
        given = plan(tmp_path)
        few = given.splits.filter(
            ~((pl.col("role") == "train") & (pl.col("clip_id").str.slice(1).cast(int) % 2 == 0))
        )
        object.__setattr__(given, "splits", few)
        with pytest.raises(CannotFinish, match=r"fold 0 trains on 16 clips, none of them neutral.*--folds"):
            tuned(given, model)

    def test_a_checkpoint_of_other_labels(self, model: Path, tmp_path: Path) -> None:
        one = tuned(plan(tmp_path, epochs=1), model).chosen[0, 7].tuned
        assert load_tuned(one.folder, labels=("neutral", "empathetic")).labels == one.labels
        with pytest.raises(InputError, match="tells neutral, empathetic apart, and happy, sad are asked for"):
            load_tuned(one.folder, labels=("happy", "sad"))

    def test_a_damaged_model_is_refused_and_trained_anew(self, model: Path, tmp_path: Path) -> None:
        one = tuned(plan(tmp_path, epochs=1), model).chosen[0, 7].tuned
        path = one.folder / "tuned.safetensors"
        path.write_bytes(path.read_bytes()[:-10])
        with pytest.raises(InputError, match=r"tuned.safetensors is not what was written"):
            load_tuned(one.folder)
        again = tuned(plan(tmp_path, epochs=1), model).chosen[0, 7].tuned
        assert losses(again) == losses(one)

    def test_another_revision_of_the_pretrained_encoder(self, model: Path, tmp_path: Path) -> None:
        from encoder_tiny import build

        own = tmp_path / "own"
        build("roberta", own)
        found = tuned(plan(tmp_path, epochs=1), own)
        config = json.loads((own / "config.json").read_text())
        (own / "config.json").write_text(json.dumps(config | {"layer_norm_eps": 1e-3}))
        from mixedsignals.encoders.tuning import tuned_encoder

        with pytest.raises(InputError, match=r"was tuned from own at revision"):
            tuned_encoder(found.chosen[0, 7].tuned, tmp_path)

    def test_fp16_needs_a_gpu(self, model: Path, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match="fp16 needs a GPU"):
            tuned(plan(tmp_path, precision="fp16"), model)


class TestBuckets:
    def test_every_clip_once_in_an_order_of_seed_and_epoch(self) -> None:
        sampler = Buckets([float(at % 7) for at in range(53)], 8, seed=3)
        first = list(sampler)
        assert sorted(first) == list(range(53))
        assert first == list(Buckets([float(at % 7) for at in range(53)], 8, seed=3))
        sampler.set_epoch(1)
        assert list(sampler) != first

    def test_clips_of_a_batch_are_of_like_length(self) -> None:
        lengths = np.random.default_rng(0).uniform(1, 10, 400).tolist()
        order = list(Buckets(lengths, 8, seed=0))
        spread = [np.ptp([lengths[row] for row in order[at : at + 8]]) for at in range(0, 400, 8)]
        assert np.mean(spread) < 0.5


SCRIPT = """
import sys
from pathlib import Path
from tuning_lessons import plan
from mixedsignals.encoders.tuning import tune_modalities
tune_modalities(plan(Path(sys.argv[1]), **eval(sys.argv[3])), {"text": sys.argv[2]})
"""


def environment(**more: str) -> dict[str, str]:
    here = Path(__file__).parent
    return {**os.environ, "PYTHONPATH": f"{here}:{here.parent}", "OMP_NUM_THREADS": "1", **more}


def test_killed_in_the_middle_it_goes_on_to_the_same_losses(model: Path, tmp_path: Path) -> None:
    """SIGKILL after the first checkpoint; dropout is on, so random states count too."""
    options = {"epochs": 20, "learning_rate": 1e-3}
    unkilled = tuned(plan(tmp_path / "whole", **options), model).chosen[0, 7].tuned
    folder = tmp_path / "killed"
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, str(folder), str(model), repr(options)], env=environment()
    )
    try:
        wait_for(lambda: list(folder.rglob("checkpoint-*/sealed.json")), process)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert not list(folder.rglob("tuned.json")), "it was killed before it was done"
    listener = Listener()
    resumed = tuned(plan(folder, **options), model, listener).chosen[0, 7].tuned
    assert len(resumed.history) == 20
    assert listener.tasks[next(name for name in listener.tasks if "Tuning" in name)][0] == 80, "of all steps"
    # Two processes add in another order: the last digits of float32, where other random states would show in the first.
    np.testing.assert_allclose(losses(resumed), losses(unkilled), atol=1e-6)
    # Softmax does not see the bias of keys: its gradient is rounding alone, of which Adam makes whole steps.
    moved = {name: value for name, value in unkilled.tensors().items() if not name.endswith("key.bias")}
    assert len(moved) > 10
    for name, value in moved.items():
        torch.testing.assert_close(value, resumed.tensors()[name], atol=1e-4, rtol=1e-3, msg=name)


def wait_for(there: Any, process: Any) -> None:
    until = time.monotonic() + 120
    while not there():
        assert process.poll() is None, "it ended before it could be killed"
        assert time.monotonic() < until
        time.sleep(0.002)


def test_a_damaged_checkpoint_is_refused_and_a_half_written_one_passed_over(
    model: Path, tmp_path: Path
) -> None:
    from mixedsignals.encoders.tuning.checkpoints import last_checkpoint, seal

    for step in (5, 10):
        folder = tmp_path / f"checkpoint-{step}"
        folder.mkdir()
        (folder / "optimizer.pt").write_bytes(b"x" * step)
    seal(tmp_path / "checkpoint-5")
    assert last_checkpoint(tmp_path) == tmp_path / "checkpoint-5"
    assert not (tmp_path / "checkpoint-10").exists(), "it was cut short"
    (tmp_path / "checkpoint-5" / "optimizer.pt").write_bytes(b"y" * 5)
    with pytest.raises(InputError, match=r"damaged checkpoint: optimizer.pt is not what was written"):
        last_checkpoint(tmp_path)


def test_two_processes_reach_the_losses_of_one(plain: Path, tmp_path: Path) -> None:
    """`torchrun` with two CPU processes: 32 training clips in batches of 8, 4 for each."""
    alone = tuned(plan(tmp_path / "alone"), plain).chosen[0, 7].tuned
    script = tmp_path / "tune.py"
    script.write_text(SCRIPT, encoding="utf-8")
    command = [
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--nproc-per-node",
        "2",
        "--standalone",
        str(script),
    ]
    done = subprocess.run(
        [*command, str(tmp_path / "two"), str(plain), "{}"], env=environment(), capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-2000:]
    together = load_tuned(next((tmp_path / "two" / "tuned").rglob("tuned.json")).parent)
    np.testing.assert_allclose(losses(together), losses(alone), atol=2e-4)
