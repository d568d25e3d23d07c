"""Clips as they are trained on: decoded once, kept on disk as plain arrays, and put into batches of like length.

What an encoder prepares of a clip is the same in every epoch, fold and seed; so is what frozen layers make of it. Both
are kept under the content of the clip, one file a clip, and read as they are needed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset, Sampler

from mixedsignals.encoders.protocol import Encoder
from mixedsignals.encoders.tuning.network import Item, Network
from mixedsignals.errors import InputError, Problem
from mixedsignals.progress import Progress
from mixedsignals.sources import Source
from mixedsignals.store import atomic

__all__ = ["Buckets", "ClipStore", "Labelled"]

_LACKING = ("no-audio-track", "no-video-track")
_BATCH = 8
_HELD_BYTES = 1 << 30
_POOL = 50  # batches among which clips are sorted by length


class ClipStore:
    """Prepared clips of one encoder, and what enters the first learning layer of one network.

    Args:
        folder: where they are kept; only this run's.
        encoder: loaded.
        shares: this process and how many there are; each decodes its part.
    """

    def __init__(self, folder: Path, encoder: Encoder, *, shares: tuple[int, int] = (0, 1)) -> None:
        self._folder = folder / encoder.card.digest()[:16]
        self._encoder = encoder
        self._shares = shares
        self._sources: dict[str, Source] = {}
        self._replayed: str | None = None
        self._held: dict[Path, Item] = {}
        self._room = _HELD_BYTES

    def _hold(self, path: Path, item: Item) -> None:
        """Keep what was read, as long as there is room: the same clips come again in every epoch."""
        assert item.inner is not None
        size = item.inner.element_size() * item.inner.numel()
        if size <= self._room:
            self._room -= size
            self._held[path] = item

    def prepare(self, sources: Mapping[str, Source], progress: Progress) -> None:
        """Decode the clips that are not there yet.

        Raises:
            InputError: media that cannot be read, all of them named.
        """
        self._sources.update(sources)
        rank, n = self._shares
        mine = list(sources)[rank::n]
        left = [clip for clip in mine if not self._path(clip).is_file() and not self._gone(clip).is_file()]
        problems: list[Problem] = []
        what = f"{self._encoder.card.modality}: reading clips"
        with progress.task(what, total=len(left)) as task, ThreadPoolExecutor(2) as pool:
            for found in pool.map(self._prepare, left):
                problems += found
                task.advance()
        if problems:
            raise InputError(problems)

    def has(self, clip: str) -> bool:
        """Whether the clip has the track at all."""
        return self._path(clip).is_file()

    def item(self, clip: str, network: Network) -> Item:
        """The clip as the network takes it."""
        path = self._inner(clip)
        if path is not None:
            if path not in self._held:
                with np.load(path, allow_pickle=False) as file:
                    item = Item(None, tuple(file["outline"].tolist()), torch.from_numpy(file["inner"]))
                self._hold(path, item)
                return item
            return self._held[path]
        payload = self._payload(clip)
        return Item(payload, network.outline(payload))

    def length(self, clip: str) -> float:
        """About how much work a clip is, to put like beside like."""
        with np.load(self._path(clip), allow_pickle=False) as file:
            return float(file["length"])

    def replay(self, network: Network, key: str, progress: Progress) -> None:
        """Keep what enters the first learning layer of every clip, and let the network read that."""
        rank, n = self._shares
        self._replayed = None
        # Shared out before looking what is there: another process may be writing already.
        mine = [clip for clip in self._sources if self.has(clip)][rank::n]
        left = [clip for clip in mine if not self._kept(clip, key).is_file()]
        network.eval()
        # Like lengths together, and always the same ones: what is kept does not depend on who asks.
        left.sort(key=lambda clip: (self.length(clip), clip))
        with progress.task(
            f"{self._encoder.card.modality}: through the frozen layers", total=len(left)
        ) as task:
            for at in range(0, len(left), _BATCH):
                some = left[at : at + _BATCH]
                batch = [self.item(clip, network) for clip in some]
                for clip, item, inner in zip(some, batch, network.enters(batch), strict=True):
                    with atomic(self._kept(clip, key)) as partial, partial.open("wb") as file:
                        np.savez(file, inner=inner.numpy(), outline=np.asarray(item.outline, dtype=np.int64))
                task.advance(len(some))
        self.look(network)
        self._replayed = key

    def look(self, network: Network) -> None:
        """Show the network one clip, so that it knows the form of its layers' output."""
        kept, self._replayed = self._replayed, None
        for clip in self._sources:
            if self.has(clip):
                network.eval().enters([self.item(clip, network)])
                break
        self._replayed = kept

    def _prepare(self, clip: str) -> list[Problem]:
        try:
            payload = self._encoder.prepare(self._sources[clip]).payload
        except InputError as error:
            if error.problems[0].code in _LACKING:
                self._gone(clip).parent.mkdir(parents=True, exist_ok=True)
                self._gone(clip).touch()
                return []
            return list(error.problems)
        values, more = payload if isinstance(payload, tuple) else (payload, -1)
        with atomic(self._path(clip)) as partial, partial.open("wb") as file:
            array = np.asarray(values)
            # Words are counted along the first axis, sound along the last; pictures are all alike.
            length = array.shape[-1] if isinstance(payload, tuple) else len(array)
            np.savez(file, values=array, more=np.asarray(more), length=np.asarray(length))
        return []

    def _payload(self, clip: str) -> Any:
        with np.load(self._path(clip), allow_pickle=False) as file:
            values, more = file["values"], int(file["more"])
        if more >= 0:
            return values, more
        return values.tolist() if values.ndim == 1 and values.dtype.kind == "i" else values

    def _name(self, clip: str) -> str:
        return self._sources[clip].digest()[:40]

    def _path(self, clip: str) -> Path:
        return self._folder / "clips" / f"{self._name(clip)}.npz"

    def _gone(self, clip: str) -> Path:
        return self._folder / "clips" / f"{self._name(clip)}.lacking"

    def _kept(self, clip: str, key: str) -> Path:
        return self._folder / f"layer-{key}" / f"{self._name(clip)}.npz"

    def _inner(self, clip: str) -> Path | None:
        return None if self._replayed is None else self._kept(clip, self._replayed)


@dataclass(frozen=True)
class _Row:
    item: Item
    target: Tensor
    weight: float


class Labelled(Dataset):  # type: ignore[misc]
    """Clips with their targets, for `Trainer`."""

    def __init__(
        self,
        clips: Sequence[str],
        targets: Mapping[str, Tensor],
        weights: Mapping[str, float],
        item: Callable[[str], Item],
    ) -> None:
        self.clips = list(clips)
        self._targets, self._weights, self._item = targets, weights, item

    def __len__(self) -> int:
        return len(self.clips)

    def __getitem__(self, at: int) -> _Row:
        clip = self.clips[at]
        return _Row(self._item(clip), self._targets[clip], self._weights.get(clip, 1.0))

    @staticmethod
    def collator(network: Network) -> Callable[[Sequence[_Row]], dict[str, Tensor]]:
        """Puts rows into a batch with `labels` (n, labels) and `weights` (n,)."""

        def collate(rows: Sequence[_Row]) -> dict[str, Tensor]:
            batch = network.collate([row.item for row in rows])
            batch["labels"] = torch.stack([row.target for row in rows])
            batch["weights"] = torch.tensor([row.weight for row in rows])
            return batch

        return collate


class Buckets(Sampler[int]):  # type: ignore[misc]
    """A new order every epoch, from the seed and the epoch alone, in which the clips of a batch are of like length.

    The clips are shuffled, sorted by length within pools of fifty batches, and the batches shuffled again.
    """

    def __init__(self, lengths: Sequence[float], batch_size: int, seed: int) -> None:
        self._lengths = list(lengths)
        self._size = batch_size
        self._seed = seed
        self._epoch = 0

    def __len__(self) -> int:
        return len(self._lengths)

    def set_epoch(self, epoch: int) -> None:
        """Called by `Trainer` as an epoch begins."""
        self._epoch = epoch

    def __iter__(self) -> Iterator[int]:
        key = hashlib.sha256(f"{self._seed}/{self._epoch}".encode()).digest()[:8]
        random = np.random.default_rng(int.from_bytes(key, "little"))
        order = random.permutation(len(self._lengths))
        pool = self._size * _POOL
        batches: list[list[int]] = []
        for at in range(0, len(order), pool):
            part = sorted(order[at : at + pool].tolist(), key=lambda row: self._lengths[row])
            batches += [part[low : low + self._size] for low in range(0, len(part), self._size)]
        # A short batch comes last, so that every process of several has equally many whole ones.
        short = [batch for batch in batches if len(batch) < self._size]
        whole = [batch for batch in batches if len(batch) == self._size]
        for at in random.permutation(len(whole)).tolist():
            yield from whole[at]
        for batch in short:
            yield from batch
