"""How encoders are fine-tuned: one frozen record, and the presets that fill it.

Shared, because the manifest of a run keeps it, the command line shows its defaults and the encoders read it. Nothing
here imports torch.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from mixedsignals.errors import check_known, check_options

__all__ = ["ONLY_HOW", "PRESETS", "TUNES", "TuningOptions"]

TUNES = ("frozen", "last2", "lora", "full")
_PRECISIONS = ("no", "bf16", "fp16")
_SCHEDULES = ("constant", "linear", "cosine")


@dataclass(frozen=True, kw_only=True)
class TuningOptions:
    """Options of fine-tuning.

    The last block changes where and how fast models are trained, and nothing else.

    Attributes:
        batch_size: clips in an optimiser's step on one device, or on all devices together; see `accumulate`.
        accumulate: steps whose gradients are added before the weights change; `batch_size` clips each.
        learning_rate: AdamW's, of the tuned layers.
        head_learning_rate: of the new classification head; None takes `learning_rate`.
        epochs: passes over the training clips; the best by the tuning clips is kept.
        weight_decay: AdamW's.
        warmup: share of the steps in which the rate rises, 0 to 1.
        schedule: of the rate after it has risen: `constant`, `linear` or `cosine`.
        clip_norm: longest gradient; 0 leaves it alone.
        patience: stop after so many epochs without a better one; None trains all.
        label_smoothing: share of each target that is spread over all labels, 0 or more and less than 1.
        class_weights: weigh clips by the inverse frequency of their label in the training part.
        soft_targets: train towards the shares of the targets (of the votes) and not towards the most frequent label.
        max_seconds: sound and picture beyond are left out; None leaves it to the encoder.
        frames: pictures per clip; None leaves it to the encoder.
        lora_rank: rank of the adapters for `lora`; their scale is twice the rank.
        frozen_dropout: keep dropout and masking on in frozen layers, as scripts that call `train()` on the whole model
            do. Without it a frozen layer says the same of a clip every time, and need not be asked twice.
        precision: `no` (float32), `bf16` or `fp16`.
        inner_folds: speaker-disjoint parts of each training split; every part is embedded by a model that never saw
            it, so that fusion learns from embeddings like those it will meet. 0 embeds training clips by the model
            that was trained on them (in-sample).
        replay: compute what frozen layers give once and keep it on disk, where that changes nothing.
        tracker: name of an experiment tracker that transformers knows (`tensorboard`, `wandb`, `mlflow`, …), or `none`.
        resume: go on from the checkpoint of a stopped training; without it such a checkpoint is removed.
    """

    batch_size: int = 8
    accumulate: int = 1
    learning_rate: float = 1e-4
    head_learning_rate: float | None = 1e-3
    epochs: int = 5
    weight_decay: float = 0.01
    warmup: float = 0.1
    schedule: str = "linear"
    clip_norm: float = 1.0
    patience: int | None = None
    label_smoothing: float = 0.0
    class_weights: bool = False
    soft_targets: bool = False
    max_seconds: float | None = None
    frames: int | None = None
    lora_rank: int = 8
    frozen_dropout: bool = False
    precision: str = "no"
    inner_folds: int = 2

    replay: bool = True
    tracker: str = "none"
    resume: bool = True

    def __post_init__(self) -> None:
        check_options(self, self._rules())

    def _rules(self) -> list[tuple[str, bool, str]]:
        count, positive = "a whole number, 1 or more", "a number above 0"
        return [
            ("batch_size", self.batch_size >= 1, count),
            ("accumulate", self.accumulate >= 1, count),
            ("learning_rate", _positive(self.learning_rate), positive),
            ("head_learning_rate", _absent_or(self.head_learning_rate, _positive), positive),
            ("epochs", self.epochs >= 1, count),
            ("weight_decay", math.isfinite(self.weight_decay) and self.weight_decay >= 0, "0 or more"),
            ("warmup", 0 <= self.warmup <= 1, "0 to 1"),
            ("schedule", self.schedule in _SCHEDULES, ", ".join(_SCHEDULES)),
            ("clip_norm", math.isfinite(self.clip_norm) and self.clip_norm >= 0, "0 or more"),
            ("patience", _absent_or(self.patience, _positive), count),
            ("label_smoothing", 0 <= self.label_smoothing < 1, "0 or more and less than 1"),
            ("max_seconds", _absent_or(self.max_seconds, _positive), positive),
            ("frames", _absent_or(self.frames, _positive), count),
            ("lora_rank", self.lora_rank >= 1, count),
            ("precision", self.precision in _PRECISIONS, ", ".join(_PRECISIONS)),
            ("inner_folds", self.inner_folds == 0 or self.inner_folds >= 2, "0, or 2 or more"),
        ]

    def to_dict(self) -> dict[str, Any]:
        """Plain values for TOML; what is None is left out there."""
        return asdict(self)

    def deciding(self) -> dict[str, Any]:
        """The options that change the numbers, by name."""
        return {name: value for name, value in asdict(self).items() if name not in ONLY_HOW}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], *, file: str = "run.toml") -> TuningOptions:
        """The inverse of `to_dict`; what TOML leaves out for want of a null is None again.

        Raises:
            InputError: entries that are no options.
        """
        check_known(values, cls, section="[options.tuning]", file=file)
        absent = {name: None for name in _NULLABLE if name not in values} if values else {}
        return cls(**{**absent, **values})


ONLY_HOW = ("replay", "tracker", "resume")
_NULLABLE = ("head_learning_rate", "patience", "max_seconds", "frames")


def _positive(number: float) -> bool:
    return math.isfinite(number) and number > 0


def _absent_or(number: float | None, rule: Any) -> bool:
    return number is None or bool(rule(number))


#: name -> options of a run (`RunOptions`), `tuning` among them
PRESETS: dict[str, dict[str, Any]] = {
    "lite": {
        "encoders": {"text": "lite", "audio": "lite", "video": "lite"},
        "tune": "last2",
        "seeds": (42,),
        "tuning": TuningOptions(),
    },
    # Rate, batch, epochs, seeds, seconds and frames are the paper's. Its training clips are embedded in-sample. The
    # authors' scripts say nothing of a schedule, of weight decay or of clipping, so torch's defaults stand here.
    "paper": {
        "encoders": {"text": "paper", "audio": "paper", "video": "paper"},
        "tune": "last2",
        "pooling": "first",
        "fusion": "gated",
        "epochs": 15,
        "seeds": (42, 43, 44, 45),
        "tuning": TuningOptions(
            batch_size=8,
            learning_rate=5e-6,
            head_learning_rate=None,
            epochs=15,
            weight_decay=0.01,
            warmup=0.0,
            schedule="constant",
            clip_norm=0.0,
            max_seconds=10.0,
            frames=16,
            frozen_dropout=True,
            inner_folds=0,
        ),
    },
}
