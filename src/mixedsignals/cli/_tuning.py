"""How encoders are tuned, as options of the command line: one for every field of `TuningOptions`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from typing import Any

import click

from mixedsignals.tuning_options import TuningOptions

__all__ = ["given_ones", "take_tuning", "tuning_options"]

_DEFAULT = TuningOptions()
_PREFIX = "tune_"
_COUNT, _SHARE = click.IntRange(min=1), click.FloatRange(0, 1)

#: field -> type and help
_OPTIONS: dict[str, tuple[Any, str]] = {
    "batch_size": (_COUNT, "Clips in a step, over all devices."),
    "accumulate": (_COUNT, "Steps whose gradients are added before weights change."),
    "learning_rate": (float, "Rate of the tuned layers."),
    "head_learning_rate": (float, "Rate of the new head."),
    "epochs": (_COUNT, "Passes over the training clips; the best by the tuning clips is kept."),
    "weight_decay": (click.FloatRange(min=0), "AdamW's."),
    "warmup": (_SHARE, "Share of the steps in which the rate rises."),
    "schedule": (click.Choice(["constant", "linear", "cosine"]), "Of the rate after that."),
    "clip_norm": (click.FloatRange(min=0), "Longest gradient; 0 leaves it alone."),
    "patience": (_COUNT, "Stop after so many epochs without a better one."),
    "label_smoothing": (click.FloatRange(0, 1, max_open=True), "Share of a target spread over all labels."),
    "class_weights": (bool, "Weigh clips by the inverse frequency of their label."),
    "soft_targets": (bool, "Train towards the shares of the votes."),
    "max_seconds": (click.FloatRange(min=0, min_open=True), "Leave out sound and picture beyond."),
    "frames": (_COUNT, "Pictures per clip."),
    "lora_rank": (_COUNT, "Rank of the adapters."),
    "frozen_dropout": (bool, "Keep dropout on in frozen layers, as the paper's scripts do."),
    "precision": (click.Choice(["no", "bf16", "fp16"]), "Mixed precision."),
    "inner_folds": (
        click.IntRange(min=0),
        "Parts whose embeddings come from models that never saw them; 0: in-sample.",
    ),
    "replay": (bool, "Compute what frozen layers give only once."),
    "tracker": (str, "Experiment tracker that transformers knows, such as tensorboard, or none."),
    "resume": (bool, "Go on from the checkpoint of a stopped tuning."),
}


def tuning_options() -> list[Callable[..., Any]]:
    """`--tune-batch-size` and so on, in the order of the fields."""
    return [_option(item.name) for item in fields(TuningOptions)]


def _option(name: str) -> Callable[..., Any]:
    kind, text = _OPTIONS[name]
    default = getattr(_DEFAULT, name)
    flag = f"--tune-{name.replace('_', '-')}"
    if kind is bool:
        if default:
            flag = f"{flag}/--no-{flag.removeprefix('--')}"
        return click.option(
            flag, _PREFIX + name, is_flag=True, default=default, show_default=default, help=text
        )
    return click.option(
        flag,
        _PREFIX + name,
        type=kind,
        default=default,
        show_default=default is not None,
        metavar=None if isinstance(kind, click.Choice) else "NAME" if kind is str else "N",
        help=text,
    )


def take_tuning(values: dict[str, Any]) -> dict[str, Any]:
    """The tuning options among those of a call, taken out of it, by their names in `TuningOptions`."""
    names = [name for name in values if name.startswith(_PREFIX) and name.removeprefix(_PREFIX) in _OPTIONS]
    return {name.removeprefix(_PREFIX): values.pop(name) for name in names}


def given_ones(values: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Those that the user gave, and did not leave at their defaults."""
    context = click.get_current_context()
    default = click.core.ParameterSource.DEFAULT
    return {
        name: value
        for name, value in values.items()
        if context.get_parameter_source(prefix + name) is not default
    }
