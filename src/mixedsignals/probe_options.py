"""What a run is asked again: one frozen record, kept in `run.toml` so that the same answers can be had again.

Shared, because the manifest keeps it, the command line shows its defaults and the verb `probe` reads it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from mixedsignals.errors import UsageError, check_known

__all__ = ["PROBES", "ProbeOptions", "asked_in", "with_asked"]

PROBES: dict[str, str] = {
    "attribution": "all subsets of modalities, the gaps filled in three ways",
    "swap": "one modality from a clip of another label",
    "mismatch": "one modality from another clip of the same label",
    "mute": "one modality withheld",
    "noise": "noise in the embedding of one modality",
    "shuffled": "modalities dealt anew within label and speaker, to see how often chance misleads",
}
"""The probes by name, in the order in which they are made."""


@dataclass(frozen=True, kw_only=True)
class ProbeOptions:
    """Options of `mixedsignals probe`; all of them can change a result.

    Attributes:
        probes: names, see `PROBES`; each once, in that order.
        sources: fusions that are asked; None means all of the run.
        partners: clips that lend a clip one of their modalities at most, 1 or more.
        snr: signal-to-noise ratios in dB of the noise probes.
        seed: of the choice of partners, donors, noise and permutations, 0 or more.
    """

    probes: tuple[str, ...] = tuple(PROBES)
    sources: tuple[str, ...] | None = None
    partners: int = 20
    snr: tuple[float, ...] = (20.0, 10.0, 0.0)
    seed: int = 0

    def __post_init__(self) -> None:
        wrong = [f"{name} {came}; legal is {legal}" for name, came, legal, fine in self._rules() if not fine]
        if wrong:
            raise UsageError("; ".join(wrong))
        object.__setattr__(self, "probes", tuple(name for name in PROBES if name in self.probes))
        object.__setattr__(self, "snr", tuple(float(ratio) for ratio in self.snr))

    def _rules(self) -> Iterable[tuple[str, str, str, bool]]:
        known = bool(self.probes) and set(self.probes) <= set(PROBES)
        yield "probes", f"are {', '.join(self.probes) or 'none'}", ", ".join(PROBES), known
        yield "partners", f"is {self.partners}", "a whole number, 1 or more", self.partners >= 1
        fine = bool(self.snr) and all(math.isfinite(ratio) for ratio in self.snr)
        yield "snr", f"is {list(self.snr)}", "one or more numbers of dB", fine
        yield "seed", f"is {self.seed}", "a whole number, 0 or more", self.seed >= 0

    def to_dict(self) -> dict[str, Any]:
        """Plain values for TOML; what is None is left out there."""
        return {
            name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], *, file: str = "run.toml") -> ProbeOptions:
        """The inverse of `to_dict`.

        Raises:
            InputError: entries that are no options.
        """
        check_known(values, cls, section="[[probe]]", file=file)
        chosen: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in values.items()
        }
        return cls(**chosen)

    def covers(self, other: ProbeOptions) -> bool:
        """Whether everything that was asked with `other` is asked again, and so replaced."""
        if not set(other.probes) <= set(self.probes):
            return False
        if self.sources is None:
            return True
        return other.sources is not None and set(other.sources) <= set(self.sources)


def asked_in(manifest: Mapping[str, Any], *, file: str = "run.toml") -> list[ProbeOptions]:
    """What a run was asked, in order: doing all of it again gives the same tables. Empty where it was not probed.

    Raises:
        InputError: entries that are no options.
    """
    return [ProbeOptions.from_dict(values, file=file) for values in manifest.get("probe", [])]


def with_asked(asked: Sequence[ProbeOptions], new: ProbeOptions) -> list[ProbeOptions]:
    """`asked` and then `new`, without what `new` replaces whole."""
    return [*(one for one in asked if not new.covers(one)), new]
