"""The cues of a case as one matrix over its clips, and cues without what belongs to a speaker or a label.

A voice is high because of who speaks before it is high because of how something is said. So cues are centred on their
speaker before clips are compared, and on speaker and label together to see what is left within a label.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from mixedsignals.diagnosis.evidence import Case, Floats, Ints
from mixedsignals.diagnosis.results import NotApplicable

__all__ = ["CueTable", "centred", "cues_of", "made_from_the_target"]

_FROM_TARGET = (
    "misled",
    "rescued",
    "p_target",
    "true_class_gap",
    "target_against_votes",
    "kind:",
    "shapley_",
    "case_",
    "unsupported_dominance",
    "training_",
    "forgotten",
)
"""How the names of scores begin that know the target, or a model that was trained on it."""


@dataclass(frozen=True, eq=False)
class CueTable:
    """Cues of every clip: names, their units, and values (clips, cues) with NaN where a clip lacks one.

    left_out: names that are no cues but scores made from the target, which would tell what they were made from.
    """

    names: tuple[str, ...]
    units: tuple[str, ...]
    modalities: tuple[str, ...]
    values: Floats
    left_out: tuple[str, ...] = ()


def cues_of(case: Case) -> CueTable:
    """The cues of the case, aligned to its clips, once per case.

    Raises:
        NotApplicable: there are none, or none of these clips has one.
    """
    return case.once("cues", lambda: _aligned(case))


def _aligned(case: Case) -> CueTable:
    table = case.evidence.cues
    if table is None or table.is_empty():
        raise NotApplicable("There are no cues of the clips (`mixedsignals cues RUN` measures them).")
    known = table.filter(pl.col("clip_id").is_in(case.clip_ids.implode()))
    if known.is_empty():
        raise NotApplicable("The cues are of other clips: no clip id of theirs is known here.")
    left_out = tuple(name for name in known["cue"].unique(maintain_order=True) if made_from_the_target(name))
    known = known.filter(~pl.col("cue").is_in(list(left_out)))
    if known.is_empty():
        raise NotApplicable(f"What is given as cues is made from the target: {', '.join(left_out)}.")
    cues = known.unique("cue", maintain_order=True)
    names = cues["cue"].to_list()
    place = {name: at for at, name in enumerate(names)}
    values = np.full((len(case), len(names)), np.nan)
    column = known["cue"].replace_strict(place, return_dtype=pl.Int64).to_numpy()
    values[case.at(known["clip_id"]), column] = known["value"].to_numpy()
    return CueTable(tuple(names), tuple(cues["unit"]), tuple(cues["modality"]), values, left_out)


def made_from_the_target(name: str) -> bool:
    """Whether a cue is named like a score of ours that knows the target: it must not explain errors.

    >>> made_from_the_target("shapley_true:audio"), made_from_the_target("loudness")
    (True, False)
    """
    return name.startswith(_FROM_TARGET)


def centred(values: Floats, codes: Ints) -> Floats:
    """Values (n,) less the mean of those with the same code (n,); NaN stays, and so does what stands alone."""
    known = np.isfinite(values)
    if not known.any():
        return values.copy()
    count = np.bincount(codes[known], minlength=int(codes.max()) + 1)
    total = np.bincount(codes[known], weights=values[known], minlength=len(count))
    mean = total / np.maximum(count, 1)
    alone = count[codes] < 2
    result: Floats = np.where(alone, np.nan, values - mean[codes])
    return result
