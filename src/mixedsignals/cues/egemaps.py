"""eGeMAPS, the acoustic parameters that affective computing has agreed on, where openSMILE is installed.

openSMILE's licence bars commercial use, so it is in no extra of this package: whoever may use it installs `opensmile`.
Source: Eyben et al. (2016), *The Geneva Minimalistic Acoustic Parameter Set (GeMAPS)*.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from mixedsignals.cues.catalogue import Cue
from mixedsignals.cues.loudness import block_loudness, gated_loudness
from mixedsignals.cues.prosody import sound_of
from mixedsignals.cues.protocol import Measured
from mixedsignals.errors import CannotFinish
from mixedsignals.sources import Source

__all__ = ["EGeMAPS"]

_RATE, _MOST_SECONDS = 16_000, 120.0


class EGeMAPS:
    """The 88 functionals of eGeMAPSv02, named `egemaps_…` as openSMILE names them.

    Raises:
        CannotFinish: openSMILE is not installed.
    """

    name = "egemaps"
    modality = "audio"

    def __init__(self) -> None:
        self._smile()

    def __getstate__(self) -> dict[str, Any]:
        return {}  # a process of its own starts openSMILE itself

    @staticmethod
    def _smile() -> Any:
        try:
            import opensmile
        except ModuleNotFoundError as error:
            raise CannotFinish(
                "eGeMAPS needs openSMILE: `pip install opensmile`, if its licence, which bars commercial use, allows "
                "you to. `prosody` needs nothing."
            ) from error
        return opensmile

    @cached_property
    def _made(self) -> Any:
        smile = self._smile()
        return smile.Smile(smile.FeatureSet.eGeMAPSv02, smile.FeatureLevel.Functionals)

    @property
    def cues(self) -> Sequence[Cue]:
        """See `Extractor`."""
        return [
            Cue(f"egemaps_{name}", "audio", "as openSMILE gives it", name)
            for name in self._made.feature_names
        ]

    @property
    def card(self) -> Mapping[str, str | int | float]:
        """See `Extractor`."""
        return {"set": "eGeMAPSv02", "opensmile": self._smile().__version__, "rate": _RATE}

    def measure(self, source: Source) -> Measured:
        """See `Extractor`."""
        samples = sound_of(source, _RATE, _MOST_SECONDS)
        if isinstance(samples, Measured):
            return samples
        if gated_loudness(block_loudness(samples, _RATE)) is None:
            return Measured(absent={"*": "the sound is silent"})
        row = self._made.process_signal(samples, _RATE).iloc[0]
        values = {f"egemaps_{name}": float(value) for name, value in row.items()}
        finite = {name: value for name, value in values.items() if np.isfinite(value)}
        lacking = dict.fromkeys(values.keys() - finite.keys(), "openSMILE gives no number")
        return Measured(finite, lacking)
