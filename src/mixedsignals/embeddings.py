"""Embeddings: the one array that crosses a door, always joined by clip id and always with a card.

A clip without the modality is absent, never a row of zeros. The card says which encoder made the numbers and how, so
that vectors of different origin are never mixed.
"""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mixedsignals.errors import InputError, Problem
from mixedsignals.store import atomic

__all__ = ["Card", "Embeddings"]


@dataclass(frozen=True)
class Card:
    """Where embeddings come from; two sets may be mixed only if their cards are equal.

    Attributes:
        modality: `text`, `audio`, `video` or another name.
        encoder: hub name, folder name, or name of an offline encoder or feature file.
        revision: commit or digest of the weights (of the file, for ready-made features).
        layer: which layer was read, such as `last_hidden_state`.
        pooling: `mean` (masked) or `first`.
        preprocessing: what was done before the encoder (seconds kept, frames, size, sampling rate, …).
        licence: licence of the weights; None when the file states none.
        fold, seed: set where the encoder was fine-tuned in one; such embeddings are joined within it only.
    """

    modality: str
    encoder: str
    revision: str
    layer: str
    pooling: str
    preprocessing: Mapping[str, str | int | float] = field(default_factory=dict)
    licence: str | None = None
    fold: int | None = None
    seed: int | None = None

    def to_dict(self) -> dict[str, Any]:
        """All fields as plain values."""
        return {**asdict(self), "preprocessing": dict(sorted(self.preprocessing.items()))}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Card:
        """The inverse of `to_dict`."""
        return cls(**values)

    def digest(self) -> str:
        """SHA-256 of the card's canonical JSON, the licence left out (it does not change the numbers)."""
        values = self.to_dict()
        values.pop("licence")
        text = json.dumps(values, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True)
class Embeddings:
    """Vectors of clips in one modality.

    Args:
        clip_ids: n distinct ids.
        values: float32 of shape (n, d), finite.
        card: where they come from.

    Raises:
        InputError: repeated ids, another shape, or values that are not finite (the clips are named).
    """

    clip_ids: tuple[str, ...]
    values: npt.NDArray[np.float32]
    card: Card

    def __post_init__(self) -> None:
        object.__setattr__(self, "clip_ids", tuple(self.clip_ids))
        object.__setattr__(self, "values", np.asarray(self.values, dtype=np.float32))
        problems = list(self._problems())
        if problems:
            raise InputError(problems)

    def _problems(self) -> Iterable[Problem]:
        what = f"{self.card.modality} embeddings"
        if self.values.ndim != 2 or len(self.values) != len(self.clip_ids):
            yield Problem(
                code="embedding-shape",
                message=f"{what} have shape {self.values.shape} for {len(self.clip_ids)} clips",
                remedy="Give one row per clip: an array of shape (clips, width).",
            )
            return
        if len(set(self.clip_ids)) != len(self.clip_ids):
            seen: set[str] = set()
            twice = sorted({c for c in self.clip_ids if c in seen or seen.add(c)})  # type: ignore[func-returns-value]
            yield Problem(
                code="duplicate-id",
                message=f"{what} have {len(twice)} clip ids more than once: {', '.join(twice[:5])}",
                remedy="Keep one row per clip.",
            )
        if len(bad := np.flatnonzero(~np.isfinite(self.values).all(axis=1))):
            named = ", ".join(self.clip_ids[i] for i in bad[:5])
            yield Problem(
                code="not-finite",
                message=f"{what} hold NaN or infinite values for {len(bad)} clips: {named}",
                remedy="Leave out the rows of clips that lack the modality, and mend the others.",
            )

    def __len__(self) -> int:
        return len(self.clip_ids)

    @property
    def width(self) -> int:
        """Number of columns d."""
        return int(self.values.shape[1])

    def select(self, clip_ids: Iterable[str]) -> Embeddings:
        """The rows of `clip_ids`, in that order.

        Raises:
            InputError: ids that are not there, naming them.
        """
        wanted = tuple(clip_ids)
        where = {clip: row for row, clip in enumerate(self.clip_ids)}
        if missing := [clip for clip in wanted if clip not in where]:
            raise InputError(
                Problem(
                    code="unknown-clip",
                    message=f"no {self.card.modality} embedding for {len(missing)} clips: {', '.join(missing[:5])}",
                    remedy="Encode these clips, or leave them out.",
                )
            )
        return Embeddings(wanted, self.values[[where[clip] for clip in wanted]], self.card)

    def save(self, path: Path) -> None:
        """Write an uncompressed `.npz` of plain arrays (atomically; nothing is pickled)."""
        card = json.dumps(self.card.to_dict(), ensure_ascii=False)
        with atomic(path) as partial, partial.open("wb") as file:
            np.savez(
                file, clip_ids=np.array(self.clip_ids, dtype=np.str_), values=self.values, card=np.array(card)
            )

    @classmethod
    def load(cls, path: Path) -> Embeddings:
        """Read what `save` wrote.

        Raises:
            InputError: a file that is missing, damaged or not of this form.
        """
        try:
            with np.load(path, allow_pickle=False) as file:
                card = Card.from_dict(json.loads(str(file["card"])))
                return cls(tuple(str(clip) for clip in file["clip_ids"]), file["values"], card)
        except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile) as error:
            raise InputError(
                Problem(
                    code="unreadable-embeddings",
                    message=f"cannot be read as embeddings ({error})",
                    remedy="Encode again.",
                    file=str(path),
                )
            ) from error
