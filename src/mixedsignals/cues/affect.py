"""Affect dimensions by a model that the user names: arousal, valence, dominance, or whatever its outputs are called.

Any classification or regression model of Transformers for sound or text will do, from a hub or a folder. This is the
one extractor that needs torch, which is imported only when it is used; nothing of it is in the default.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from mixedsignals.cues.catalogue import Cue
from mixedsignals.cues.loudness import block_loudness, gated_loudness
from mixedsignals.cues.prosody import sound_of
from mixedsignals.cues.protocol import Measured
from mixedsignals.errors import CannotFinish, UsageError
from mixedsignals.sources import Source

__all__ = ["Affect"]

_RATE, _MOST_SECONDS, _MOST_TOKENS = 16_000, 30.0, 512


class Affect:
    """The outputs of one model: as they are where it was trained for regression, else probabilities.

    Args:
        modality: `audio` or `text`.
        model: a hub name (`owner/model`, `@revision` allowed) or a folder.

    Raises:
        UsageError: another modality.
        CannotFinish: Transformers is not installed, or the model cannot be loaded as what it should be.
    """

    def __init__(self, modality: str, model: str) -> None:
        if modality not in ("audio", "text"):
            raise UsageError(f"a model of affect can be given for audio and text, not for {modality!r}")
        self.modality, self.model = modality, model
        self.name = f"affect-{modality}"
        self._config  # noqa: B018 - a model that is not there is told before anything is measured

    def __getstate__(self) -> dict[str, Any]:
        return {"modality": self.modality, "model": self.model, "name": self.name}

    @cached_property
    def _config(self) -> Any:
        return self._load("AutoConfig")

    @cached_property
    def _parts(self) -> tuple[Any, Any]:
        """The model and what prepares its input."""
        if self.modality == "audio":
            return self._load("AutoModelForAudioClassification").eval(), self._load("AutoFeatureExtractor")
        return self._load("AutoModelForSequenceClassification").eval(), self._load("AutoTokenizer")

    def _load(self, kind: str) -> Any:
        name, _, revision = self.model.partition("@")
        try:
            import transformers

            return getattr(transformers, kind).from_pretrained(
                name, revision=revision or None, trust_remote_code=False
            )
        except ModuleNotFoundError as error:
            raise CannotFinish(
                f"A model of affect needs {error.name}: `pip install 'mixedsignals[train]'`."
            ) from error
        except (OSError, ValueError) as error:
            why = str(error).strip().splitlines()[0]
            raise CannotFinish(f"{self.model} cannot be loaded as a model of affect ({why}).") from error

    @property
    def _is_regression(self) -> bool:
        return bool(self._config.problem_type == "regression" or len(self._config.id2label) == 1)

    @property
    def cues(self) -> Sequence[Cue]:
        """See `Extractor`."""
        unit = "as the model gives it" if self._is_regression else "probability"
        labels = [str(self._config.id2label[at]) for at in range(len(self._config.id2label))]
        return [
            Cue(_named(self.modality, one), self.modality, unit, f"{one}, by {self.model}") for one in labels
        ]

    @property
    def card(self) -> Mapping[str, str | int | float]:
        """See `Extractor`."""
        revision = getattr(self._config, "_commit_hash", None) or "local"
        weights = "" if revision != "local" else _digest(self._parts[0])
        return {"model": self.model, "revision": revision, "weights": weights, "seconds": _MOST_SECONDS}

    def measure(self, source: Source) -> Measured:
        """See `Extractor`."""
        model, prepare = self._parts
        if self.modality == "text":
            given = prepare(source.text or "", truncation=True, max_length=_MOST_TOKENS, return_tensors="pt")
        else:
            samples = sound_of(source, _RATE, _MOST_SECONDS)
            if isinstance(samples, Measured):
                return samples
            if gated_loudness(block_loudness(samples, _RATE)) is None:
                return Measured(absent={"*": "the sound is silent"})
            given = prepare(samples, sampling_rate=_RATE, return_tensors="pt")
        outputs = _outputs(model, given)
        if not self._is_regression:
            raised = np.exp(outputs - outputs.max())
            outputs = raised / raised.sum()
        return Measured({cue.name: float(value) for cue, value in zip(self.cues, outputs, strict=True)})


def _named(modality: str, label: str) -> str:
    return f"{modality}_{re.sub(r'[^0-9a-z]+', '_', label.lower()).strip('_')}"


def _outputs(model: Any, given: Any) -> npt.NDArray[np.float64]:
    import torch

    with torch.inference_mode():
        found: npt.NDArray[np.float64] = model(**given).logits[0].double().numpy()
    return found


def _digest(model: Any) -> str:
    """SHA-256 of the weights of a model from a folder, which has no revision of its own."""
    import hashlib

    digest = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        digest.update(name.encode() + tensor.contiguous().numpy().tobytes())
    return digest.hexdigest()
