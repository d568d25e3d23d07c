"""MMSA's pickled feature files: steps over time per clip, averaged here to one row per clip.

The mean goes over the real length of a clip, so padding never counts as data.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from mixedsignals.corpus.importers.pickles import read_pickle
from mixedsignals.errors import InputError, Problem

__all__ = ["pooled_features"]

_PARTS = ("train", "valid", "test")
_MODALITIES = {"text": "text", "audio": "audio", "vision": "video"}
_REMEDY = "Name a feature file of MMSA, or make it again."

Array = npt.NDArray[Any]


def pooled_features(path: Path, clip_ids: set[str]) -> tuple[dict[str, pl.DataFrame], list[Problem]]:
    """Per modality `clip_id` and one row of means per clip, and warnings.

    The length comes from `audio_lengths` and `vision_lengths`, for text from the attention mask in `text_bert`. Where
    it is absent (aligned features), steps that are all zero count as padding, and a warning says so. Steps with NaN or
    infinite numbers are left out, with a warning. A clip without any real step is absent.

    Raises:
        InputError: the file is refused or damaged, is not of this form, or has clips that `clip_ids` does not have.
    """
    content = read_pickle(path)
    whole = content if isinstance(content, dict) else {}
    reader = _Reader(path.name)
    frames: dict[str, list[pl.DataFrame]] = {}
    for part in (whole[name] for name in _PARTS if isinstance(whole.get(name), dict)):
        ids = [str(clip) for clip in np.asarray(part.get("id", [])).ravel()]
        if strangers := [clip for clip in ids if clip not in clip_ids]:
            message = f"{len(strangers)} clips are not in label.csv: {', '.join(strangers[:5])}"
            reader.fault("unknown-clip", message)
        for theirs, ours in _MODALITIES.items():
            if theirs in part:
                frames.setdefault(ours, []).append(reader.pool(part, theirs, ids))
    if not frames:
        reader.fault("not-mmsa-features", f"holds no features under {', '.join(_PARTS)}")
    if mixed := [ours for ours, found in frames.items() if len({frame.width for frame in found}) > 1]:
        message = f"features of {', '.join(mixed)} differ in width between {', '.join(_PARTS)}"
        reader.fault("not-mmsa-features", message)
    if reader.problems:
        raise InputError(reader.problems)
    return {ours: pl.concat(found) for ours, found in frames.items()}, list(reader.notes.values())


class _Reader:
    """Pools the modalities of one file; gathers faults, and one warning of each kind per modality."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.problems: list[Problem] = []
        self.notes: dict[tuple[str, str], Problem] = {}

    def fault(self, code: str, message: str) -> None:
        self.problems.append(Problem(code, message, _REMEDY, file=self.file))

    def note(self, code: str, name: str, message: str, remedy: str) -> None:
        self.notes[code, name] = Problem(code, message, remedy, severity="warning", file=self.file)

    def pool(self, part: Mapping[str, Any], name: str, ids: Sequence[str]) -> pl.DataFrame:
        values = np.asarray(part[name])
        values = values[:, None, :] if values.ndim == 2 else values
        if values.dtype.kind not in "fiu" or values.ndim != 3 or len(values) != len(ids):
            came = f"{name} has shape {values.shape} and type {values.dtype} for {len(ids)} clips"
            self.fault("not-mmsa-features", f"{came}; legal are numbers of shape (clips, steps, width)")
            return pl.DataFrame(schema={"clip_id": pl.String})
        real = _real_steps(part, name, values)
        if real is None:
            real = (values != 0).any(axis=2)
            message = f"no lengths for {name}: steps that are all zero are taken for padding"
            self.note("no-lengths", name, message, "Nothing, if the features are aligned to words.")
        broken = real & ~np.isfinite(values).all(axis=2)
        if broken.any():
            message = f"steps of {name} with NaN or infinite numbers are left out of the means"
            self.note("not-finite", name, message, "Nothing, or make the features again.")
        return _means(values, real & ~broken, ids, name)


def _real_steps(part: Mapping[str, Any], name: str, values: Array) -> npt.NDArray[np.bool_] | None:
    """Which steps are no padding, shape (clips, steps); None where the file does not say."""
    if values.shape[1] == 1:
        return np.ones(values.shape[:2], dtype=bool)
    lengths = np.asarray(part.get(f"{name}_lengths", []))
    if lengths.shape == (len(values),) and lengths.dtype.kind in "fiu":
        return np.asarray(np.arange(values.shape[1]) < lengths[:, None])
    tokens = np.asarray(part.get("text_bert", []))
    if name == "text" and tokens.shape == (len(values), 3, values.shape[1]):
        return np.asarray(tokens[:, 1] > 0)
    return None


def _means(values: Array, real: npt.NDArray[np.bool_], ids: Sequence[str], name: str) -> pl.DataFrame:
    steps = real.sum(axis=1)
    kept = np.flatnonzero(steps)
    sums = np.where(real[..., None], values, 0).sum(axis=1, dtype=np.float64)
    means = (sums[kept] / steps[kept, None]).astype(np.float32)
    clips = pl.Series("clip_id", [ids[row] for row in kept.tolist()], dtype=pl.String)
    return pl.DataFrame([clips, *(pl.Series(f"{name}_{n:04}", means[:, n]) for n in range(means.shape[1]))])
