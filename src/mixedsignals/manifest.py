"""What a run records of itself in `run.toml`: every option, the versions, and digests of what went in.

Two runs with equal `options` and `inputs` give the same tables on the same machine with the same number of threads.
"""

from __future__ import annotations

import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from importlib import metadata
from typing import Any

from mixedsignals.errors import UsageError, check_known
from mixedsignals.tuning_options import PRESETS, TUNES, TuningOptions

__all__ = ["MISSING", "RunOptions", "differences", "environment"]

MISSING = ("mask", "tokens")
_PACKAGES = (
    "mixedsignals",
    "numpy",
    "polars",
    "scipy",
    "scikit-learn",
    "torch",
    "transformers",
    "accelerate",
    "peft",
    "av",
    "soxr",
    "altair",
)


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """Every option of `mixedsignals run` that can change a result.

    Attributes:
        preset: name of the bundle that these options began with; None where there was none.
        encoders: encoder per modality; a modality that is not named takes the corpus's ready-made features where there
            are some, else the offline (`lite`) encoder.
        tune: `frozen` encoders, or what of them learns the labels: `last2`, `lora` or `full`.
        tuning: how; without meaning while encoders are frozen.
        pooling: `mean` or `first`; None leaves it to the encoder.
        fusion: member of the fusion family that is the run's `fusion`; `gated` is the paper's.
        second: another member trained beside it: `best`, the one that the tuning clips prefer, a member by name, or
            `none`.
        missing: what networks are shown in place of a modality that a clip lacks or that is withheld: `mask`, nothing,
            or `tokens`, learned vectors, with which one model has seen every subset.
        modulation: turn down the gradients of the modality that does best alone (OGM-GE).
        seeds: one model per seed; results are averaged over them.
        folds: speaker-disjoint folds; the corpus's own splits win where it has some.
        tune_share: share of the training clips on which epochs are chosen.
        split_seed: seed of the folds.
        tie_rule: for majority labels of votes; None takes the corpus's own.
        epochs: passes over the training clips.
        class_weights: weigh clips by the inverse frequency of their label.
        level: level of intervals.
        threads: threads that torch uses; None takes the machine's.
        device: `auto`, `cpu`, `cuda`, …
    """

    preset: str | None = None
    encoders: Mapping[str, str] = field(default_factory=dict)
    tune: str = "frozen"
    tuning: TuningOptions = field(default_factory=TuningOptions)
    pooling: str | None = None
    fusion: str = "gated"
    second: str = "best"
    missing: str = "mask"
    modulation: bool = False
    seeds: tuple[int, ...] = (42, 43, 44, 45)
    folds: int = 5
    tune_share: float = 0.15
    split_seed: int = 0
    tie_rule: str | None = None
    epochs: int = 15
    class_weights: bool = False
    level: float = 0.95
    threads: int | None = None
    device: str = "auto"

    def __post_init__(self) -> None:
        if not self.seeds or len(set(self.seeds)) != len(self.seeds):
            raise UsageError(f"seeds are {list(self.seeds)}; one or more different whole numbers are needed")
        if self.tune not in TUNES:
            raise UsageError(f"tune is {self.tune!r}; legal is {', '.join(TUNES)}")
        if self.missing not in MISSING:
            raise UsageError(f"missing is {self.missing!r}; legal is {', '.join(MISSING)}")

    @classmethod
    def of_preset(cls, preset: str, **changed: Any) -> RunOptions:
        """The options of a preset, some of them changed; `tuning` may be a mapping of those changed.

        Raises:
            UsageError: there is no such preset, or an option that makes no sense.
        """
        if preset not in PRESETS:
            raise UsageError(f"no preset {preset!r}; there are {', '.join(PRESETS)}")
        bundle = {**PRESETS[preset], "preset": preset}
        tuning = changed.pop("tuning", {})
        if not isinstance(tuning, TuningOptions):
            tuning = replace(bundle["tuning"], **tuning)
        encoders = {**bundle["encoders"], **changed.pop("encoders", {})}
        return cls(**{**bundle, **changed, "tuning": tuning, "encoders": encoders})

    def to_dict(self) -> dict[str, Any]:
        """Plain values for TOML; what is None is left out there."""
        tuning = {"tune": self.tune, "tuning": self.tuning.to_dict()} if self.tune != "frozen" else {}
        plain = {name: value for name, value in asdict(self).items() if name not in ("tune", "tuning")}
        return {**plain, **tuning, "encoders": dict(self.encoders), "seeds": list(self.seeds)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], *, file: str = "run.toml") -> RunOptions:
        """The inverse of `to_dict`.

        Raises:
            InputError: entries that are no options.
        """
        check_known(values, cls, section="[options]", file=file)
        chosen = dict(values)
        if "seeds" in chosen:
            chosen["seeds"] = tuple(chosen["seeds"])
        if "tuning" in chosen:
            chosen["tuning"] = TuningOptions.from_dict(chosen["tuning"], file=file)
        return cls(**chosen)


def environment(*, threads: int | None = None) -> dict[str, Any]:
    """Python, platform, package versions and threads, as `run.toml` keeps them."""
    versions = {}
    for name in _PACKAGES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return {
        "python": platform.python_version(),
        "system": platform.system(),
        "machine": platform.machine(),
        "threads": threads,
        "versions": versions,
    }


def differences(old: Mapping[str, Any], new: Mapping[str, Any], *, prefix: str = "") -> list[str]:
    """Where two mappings differ, as `seeds: [42] → [1]`; None and absent are the same."""
    found = []
    for key in sorted(set(old) | set(new)):
        before, after = old.get(key), new.get(key)
        if isinstance(before, Mapping) or isinstance(after, Mapping):
            found += differences(before or {}, after or {}, prefix=f"{prefix}{key}.")
        elif before != after:
            found.append(
                f"{prefix}{key}: {'none' if before is None else before} → {'none' if after is None else after}"
            )
    return found
