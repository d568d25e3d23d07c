"""Who lends whom: the partners of a run's clips, chosen from its tables for every modality that can be swapped."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import polars as pl

from mixedsignals.api.trained import Trained
from mixedsignals.measures.partners import choose_partners
from mixedsignals.tables import CLIPS

__all__ = ["MISMATCHED", "Lenders"]

MISMATCHED = 5
"""Partners of the same label that a clip gets at most: they are a yardstick, and few tell enough."""

_NOT_COMPARED = {column.name for column in CLIPS.columns} - {"transcript"}
Codes = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Lenders:
    """The partners of every clip that a run tested.

    Attributes:
        trained: the run; count: partners of a clip at most; seed: decides between equals.
    """

    trained: Trained
    count: int
    seed: int

    def of(self, modality: str, *, same_label: bool = False) -> pl.DataFrame:
        """clip_id, donor_id, both tested in the same fold and with that modality; the best partner of a clip first.

        Args:
            same_label: partners of the clip's own label (five at most) instead of other labels.
        """
        has = {clip for part in self.trained.parts for clip in part.embeddings[modality].clip_ids}
        chosen = choose_partners(
            self._labels,
            self._folds,
            _codes(self._clips["speaker_id"]),
            columns=self._columns,
            present=self._clips["clip_id"].is_in(has).to_numpy(),
            count=min(self.count, MISMATCHED) if same_label else self.count,
            same_label=same_label,
            seed=self.seed,
        )
        ids = self._clips["clip_id"]
        return pl.DataFrame({"clip_id": ids.gather(chosen.clip), "donor_id": ids.gather(chosen.donor)})

    @cached_property
    def _clips(self) -> pl.DataFrame:
        """Sorted by id, so that the choice does not hang on the order of rows in a file."""
        return self.trained.corpus.clips.sort("clip_id")

    @cached_property
    def _labels(self) -> Codes:
        """The most frequent label of each clip's target; none where two tie."""
        best = self.trained.targets.filter(pl.col("share") == pl.col("share").max().over("clip_id"))
        single = best.filter(pl.len().over("clip_id") == 1)
        return _codes(self._of_clips(dict(single.select("clip_id", "label").iter_rows())))

    @cached_property
    def _folds(self) -> Codes:
        tested = self.trained.splits.filter(role="test")
        return self._of_clips(dict(tested.select("clip_id", "fold").iter_rows())).fill_null(-1).to_numpy()

    @cached_property
    def _columns(self) -> Codes:
        """What else is known of the clips, the words among it: where it is equal, a swap changes less."""
        clips = self._clips.with_columns(pl.col("transcript").str.to_lowercase().str.strip_chars())
        names = [name for name in clips.columns if name not in _NOT_COMPARED]
        return np.stack([_codes(clips[name]) for name in names], axis=1)

    def _of_clips(self, values: dict[str, object]) -> pl.Series:
        return pl.Series([values.get(clip) for clip in self._clips["clip_id"]])


def _codes(values: pl.Series | Iterable[object]) -> Codes:
    """Equal values as equal codes, -1 where nothing stands."""
    text = pl.Series(values).cast(pl.String)
    return text.cast(pl.Categorical).to_physical().cast(pl.Int64).fill_null(-1).to_numpy()
