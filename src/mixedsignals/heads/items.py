"""What heads are asked: clips, and what each of their modalities shows instead of its own vector.

Everything counts clips by position, as `Asking.clip_ids` has them; a change gives new items and leaves the old.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from mixedsignals.errors import UsageError
from mixedsignals.heads.bank import WITHHELD
from mixedsignals.heads.data import Positions

__all__ = ["Items"]


@dataclass(frozen=True)
class Items:
    """k questions.

    Attributes:
        clips: int64 (k,), the clip of each, whose fold decides which heads answer.
        shown: per modality int64 (k,): the clip whose vector is shown (its position in `Asking.clip_ids`), a number
            that `Asking.add` gave, `WITHHELD` or `TOKEN`. A clip that lacks the modality shows nothing.
    """

    clips: Positions
    shown: Mapping[str, Positions]

    def __len__(self) -> int:
        return len(self.clips)

    def showing(self, modality: str, rows: npt.ArrayLike) -> Items:
        """The same with other vectors of one modality, (k,) or one for all.

        Raises:
            UsageError: a modality that the heads do not know.
        """
        if modality not in self.shown:
            raise UsageError(f"there is no modality {modality!r}; legal are {', '.join(self.shown)}")
        whole = np.broadcast_to(np.asarray(rows, np.int64), self.clips.shape)
        return replace(self, shown={**self.shown, modality: whole})

    def only(self, modalities: Sequence[str], *, instead: int = WITHHELD) -> Items:
        """The same with nothing but some modalities; `instead` (`WITHHELD` or `TOKEN`) of the others."""
        return replace(
            self,
            shown={
                name: rows if name in modalities else np.full_like(rows, instead)
                for name, rows in self.shown.items()
            },
        )

    def take(self, which: npt.NDArray[Any]) -> Items:
        """Some of the questions, by position or mask."""
        return Items(self.clips[which], {name: rows[which] for name, rows in self.shown.items()})

    @staticmethod
    def together(parts: Sequence[Items]) -> Items:
        """Questions one after another, one part or more."""
        return Items(
            np.concatenate([one.clips for one in parts]),
            {name: np.concatenate([one.shown[name] for one in parts]) for name in parts[0].shown},
        )
