"""The probes on real media by name, what each needs of a clip, and which modalities it changes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

from mixedsignals.errors import UsageError
from mixedsignals.labels import MODALITIES

__all__ = ["DEFAULT_PROBES", "PLAIN", "Kind", "Probe", "parse_probe"]

Kind = Literal["swap", "mismatch", "mute", "freeze", "noise", "shift", "negate"]

PLAIN = "media:plain"
"""Written anew and not altered: what all others are compared with."""

DEFAULT_PROBES = (
    "media:swap",
    "media:mute",
    "media:freeze",
    "media:noise:10",
    "media:shift:500",
    "media:negate",
)
_CHANGES: dict[Kind, tuple[str, ...]] = {
    "swap": MODALITIES,
    "mismatch": MODALITIES,
    "mute": ("audio", "video"),
    "freeze": ("video",),
    "noise": ("audio",),
    "shift": ("audio",),
    "negate": ("text",),
}
_MEASURED = {
    "noise": "dB, such as media:noise:10",
    "shift": "ms, such as media:shift:500 (voice later than face)",
}


@dataclass(frozen=True)
class Probe:
    """One way to alter a clip.

    Attributes:
        kind: `swap` (a modality of a clip with another label), `mismatch` (of one with the same label), `mute` (a
            silent sound, a black picture), `freeze` (the middle picture held), `noise`, `shift`, `negate`.
        amount: dB for noise, ms for a shift (positive: voice later than face); None for the others.
    """

    kind: Kind
    amount: float | None = None

    @property
    def name(self) -> str:
        """As in the table `probes`."""
        amount = "" if self.amount is None else f":{self.amount:g}"
        return f"media:{self.kind}{amount}"

    @property
    def modalities(self) -> tuple[str, ...]:
        """What it can change."""
        return _CHANGES[self.kind]

    @property
    def borrows(self) -> bool:
        """Whether another clip lends the modality."""
        return self.kind in ("swap", "mismatch")


def parse_probe(name: str) -> Probe:
    """A probe from its name; `media:` may be left out.

    Raises:
        UsageError: no such probe, or an amount that is missing, too much or no number.

    >>> parse_probe("media:noise:10")
    Probe(kind='noise', amount=10.0)
    """
    said, _, amount = name.removeprefix("media:").partition(":")
    kind = next((one for one in _CHANGES if one == said), None)
    if kind is None:
        legal = ", ".join(f"media:{one}" for one in get_args(Kind))
        raise UsageError(f"{name!r} is no probe of media; there are {legal}")
    if kind not in _MEASURED:
        if amount:
            raise UsageError(f"{name!r}: media:{kind} takes no amount")
        return Probe(kind)
    try:
        value = float(amount)
    except ValueError:
        value = math.nan
    if not math.isfinite(value) or (kind == "shift" and value == 0):
        raise UsageError(f"{name!r}: media:{kind} needs an amount in {_MEASURED[kind]}")
    return Probe(kind, value)
