"""One model from its first step to its best epoch: where `Trainer` is set up, gone on with, and its troubles named."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import TrainerCallback, TrainerState, TrainingArguments

from mixedsignals.encoders.huggingface.loading import quiet
from mixedsignals.encoders.pace import free_device_memory
from mixedsignals.encoders.tuning.checkpoints import last_checkpoint, remove_checkpoints
from mixedsignals.encoders.tuning.choice import TunedEpoch, best_of
from mixedsignals.encoders.tuning.clips import Labelled
from mixedsignals.encoders.tuning.network import Network
from mixedsignals.encoders.tuning.trainer import EpochNotes, TuningTrainer, scores
from mixedsignals.errors import CannotFinish, UsageError
from mixedsignals.progress import Progress
from mixedsignals.tuning_options import TuningOptions

__all__ = [
    "Lesson",
    "Taught",
    "check_tracker",
    "out_of_memory",
    "processes",
    "steps_of",
    "teach",
    "too_little",
    "try_step",
]


@dataclass(frozen=True)
class Lesson:
    """What one model is trained on, and how.

    Attributes:
        name: for people: encoder, fold, seed.
        train, tune: clips with their targets.
        lengths: of the training clips, in their order.
        folder: for checkpoints and notes; only this model's.
        device: as torch names it.
    """

    name: str
    train: Labelled
    tune: Labelled
    lengths: Sequence[float]
    options: TuningOptions
    seed: int
    folder: Path
    device: str


@dataclass(frozen=True)
class Taught:
    """What came of it: the history, the best epoch, and its tensors (None in a process that does not lead)."""

    history: tuple[TunedEpoch, ...]
    best: int
    tensors: Mapping[str, Tensor] | None


def processes() -> tuple[int, int]:
    """This process and how many there are, as `torchrun` and `accelerate launch` say."""
    return int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))


def check_tracker(name: str) -> None:
    """Refuse a tracker that is not there before anything is trained.

    Raises:
        UsageError: it is unknown, or its package is not installed.
    """
    if name == "none":
        return
    from transformers.integrations import get_available_reporting_integrations
    from transformers.integrations.integration_utils import INTEGRATION_TO_CALLBACK

    if name not in INTEGRATION_TO_CALLBACK:
        raise UsageError(
            f"no tracker {name!r}; Transformers knows {', '.join(sorted(INTEGRATION_TO_CALLBACK))}"
        )
    if name not in get_available_reporting_integrations():
        raise UsageError(
            f"the tracker {name} is not installed; run `pip install {name}`, or leave --tune-tracker out"
        )


def teach(network: Network, lesson: Lesson, progress: Progress) -> Taught:
    """Train to the last epoch or to the end of patience; a training that was stopped goes on from its checkpoint.

    Raises:
        CannotFinish: a loss that is not a number, or too little memory (with the batch size that fits).
        InputError: a damaged checkpoint.
    """
    leads = processes()[0] == 0
    lesson.folder.mkdir(parents=True, exist_ok=True)
    if not lesson.options.resume and leads:
        remove_checkpoints(lesson.folder)
    checkpoint = last_checkpoint(lesson.folder) if lesson.options.resume else None
    arguments = training_arguments(lesson)
    steps = steps_of(len(lesson.train), lesson.options)
    done, resumed = _trained(checkpoint)
    with progress.task(f"Tuning {lesson.name}", total=steps) as task, _tracked(lesson):
        task.advance(done)
        notes = EpochNotes(
            lesson.folder, network, patience=lesson.options.patience, resumed=resumed, task=task
        )
        try:
            _run(network, lesson, arguments, notes, checkpoint)
        except (RuntimeError, MemoryError) as error:
            if not out_of_memory(error):
                raise
            raise CannotFinish(too_little(network, lesson, arguments.device)) from error
    history = tuple(notes.history)
    return Taught(history, best_of(history), notes.best_tensors() if leads else None)


def steps_of(n_clips: int, options: TuningOptions) -> int:
    """The optimiser's steps of a training over so many clips."""
    batches = -(-n_clips // options.batch_size)
    return options.epochs * -(-batches // options.accumulate)


def _trained(checkpoint: Path | None) -> tuple[int, int]:
    """Steps and epochs that a checkpoint holds."""
    if checkpoint is None:
        return 0, 0
    state = TrainerState.load_from_json(str(checkpoint / "trainer_state.json"))
    return state.global_step, round(state.epoch or 0)


def training_arguments(lesson: Lesson) -> TrainingArguments:
    """Our options in Trainer's words.

    Raises:
        UsageError: a batch that cannot be shared among the processes, or a precision that the device lacks.
    """
    options, (_, n) = lesson.options, processes()
    if options.batch_size % n:
        raise UsageError(
            f"a batch of {options.batch_size} cannot be shared by {n} processes; let --tune-batch-size be a multiple"
        )
    cpu = lesson.device == "cpu"
    if cpu and options.precision == "fp16":
        raise UsageError("fp16 needs a GPU; name --tune-precision bf16 or no")
    with quiet():
        arguments = TrainingArguments(
            output_dir=str(lesson.folder),
            per_device_train_batch_size=options.batch_size // n,
            per_device_eval_batch_size=options.batch_size // n,
            gradient_accumulation_steps=options.accumulate,
            num_train_epochs=options.epochs,
            learning_rate=options.learning_rate,
            weight_decay=options.weight_decay,
            warmup_steps=min(options.warmup, 0.9999),
            lr_scheduler_type="constant_with_warmup" if options.schedule == "constant" else options.schedule,
            max_grad_norm=options.clip_norm,
            bf16=options.precision == "bf16",
            fp16=options.precision == "fp16",
            eval_strategy="epoch",
            save_strategy="epoch",
            logging_strategy="epoch",
            save_total_limit=2,
            seed=lesson.seed,
            use_cpu=cpu,
            ddp_backend="gloo" if cpu and n > 1 else None,
            ddp_find_unused_parameters=options.frozen_dropout,
            ddp_timeout=86_400,
            label_names=["labels"],
            remove_unused_columns=False,
            dataloader_pin_memory=not cpu,
            report_to=[] if options.tracker == "none" else [options.tracker],
            run_name=lesson.name,
            disable_tqdm=True,
            log_level="error",
            logging_nan_inf_filter=False,
        )
        _ = arguments.device
        arguments._n_gpu = min(arguments._n_gpu, 1)  # several GPUs are used by several processes only
    return arguments


def _run(
    network: Network, lesson: Lesson, arguments: TrainingArguments, notes: EpochNotes, checkpoint: Path | None
) -> None:
    with quiet(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        trainer = TuningTrainer(
            model=network,
            args=arguments,
            train_dataset=lesson.train,
            eval_dataset=lesson.tune,
            data_collator=Labelled.collator(network),
            compute_metrics=scores,
            callbacks=[notes],
            lengths=lesson.lengths,
            total_batch=lesson.options.batch_size,
            name=lesson.name,
            smoothing=lesson.options.label_smoothing,
            head_rate=lesson.options.head_learning_rate or lesson.options.learning_rate,
        )
        for callback in _PRINTERS:
            trainer.remove_callback(callback)
        trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)


def _printers() -> tuple[type[TrainerCallback], ...]:
    from transformers.trainer_callback import PrinterCallback, ProgressCallback

    return PrinterCallback, ProgressCallback


_PRINTERS = _printers()


@contextmanager
def _tracked(lesson: Lesson) -> Iterator[None]:
    """TensorBoard's files lie beside the model, under its own name."""
    named = os.environ.get("TENSORBOARD_LOGGING_DIR")
    if lesson.options.tracker == "tensorboard" and named is None:
        os.environ["TENSORBOARD_LOGGING_DIR"] = str(lesson.folder.parent / "tensorboard" / lesson.folder.stem)
    try:
        yield
    finally:
        if named is None:
            os.environ.pop("TENSORBOARD_LOGGING_DIR", None)


def out_of_memory(error: BaseException) -> bool:
    """Torch raises a subclass on CUDA and a plain RuntimeError on the CPU."""
    text = str(error).lower()
    return isinstance(error, MemoryError) or "out of memory" in text or "can't allocate memory" in text


def too_little(network: Network, lesson: Lesson, device: torch.device | str) -> str:
    """What to do, with the largest half of the batch that takes a step on the longest clips."""
    size = lesson.options.batch_size // processes()[1]
    fits = fitting_batch(lambda n: try_step(network, lesson, n, device), size)
    if fits is None:
        return (
            f"{lesson.name}: memory does not suffice to train on a single clip. Cut the clips (--tune-max-seconds, "
            "--tune-frames), tune less (--tune last2 or lora), use --tune-precision bf16, or name a smaller encoder."
        )
    again = lesson.options.accumulate * (size // fits)
    return (
        f"{lesson.name}: a batch of {size} does not fit into memory; {fits} does. The same training in smaller "
        f"pieces: --tune-batch-size {fits * processes()[1]} --tune-accumulate {again}, and another --out."
    )


def fitting_batch(step: Callable[[int], None], size: int) -> int | None:
    """The first half, quarter, … of a batch size with which a step runs through; None where one clip is too many."""
    while size > 1:
        size //= 2
        free_device_memory()
        try:
            step(size)
        except (RuntimeError, MemoryError) as error:
            if not out_of_memory(error):
                raise
        else:
            return size
    return None


def try_step(network: Network, lesson: Lesson, n: int, device: torch.device | str) -> None:
    """One step forth and back on the longest clips; the weights stay as they are."""
    longest = sorted(range(len(lesson.train)), key=lambda at: -lesson.lengths[at])[:n]
    batch = Labelled.collator(network)([lesson.train[at] for at in longest])
    inputs = {name: value.to(device) for name, value in batch.items()}
    labels, _ = inputs.pop("labels"), inputs.pop("weights")
    network.to(device).train()
    precision = lesson.options.precision
    half = {"bf16": torch.bfloat16, "fp16": torch.float16}.get(precision)
    with torch.autocast(torch.device(device).type, dtype=half, enabled=half is not None):
        logits = network(**inputs)
    loss: Any = -(labels * torch.log_softmax(logits.float(), dim=1)).sum(dim=1).mean()
    loss.backward()
    network.zero_grad(set_to_none=True)
