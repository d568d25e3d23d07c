"""Heads on disk: one safetensors file a head and one JSON beside them; nothing is pickled.

The files of a checkpoint are the same files, so what a killed run had finished is what a later run loads.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from mixedsignals.embeddings import Card
from mixedsignals.errors import InputError, Problem
from mixedsignals.heads.data import Standardiser
from mixedsignals.heads.grid import HeadId
from mixedsignals.heads.outcome import Epoch, OutOfFold, TrainedHead
from mixedsignals.labels import Labels
from mixedsignals.store import atomic

__all__ = [
    "HeadModel",
    "HeadModels",
    "head_file",
    "load_heads",
    "read_trained",
    "save_heads",
    "write_trained",
]

FORMAT = 1
INDEX = "heads.json"
Array = npt.NDArray[Any]


@dataclass(frozen=True)
class HeadModel:
    """One trained head.

    Attributes:
        head: combination, fold and seed.
        best: the epoch kept, from 0.
        history: loss and accuracy of every epoch.
        held: its arrays, or the file that they are read from when asked for.
    """

    head: HeadId
    best: int
    history: tuple[Epoch, ...]
    held: Mapping[str, Array] | Path

    @property
    def file(self) -> Path | None:
        """Where its arrays lie; None while they are only in memory."""
        return self.held if isinstance(self.held, Path) else None

    def arrays(self) -> Mapping[str, Array]:
        """`weights/NAME` and `standard/MODALITY/mean|scale`.

        Raises:
            InputError: the file is gone or damaged.
        """
        if isinstance(self.held, Path):
            return _read(self.held, prefixes=("weights/", "standard/"))[0]
        return self.held


@dataclass(frozen=True)
class HeadModels:
    """All heads of a fit, with what is needed to use them.

    Attributes:
        labels: the labels that they predict, in order.
        source: what the fused source is called in tables.
        cards: per modality the card of the embeddings that they were trained on.
        widths: per modality d.
        options: the options of the fit, by name.
        environment: torch's version and the number of threads.
    """

    labels: Labels
    source: str
    cards: Mapping[str, Card]
    widths: Mapping[str, int]
    options: Mapping[str, Any]
    environment: Mapping[str, Any]
    heads: tuple[HeadModel, ...]

    @property
    def combinations(self) -> list[str]:
        """The combinations that there are heads for, in the order of the fit."""
        return list(dict.fromkeys(model.head.combination for model in self.heads))


def head_file(folder: Path, head: HeadId) -> Path:
    """Where a head lies in a folder."""
    return folder / f"{quote(head.combination, safe='+')}.fold{head.fold}.seed{head.seed}.safetensors"


def save_heads(models: HeadModels, folder: Path) -> None:
    """Write every head and the index `heads.json` into `folder`.

    Heads that lie there already are left alone; those of a checkpoint on the same disk are linked, not copied.

    Raises:
        CannotFinish: the disk is full.
    """
    for model in models.heads:
        target = head_file(folder, model.head)
        if model.file is None or not (_same(model.file, target) or _linked(model.file, target)):
            _write(target, dict(model.arrays()), {})
    index = {
        "format": FORMAT,
        "labels": list(models.labels),
        "source": models.source,
        "kind": models.labels.kind,
        "cards": {name: card.to_dict() for name, card in models.cards.items()},
        "digests": {name: card.digest() for name, card in models.cards.items()},
        "widths": dict(models.widths),
        "options": dict(models.options),
        "environment": dict(models.environment),
        "heads": [
            {
                "file": head_file(folder, model.head).name,
                **asdict(model.head),
                "best": model.best,
                "history": [asdict(epoch) for epoch in model.history],
            }
            for model in models.heads
        ],
    }
    with atomic(folder / INDEX) as partial:
        partial.write_text(json.dumps(index, ensure_ascii=False, indent=1), encoding="utf-8")


def _same(one: Path, other: Path) -> bool:
    return other.exists() and one.samefile(other)


def _linked(source: Path, target: Path) -> bool:
    """Give a file a second name, replacing what had it; False where the disk cannot."""
    try:
        with atomic(target) as partial:
            partial.unlink()
            partial.hardlink_to(source)
    except OSError:
        return False
    return True


def load_heads(folder: Path) -> HeadModels:
    """Read the index; a head's arrays are read when it is used.

    Raises:
        InputError: no index, one that cannot be read or is of another format, or head files that are missing.
    """
    path = Path(folder) / INDEX
    remedy = "Name the folder that a run saved its heads in, or fit them again."
    try:
        index = json.loads(path.read_text(encoding="utf-8"))
        if index["format"] != FORMAT:
            raise InputError(
                Problem(
                    "heads-format",
                    f"has format {index['format']}, and {FORMAT} is known",
                    remedy,
                    file=str(path),
                )
            )
        models = HeadModels(
            labels=Labels(tuple(index["labels"]), index["kind"]),
            source=index.get("source", "fusion"),
            cards={name: Card.from_dict(card) for name, card in index["cards"].items()},
            widths=index["widths"],
            options=index["options"],
            environment=index["environment"],
            heads=tuple(_model(Path(folder), one) for one in index["heads"]),
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        message = f"cannot be read as an index of heads ({type(error).__name__}: {error})"
        raise InputError(Problem("heads-index", message, remedy, file=str(path))) from error
    missing = [str(model.file) for model in models.heads if model.file and not model.file.is_file()]
    if missing:
        raise InputError([Problem("missing-head", "is not there", remedy, file=name) for name in missing])
    return models


def _model(folder: Path, entry: Mapping[str, Any]) -> HeadModel:
    return HeadModel(
        head=HeadId(entry["combination"], entry["fold"], entry["seed"]),
        best=entry["best"],
        history=tuple(Epoch(**epoch) for epoch in entry["history"]),
        held=folder / entry["file"],
    )


def model_arrays(trained: TrainedHead) -> dict[str, Array]:
    """The arrays of a finished head as they are saved."""
    arrays: dict[str, Array] = {f"weights/{name}": value for name, value in trained.arrays.items()}
    for modality, one in trained.standardisers.items():
        arrays[f"standard/{modality}/mean"] = one.mean
        arrays[f"standard/{modality}/scale"] = one.scale
    return arrays


_DYNAMICS = ("train_clips", "p_target", "right")
_RESULTS = ("clips", "probabilities", "gates", "weights", "present")


def write_trained(folder: Path, trained: TrainedHead, key: str) -> Path:
    """Save a finished head with its out-of-fold results; `key` stands for everything that its numbers depend on."""
    arrays = model_arrays(trained)
    for name in _RESULTS:
        arrays[f"result/{name}"] = getattr(trained.test, name)
    for name in _DYNAMICS:
        arrays[f"result/{name}"] = getattr(trained, name)
    meta = {
        "key": key,
        "best": str(trained.best),
        "history": json.dumps([asdict(epoch) for epoch in trained.history]),
    }
    path = head_file(folder, trained.head)
    _write(path, arrays, meta)
    return path


def read_trained(folder: Path, head: HeadId, key: str) -> TrainedHead | None:
    """A head that an earlier run finished under the same key; None where there is none, or it is damaged."""
    path = head_file(folder, head)
    if not path.is_file():
        return None
    try:
        arrays, meta = _read(path, prefixes=("weights/", "standard/", "result/"))
    except InputError:
        return None
    if meta.get("key") != key:
        return None
    return TrainedHead(
        head=head,
        best=int(meta["best"]),
        history=tuple(Epoch(**epoch) for epoch in json.loads(meta["history"])),
        arrays={
            name.removeprefix("weights/"): a for name, a in arrays.items() if name.startswith("weights/")
        },
        standardisers={
            modality: Standardiser(arrays[f"standard/{modality}/mean"], arrays[f"standard/{modality}/scale"])
            for modality in head.modalities
        },
        test=OutOfFold(*(arrays[f"result/{name}"] for name in _RESULTS)),
        **{name: arrays[f"result/{name}"] for name in _DYNAMICS},
    )


def _write(path: Path, arrays: Mapping[str, Array], meta: Mapping[str, str]) -> None:
    whole = {name: np.ascontiguousarray(value) for name, value in arrays.items()}
    content = save(whole, metadata=dict(meta))
    with atomic(path) as partial:
        partial.write_bytes(content)


def _read(path: Path, *, prefixes: Sequence[str]) -> tuple[dict[str, Array], dict[str, str]]:
    try:
        with safe_open(path, framework="np") as file:
            names = [name for name in file.keys() if name.startswith(tuple(prefixes))]  # noqa: SIM118
            return {name: file.get_tensor(name) for name in names}, dict(file.metadata() or {})
    except (SafetensorError, OSError, ValueError) as error:
        raise InputError(
            Problem("damaged-head", f"cannot be read ({error})", "Fit the heads again.", file=str(path))
        ) from error
