"""Hugging Face's `Trainer` on our networks: the loss, what is saved, and what is noted after every epoch.

Everything else (optimiser, schedule, mixed precision, accumulation, several processes, checkpoints, trackers) is
Trainer's own.
"""

# ruff: noqa: ARG002 - the signatures are Trainer's

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional
from transformers import Trainer, TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from mixedsignals.encoders.tuning.checkpoints import seal
from mixedsignals.encoders.tuning.choice import TunedEpoch, best_of, out_of_patience
from mixedsignals.encoders.tuning.clips import Buckets
from mixedsignals.encoders.tuning.network import Network
from mixedsignals.errors import CannotFinish, InputError, Problem
from mixedsignals.measures.performance import macro_f1
from mixedsignals.progress import Task
from mixedsignals.store import atomic

__all__ = ["EpochNotes", "TuningTrainer", "scores"]

_WEIGHTS = "model.safetensors"


class TuningTrainer(Trainer):  # type: ignore[misc]
    """Trains a `Network`.

    Args:
        lengths: of the training clips, to put like beside like.
        total_batch: clips of one step over all processes.
        name: of the model, for errors.
        head_rate: learning rate of the head.
        smoothing: share of each target that is spread over all labels.
    """

    def __init__(
        self,
        *,
        lengths: Sequence[float],
        total_batch: int,
        name: str,
        head_rate: float,
        smoothing: float,
        **given: Any,
    ) -> None:
        super().__init__(**given)
        self._lengths, self._total_batch, self._name = lengths, total_batch, name
        self._head_rate, self._smoothing = head_rate, smoothing

    def _get_train_sampler(self, train_dataset: Any = None) -> Buckets:
        return Buckets(self._lengths, self._total_batch, self.args.seed)

    def create_optimizer(self, model: Any = None) -> torch.optim.Optimizer:
        """AdamW; the head may have a rate of its own, and biases and norms are not decayed."""
        if getattr(self, "optimizer", None) is None:
            decayed = set(self.get_decay_parameter_names(self.model))
            head = {id(value) for value in self.model.head().values()}
            groups: dict[tuple[bool, bool], list[nn.Parameter]] = {}
            for name, value in self.model.learning().items():
                groups.setdefault((id(value) in head, name in decayed), []).append(value)
            self.optimizer = torch.optim.AdamW(
                [
                    {
                        "params": values,
                        "lr": self._head_rate if of_head else self.args.learning_rate,
                        "weight_decay": self.args.weight_decay if decays else 0.0,
                    }
                    for (of_head, decays), values in sorted(groups.items())
                ],
                lr=self.args.learning_rate,
                fused=self.args.device.type in ("cpu", "cuda"),
            )
        return self.optimizer

    def compute_loss(
        self,
        model: nn.Module,
        inputs: dict[str, Tensor],
        return_outputs: bool = False,
        num_items_in_batch: Any = None,
    ) -> Any:
        """Cross-entropy against the targets' shares, weighted by clip."""
        labels, weights = inputs.pop("labels"), inputs.pop("weights")
        logits = model(**inputs).float()
        smoothing = self._smoothing if model.training else 0.0  # Trainer's own wants class numbers
        goal = labels * (1 - smoothing) + smoothing / labels.shape[1]
        losses = -(goal * functional.log_softmax(logits, dim=1)).sum(dim=1)
        loss = (losses * weights).mean() if model.training else losses.mean()
        if model.training and not torch.isfinite(loss):
            raise CannotFinish(
                f"{self._name}: the loss is {loss.item()} at step {self.state.global_step + 1} (epoch "
                f"{int(self.state.epoch or 0) + 1}). Nothing was kept of that step; lower --tune-learning-rate, raise "
                "--tune-warmup, or use --tune-precision bf16 or no instead of fp16."
            )
        return (loss, (loss, logits)) if return_outputs else loss

    def prediction_step(
        self,
        model: nn.Module,
        inputs: dict[str, Any],
        prediction_loss_only: bool,
        ignore_keys: Any = None,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Logits and targets of a batch."""
        inputs = self._prepare_inputs(inputs)
        labels = inputs["labels"]
        with torch.no_grad(), self.compute_loss_context_manager():
            loss, (_, logits) = self.compute_loss(model, dict(inputs), return_outputs=True)
        return loss.detach(), logits.detach(), labels.detach()

    def _save(self, output_dir: str | None = None, state_dict: Any = None) -> None:
        """Only what learns."""
        folder = Path(output_dir or self.args.output_dir)
        folder.mkdir(parents=True, exist_ok=True)
        learning = {name: value.detach().cpu().contiguous() for name, value in self.model.learning().items()}
        save_file(learning, folder / _WEIGHTS, metadata={"format": "pt"})

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
        try:
            tensors = load_file(Path(resume_from_checkpoint) / _WEIGHTS)
        except (SafetensorError, OSError) as error:
            problem = Problem(
                "corrupt-checkpoint", f"cannot be read ({error})", "Remove it.", file=resume_from_checkpoint
            )
            raise InputError(problem) from error
        places = self.model.learning()
        with torch.no_grad():
            for name, value in tensors.items():
                places[name].copy_(value)


class EpochNotes(TrainerCallback):  # type: ignore[misc]
    """Keeps the history and the tensors of the best epoch, seals checkpoints, and stops where patience ends.

    Args:
        folder: of the model in training; `history.json` and `best-EPOCH.safetensors` lie there.
        resumed: epochs that a checkpoint holds already; later ones are forgotten.
    """

    def __init__(
        self, folder: Path, network: Network, *, patience: int | None, resumed: int, task: Task
    ) -> None:
        self._folder, self._network, self._patience, self._task = folder, network, patience, task
        self.history = read_history(folder)[:resumed]
        self._loss = float("nan")

    def best_tensors(self) -> dict[str, Tensor]:
        """Of the best epoch."""
        return dict(load_file(self._file(best_of(self.history))))

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        self._task.advance(1)

    def on_log(
        self, args: Any, state: Any, control: Any, logs: dict[str, float] | None = None, **_: Any
    ) -> None:
        self._loss = (logs or {}).get("loss", self._loss)

    def on_evaluate(
        self,
        args: Any,
        state: TrainerState,
        control: TrainerControl,
        metrics: dict[str, float] | None = None,
        **_: Any,
    ) -> None:
        found = metrics or {}
        self.history.append(
            TunedEpoch(
                epoch=len(self.history),
                step=state.global_step,
                train_loss=self._loss,
                tune_loss=found["eval_tune_loss"],
                tune_accuracy=found["eval_tune_accuracy"],
                tune_macro_f1=found["eval_tune_macro_f1"],
            )
        )
        if best_of(self.history) == len(self.history) - 1 and state.is_world_process_zero:
            with atomic(self._file(len(self.history) - 1)) as partial:
                save_file(self._network.tuned(), partial, metadata={"format": "pt"})
        if out_of_patience(self.history, self._patience):
            control.should_training_stop = True

    def on_save(self, args: TrainingArguments, state: TrainerState, control: Any, **_: Any) -> None:
        """The history belongs to a checkpoint as soon as that is whole; older bests can go then."""
        if not state.is_world_process_zero:
            return
        write_history(self._folder, self.history)
        seal(Path(args.output_dir) / f"checkpoint-{state.global_step}")
        keep = self._file(best_of(self.history))
        for path in self._folder.glob("best-*.safetensors"):
            if path != keep:
                path.unlink()

    def _file(self, epoch: int) -> Path:
        return self._folder / f"best-{epoch}.safetensors"


def read_history(folder: Path) -> list[TunedEpoch]:
    """What was noted of the epochs so far."""
    path = folder / "history.json"
    if not path.is_file():
        return []
    return [TunedEpoch(**entry) for entry in json.loads(path.read_text(encoding="utf-8"))]


def write_history(folder: Path, history: Sequence[TunedEpoch]) -> None:
    """Atomically."""
    with atomic(folder / "history.json") as partial:
        partial.write_text(json.dumps([entry.to_dict() for entry in history], indent=1), encoding="utf-8")


def scores(prediction: Any) -> dict[str, float]:
    """Loss (nats), accuracy and macro-F1 of logits (n, labels) against shares (n, labels)."""
    logits = np.asarray(prediction.predictions, dtype=np.float64)
    shares = np.asarray(prediction.label_ids, dtype=np.float64)
    peak = logits.max(axis=1, keepdims=True)
    logs = logits - peak - np.log(np.exp(logits - peak).sum(axis=1, keepdims=True))
    guess, truth = logits.argmax(axis=1), shares.argmax(axis=1)
    confusion = np.zeros((1, shares.shape[1], shares.shape[1]))
    np.add.at(confusion[0], (truth, guess), 1)
    return {
        "tune_loss": float(-(shares * logs).sum(axis=1).mean()),
        "tune_accuracy": float((guess == truth).mean()),
        "tune_macro_f1": float(np.asarray(macro_f1(confusion)).reshape(-1)[0]),
    }
