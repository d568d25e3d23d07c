"""Training dynamics of a case: where every clip lies on the data map of each source, averaged over seeds and folds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from mixedsignals.diagnosis.evidence import Case, Floats
from mixedsignals.diagnosis.results import NotApplicable
from mixedsignals.measures.dynamics import Mapped, forgetting, map_of

__all__ = ["SourceMap", "maps_of"]

_FEWEST_EPOCHS = 2


@dataclass(frozen=True, eq=False)
class SourceMap:
    """The map of one source: name, given, places of the clips (clips,), and forgetting events per training (clips,).

    told is False where the table did not say whether the target led; it is then taken as a probability above one half.
    """

    name: str
    given: str
    mapped: Mapped
    forgotten: Floats
    told: bool


def maps_of(case: Case) -> dict[str, SourceMap]:
    """The map of each source under its fullest input, by name, once per case.

    Raises:
        NotApplicable: there are no dynamics of this run, or only of a single epoch.
    """
    return case.once("maps", lambda: _maps(case))


def _maps(case: Case) -> dict[str, SourceMap]:
    table = case.evidence.dynamics
    if table is None or table.is_empty():
        raise NotApplicable(
            "There are no training dynamics: the models were trained elsewhere, or before they were kept."
        )
    own = table.filter(pl.col("run_id") == case.evidence.run_id)
    own = own.filter(pl.col("clip_id").is_in(case.clip_ids.implode()))
    if own.is_empty():
        raise NotApplicable("The training dynamics are of another run, or of other clips.")
    widest = (
        own.select("source", "given")
        .unique()
        .sort(pl.col("given").str.count_matches("+", literal=True), "given")
        .group_by("source", maintain_order=True)
        .last()
    )
    order = {part.name: at for at, part in enumerate(case.parts)}
    names = sorted(widest.iter_rows(), key=lambda row: (order.get(row[0], len(order)), row[0]))
    found = {name: _one(case, own.filter(source=name, given=given), name, given) for name, given in names}
    kept = {name: one for name, one in found.items() if one is not None}
    if not kept:
        raise NotApplicable(
            f"The training dynamics hold fewer than {_FEWEST_EPOCHS} epochs, which make no map."
        )
    return kept


def _one(case: Case, table: pl.DataFrame, name: str, given: str) -> SourceMap | None:
    """Means over trainings of what each of them gives a clip."""
    totals, counts = np.zeros((4, len(case))), np.zeros((4, len(case)))
    told = "right" in table.columns and table["right"].null_count() == 0
    for part in table.partition_by("seed", "fold"):
        p_target, right = _arrays(case, part, told=told)
        if len(p_target) < _FEWEST_EPOCHS:
            continue
        mapped = map_of(p_target, right)
        each = np.stack([mapped.confidence, mapped.variability, mapped.correctness, forgetting(right)])
        there = np.isfinite(each)
        totals += np.where(there, each, 0.0)
        counts += there
    if not counts.any():
        return None
    mean = np.divide(totals, counts, out=np.full_like(totals, np.nan), where=counts > 0)
    return SourceMap(name, given, Mapped(mean[0], mean[1], mean[2]), mean[3], told)


def _arrays(case: Case, part: pl.DataFrame, *, told: bool) -> tuple[Floats, Floats]:
    """p_target and right as (epochs, clips), NaN where a clip was not trained on."""
    epochs, row = np.unique(part["epoch"].to_numpy(), return_inverse=True)
    clip = case.at(part["clip_id"])
    probability = np.full((len(epochs), len(case)), np.nan)
    probability[row, clip] = part["p_target"].to_numpy()
    if not told:
        return probability, np.where(np.isnan(probability), np.nan, probability > 0.5)
    right = np.full_like(probability, np.nan)
    right[row, clip] = part["right"].to_numpy()
    return probability, right
