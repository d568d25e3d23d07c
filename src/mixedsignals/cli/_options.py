"""Options that several verbs share, declared once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from mixedsignals.cli._tuning import given_ones, take_tuning, tuning_options
from mixedsignals.manifest import MISSING, RunOptions
from mixedsignals.tuning_options import PRESETS, TUNES, TuningOptions

__all__ = [
    "FOLDER",
    "comparing_options",
    "encoding_options",
    "media_option",
    "out_option",
    "run_options",
    "training_options",
]

F = TypeVar("F", bound=Callable[..., Any])
FOLDER = click.Path(path_type=Path)
_DEFAULT = RunOptions()


def out_option(function: F) -> F:
    """`--out RUN`."""
    return click.option("--out", "-o", type=FOLDER, required=True, metavar="RUN", help="Folder of the run.")(
        function
    )


def media_option(function: F) -> F:
    """`--media copy|link|none` of the report."""
    text = "Media in the report: copied (transcoded where browsers cannot play them), linked, or left out."
    choice = click.Choice(["copy", "link", "none"])
    return click.option("--media", type=choice, default="copy", show_default=True, help=text)(function)


def encoding_options(function: F) -> F:
    """What encoders are told, as options."""
    for option in reversed((*_ENCODERS, _DEVICE)):
        function = option(function)
    return function


def training_options(function: F) -> F:
    """Everything that `RunOptions` holds, as options."""
    for option in reversed((_PRESET, *_ENCODERS, _TUNE, *_TRAINING, _DEVICE, *tuning_options())):
        function = option(function)
    return function


def comparing_options(function: F) -> F:
    """What decides how members of the fusion family are compared; which ones is an option of `compare` itself."""
    for option in reversed((*_ENCODERS, *_TRAINING[2:], _DEVICE)):
        function = option(function)
    return function


_PRESET = click.option(
    "--preset",
    type=click.Choice(list(PRESETS)),
    help="A bundle of options: `paper` tunes the six backbones of the paper as it did, `lite` the small offline ones. "
    "Options beside it win.",
)
_TUNE = click.option(
    "--tune",
    type=click.Choice(TUNES),
    default=_DEFAULT.tune,
    show_default=True,
    help="What of the encoders learns the labels: nothing, the last two layers, adapters, or all of it.",
)
_DEVICE = click.option(
    "--device",
    metavar="NAME",
    default=_DEFAULT.device,
    show_default=True,
    help="Where encoders work: auto, cpu, cuda, …",
)
_ENCODERS = (
    click.option(
        "--encoders",
        multiple=True,
        metavar="NAME",
        help="lite (offline, the default), paper, or MODALITY=NAME with a hub name or a folder; may be repeated. "
        "Ready-made features of the corpus are used where no encoder is named for their modality.",
    ),
    click.option(
        "--pooling", type=click.Choice(["mean", "first"]), help="How frames or tokens become one vector."
    ),
)
_TRAINING = (
    click.option(
        "--fusion",
        metavar="NAME",
        default=_DEFAULT.fusion,
        show_default=True,
        help="Member of the fusion family that is the run's fusion: gated (the paper's), conflict, product, …",
    ),
    click.option(
        "--second",
        metavar="NAME",
        default=_DEFAULT.second,
        show_default=True,
        help="A second fusion beside it: best (the member that the tuning clips prefer), a member, or none.",
    ),
    click.option(
        "--missing",
        type=click.Choice(MISSING),
        default=_DEFAULT.missing,
        show_default=True,
        help="What a fusion network is shown in place of a modality that is missing: nothing (mask), or a learned "
        "vector (tokens), so that one model has seen every subset.",
    ),
    click.option(
        "--modulation",
        is_flag=True,
        help="Turn down the gradients of the modality that does best alone, so that the others are learned too.",
    ),
    click.option(
        "--seeds",
        metavar="N,N,…",
        default=",".join(map(str, _DEFAULT.seeds)),
        show_default=True,
        help="Seeds; one model each.",
    ),
    click.option(
        "--folds",
        metavar="N",
        type=click.IntRange(min=2),
        default=_DEFAULT.folds,
        show_default=True,
        help="Speaker-disjoint folds.",
    ),
    click.option(
        "--tune-share",
        metavar="SHARE",
        type=click.FloatRange(0, 0.5, min_open=True),
        default=_DEFAULT.tune_share,
        show_default=True,
        help="Share of the training clips on which epochs are chosen.",
    ),
    click.option(
        "--split-seed",
        metavar="N",
        type=int,
        default=_DEFAULT.split_seed,
        show_default=True,
        help="Seed of the folds.",
    ),
    click.option(
        "--tie-rule",
        type=click.Choice(["exclude", "first", "last"]),
        show_default="the corpus's",
        help="What to do where the most frequent labels of votes tie.",
    ),
    click.option(
        "--epochs",
        metavar="N",
        type=click.IntRange(min=1),
        default=_DEFAULT.epochs,
        show_default=True,
        help="Epochs of the heads.",
    ),
    click.option(
        "--class-weights", is_flag=True, help="Weigh clips by the inverse frequency of their label."
    ),
    click.option(
        "--level",
        metavar="LEVEL",
        type=click.FloatRange(0.5, 0.999),
        default=_DEFAULT.level,
        show_default=True,
        help="Level of intervals.",
    ),
    click.option(
        "--threads",
        metavar="N",
        type=click.IntRange(min=1),
        show_default="the machine's",
        help="Threads for training.",
    ),
)


def run_options(values: dict[str, Any]) -> RunOptions:
    """The options of one call as `RunOptions`.

    Raises:
        UsageError: encoders or seeds that cannot be read.
    """
    from mixedsignals.api.encoding import encoder_names

    chosen = {**values, "encoders": encoder_names(values["encoders"])}
    if "seeds" in chosen:
        chosen["seeds"] = _whole_numbers(chosen["seeds"], "--seeds")
    if "tune" not in chosen:
        return RunOptions(**chosen)
    tuning = take_tuning(chosen)
    if (preset := chosen.pop("preset")) is None:
        return RunOptions(**chosen, tuning=TuningOptions(**tuning))
    return RunOptions.of_preset(preset, **given_ones(chosen), tuning=given_ones(tuning, "tune_"))


def _whole_numbers(text: str, option: str) -> tuple[int, ...]:
    try:
        return tuple(int(number) for number in text.split(",") if number.strip())
    except ValueError:
        message = f"{text!r} is not a list of whole numbers such as 42,43"
        raise click.BadParameter(message, param_hint=option) from None
