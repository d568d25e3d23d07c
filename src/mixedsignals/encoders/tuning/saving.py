"""A tuned encoder on disk: the tensors that learned, what they belong to, and a model card; nothing else.

A folder holds `tuned.safetensors` (`backbone/NAME` over the pretrained encoder, `head/NAME` the classifier),
`tuned.json` and `README.md`. The pretrained encoder is named, not copied.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from mixedsignals.embeddings import Card
from mixedsignals.encoders.tuning.choice import TunedEpoch
from mixedsignals.errors import InputError, Problem
from mixedsignals.store import atomic, digest_file

__all__ = ["Tuned", "load_tuned", "read_tuned", "write_tuned"]

FORMAT = 1
TENSORS, RECORD = "tuned.safetensors", "tuned.json"


@dataclass(frozen=True)
class Tuned:
    """One tuned encoder.

    Attributes:
        folder: where it lies.
        request: modality, name, pooling and preparation, to find the pretrained encoder again (`EncoderRequest`).
        card: of its embeddings; `fold` and `seed` are set; the revision names the pretrained and the tuned tensors.
        labels: that its head tells apart.
        tune: what learned.
        options: how, by name.
        history: one entry an epoch; `best` is the one kept.
        n_train, n_tune: clips.
        inner: which inner fold was held out; None for the model of the whole training part.
    """

    folder: Path
    request: Mapping[str, Any]
    card: Card
    labels: tuple[str, ...]
    tune: str
    options: Mapping[str, Any]
    history: tuple[TunedEpoch, ...]
    best: int
    n_train: int
    n_tune: int
    inner: int | None
    key: str

    @property
    def score(self) -> tuple[float, float]:
        """Accuracy and loss (nats) of the best epoch on the tuning clips."""
        kept = self.history[self.best]
        return kept.tune_accuracy, kept.tune_loss

    def tensors(self) -> dict[str, Tensor]:
        """The tensors that learned.

        Raises:
            InputError: the file is gone or damaged.
        """
        return _read(self.folder / TENSORS)


def write_tuned(folder: Path, tensors: Mapping[str, Tensor], record: Mapping[str, Any], card: Card) -> Tuned:
    """Write tensors and record, the record last; the revision of the card comes from the tensors' digest."""
    with atomic(folder / TENSORS) as partial:
        save_file(dict(tensors), partial, metadata={"format": "pt"})
    digest = digest_file(folder / TENSORS)
    revised = Card(**{**card.to_dict(), "revision": f"{card.revision}+{digest[:16]}"})
    content = {"format": FORMAT, **record, "card": revised.to_dict(), "sha256": digest}
    with atomic(folder / RECORD) as partial:
        partial.write_text(json.dumps(content, ensure_ascii=False, indent=1), encoding="utf-8")
    return load_tuned(folder)


def read_tuned(folder: Path, key: str) -> Tuned | None:
    """What an earlier run finished under the same key; None where there is none, or it is damaged."""
    if not (folder / RECORD).is_file():
        return None
    try:
        found = load_tuned(folder)
    except InputError:
        return None
    return found if found.key == key else None


def load_tuned(folder: Path | str, *, labels: Sequence[str] | None = None) -> Tuned:
    """Read a tuned encoder; its tensors are read when asked for.

    Args:
        labels: those that it must tell apart, where it matters.

    Raises:
        InputError: no such folder, a damaged one, one of another format, or one for other labels.
    """
    path = Path(folder) / RECORD
    remedy = "Name a folder that a run tuned (RUN/models/tuned/…), or tune again."
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["format"] != FORMAT:
            raise ValueError(f"format {content['format']}; {FORMAT} is known")
        if digest_file(path.parent / TENSORS) != content["sha256"]:
            raise ValueError(f"{TENSORS} is not what was written")
        found = Tuned(
            folder=path.parent,
            request=content["request"],
            card=Card.from_dict(content["card"]),
            labels=tuple(content["labels"]),
            tune=content["tune"],
            options=content["options"],
            history=tuple(TunedEpoch(**entry) for entry in content["history"]),
            best=content["best"],
            n_train=content["n_train"],
            n_tune=content["n_tune"],
            inner=content["inner"],
            key=content["key"],
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        message = f"cannot be read as a tuned encoder ({error})"
        raise InputError(Problem("unreadable-model", message, remedy, file=str(path))) from error
    if labels is not None and tuple(labels) != found.labels:
        message = f"tells {', '.join(found.labels)} apart, and {', '.join(labels)} are asked for"
        remedy = "Name a checkpoint of the same labels in the same order, or tune the pretrained encoder."
        raise InputError(Problem("other-labels", message, remedy, file=str(path)))
    return found


def describe(history: Sequence[TunedEpoch]) -> list[dict[str, Any]]:
    """Plain values of a history."""
    return [asdict(entry) for entry in history]


def _read(path: Path) -> dict[str, Tensor]:
    try:
        with safe_open(path, framework="pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError, ValueError) as error:
        problem = Problem("unreadable-model", f"cannot be read ({error})", "Tune again.", file=str(path))
        raise InputError(problem) from error


def backbone_part(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors over the encoder, by their name there."""
    return {n.removeprefix("backbone/"): v for n, v in tensors.items() if n.startswith("backbone/")}


def head_part(tensors: Mapping[str, Tensor]) -> dict[str, torch.Tensor]:
    """The tensors of the head, by their name in a model of Transformers."""
    return {n.removeprefix("head/"): v for n, v in tensors.items() if n.startswith("head/")}
